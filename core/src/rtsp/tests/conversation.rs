//! The client against the server, without a socket.

use super::harness::{SERVER_PORT, Server, message, refused, seconds, yes};
use crate::rtsp::client::{Negotiated, TrackSetup, Transports};
use crate::rtsp::server::{Ask, EndReason, Question, Refusal};
use crate::rtsp::*;

struct Pair {
    client: ClientSession,
    server: Server,
    events: Vec<ClientEvent>,
    methods: Vec<(Method, u16)>,
}

impl Pair {
    fn new(client: ClientSession, config: ServerConfig) -> Pair {
        Pair { client, server: Server::new(config), events: Vec::new(), methods: Vec::new() }
    }

    fn play(url: &str, transports: Transports, config: ServerConfig) -> Pair {
        let client = ClientConfig { transports, ..ClientConfig::default() };
        let url = Url::parse(url).expect("valid");
        Pair::new(ClientSession::play(url, client, [9; 16], seconds(0)), config)
    }

    fn publish(transports: Transports, config: ServerConfig) -> Pair {
        let client = ClientConfig { transports, ..ClientConfig::default() };
        let url = Url::parse("rtsp://h/live/cam").expect("valid");
        let sdp = super::harness::SDP.to_owned();
        Pair::new(ClientSession::publish(url, sdp, client, [9; 16], seconds(0)), config)
    }

    /// Carries messages to and fro until both are silent.
    fn run(&mut self, answer: impl Fn(&Question) -> Answer) {
        loop {
            while let Some(event) = self.client.poll_event() {
                if matches!(event, ClientEvent::Described { .. } | ClientEvent::Announced) {
                    let track = |n: u16| TrackSetup {
                        control: format!("trackID={n}"),
                        client_port: Some((5000 + 2 * n, 5001 + 2 * n)),
                    };
                    self.client.set_up(Some("*"), vec![track(0), track(1)], self.server.now);
                }
                self.events.push(event);
            }
            let Some(bytes) = self.client.poll_transmit() else { break };
            let Message::Request(request) = message(&bytes) else { panic!("no request") };
            let method = request.method.clone();
            let response = self.server.serve(request, &answer);
            self.methods.push((method, response.status.code()));
            self.client.handle_message(message(&response.to_bytes()), self.server.now);
        }
    }

    fn tick(&mut self, now: u64) {
        self.server.now = seconds(now);
        self.client.handle_timeout(self.server.now);
        self.run(yes);
    }

    fn ready(&self) -> Vec<(usize, Negotiated)> {
        let ready = |event: &ClientEvent| match event {
            ClientEvent::TrackReady { track, transport, ssrc } => {
                assert_eq!(*ssrc, Some(0x00ab_cdef));
                Some((*track, *transport))
            }
            _ => None,
        };
        self.events.iter().filter_map(ready).collect()
    }

    fn started(&self) -> usize {
        self.events.iter().filter(|e| matches!(e, ClientEvent::Started { .. })).count()
    }

    fn failure(&self) -> Option<&ClientError> {
        match self.events.last() {
            Some(ClientEvent::Failed(error)) => Some(error),
            _ => None,
        }
    }
}

const UDP: Negotiated = Negotiated::Udp { server_port: Some(SERVER_PORT), source: None };

fn tcp(track: u8) -> Negotiated {
    Negotiated::Tcp { rtp: 2 * track, rtcp: 2 * track + 1 }
}

fn without_udp() -> ServerConfig {
    ServerConfig { udp: false, ..ServerConfig::default() }
}

