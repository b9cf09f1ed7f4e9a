//! RTSP: what a connection brings, through the parser and both state machines.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use rillcast::rtsp::client::TrackSetup;
use rillcast::rtsp::server::{Ask, Chosen, SetupAnswer};
use rillcast::rtsp::{
    Headers,
    Answer, ClientConfig, ClientEvent, ClientSession, Message, Parsed, Range, ServerConfig,
    ServerSession, Status, Step, Transport, Url, parse, parse_rtp_info,
};

/// Every message of the input, until it is no RTSP.
fn messages(mut input: &[u8]) -> Vec<Message> {
    let mut messages = Vec::new();
    loop {
        let length = match parse(input) {
            Ok(Parsed::Blank(length)) => length,
            Ok(Parsed::Interleaved { len, .. }) => 4 + len,
            Ok(Parsed::Message(message, length)) => {
                messages.push(message);
                length
            }
            Ok(Parsed::Incomplete) | Err(_) => return messages,
        };
        assert!(length > 0 && length <= input.len(), "a message is a part of the input");
        input = &input[length..];
    }
}

fn header_values(text: &str) {
    for transport in Transport::parse_all(text) {
        assert_eq!(Transport::parse(&transport.to_string()).as_ref(), Some(&transport));
    }
    if let Some(range) = Range::parse(text) {
        let _ = range.to_string();
    }
    if let Ok(url) = Url::parse(text) {
        let again = Url::parse(&url.to_string()).expect("what is written parses");
        assert_eq!((again.path(), again.host()), (url.path(), url.host()));
    }
    parse_rtp_info(text);
}

/// An engine that says yes to everything.
fn yes(ask: &Ask) -> Answer {
    match ask {
        Ask::Describe => Answer::Describe { sdp: "v=0\r\n".into() },
        Ask::Setup(setup) => {
            let udp = matches!(setup.transport, Chosen::Udp { .. });
            let server_port = udp.then_some((7000, 7001));
            Answer::Setup(SetupAnswer { track: 0, server_port, group: None, source: None, ssrc: Some(7) })
        }
        Ask::Play { .. } => {
            Answer::Play { range: None, rtp_info: Vec::new(), headers: Headers::new() }
        }
        Ask::Announce | Ask::Pause { .. } | Ask::Record { .. } | Ask::Teardown { .. } => {
            Answer::Done
        }
    }
}

fn serve(messages: &[Message]) {
    let mut session = ServerSession::new(ServerConfig::default(), [1; 16], Duration::ZERO);
    for (i, message) in messages.iter().enumerate() {
        let now = Duration::from_secs(7 * i as u64);
        session.handle_timeout(now);
        let Message::Request(request) = message else { continue };
        match session.handle_request(request.clone(), now) {
            Step::Ask(question) => {
                let answer = if i % 5 == 4 { Status::NOT_FOUND.into() } else { yes(&question.ask) };
                session.offer(&question.request, now);
                session.answer(answer, now);
            }
            Step::Reply(_) => {}
            Step::Wait(_) => unreachable!("every question is answered at once"),
        }
    }
    session.handle_close();
    while session.poll_event().is_some() {}
}

fn ask(messages: &[Message], publish: bool) {
    let Ok(url) = Url::parse("rtsp://u:p@h/x") else { return };
    let config = ClientConfig::default();
    let mut client = match publish {
        false => ClientSession::play(url, config, [1; 16], Duration::ZERO),
        true => ClientSession::publish(url, "v=0\r\n".into(), config, [1; 16], Duration::ZERO),
    };
    for (i, message) in messages.iter().enumerate() {
        let now = Duration::from_secs(i as u64);
        client.handle_message(message.clone(), now);
        while let Some(event) = client.poll_event() {
            if matches!(event, ClientEvent::Described { .. } | ClientEvent::Announced) {
                let track = |n: u16| TrackSetup {
                    control: format!("trackID={n}"),
                    client_port: Some((5000 + 2 * n, 5001 + 2 * n)),
                };
                client.set_up(Some("*"), vec![track(0), track(1)], now);
            }
        }
        let mut transmits = 0;
        while let Some(bytes) = client.poll_transmit() {
            assert!(matches!(parse(&bytes), Ok(Parsed::Message(_, n)) if n == bytes.len()));
            transmits += 1;
        }
        assert!(transmits < 8, "one message never makes a flood");
    }
}

fuzz_target!(|input: &[u8]| {
    let messages = messages(input);
    for message in &messages {
        let headers = match message {
            Message::Request(request) => &request.headers,
            Message::Response(response) => &response.headers,
        };
        for name in ["Transport", "Range", "RTP-Info", "Location", "Content-Base"] {
            headers.get(name).into_iter().for_each(header_values);
        }
    }
    serve(&messages);
    ask(&messages, false);
    ask(&messages, true);
});
