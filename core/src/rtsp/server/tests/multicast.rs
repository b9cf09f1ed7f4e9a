//! SETUP of multicast groups (RFC 2326 §12.39).

use crate::rtsp::server::{Ask, Chosen};
use crate::rtsp::tests::harness::*;
use crate::rtsp::*;

const MULTICAST: &str = "RTP/AVP/UDP;multicast";

fn server(multicast: bool) -> Server {
    Server::new(ServerConfig { multicast, ..ServerConfig::default() })
}

fn setup(server: &mut Server, track: usize, transport: &str, session: &str) -> Response {
    let first = format!("SETUP rtsp://h/x/trackID={track} RTSP/1.0");
    server.ask(&[&first, "CSeq: 9", &format!("Transport: {transport}"), session])
}

#[test]
fn a_group_is_the_servers_choice_and_told_in_full() {
    let mut server = server(true);
    for asked in [
        MULTICAST.to_owned(),
        format!("{MULTICAST};destination=203.0.113.1;port=1-2;ttl=255;mode=play"),
    ] {
        let response = setup(&mut server, 0, &asked, "X: 1");
        assert_eq!(
            response.headers.get("Transport"),
            Some(
                "RTP/AVP/UDP;multicast;destination=239.1.2.3;port=20000-20001;ttl=4;ssrc=00ABCDEF"
            )
        );
    }
}

#[test]
fn there_is_none_where_it_is_not_configured_or_for_publishers() {
    let status =
        |server: &mut Server, transport: &str| setup(server, 0, transport, "X: 1").status.code();
    assert_eq!(status(&mut server(false), MULTICAST), 461);
    assert_eq!(status(&mut server(true), &format!("{MULTICAST};mode=record")), 461);
    assert_eq!(status(&mut server(true), "RTP/AVP/TCP;multicast"), 461);
    let both = format!("{MULTICAST},RTP/AVP;unicast;client_port=5000-5001");
    let mut server = server(false);
    assert_eq!(status(&mut server, &both), 200, "the next offer");
    let Ask::Setup(setup) = server.last() else { panic!("no SETUP") };
    assert!(matches!(setup.transport, Chosen::Udp { .. }));
}

#[test]
fn all_tracks_of_a_session_come_by_groups_and_it_lives_by_its_requests() {
    let mut server = server(true);
    let session = server.play([MULTICAST; 2]);
    let pause = server.ask(&["PAUSE rtsp://h/x RTSP/1.0", "CSeq: 5", &session]);
    assert_eq!(pause.status, Status::OK);
    let both = format!("RTP/AVP;unicast;client_port=5000-5001,{MULTICAST}");
    assert_eq!(setup(&mut server, 1, &both, &session).status, Status::OK);
    let Ask::Setup(chosen) = server.last() else { panic!("no SETUP") };
    assert_eq!(chosen.transport, Chosen::Multicast, "the kind in use");
    server.ask(&["PLAY rtsp://h/x RTSP/1.0", "CSeq: 6", &session]);
    assert_eq!(server.session.poll_timeout(), Some(seconds(60)));
}