#[test]
fn plays_over_udp_keeps_alive_and_tears_down() {
    let mut pair = Pair::play("rtsp://h/live/cam?key=1", Transports::Auto, ServerConfig::default());
    pair.run(yes);
    assert_eq!(pair.ready(), [(0, UDP), (1, UDP)]);
    let Some(ClientEvent::Started { range, rtp_info, .. }) = pair.events.last() else {
        panic!("{:?}", pair.events);
    };
    assert_eq!(range, &Some(Range::NOW));
    let sequences: Vec<_> = rtp_info.iter().map(|(track, info)| (*track, info.sequence)).collect();
    assert_eq!(sequences, [(0, Some(7)), (1, Some(8))]);
    for question in &pair.server.questions {
        assert_eq!(
            (question.path.as_str(), question.query.as_deref()),
            ("live/cam", Some("key=1"))
        );
    }

    assert_eq!(pair.client.poll_timeout(), Some(seconds(30)));
    pair.tick(29);
    pair.tick(30);
    assert_eq!(pair.methods.last(), Some(&(Method::GetParameter, 200)));
    assert_eq!(pair.client.poll_timeout(), Some(seconds(60)));
    assert_eq!(pair.server.session.poll_timeout(), Some(seconds(90)));

    pair.client.teardown(pair.server.now);
    pair.run(yes);
    assert_eq!(pair.events.last(), Some(&ClientEvent::Closed));
    assert!(matches!(pair.server.last(), Ask::Teardown { last: true, .. }));
    assert_eq!(pair.client.poll_timeout(), None);
}

#[test]
fn plays_over_tcp() {
    let mut pair = Pair::play("rtsp://h/live/cam", Transports::Tcp, ServerConfig::default());
    pair.run(yes);
    assert_eq!(pair.ready(), [(0, tcp(0)), (1, tcp(1))]);
    assert_eq!(pair.started(), 1);
}

#[test]
fn a_461_leads_to_tcp_only_if_both_are_allowed() {
    let mut pair = Pair::play("rtsp://h/live/cam", Transports::Auto, without_udp());
    pair.run(yes);
    assert_eq!(pair.ready(), [(0, tcp(0)), (1, tcp(1))]);
    assert!(pair.methods.contains(&(Method::Setup, 461)));

    let mut pair = Pair::play("rtsp://h/live/cam", Transports::Udp, without_udp());
    pair.run(yes);
    let (method, status) = (Method::Setup, Status::UNSUPPORTED_TRANSPORT);
    assert_eq!(pair.failure(), Some(&refused(method, status)));
}

#[test]
fn a_461_for_a_later_track_starts_over() {
    let mut pair = Pair::play("rtsp://h/live/cam", Transports::Auto, ServerConfig::default());
    pair.run(|question| match &question.ask {
        Ask::Setup(setup)
            if setup.control == "trackID=1"
                && matches!(setup.transport, crate::rtsp::server::Chosen::Udp { .. }) =>
        {
            Status::UNSUPPORTED_TRANSPORT.into()
        }
        _ => yes(question),
    });
    assert_eq!(pair.ready(), [(0, UDP), (0, tcp(0)), (1, tcp(1))]);
    assert_eq!(pair.started(), 1);
}

#[test]
fn falls_back_to_tcp_when_told_that_udp_is_silent() {
    let mut pair = Pair::play("rtsp://h/live/cam", Transports::Auto, ServerConfig::default());
    pair.run(yes);
    assert!(pair.client.fall_back_to_tcp(seconds(5)));
    pair.run(yes);
    assert_eq!(pair.ready(), [(0, UDP), (1, UDP), (0, tcp(0)), (1, tcp(1))]);
    assert_eq!(pair.started(), 2);
    assert!(!pair.client.fall_back_to_tcp(seconds(6)), "there is nothing further to fall back to");
}

#[test]
fn publishes_over_udp_and_tcp() {
    for (transports, expected) in
        [(Transports::Auto, [(0, UDP), (1, UDP)]), (Transports::Tcp, [(0, tcp(0)), (1, tcp(1))])]
    {
        let mut pair = Pair::publish(transports, ServerConfig::default());
        pair.run(yes);
        assert_eq!(pair.ready(), expected);
        assert_eq!(pair.started(), 1);
        let methods: Vec<_> = pair.methods.iter().map(|(m, _)| m.as_str()).collect();
        assert_eq!(methods, ["OPTIONS", "ANNOUNCE", "SETUP", "SETUP", "RECORD"]);
        assert_eq!(pair.server.questions[0].request.body, super::harness::SDP.as_bytes());
    }
}

#[test]
fn a_publisher_is_told_when_publishing_is_not_offered() {
    let config = ServerConfig { record: false, ..ServerConfig::default() };
    let mut pair = Pair::publish(Transports::Auto, config);
    pair.run(yes);
    let (method, status) = (Method::Announce, Status::METHOD_NOT_ALLOWED);
    assert_eq!(pair.failure(), Some(&refused(method, status)));
}

