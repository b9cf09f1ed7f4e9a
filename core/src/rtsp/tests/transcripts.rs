//! The requests of real clients and how they are answered. Those of FFmpeg 5.1.9 and GStreamer 1.22.0
//! were recorded on loopback; those of live555 (in VLC) are written by hand after its behaviour.

use super::harness::{Server, session_line, track_number, yes};
use crate::rtsp::server::{Ask, Chosen};
use crate::rtsp::*;

/// Plays a transcript to a server; gives the server, the status codes and the responses.
fn replay(transcript: &str, config: ServerConfig) -> (Server, Vec<u16>, Vec<(Request, Response)>) {
    let mut server = Server::new(config);
    let (mut codes, mut exchanges) = (Vec::new(), Vec::new());
    let mut input = transcript.replace('\n', "\r\n");
    while !input.is_empty() {
        let Ok(Parsed::Message(Message::Request(request), length)) = parse(input.as_bytes()) else {
            panic!("no request: {input}");
        };
        let response = server.serve(request.clone(), yes);
        assert_eq!(response.headers.get("CSeq"), request.headers.get("CSeq"));
        input = input.split_off(length);
        if request.method == Method::Setup && response.status == Status::OK {
            // From here on the client uses the id it was given.
            let session = session_line(&response);
            input = input.replace("Session: SESSION", &session);
            assert!(response.headers.get("Session").is_some_and(|s| s.ends_with(";timeout=60")));
        }
        codes.push(response.status.code());
        exchanges.push((request, response));
    }
    assert!(server.events.is_empty(), "{:?}", server.events);
    (server, codes, exchanges)
}

fn without_udp() -> ServerConfig {
    ServerConfig { udp: false, ..ServerConfig::default() }
}

/// All questions are about `live/cam`, with the query if the client gave one.
fn assert_mounts(server: &Server, query: Option<&str>) {
    for question in &server.questions {
        assert_eq!(question.path, "live/cam", "{}", question.request.uri);
        assert_eq!(question.query.as_deref(), query, "{}", question.request.uri);
    }
}

/// `RTP-Info` names each track by the very text of its SETUP.
fn assert_rtp_info(exchanges: &[(Request, Response)]) {
    let of = |method| {
        exchanges.iter().filter(move |(r, s)| r.method == method && s.status == Status::OK)
    };
    let (_, play) = of(Method::Play).next().expect("a PLAY");
    let entries = parse_rtp_info(play.headers.get("RTP-Info").expect("RTP-Info"));
    let setups: Vec<_> = of(Method::Setup).map(|(request, _)| request.uri.as_str()).collect();
    assert_eq!(entries.iter().map(|e| e.url.as_str()).collect::<Vec<_>>(), setups);
    assert_eq!(play.headers.get("Range"), Some("npt=now-"));
}

fn transports(server: &Server) -> Vec<Chosen> {
    let setups = server.questions.iter().filter_map(|question| match &question.ask {
        Ask::Setup(setup) => Some((track_number(&setup.control), setup.transport)),
        _ => None,
    });
    setups.map(|(track, transport)| track.map(|_| transport).expect("a track")).collect()
}

const TCP: [Chosen; 2] = [Chosen::Tcp { rtp: 0, rtcp: 1 }, Chosen::Tcp { rtp: 2, rtcp: 3 }];

#[test]
fn ffmpeg_plays_over_udp() {
    let (server, codes, exchanges) =
        replay(include_str!("transcripts/ffmpeg_play_udp.txt"), ServerConfig::default());
    assert_eq!(codes, [200; 6]);
    assert_mounts(&server, Some("key=1"));
    assert_rtp_info(&exchanges);
    let base = exchanges[1].1.headers.get("Content-Base");
    assert_eq!(base, Some("rtsp://127.0.0.1:8554/live/cam/?key=1"));
    assert_eq!(
        exchanges[2].1.headers.get("Transport"),
        Some("RTP/AVP/UDP;unicast;client_port=26860-26861;server_port=7000-7001;ssrc=00ABCDEF")
    );
    assert!(matches!(server.last(), Ask::Teardown { last: true, .. }));
}

#[test]
fn ffmpeg_plays_over_tcp_when_udp_is_refused() {
    let (server, codes, exchanges) =
        replay(include_str!("transcripts/ffmpeg_play_tcp.txt"), without_udp());
    assert_eq!(codes, [200, 200, 461, 200, 200, 200, 200]);
    assert_mounts(&server, None);
    assert_rtp_info(&exchanges);
    assert_eq!(transports(&server), TCP);
    let base = exchanges[1].1.headers.get("Content-Base");
    assert_eq!(base, Some("rtsp://127.0.0.1:8554/live/cam/"));
}

#[test]
fn gstreamer_plays_over_udp() {
    let (server, codes, exchanges) =
        replay(include_str!("transcripts/gstreamer_play_udp.txt"), ServerConfig::default());
    assert_eq!(codes, [200; 6]);
    assert_mounts(&server, Some("key=1"));
    assert_rtp_info(&exchanges);
    assert_eq!(
        exchanges[2].1.headers.get("Transport"),
        Some("RTP/AVP;unicast;client_port=51216-51217;server_port=7000-7001;ssrc=00ABCDEF")
    );
}

#[test]
fn gstreamer_goes_from_udp_over_multicast_to_tcp() {
    let (server, codes, exchanges) =
        replay(include_str!("transcripts/gstreamer_play_tcp.txt"), without_udp());
    assert_eq!(codes, [200, 200, 461, 461, 200, 200, 200]);
    assert_mounts(&server, None);
    assert_rtp_info(&exchanges);
    assert_eq!(transports(&server), TCP);
}

#[test]
fn live555_plays_over_udp() {
    let (server, codes, exchanges) =
        replay(include_str!("transcripts/live555_play_udp.txt"), ServerConfig::default());
    assert_eq!(codes, [200; 7]);
    assert_mounts(&server, None);
    assert_rtp_info(&exchanges);
    for (_, response) in &exchanges {
        assert!(response.to_bytes().len() < 20_000);
    }
}

#[test]
fn ffmpeg_publishes_over_udp() {
    let (server, codes, exchanges) =
        replay(include_str!("transcripts/ffmpeg_publish_udp.txt"), ServerConfig::default());
    assert_eq!(codes, [200; 6]);
    assert_mounts(&server, Some("key=1"));
    assert_eq!(
        exchanges[2].1.headers.get("Transport"),
        Some(
            "RTP/AVP/UDP;unicast;client_port=24730-24731;server_port=7000-7001;ssrc=00ABCDEF;mode=record"
        )
    );
    let Ask::Record { tracks, .. } = &server.questions[3].ask else { panic!("no RECORD") };
    assert_eq!(tracks, &[0, 1]);
    assert!(server.questions[0].request.body.starts_with(b"v=0\r\n"));
}

#[test]
fn ffmpeg_publishes_over_tcp() {
    let (server, codes, _) =
        replay(include_str!("transcripts/ffmpeg_publish_tcp.txt"), ServerConfig::default());
    assert_eq!(codes, [200; 6]);
    assert_mounts(&server, None);
    assert_eq!(transports(&server), TCP);
}

#[test]
fn gstreamer_publishes_and_pauses_before_it_tears_down() {
    let (server, codes, _) =
        replay(include_str!("transcripts/gstreamer_publish_udp.txt"), ServerConfig::default());
    assert_eq!(codes, [200; 6]);
    assert_mounts(&server, Some("key=1"));
    assert!(matches!(server.questions[3].ask, Ask::Pause { .. }));
    assert!(matches!(server.last(), Ask::Teardown { last: true, .. }));
}
