//! Timeouts, and what happens when the connection goes.

use crate::rtsp::server::EndReason;
use crate::rtsp::tests::harness::*;
use crate::rtsp::*;

fn server() -> Server {
    Server::new(ServerConfig { timeout: seconds(10), ..ServerConfig::default() })
}

fn at(server: &mut Server, time: u64) -> Vec<ServerEvent> {
    server.now = seconds(time);
    server.session.handle_timeout(server.now);
    server.drain();
    std::mem::take(&mut server.events)
}

fn ended(session: Option<String>, reason: EndReason) -> Vec<ServerEvent> {
    vec![ServerEvent::SessionEnded { session, reason }]
}

#[test]
fn a_udp_session_lives_by_requests_and_by_signs_of_life() {
    let mut server = server();
    let session = server.play(UDP);
    let id = server.session.session_id().map(str::to_owned);
    assert_eq!(server.session.poll_timeout(), Some(seconds(10)));
    assert_eq!(at(&mut server, 9), []);
    server.ask(&["GET_PARAMETER rtsp://h/x RTSP/1.0", "CSeq: 5", &session]);
    assert_eq!(at(&mut server, 18), []);
    server.session.alive(seconds(18)); // RTCP
    server.session.alive(seconds(12)); // late news changes nothing
    assert_eq!(server.session.poll_timeout(), Some(seconds(28)));
    assert_eq!(at(&mut server, 27), []);
    assert_eq!(at(&mut server, 28), ended(id, EndReason::Timeout));
    let response = server.ask(&["PLAY rtsp://h/x RTSP/1.0", "CSeq: 6", &session]);
    assert_eq!(response.status, Status::SESSION_NOT_FOUND);
    assert_eq!(at(&mut server, 38), [ServerEvent::CloseConnection]);
    assert_eq!(server.session.poll_timeout(), None);
    assert_eq!(at(&mut server, 100), []);
}

#[test]
fn a_tcp_session_lives_by_its_connection_while_it_plays_or_records() {
    let mut server = server();
    server.play(TCP);
    assert_eq!(server.session.poll_timeout(), None);
    assert_eq!(at(&mut server, 1000), []);

    let mut server = self::server();
    server.record("RTP/AVP/TCP;interleaved=0-1");
    assert_eq!(server.session.poll_timeout(), None);

    let mut server = self::server();
    server.set_up(TCP);
    let id = server.session.session_id().map(str::to_owned);
    assert_eq!(at(&mut server, 10), ended(id, EndReason::Timeout), "set up, never played");
}

#[test]
fn a_silent_connection_is_closed() {
    let mut server = server();
    assert_eq!(at(&mut server, 9), []);
    assert_eq!(at(&mut server, 10), [ServerEvent::CloseConnection]);
}

#[test]
fn nothing_times_out_while_the_engine_thinks() {
    let mut session = ServerSession::new(ServerConfig::default(), [1; 16], seconds(0));
    let describe = request(&["DESCRIBE rtsp://h/x RTSP/1.0", "CSeq: 1"]);
    assert!(matches!(session.handle_request(describe, seconds(0)), Step::Ask(_)));
    assert_eq!(session.poll_timeout(), None);
    session.handle_timeout(seconds(1000));
    assert_eq!(session.poll_event(), None);
}

#[test]
fn the_end_of_the_connection_ends_the_session() {
    for (transports, udp) in [(UDP, true), (TCP, false)] {
        let mut server = server();
        server.play(transports);
        let id = server.session.session_id().map(str::to_owned);
        server.session.handle_close();
        server.drain();
        assert_eq!(server.events, ended(id, EndReason::ConnectionClosed { udp }));
        assert_eq!(server.session.poll_timeout(), None);
    }
    let mut server = server();
    server.session.handle_close();
    server.drain();
    assert_eq!(server.events, []);
}

#[test]
fn an_announcement_ends_with_its_connection_and_by_timeout() {
    let announce = || {
        let mut request = request(&["ANNOUNCE rtsp://h/x RTSP/1.0", "CSeq: 1"]);
        request.body = SDP.as_bytes().to_vec();
        request
    };
    let mut server = server();
    server.serve(announce(), yes);
    assert_eq!(at(&mut server, 10), ended(None, EndReason::Timeout));

    // Even one that is still being thought about: the engine may have reserved the mount.
    let mut session = ServerSession::new(ServerConfig::default(), [1; 16], seconds(0));
    assert!(matches!(session.handle_request(announce(), seconds(0)), Step::Ask(_)));
    session.handle_close();
    let reason = EndReason::ConnectionClosed { udp: false };
    assert_eq!(session.poll_event(), Some(ServerEvent::SessionEnded { session: None, reason }));
}