#[test]
fn credentials_are_asked_for_and_given() {
    let guarded = |question: &Question| {
        if question.request.headers.get("Authorization").is_some() {
            return yes(question);
        }
        let mut headers = Headers::new();
        headers.push(
            "WWW-Authenticate",
            "Digest realm=\"R\", nonce=\"1\", algorithm=SHA-256, qop=\"auth\"",
        );
        headers.push("WWW-Authenticate", "Digest realm=\"R\", nonce=\"2\"");
        let refusal = Refusal::from(Status::UNAUTHORIZED);
        Answer::Refuse(Refusal { headers, ..refusal })
    };
    let mut pair = Pair::play("rtsp://u:p@h/live/cam", Transports::Tcp, ServerConfig::default());
    pair.run(guarded);
    assert_eq!(pair.started(), 1);
    assert_eq!(pair.methods.iter().filter(|(_, code)| *code == 401).count(), 1);

    let mut pair = Pair::play("rtsp://h/live/cam", Transports::Tcp, ServerConfig::default());
    pair.run(guarded);
    assert_eq!(pair.failure(), Some(&ClientError::CredentialsMissing));
}

#[test]
fn a_session_that_timed_out_is_reported_by_both() {
    let mut pair = Pair::play("rtsp://h/live/cam", Transports::Udp, ServerConfig::default());
    pair.run(yes);
    pair.server.now = seconds(60);
    pair.server.session.handle_timeout(seconds(60));
    pair.tick(61);
    assert!(matches!(
        pair.server.events[..],
        [ServerEvent::SessionEnded { session: Some(_), reason: EndReason::Timeout }]
    ));
    assert_eq!(pair.methods.last(), Some(&(Method::GetParameter, 454)));
    assert_eq!(pair.failure(), Some(&ClientError::SessionLost));
}

/// Responses arrive in one byte after the other, between interleaved frames.
#[test]
fn the_client_reads_responses_between_frames() {
    let mut pair = Pair::play("rtsp://h/live/cam", Transports::Tcp, ServerConfig::default());
    let mut input: Vec<u8> = Vec::new();
    let mut frames = 0;
    for _ in 0..40 {
        while let Some(event) = pair.client.poll_event() {
            if matches!(event, ClientEvent::Described { .. }) {
                let track = TrackSetup { control: "trackID=0".into(), client_port: None };
                pair.client.set_up(None, vec![track], seconds(0));
            }
            pair.events.push(event);
        }
        let Some(bytes) = pair.client.poll_transmit() else { break };
        let Message::Request(request) = message(&bytes) else { panic!("no request") };
        let response = pair.server.serve(request, yes).to_bytes();
        let wire = [b"$\x00\x00\x02ab", response.as_slice(), b"$\x01\x00\x00"].concat();
        for byte in wire {
            input.push(byte);
            let length = match parse(&input).expect("valid") {
                Parsed::Incomplete => continue,
                Parsed::Blank(n) => n,
                Parsed::Interleaved { len, .. } => {
                    frames += 1;
                    4 + len
                }
                Parsed::Message(message, n) => {
                    pair.client.handle_message(message, seconds(0));
                    n
                }
            };
            input.drain(..length);
        }
    }
    assert_eq!(pair.started(), 1);
    assert_eq!(frames, 8);
}

#[test]
fn the_reason_of_a_refusal_reaches_the_client() {
    let mut pair = Pair::publish(Transports::Tcp, ServerConfig::default());
    pair.run(|question| match question.ask {
        Ask::Announce => {
            let refusal = Refusal::from(Status::FORBIDDEN);
            Answer::Refuse(Refusal { detail: Some("not today"), ..refusal })
        }
        _ => yes(question),
    });
    let told = pair.failure().expect("a refusal").to_string();
    assert_eq!(told, "the server answered ANNOUNCE with 403 Forbidden: not today");
    let told = refused(Method::Announce, Status::FORBIDDEN).to_string();
    assert!(told.contains("somebody publishes there already"), "{told}");
}
