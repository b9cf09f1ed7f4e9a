//! Responses as other servers give them.

use crate::rtsp::client::{Negotiated, TrackSetup, Transports};
use crate::rtsp::tests::harness::{SDP, message, refused, seconds};
use crate::rtsp::*;
use std::time::Duration;

/// A client whose server is this test.
struct Script {
    client: ClientSession,
    now: Duration,
}

impl Script {
    fn new(url: &str, transports: Transports) -> Script {
        let config = ClientConfig { transports, ..ClientConfig::default() };
        let url = Url::parse(url).expect("valid");
        let client = ClientSession::play(url, config, [3; 16], seconds(0));
        Script { client, now: seconds(0) }
    }

    fn publisher() -> Script {
        let url = Url::parse("rtsp://h/x").expect("valid");
        let config = ClientConfig { transports: Transports::Tcp, ..ClientConfig::default() };
        let client = ClientSession::publish(url, SDP.into(), config, [3; 16], seconds(0));
        Script { client, now: seconds(0) }
    }

    /// The next request, which has to be of this method.
    fn expect(&mut self, method: &str) -> Request {
        let bytes = self.client.poll_transmit().unwrap_or_else(|| panic!("{method} expected"));
        match message(&bytes) {
            Message::Request(request) if request.method.as_str() == method => request,
            other => panic!("{method} expected, not {other:?}"),
        }
    }

