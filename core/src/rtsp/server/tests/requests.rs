//! URLs, transports and flows.

use crate::rtsp::server::{Ask, Chosen, EndReason, control_matches};
use crate::rtsp::tests::harness::*;
use crate::rtsp::*;

fn server() -> Server {
    Server::new(ServerConfig::default())
}

fn tracks(server: &Server) -> Vec<usize> {
    match server.last() {
        Ask::Play { tracks, .. } | Ask::Record { tracks, .. } => tracks.clone(),
        other => panic!("{other:?}"),
    }
}

fn setup(server: &mut Server, track: usize, transport: &str, session: &str) -> Response {
    let first = format!("SETUP rtsp://h/x/trackID={track} RTSP/1.0");
    let transport = format!("Transport: {transport}");
    server.ask(&[&first, "CSeq: 9", &transport, session])
}

#[test]
fn session_ids_are_long_alphanumeric_and_never_the_same() {
    let mut ids = Vec::new();
    for seed in 0..20u8 {
        let mut session = ServerSession::new(ServerConfig::default(), [seed; 16], seconds(0));
        for _ in 0..3 {
            let first = "SETUP rtsp://h/x/trackID=0 RTSP/1.0";
            let request = request(&[first, "CSeq: 1", "Transport: RTP/AVP/TCP"]);
            let Step::Ask(question) = session.handle_request(request, seconds(0)) else {
                panic!("no question");
            };
            let response = session.answer(yes(&question), seconds(0)).expect("a response");
            let value = response.headers.get("Session").expect("a session").to_owned();
            let (id, rest) = value.split_once(';').expect("parameters");
            assert_eq!(rest, "timeout=60", "no space: FFmpeg would not see it");
            assert!(id.len() >= 16 && id.bytes().all(|b| b.is_ascii_alphanumeric()), "{id}");
            ids.push(id.to_owned());
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[test]
fn the_mount_is_known_with_and_without_slash_and_by_its_tracks() {
    for (uri, expected) in [
        ("rtsp://h/x", vec![0, 1]),
        ("rtsp://h/x/", vec![0, 1]),
        ("/x/", vec![0, 1]),
        ("rtsp://user:pw@other:8554/x", vec![0, 1]),
        ("rtsp://h/x/trackID=1", vec![1]),
        ("rtsp://h/x/trackID=1/", vec![1]),
    ] {
        let mut server = server();
        let session = server.set_up(UDP);
        let response = server.ask(&[&format!("PLAY {uri} RTSP/1.0"), "CSeq: 4", &session]);
        assert_eq!(response.status, Status::OK, "{uri}");
        assert_eq!(tracks(&server), expected, "{uri}");
        let entries = parse_rtp_info(response.headers.get("RTP-Info").expect("RTP-Info"));
        let urls: Vec<_> = entries.iter().map(|e| e.url.clone()).collect();
        let expected: Vec<_> = expected.iter().map(|n| format!("rtsp://h/x/trackID={n}")).collect();
        assert_eq!(urls, expected);
    }
}

#[test]
fn rtp_info_is_in_sdp_order_whatever_the_order_of_setup() {
    let mut server = server();
    let session = session_line(&setup(&mut server, 1, TCP[1], "X: 1"));
    setup(&mut server, 0, TCP[0], &session);
    let response = server.ask(&["PLAY rtsp://h/x RTSP/1.0", "CSeq: 4", &session]);
    assert_eq!(
        response.headers.get("RTP-Info"),
        Some(
            "url=rtsp://h/x/trackID=0;seq=7;rtptime=9000,url=rtsp://h/x/trackID=1;seq=8;rtptime=9000"
        )
    );
}

#[test]
fn rtp_info_is_left_out_when_the_engine_does_not_know() {
    let mut server = server();
    let session = server.set_up(UDP);
    let play = request(&["PLAY rtsp://h/x RTSP/1.0", "CSeq: 4", &session]);
    let response = server.serve(play, |_| Answer::Play {
        range: None,
        rtp_info: Vec::new(),
        headers: Headers::new(),
    });
    assert_eq!(response.headers.get("RTP-Info"), None);
    assert_eq!(response.headers.get("Range"), None);
}

#[test]
fn tracks_are_found_in_every_form_of_url() {
    for (described, uri, query) in [
        (Some("rtsp://h/a/b"), "rtsp://h/a/b/trackID=1", None),
        (Some("rtsp://h/a/b/"), "rtsp://h/a/b//trackID=1", None),
        (Some("rtsp://h/a/b?k=1"), "rtsp://h/a/b/trackID=1", Some("k=1")),
        (Some("rtsp://h/a/b?k=1"), "rtsp://h/a/b?k=1/trackID=1", Some("k=1")),
        (Some("rtsp://h/a/b?k=1"), "rtsp://h/a/b/?k=1/trackID=1", Some("k=1")),
        (Some("rtsp://h/a/b?k=1"), "rtsp://h/a/b/trackID=1?k=1", Some("k=1")),
        (Some("rtsp://h/a%20b"), "rtsp://h/a%20b/trackID=1", None),
        (Some("rtsp://h"), "rtsp://h/trackID=1", None),
        (None, "rtsp://h/a/b/trackID=1", None),
        (None, "rtsp://h/a/b/streamid=1", None),
        (None, "rtsp://h/a/b?k=1/trackID=1", Some("k=1")),
        (None, "rtsp://h/trackID=1", None),
    ] {
        let mut server = server();
        let path = described.map_or("", |url| {
            server.ask(&[&format!("DESCRIBE {url} RTSP/1.0"), "CSeq: 1"]);
            url
        });
        let mount = Url::parse(path).map(|url| url.path().to_owned());
        let first = format!("SETUP {uri} RTSP/1.0");
        let response = server.ask(&[&first, "CSeq: 2", "Transport: RTP/AVP/TCP"]);
        assert_eq!(response.status, Status::OK, "{uri}");
        let question = server.questions.last().expect("a question");
        let Ask::Setup(setup) = &question.ask else { panic!("no SETUP") };
        assert_eq!(track_number(&setup.control), Some(1), "{uri}: {}", setup.control);
        assert_eq!(question.query.as_deref(), query, "{uri}");
        if let Ok(mount) = mount {
            assert_eq!(question.path, mount, "{uri}");
        }
    }
}

#[test]
fn content_base_ends_in_a_slash() {
    for (uri, base) in [
        ("rtsp://h/x", "rtsp://h/x/"),
        ("rtsp://h/x/", "rtsp://h/x/"),
        ("rtsp://h", "rtsp://h/"),
        ("rtsp://u:p@h:8554/x", "rtsp://h:8554/x/"),
        ("rtsp://h/x?k=v", "rtsp://h/x/?k=v"),
        ("rtsp://[::1]:8554/x", "rtsp://[::1]:8554/x/"),
    ] {
        let response = server().ask(&[&format!("DESCRIBE {uri} RTSP/1.0"), "CSeq: 1"]);
        assert_eq!(response.headers.get("Content-Base"), Some(base));
        assert_eq!(response.headers.get("Content-Type"), Some("application/sdp"));
        assert_eq!(response.body, SDP.as_bytes());
    }
}

#[test]
fn announced_controls_match_absolute_and_relative() {
    for sdp in ["streamid=0", "/streamid=0", "rtsp://h/x/streamid=0", " streamid=0 "] {
        assert!(control_matches(sdp, "streamid=0"), "{sdp}");
    }
    for sdp in ["streamid=10", "xstreamid=0", "", "*", "rtsp://h/xstreamid=0"] {
        assert!(!control_matches(sdp, "streamid=0"), "{sdp}");
    }
    assert!(!control_matches("rtsp://h/x/streamid=0", ""));
}

#[test]
fn channels_never_collide() {
    let mut server = server();
    let mut session = String::from("X: 1");
    let mut given = Vec::new();
    // All ask for the same channels, then for overlapping, single, missing and impossible ones.
    for (track, asked) in [
        ";interleaved=0-1",
        ";interleaved=0-1",
        ";interleaved=1-2",
        ";interleaved=6",
        "",
        ";interleaved=5-5",
        ";interleaved=255-256",
        ";interleaved=20-21",
    ]
    .iter()
    .enumerate()
    {
        let response = setup(&mut server, track, &format!("RTP/AVP/TCP;unicast{asked}"), &session);
        assert_eq!(response.status, Status::OK);
        session = session_line(&response);
        let transport = response.headers.get("Transport").and_then(Transport::parse);
        given.push(transport.and_then(|t| t.interleaved).expect("channels"));
    }
    assert_eq!(given[..3], [(0, 1), (2, 3), (4, 5)]);
    assert_eq!(given[3], (6, 7));
    assert_eq!(given[7], (20, 21));
    let mut all: Vec<u8> = given.iter().flat_map(|(a, b)| [*a, *b]).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 16);
}

#[test]
fn a_track_can_change_its_transport_before_play() {
    let mut server = server();
    let session = session_line(&setup(&mut server, 0, UDP[0], "X: 1"));
    let response = setup(&mut server, 0, TCP[0], &session);
    assert_eq!(session_line(&response), session);
    let response = setup(&mut server, 0, TCP[0], &session);
    let transport = response.headers.get("Transport");
    assert_eq!(transport, Some("RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=00ABCDEF"));
    server.ask(&["PLAY rtsp://h/x RTSP/1.0", "CSeq: 4", &session]);
    assert_eq!(tracks(&server), [0]);
}

#[test]
fn the_kind_in_use_goes_before_the_order_of_offers() {
    let mut server = server();
    let session = session_line(&setup(&mut server, 0, TCP[0], "X: 1"));
    setup(&mut server, 1, &format!("{},{}", UDP[1], TCP[1]), &session);
    let Ask::Setup(setup) = server.last() else { panic!("no SETUP") };
    assert_eq!(setup.transport, Chosen::Tcp { rtp: 2, rtcp: 3 });
}

#[test]
fn the_profile_asked_for_is_repeated() {
    let response = setup(&mut server(), 0, "RTP/AVPF/UDP;unicast;client_port=5000-5001", "X: 1");
    let transport = response.headers.get("Transport").expect("Transport");
    assert!(
        transport.starts_with("RTP/AVPF/UDP;unicast;client_port=5000-5001;server_port=7000-7001")
    );
}

/// FFmpeg when UDP stays silent: PAUSE, then SETUP over TCP without a session id.
#[test]
fn a_setup_without_id_begins_anew() {
    let mut server = server();
    let session = server.play(UDP);
    assert_eq!(server.ask(&["PAUSE rtsp://h/x/ RTSP/1.0", "CSeq: 5", &session]).status, Status::OK);
    let old = server.session.session_id().map(str::to_owned);
    let response = setup(&mut server, 0, TCP[0], "X: 1");
    assert_eq!(response.status, Status::OK);
    let new = session_line(&response);
    assert_ne!(new, session);
    assert_eq!(
        server.events,
        [ServerEvent::SessionEnded { session: old, reason: EndReason::Replaced }]
    );
    let response = setup(&mut server, 1, TCP[1], &new);
    assert_eq!(response.status, Status::OK);
    assert_eq!(server.ask(&["PLAY rtsp://h/x/ RTSP/1.0", "CSeq: 8", &new]).status, Status::OK);
    assert_eq!(tracks(&server), [0, 1]);
    assert_eq!(server.ask(&["PLAY rtsp://h/x/ RTSP/1.0", "CSeq: 9", &session]).status.code(), 454);
}

#[test]
fn a_publisher_may_begin_anew_too() {
    let mut server = server();
    server.record("RTP/AVP;unicast;client_port=5000-5001");
    let first = "SETUP rtsp://h/x/streamid=0 RTSP/1.0";
    let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record";
    let response = server.ask(&[first, "CSeq: 5", transport]);
    assert_eq!(response.status, Status::OK, "the announcement stands");
    let session = session_line(&response);
    assert_eq!(server.ask(&["RECORD rtsp://h/x RTSP/1.0", "CSeq: 6", &session]).status, Status::OK);
}

#[test]
fn a_publisher_may_leave_mode_out_or_say_receive() {
    for mode in ["", ";mode=receive", ";mode=\"RECORD\""] {
        let mut server = server();
        let session = server.record("RTP/AVP/TCP;interleaved=0-1");
        server.ask(&["TEARDOWN rtsp://h/x RTSP/1.0", "CSeq: 4", &session]);
        let mut announce = request(&["ANNOUNCE rtsp://h/x RTSP/1.0", "CSeq: 5"]);
        announce.body = SDP.as_bytes().to_vec();
        assert_eq!(server.serve(announce, yes).status, Status::OK, "the mount is free again");
        let transport = format!("Transport: RTP/AVP/TCP;interleaved=0-1{mode}");
        let first = "SETUP rtsp://h/x/streamid=0 RTSP/1.0";
        assert_eq!(server.ask(&[first, "CSeq: 6", &transport]).status, Status::OK);
        let Ask::Setup(setup) = server.last() else { panic!("no SETUP") };
        assert_eq!(setup.mode, Mode::Record, "{mode}");
    }
}

#[test]
fn a_track_can_be_torn_down_alone() {
    let mut server = server();
    let session = server.play(UDP);
    server.ask(&["TEARDOWN rtsp://h/x/trackID=0 RTSP/1.0", "CSeq: 5", &session]);
    assert!(matches!(server.last(), Ask::Teardown { tracks, last: false, .. } if tracks == &[0]));
    server.ask(&["PLAY rtsp://h/x RTSP/1.0", "CSeq: 6", &session]);
    assert_eq!(tracks(&server), [1]);
    server.ask(&["TEARDOWN rtsp://h/x/trackID=1 RTSP/1.0", "CSeq: 7", &session]);
    assert!(matches!(server.last(), Ask::Teardown { tracks, last: true, .. } if tracks == &[1]));
    assert_eq!(server.ask(&["PLAY rtsp://h/x RTSP/1.0", "CSeq: 8", &session]).status.code(), 454);
}

#[test]
fn an_announcement_can_be_withdrawn_before_setup() {
    let mut server = server();
    let mut announce = request(&["ANNOUNCE rtsp://h/x RTSP/1.0", "CSeq: 1"]);
    announce.body = SDP.as_bytes().to_vec();
    server.serve(announce, yes);
    let response = server.ask(&["TEARDOWN rtsp://h/x RTSP/1.0", "CSeq: 2"]);
    assert_eq!(response.status, Status::OK);
    assert!(matches!(server.last(), Ask::Teardown { session: None, last: true, .. }));
}

#[test]
fn a_refused_question_changes_nothing() {
    let mut server = server();
    let session = server.set_up(UDP);
    for lines in [
        ["PLAY rtsp://h/x RTSP/1.0", "CSeq: 5", &session],
        ["TEARDOWN rtsp://h/x RTSP/1.0", "CSeq: 6", &session],
    ] {
        let response = server.serve(request(&lines), |_| Status::UNAUTHORIZED.into());
        assert_eq!(response.status, Status::UNAUTHORIZED);
    }
    assert_eq!(server.ask(&["PLAY rtsp://h/x RTSP/1.0", "CSeq: 7", &session]).status, Status::OK);
}

#[test]
fn scale_and_range_reach_the_engine() {
    let mut server = server();
    let session = server.set_up(UDP);
    let play = "PLAY rtsp://h/x RTSP/1.0";
    server.ask(&[play, "CSeq: 4", &session, "Scale: 2.0", "Range: npt=10-"]);
    let Ask::Play { range, scale, .. } = server.last() else { panic!("no PLAY") };
    assert_eq!((range, *scale), (&Some(Range::from_start(seconds(10))), Some(2.0)));
    server.ask(&[play, "CSeq: 5", &session, "Scale: 1"]);
    assert!(matches!(server.last(), Ask::Play { range: None, scale: None, .. }));
}

#[test]
fn a_pipelined_request_waits() {
    let mut session = ServerSession::new(ServerConfig::default(), [1; 16], seconds(0));
    let describe = request(&["DESCRIBE rtsp://h/x RTSP/1.0", "CSeq: 1"]);
    let options = request(&["OPTIONS * RTSP/1.0", "CSeq: 2"]);
    let Step::Ask(question) = session.handle_request(describe, seconds(0)) else {
        panic!("no question");
    };
    let Step::Wait(handed_back) = session.handle_request(options.clone(), seconds(0)) else {
        panic!("not handed back");
    };
    assert_eq!(*handed_back, options);
    let first = session.answer(yes(&question), seconds(1)).expect("a response");
    assert_eq!(first.headers.cseq(), Some(1));
    let Step::Reply(second) = session.handle_request(options, seconds(1)) else {
        panic!("no reply");
    };
    assert_eq!(second.headers.cseq(), Some(2));
}
