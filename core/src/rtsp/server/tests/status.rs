//! Every status code, and what has to come with it.

use crate::rtsp::server::{Ask, Refusal};
use crate::rtsp::tests::harness::*;
use crate::rtsp::*;

const X: &str = "rtsp://h/x RTSP/1.0";

fn server() -> Server {
    Server::new(ServerConfig::default())
}

/// The status of a request; `CSeq` is repeated whatever it is.
fn code(server: &mut Server, lines: &[&str]) -> u16 {
    let response = server.ask(&[lines, &["CSeq: 77"]].concat());
    assert_eq!(response.headers.get("CSeq"), Some("77"), "{lines:?}");
    response.status.code()
}

fn allow(server: &mut Server, lines: &[&str]) -> String {
    let response = server.ask(&[lines, &["CSeq: 77"]].concat());
    response.headers.get("Allow").expect("Allow").to_owned()
}

#[test]
fn options_lists_what_is_offered() {
    let response = server().ask(&["OPTIONS * RTSP/1.0", "CSeq: 1"]);
    assert_eq!(
        response.headers.get("Public"),
        Some(
            "OPTIONS, DESCRIBE, ANNOUNCE, SETUP, PLAY, PAUSE, RECORD, GET_PARAMETER, \
             SET_PARAMETER, TEARDOWN"
        )
    );
    let mut server = Server::new(ServerConfig { record: false, ..ServerConfig::default() });
    let response = server.ask(&["OPTIONS rtsp://h/x RTSP/1.0", "CSeq: 1"]);
    assert!(!response.headers.get("Public").expect("Public").contains("RECORD"));
}

#[test]
fn bad_request_400() {
    let mut server = server();
    let response = server.ask(&["OPTIONS * RTSP/1.0"]);
    assert_eq!(response.status, Status::BAD_REQUEST);
    let response = server.ask(&["OPTIONS * RTSP/1.0", "CSeq: many"]);
    assert_eq!(response.status, Status::BAD_REQUEST);
    assert_eq!(code(&mut server, &["DESCRIBE rtsp://h/../x RTSP/1.0"]), 400);
    assert_eq!(code(&mut server, &["DESCRIBE * RTSP/1.0"]), 400);
    assert_eq!(code(&mut server, &[&format!("SETUP {X}")]), 400, "no Transport");
    assert_eq!(
        code(&mut server, &[&format!("ANNOUNCE {X}"), "Content-Type: application/sdp"]),
        400,
        "no body"
    );
}

#[test]
fn unparseable_bytes_are_answered_before_the_connection_closes() {
    let mut server = server();
    let error =
        parse(b"DESCRIBE rtsp://h RTSP/1.0\r\nCSeq: 5\r\nnonsense\r\n\r\n").expect_err("no");
    let response = server.session.handle_error(&error);
    assert_eq!(response.status, Status::BAD_REQUEST);
    assert_eq!(response.headers.get("CSeq"), Some("5"));
    assert_eq!(response.headers.get("Connection"), Some("close"));
}

#[test]
fn what_the_engine_refuses_is_passed_on() {
    let mut server = server();
    for status in [Status::UNAUTHORIZED, Status::NOT_FOUND, Status::SERVICE_UNAVAILABLE] {
        let describe = request(&["DESCRIBE rtsp://h/x RTSP/1.0", "CSeq: 4"]);
        let response = server.serve(describe, |_| {
            let mut refusal = Refusal::from(status);
            refusal.headers.push("WWW-Authenticate", "Digest realm=\"R\", nonce=\"N\"");
            Answer::Refuse(refusal)
        });
        assert_eq!(response.status, status);
        assert_eq!(response.headers.cseq(), Some(4));
        assert!(response.headers.get("WWW-Authenticate").is_some());
    }
}

#[test]
fn an_answer_to_another_question_is_a_500() {
    let mut server = server();
    let describe = || request(&["DESCRIBE rtsp://h/x RTSP/1.0", "CSeq: 4"]);
    assert_eq!(server.serve(describe(), |_| Answer::Done).status.code(), 500);
    assert_eq!(server.serve(describe(), |_| Status::OK.into()).status.code(), 500);
    assert!(server.session.answer(Answer::Done, seconds(0)).is_none(), "nothing is open");
}

