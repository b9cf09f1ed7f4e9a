//! Nothing that a peer sends makes a session panic or grow without bound.

use super::harness::{seconds, yes};
use crate::rtsp::client::TrackSetup;
use crate::rtsp::*;
use proptest::prelude::*;

/// Pieces that messages are made of, and pieces that they are not made of.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "OPTIONS ",
        "DESCRIBE ",
        "ANNOUNCE ",
        "SETUP ",
        "PLAY ",
        "PAUSE ",
        "RECORD ",
        "TEARDOWN ",
        "GET_PARAMETER ",
        "REDIRECT ",
        "rtsp://h/x",
        "rtsp://h/x/trackID=0",
        "*",
        " RTSP/1.0\r\n",
        "RTSP/1.0 200 OK\r\n",
        "RTSP/1.0 401 No\r\n",
        "RTSP/1.0 461 No\r\n",
        "CSeq: 1\r\n",
        "CSeq: 2\r\n",
        "CSeq: 3\r\n",
        "Session: a;timeout=1\r\n",
        "Transport: RTP/AVP/TCP\r\n",
        "Transport: RTP/AVP;unicast;client_port=1-2\r\n",
        "Content-Length: 3\r\n",
        "\r\n",
        "\n",
        "Range: npt=1-\r\n",
        "RTP-Info: url=a;seq=1,url=\r\n",
        "Public: ,GET_PARAMETER\r\n",
        "WWW-Authenticate: Digest realm=\"\\\", nonce=,\r\n",
        "Location: rtsp://u@h\r\n",
        "Content-Base: rtsp://\r\n",
        "Content-Type: application/sdp\r\n",
        "$\0\0\x01",
        ";",
        "=",
        "%",
        "[",
        "\"",
        "\u{e4}",
    ]);
    prop_oneof![
        8 => words.prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ]
}

fn input() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(piece(), 0..40).prop_map(|pieces| pieces.concat())
}

/// Every message in `input` until it is no RTSP.
fn messages(mut input: &[u8]) -> Vec<Message> {
    let mut messages = Vec::new();
    loop {
        let length = match parse(input) {
            Ok(Parsed::Blank(n)) => n,
            Ok(Parsed::Interleaved { len, .. }) => 4 + len,
            Ok(Parsed::Message(message, n)) => {
                messages.push(message);
                n
            }
            Ok(Parsed::Incomplete) | Err(_) => return messages,
        };
        assert!(length > 0 && length <= input.len());
        input = &input[length..];
    }
}

fn header_values(text: &str) {
    for transport in Transport::parse_all(text) {
        // That a session is for playing goes without saying, and is not written.
        let mode = transport.mode.filter(|mode| *mode == Mode::Record);
        let written = Transport { mode, ..transport.clone() };
        assert_eq!(Transport::parse(&transport.to_string()), Some(written));
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_parse_or_fail(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        messages(&bytes);
    }

    #[test]
    fn an_answer_does_not_depend_on_how_bytes_arrive(input in input()) {
        // A prefix is either incomplete or gives what the whole gives.
        let whole = parse(&input);
        for end in 0..input.len() {
            let part = parse(&input[..end]);
            let blank = matches!((&part, &whole), (Ok(Parsed::Blank(_)), Ok(Parsed::Blank(_))));
            prop_assert!(part == Ok(Parsed::Incomplete) || part == whole || blank,
                "{end} bytes: {part:?}, all: {whole:?}");
        }
    }

    #[test]
    fn any_text_is_a_header_value(text in any::<String>()) {
        header_values(&text);
    }

    #[test]
    fn likely_text_is_a_header_value(
        text in "(RTP/AVP|npt=|url=|rtsp://)[a-z0-9:;=,/.@%\\[\\]\"_? -]{0,60}(interleaved=[0-9]{1,3}-[0-9]{1,3}|seq=1|mode=play|)"
    ) {
        header_values(&text);
    }

    #[test]
    fn a_server_survives(input in input(), refusals in prop::collection::vec(any::<bool>(), 40)) {
        let mut session = ServerSession::new(ServerConfig::default(), [1; 16], seconds(0));
        for (i, message) in messages(&input).into_iter().enumerate() {
            let now = seconds(i as u64);
            session.handle_timeout(now);
            let Message::Request(request) = message else { continue };
            match session.handle_request(request, now) {
                Step::Ask(question) if !refusals.get(i).copied().unwrap_or(true) => {
                    session.answer(yes(&question), now);
                }
                Step::Ask(_) => {
                    session.answer(Status::NOT_FOUND.into(), now);
                }
                Step::Reply(response) => {
                    prop_assert!(response.headers.get("CSeq").is_some() || response.status.code() == 400);
                }
                Step::Wait(_) => prop_assert!(false, "nothing is open"),
            }
        }
        session.handle_close();
        while session.poll_event().is_some() {}
    }

    #[test]
    fn a_client_survives(input in input(), publish in any::<bool>()) {
        let url = Url::parse("rtsp://u:p@h/x").expect("valid");
        let config = ClientConfig::default();
        let mut client = match publish {
            false => ClientSession::play(url, config, [1; 16], seconds(0)),
            true => ClientSession::publish(url, "v=0\r\n".into(), config, [1; 16], seconds(0)),
        };
        for (i, message) in messages(&input).into_iter().enumerate() {
            let now = seconds(i as u64);
            client.handle_message(message, now);
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
                prop_assert!(matches!(parse(&bytes), Ok(Parsed::Message(_, n)) if n == bytes.len()));
                transmits += 1;
            }
            prop_assert!(transmits < 8);
        }
    }
}