    fn respond(&mut self, request: &Request, status: u16, lines: &[&str], body: &str) {
        let cseq = request.headers.get("CSeq").expect("CSeq");
        let reason = Status::from_code(status).expect("a status").reason();
        let mut text = format!("RTSP/1.0 {status} {reason}\r\nCSeq: {cseq}\r\n");
        for line in lines {
            text.push_str(&format!("{line}\r\n"));
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        self.client.handle_message(message(text.as_bytes()), self.now);
    }

    /// The next request of this method is answered so.
    fn answer(&mut self, method: &str, status: u16, lines: &[&str]) -> Request {
        let request = self.expect(method);
        self.respond(&request, status, lines, "");
        request
    }

    fn describe(&mut self, lines: &[&str]) {
        self.answer("OPTIONS", 200, &["Public: DESCRIBE, SETUP, PLAY, GET_PARAMETER"]);
        let request = self.expect("DESCRIBE");
        self.respond(&request, 200, lines, SDP);
        assert!(matches!(self.event(), Some(ClientEvent::Described { .. })));
    }

    fn set_up(&mut self, controls: &[&str]) {
        let track = |(n, control): (usize, &&str)| TrackSetup {
            control: (*control).to_owned(),
            client_port: Some((5000 + 2 * n as u16, 5001 + 2 * n as u16)),
        };
        let tracks = controls.iter().enumerate().map(track).collect();
        self.client.set_up(Some("*"), tracks, self.now);
    }

    fn event(&mut self) -> Option<ClientEvent> {
        self.client.poll_event()
    }

    fn failure(&mut self) -> ClientError {
        match self.event() {
            Some(ClientEvent::Failed(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    fn at(&mut self, now: u64) {
        self.now = seconds(now);
        self.client.handle_timeout(self.now);
    }

    /// Up to media over TCP, one track.
    fn play(session: &str) -> Script {
        let mut script = Script::new("rtsp://h/x", Transports::Tcp);
        script.describe(&["Content-Base: rtsp://h/x/"]);
        script.set_up(&["trackID=0"]);
        let session = format!("Session: {session}");
        script.answer("SETUP", 200, &[&session, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"]);
        script.answer("PLAY", 200, &[]);
        assert!(matches!(script.event(), Some(ClientEvent::TrackReady { .. })));
        assert!(matches!(script.event(), Some(ClientEvent::Started { .. })));
        script
    }
}

const TCP: [&str; 2] = ["Session: 1", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"];

#[test]
fn requests_are_numbered_named_and_without_credentials_in_the_url() {
    let mut script = Script::new("rtsp://u:p@h/x", Transports::Tcp);
    let options = script.answer("OPTIONS", 200, &[]);
    assert_eq!(options.uri, "rtsp://h/x");
    assert_eq!(options.headers.cseq(), Some(1));
    assert!(options.headers.get("User-Agent").is_some_and(|agent| agent.starts_with("rillcast/")));
    let describe = script.expect("DESCRIBE");
    assert_eq!(describe.headers.cseq(), Some(2));
    assert_eq!(describe.headers.get("Accept"), Some("application/sdp"));
    assert_eq!(describe.headers.get("Authorization"), None);
}

#[test]
fn a_server_that_refuses_options_may_still_play() {
    let mut script = Script::new("rtsp://h/x", Transports::Tcp);
    script.answer("OPTIONS", 501, &[]);
    script.expect("DESCRIBE");
}

#[test]
fn channels_ports_and_source_come_from_the_answer() {
    let mut script = Script::new("rtsp://h/x", Transports::Tcp);
    script.describe(&[]);
    script.set_up(&["trackID=0", "trackID=1"]);
    let setup = script.answer(
        "SETUP",
        200,
        &["Session:  abc ; timeout=30", "Transport: RTP/AVP/TCP;interleaved=8-9;ssrc=DEADBEEF"],
    );
    assert_eq!(setup.headers.get("Transport"), Some("RTP/AVP/TCP;unicast;interleaved=0-1"));
    assert_eq!(setup.headers.get("Session"), None);
    let transport = Negotiated::Tcp { rtp: 8, rtcp: 9 };
    let ssrc = Some(0xdead_beef);
    assert_eq!(script.event(), Some(ClientEvent::TrackReady { track: 0, transport, ssrc }));
    // Without interleaved= the channels asked for are meant.
    let setup = script.answer("SETUP", 200, &["Session: abc", "Transport: RTP/AVP/TCP;unicast"]);
    assert_eq!(setup.headers.get("Transport"), Some("RTP/AVP/TCP;unicast;interleaved=2-3"));
    assert_eq!(setup.headers.get("Session"), Some("abc"));
    let transport = Negotiated::Tcp { rtp: 2, rtcp: 3 };
    assert_eq!(script.event(), Some(ClientEvent::TrackReady { track: 1, transport, ssrc: None }));
    let play = script.answer("PLAY", 200, &[]);
    assert_eq!(play.headers.get("Session"), Some("abc"));
    assert_eq!(script.client.poll_timeout(), Some(seconds(15)));

    let mut script = Script::new("rtsp://h/x", Transports::Udp);
    script.describe(&[]);
    script.set_up(&["trackID=0"]);
    let setup = script.answer("SETUP", 200, &[
        "Session: 1",
        "Transport: RTP/AVP;unicast;client_port=5000-5001;server_port=6970-6971;source=10.0.0.7",
    ]);
    assert_eq!(setup.headers.get("Transport"), Some("RTP/AVP/UDP;unicast;client_port=5000-5001"));
    let (server_port, source) = (Some((6970, 6971)), "10.0.0.7".parse().ok());
    let transport = Negotiated::Udp { server_port, source };
    assert_eq!(script.event(), Some(ClientEvent::TrackReady { track: 0, transport, ssrc: None }));
}

#[test]
fn an_unknown_track_url_is_tried_in_its_other_form() {
    let mut script = Script::new("rtsp://h/x", Transports::Tcp);
    script.describe(&[]);
    script.set_up(&["trackID=0"]);
    assert_eq!(script.answer("SETUP", 404, &[]).uri, "rtsp://h/x/trackID=0");
    assert_eq!(script.answer("SETUP", 404, &[]).uri, "rtsp://h/trackID=0");
    let (method, status) = (Method::Setup, Status::NOT_FOUND);
    assert_eq!(script.failure(), refused(method, status));
}

#[test]
fn rtp_info_is_matched_by_url_and_else_by_order() {
    for (info, expected) in [
        ("url=trackID=1;seq=1,url=trackID=0;seq=2", vec![(1, Some(1)), (0, Some(2))]),
        ("url=rtsp://nat/a;seq=1,url=rtsp://nat/b;seq=2", vec![(0, Some(1)), (1, Some(2))]),
        ("url=rtsp://h/x/trackID=1;seq=1", vec![(1, Some(1))]),
        ("url=rtsp://nat/a;seq=1", vec![]),
    ] {
        let mut script = Script::new("rtsp://h/x", Transports::Tcp);
        script.describe(&["Content-Base: rtsp://h/x/"]);
        script.set_up(&["trackID=0", "trackID=1"]);
        script.answer("SETUP", 200, &TCP);
        script.answer("SETUP", 200, &["Transport: RTP/AVP/TCP;interleaved=2-3"]);
        let play = script.answer("PLAY", 200, &["Range: npt=12.5-", &format!("RTP-Info: {info}")]);
        assert_eq!(play.uri, "rtsp://h/x/");
        let started = std::iter::from_fn(|| script.event()).last();
        let Some(ClientEvent::Started { range, rtp_info, .. }) = started else {
            panic!("{started:?}")
        };
        assert_eq!(range, Some(Range::from_start(Duration::from_millis(12_500))));
        let found: Vec<_> = rtp_info.iter().map(|(n, info)| (*n, info.sequence)).collect();
        assert_eq!(found, expected, "{info}");
    }
}

#[test]
fn redirects_keep_credentials_on_the_same_host_only() {
    for (status, location, user) in [
        (301, "rtsp://h:8555/y", Some("u")),
        (302, "rtsp://other/y", None),
        (302, "rtsp://me:pw@other/y", Some("me")),
    ] {
        let mut script = Script::new("rtsp://u:p@h/x", Transports::Auto);
        script.answer("OPTIONS", 200, &[]);
        script.answer("DESCRIBE", status, &[&format!("Location: {location}")]);
        let Some(ClientEvent::Redirected(url)) = script.event() else { panic!("no redirect") };
        assert_eq!((url.path(), url.user()), ("y", user));
        assert_eq!(script.client.poll_timeout(), None);
    }
    let mut script = Script::new("rtsp://h/x", Transports::Auto);
    script.answer("OPTIONS", 302, &["Location: rtsp://other/x"]);
    assert!(matches!(script.event(), Some(ClientEvent::Redirected(_))));
    let mut script = Script::new("rtsp://h/x", Transports::Auto);
    script.answer("OPTIONS", 302, &["Location: /y"]);
    assert!(matches!(script.failure(), ClientError::BadResponse { .. }));
}

#[test]
fn a_servers_own_requests_are_answered() {
    let mut script = Script::play("1");
    let ask = |script: &mut Script, method: &str, line: &str| {
        let text = format!("{method} rtsp://h/x RTSP/1.0\r\nCSeq: 900\r\n{line}\r\n\r\n");
        script.client.handle_message(message(text.as_bytes()), seconds(1));
        match message(&script.client.poll_transmit().expect("a response")) {
            Message::Response(response) => {
                assert_eq!(response.headers.cseq(), Some(900));
                response.status.code()
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ask(&mut script, "OPTIONS", "X: 1"), 200);
    assert_eq!(ask(&mut script, "GET_PARAMETER", "Session: 1"), 200);
    assert_eq!(ask(&mut script, "ANNOUNCE", "X: 1"), 501);
    assert_eq!(ask(&mut script, "REDIRECT", "X: 1"), 400);
    assert_eq!(script.event(), None);
    assert_eq!(ask(&mut script, "REDIRECT", "Location: rtsp://other/x"), 200);
    assert!(matches!(script.event(), Some(ClientEvent::Redirected(url)) if url.host() == "other"));
    script.expect("TEARDOWN");
}

#[test]
fn a_flood_of_requests_is_not_answered_without_bound() {
    let mut script = Script::play("1");
    for _ in 0..1000 {
        script.client.handle_message(message(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"), seconds(1));
    }
    let answers = std::iter::from_fn(|| script.client.poll_transmit()).count();
    assert!(answers <= 32, "{answers}");
}

#[test]
fn keep_alive_is_get_parameter_if_offered_else_options() {
    let mut script = Script::play("1;timeout=20");
    script.at(9);
    assert!(script.client.poll_transmit().is_none());
    script.at(10);
    let ping = script.answer("GET_PARAMETER", 501, &[]);
    assert_eq!(ping.headers.get("Session"), Some("1"));
    script.at(20);
    script.answer("OPTIONS", 200, &[]);
    assert_eq!(script.event(), None);
    script.at(30);
    script.answer("OPTIONS", 454, &[]);
    assert_eq!(script.failure(), ClientError::SessionLost);
    assert!(script.client.poll_transmit().is_none(), "no TEARDOWN of a session that is gone");
}

#[test]
fn one_keep_alive_may_go_unanswered() {
    let mut script = Script::play("1;timeout=60");
    script.at(30);
    script.expect("GET_PARAMETER");
    script.at(40);
    assert_eq!(script.event(), None);
    script.at(60);
    script.expect("OPTIONS");
    script.at(70);
    assert_eq!(script.failure(), ClientError::NoResponse { method: Method::Options });
}

#[test]
fn a_response_that_does_not_come_is_an_error() {
    let mut script = Script::new("rtsp://h/x", Transports::Auto);
    assert_eq!(script.client.poll_timeout(), Some(seconds(10)));
    script.at(9);
    assert_eq!(script.event(), None);
    script.at(10);
    assert_eq!(script.failure(), ClientError::NoResponse { method: Method::Options });
    assert_eq!(script.client.poll_timeout(), None);
}

#[test]
fn stray_and_preliminary_responses_are_passed_over() {
    let mut script = Script::new("rtsp://h/x", Transports::Auto);
    let options = script.expect("OPTIONS");
    for text in ["RTSP/1.0 200 OK\r\nCSeq: 77\r\n\r\n", "RTSP/1.0 100 Continue\r\nCSeq: 1\r\n\r\n"]
    {
        script.client.handle_message(message(text.as_bytes()), seconds(0));
        assert!(script.client.poll_transmit().is_none());
    }
    // Without CSeq the oldest request is meant.
    script.client.handle_message(message(b"RTSP/1.0 200 OK\r\n\r\n"), seconds(0));
    script.expect("DESCRIBE");
    script.respond(&options, 200, &[], "");
    assert!(script.client.poll_transmit().is_none(), "answered twice");
}

#[test]
fn responses_that_lack_something_are_named() {
    for (lines, fault) in [
        (&["Transport: RTP/AVP/TCP;interleaved=0-1"][..], "has no Session"),
        (&["Session: 1"], "has no Transport that is RTP"),
        (
            &["Session: 1", "Transport: RTP/AVP;unicast;server_port=1-2"],
            "names another transport than was asked for",
        ),
    ] {
        let mut script = Script::new("rtsp://h/x", Transports::Tcp);
        script.describe(&[]);
        script.set_up(&["trackID=0"]);
        script.answer("SETUP", 200, lines);
        assert_eq!(script.failure(), ClientError::BadResponse { method: Method::Setup, fault });
    }
    let mut script = Script::new("rtsp://h/x", Transports::Tcp);
    script.answer("OPTIONS", 200, &[]);
    let describe = script.expect("DESCRIBE");
    script.respond(&describe, 200, &["Content-Type: text/html"], "<html>");
    assert!(matches!(script.failure(), ClientError::BadResponse { .. }));
}

#[test]
fn a_later_refusal_tears_the_session_down() {
    let mut script = Script::new("rtsp://h/x", Transports::Tcp);
    script.describe(&["Content-Base: rtsp://h/x/"]);
    script.set_up(&["trackID=0"]);
    script.answer("SETUP", 200, &TCP);
    script.answer("PLAY", 453, &[]);
    assert!(matches!(script.event(), Some(ClientEvent::TrackReady { .. })));
    let (method, status) = (Method::Play, Status::NOT_ENOUGH_BANDWIDTH);
    assert_eq!(script.failure(), refused(method, status));
    assert_eq!(script.expect("TEARDOWN").headers.get("Session"), Some("1"));
}

#[test]
fn tracks_and_ports_have_to_be_there() {
    let mut script = Script::new("rtsp://h/x", Transports::Udp);
    script.describe(&[]);
    script.set_up(&[]);
    assert_eq!(script.failure(), ClientError::NoTracks);
    for (transports, fails) in [(Transports::Udp, true), (Transports::Auto, false)] {
        let mut script = Script::new("rtsp://h/x", transports);
        script.describe(&[]);
        let track = TrackSetup { control: "t".into(), client_port: None };
        script.client.set_up(None, vec![track], seconds(0));
        if fails {
            assert_eq!(script.failure(), ClientError::NoPorts { track: 0 });
        } else {
            let setup = script.expect("SETUP");
            assert!(setup.headers.get("Transport").is_some_and(|t| t.contains("TCP")));
        }
    }
}

#[test]
fn a_wrong_password_is_tried_once_and_a_stale_nonce_again() {
    let challenge = "WWW-Authenticate: Digest realm=\"R\", nonce=\"1\"";
    let mut script = Script::new("rtsp://u:p@h/x", Transports::Tcp);
    script.answer("OPTIONS", 200, &[]);
    script.answer("DESCRIBE", 401, &[challenge]);
    script.answer("DESCRIBE", 401, &[challenge]);
    assert_eq!(script.failure(), ClientError::CredentialsRefused);

    let stale = "WWW-Authenticate: Digest realm=\"R\", nonce=\"2\", stale=TRUE";
    let mut script = Script::new("rtsp://u:p@h/x", Transports::Tcp);
    script.answer("OPTIONS", 401, &[challenge]);
    let options = script.answer("OPTIONS", 200, &[]);
    assert!(options.headers.get("Authorization").is_some());
    script.answer("DESCRIBE", 401, &[stale]);
    let describe = script.expect("DESCRIBE");
    assert!(describe.headers.get("Authorization").is_some_and(|a| a.contains("nonce=\"2\"")));

    // A server that calls every nonce stale does not keep the client busy for ever.
    let mut script = Script::new("rtsp://u:p@h/x", Transports::Tcp);
    for _ in 0..4 {
        script.answer("OPTIONS", 401, &[stale]);
    }
    assert_eq!(script.failure(), ClientError::CredentialsRefused);

    let mut script = Script::new("rtsp://u:p@h/x", Transports::Tcp);
    script.answer("OPTIONS", 401, &["WWW-Authenticate: Kerberos"]);
    let schemes = "Kerberos".to_owned();
    assert_eq!(script.failure(), ClientError::AuthenticationUnsupported { schemes });

    let mut script = Script::new("rtsp://u:p@h/x", Transports::Tcp);
    script.answer("OPTIONS", 401, &["WWW-Authenticate: Basic realm=\"R\""]);
    let options = script.answer("OPTIONS", 401, &["WWW-Authenticate: Basic realm=\"R\""]);
    assert_eq!(options.headers.get("Authorization"), Some("Basic dTpw"));
    assert_eq!(script.failure(), ClientError::CredentialsRefused);
}

#[test]
fn a_publisher_announces_sets_up_and_records() {
    let mut script = Script::publisher();
    script.answer("OPTIONS", 200, &[]);
    let announce = script.answer("ANNOUNCE", 200, &[]);
    assert_eq!(announce.headers.get("Content-Type"), Some("application/sdp"));
    assert_eq!(announce.body, SDP.as_bytes());
    assert_eq!(script.event(), Some(ClientEvent::Announced));
    script.set_up(&["streamid=0"]);
    let setup = script.answer("SETUP", 200, &TCP);
    assert_eq!(setup.uri, "rtsp://h/x/streamid=0");
    let transport = setup.headers.get("Transport");
    assert_eq!(transport, Some("RTP/AVP/TCP;unicast;interleaved=0-1;mode=record"));
    let record = script.answer("RECORD", 200, &[]);
    assert_eq!(record.uri, "rtsp://h/x");
    assert_eq!(record.headers.get("Range"), Some("npt=0.000-"));
    assert!(matches!(script.event(), Some(ClientEvent::TrackReady { .. })));
    assert!(matches!(script.event(), Some(ClientEvent::Started { .. })));
}

#[test]
fn teardown_ends_in_closed_whatever_the_server_does() {
    for status in [200, 454, 401] {
        let mut script = Script::play("1");
        script.client.teardown(seconds(1));
        script.client.teardown(seconds(1));
        script.answer("TEARDOWN", status, &[]);
        assert_eq!(script.event(), Some(ClientEvent::Closed), "{status}");
        assert!(script.client.poll_transmit().is_none());
    }
    let mut script = Script::play("1");
    script.client.teardown(seconds(1));
    script.at(20);
    assert_eq!(script.event(), Some(ClientEvent::Closed));
    // Before there is a session there is nothing to tear down.
    let mut script = Script::new("rtsp://h/x", Transports::Auto);
    script.client.teardown(seconds(1));
    assert_eq!(script.event(), Some(ClientEvent::Closed));
}