#[test]
fn method_not_allowed_405() {
    let offered = allow(&mut server(), &[&format!("REDIRECT {X}")]);
    assert!(offered.contains("DESCRIBE") && !offered.contains("REDIRECT"));
    let mut server = Server::new(ServerConfig { record: false, ..ServerConfig::default() });
    assert_eq!(code(&mut server, &[&format!("ANNOUNCE {X}")]), 405);
}

#[test]
fn not_acceptable_406() {
    let describe = format!("DESCRIBE {X}");
    for (accept, expected) in [
        ("Accept: application/sdp", 200),
        ("Accept: application/rtsl, APPLICATION/SDP;level=2", 200),
        ("Accept: */*", 200),
        ("Accept: application/*", 200),
        ("Accept:", 200),
        ("Accept: application/rtsl", 406),
    ] {
        assert_eq!(code(&mut server(), &[&describe, accept]), expected, "{accept}");
    }
}

#[test]
fn unsupported_media_type_415() {
    let mut server = server();
    let mut announce =
        request(&["ANNOUNCE rtsp://h/x RTSP/1.0", "CSeq: 1", "Content-Type: text/html"]);
    announce.body = b"v=0\r\n".to_vec();
    assert_eq!(server.serve(announce.clone(), yes).status.code(), 415);
    announce.headers.set("Content-Type", "Application/SDP; charset=utf-8");
    assert_eq!(server.serve(announce, yes).status.code(), 200);
}

#[test]
fn parameter_not_understood_451_but_empty_is_a_ping() {
    let mut server = server();
    let session = server.play(UDP);
    for method in ["GET_PARAMETER", "SET_PARAMETER"] {
        let first = format!("{method} {X}");
        let response = server.ask(&[&first, "CSeq: 5", &session]);
        assert_eq!(response.status, Status::OK);
        assert!(response.headers.get("Session").is_some());
        let mut with_body = request(&[&first, "CSeq: 6", &session]);
        with_body.body = b"\r\n".to_vec();
        assert_eq!(server.serve(with_body.clone(), yes).status.code(), 200);
        with_body.body = b"packets_received\r\n".to_vec();
        assert_eq!(server.serve(with_body, yes).status.code(), 451);
    }
}

#[test]
fn session_not_found_454() {
    let mut server = server();
    server.play(UDP);
    for method in ["OPTIONS", "GET_PARAMETER", "PLAY", "PAUSE", "TEARDOWN", "SETUP", "RECORD"] {
        let first = format!("{method} {X}");
        assert_eq!(code(&mut server, &[&first, "Session: nobody"]), 454, "{method}");
    }
    for method in ["PLAY", "TEARDOWN", "PAUSE"] {
        assert_eq!(code(&mut server, &[&format!("{method} {X}")]), 454, "{method} without one");
    }
}

#[test]
fn not_valid_in_this_state_455() {
    let mut server = server();
    for method in ["PLAY", "PAUSE", "RECORD"] {
        let offered = allow(&mut server, &[&format!("{method} {X}")]);
        assert!(offered.contains("SETUP") && !offered.contains(method), "{method}: {offered}");
        assert_eq!(code(&mut server, &[&format!("{method} {X}")]), 455);
    }
    assert_eq!(code(&mut server, &[&format!("TEARDOWN {X}")]), 454);
    let record = "Transport: RTP/AVP/TCP;interleaved=0-1;mode=record";
    assert_eq!(code(&mut server, &[&format!("SETUP {X}"), record]), 455, "nothing announced");

    let session = server.set_up(UDP);
    assert_eq!(code(&mut server, &[&format!("PAUSE {X}"), &session]), 455);
    assert_eq!(code(&mut server, &[&format!("RECORD {X}"), &session]), 455);
    let announce = [&format!("ANNOUNCE {X}"), "Content-Type: application/sdp"];
    assert_eq!(code(&mut server, &announce), 455);
    assert_eq!(code(&mut server, &[&format!("PLAY {X}"), &session]), 200);
    let offered = allow(
        &mut server,
        &["SETUP rtsp://h/x/trackID=0 RTSP/1.0", &session, "Transport: RTP/AVP"],
    );
    assert!(offered.contains("PAUSE") && !offered.contains("SETUP,"));

    let mut server = Server::new(ServerConfig::default());
    let session = server.record("RTP/AVP/TCP;interleaved=0-1");
    assert_eq!(code(&mut server, &[&format!("PLAY {X}"), &session]), 455);
}

#[test]
fn invalid_range_457() {
    let mut server = server();
    let session = server.set_up(UDP);
    let play = format!("PLAY {X}");
    for range in ["Range: npt=abc-", "Range: bytes=0-", "Range: npt=9-3"] {
        assert_eq!(code(&mut server, &[&play, &session, range]), 457, "{range}");
    }
    for range in ["Range: npt=0.000-", "Range: npt=now-", "Range: clock=20260101T000000Z-"] {
        assert_eq!(code(&mut server, &[&play, &session, range]), 200, "{range}");
    }
}

#[test]
fn aggregates_459_and_460() {
    let mut server = server();
    // The engine says that the mount has several tracks.
    let setup = ["SETUP rtsp://h/x RTSP/1.0", "Transport: RTP/AVP/TCP"];
    assert_eq!(code(&mut server, &setup), 459);
    let session = server.play(UDP);
    let pause = ["PAUSE rtsp://h/x/trackID=1 RTSP/1.0", &session];
    assert_eq!(code(&mut server, &pause), 460);
    // A track of another presentation.
    let mut server = Server::new(ServerConfig::default());
    let session = server.set_up(UDP);
    let other = ["SETUP rtsp://h/y/trackID=0 RTSP/1.0", &session, "Transport: RTP/AVP/TCP"];
    assert_eq!(code(&mut server, &other), 459);
}

#[test]
fn unsupported_transport_461() {
    let setup = "SETUP rtsp://h/x/trackID=0 RTSP/1.0";
    for transport in [
        "RTP/AVP;multicast",
        "RTP/AVP/UDP;multicast;client_port=5000-5001",
        "RTP/SAVP;unicast;client_port=5000-5001",
        "RTP/AVP;unicast",
        "RTP/AVP;unicast;client_port=0-1",
        "RAW/RAW/UDP;unicast;client_port=5000",
        "nonsense",
        "",
    ] {
        let transport = format!("Transport: {transport}");
        assert_eq!(code(&mut server(), &[setup, &transport]), 461, "{transport}");
    }
    let both = "Transport: RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;interleaved=0-1";
    for (udp, tcp, expected) in
        [(true, true, 200), (true, false, 200), (false, true, 200), (false, false, 461)]
    {
        let mut server = Server::new(ServerConfig { udp, tcp, ..ServerConfig::default() });
        assert_eq!(code(&mut server, &[setup, both]), expected);
        if expected == 200 {
            let Ask::Setup(setup) = server.last() else { panic!("no SETUP") };
            let over_udp = matches!(setup.transport, crate::rtsp::server::Chosen::Udp { .. });
            assert_eq!(over_udp, udp);
        }
    }
}

#[test]
fn not_found_404_for_urls_outside_the_session() {
    let mut server = server();
    let session = server.set_up(UDP);
    for uri in ["rtsp://h/y", "rtsp://h/x/trackID=9", "rtsp://h/xy"] {
        assert_eq!(code(&mut server, &[&format!("PLAY {uri} RTSP/1.0"), &session]), 404, "{uri}");
    }
}

#[test]
fn not_implemented_501_version_505_option_551() {
    let mut server = server();
    assert_eq!(code(&mut server, &[&format!("MAKE_TEA {X}")]), 501);
    assert_eq!(code(&mut server, &["OPTIONS * RTSP/2.0"]), 505);
    let response = server.ask(&[
        &format!("SETUP {X}"),
        "CSeq: 9",
        "Require: com.example.a, b",
        "Proxy-Require: c",
    ]);
    assert_eq!(response.status, Status::OPTION_NOT_SUPPORTED);
    assert_eq!(response.headers.get("Unsupported"), Some("com.example.a, b, c"));
    assert_eq!(response.headers.cseq(), Some(9));
}

#[test]
fn too_many_tracks_are_a_453() {
    let mut server = server();
    let mut session = String::from("X: 1");
    for n in 0..=limits::MAX_TRACKS {
        let first = format!("SETUP rtsp://h/x/trackID={n} RTSP/1.0");
        let response = server.ask(&[&first, "CSeq: 1", "Transport: RTP/AVP/TCP", &session]);
        if n == limits::MAX_TRACKS {
            assert_eq!(response.status, Status::NOT_ENOUGH_BANDWIDTH);
        } else {
            assert_eq!(response.status, Status::OK);
            session = session_line(&response);
        }
    }
}
