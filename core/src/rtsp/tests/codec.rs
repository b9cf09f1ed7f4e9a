//! The parser and the writer.

use super::harness::message;
use crate::rtsp::limits::*;
use crate::rtsp::*;

fn fault(input: &[u8]) -> ErrorKind {
    parse(input).expect_err("an error").kind
}

const ANNOUNCE: &[u8] = b"ANNOUNCE rtsp://h/x RTSP/1.0\r\nCSeq: 2\r\nContent-Length: 5\r\n\
    content-type: application/sdp\r\n\r\nv=0\r\n";

#[test]
fn a_message_is_whole_only_at_its_last_byte() {
    for end in 0..ANNOUNCE.len() {
        assert_eq!(parse(&ANNOUNCE[..end]), Ok(Parsed::Incomplete), "{end} bytes");
    }
    let mut longer = ANNOUNCE.to_vec();
    longer.extend_from_slice(b"$more");
    let Ok(Parsed::Message(Message::Request(request), length)) = parse(&longer) else {
        panic!("no request");
    };
    assert_eq!(length, ANNOUNCE.len());
    assert_eq!(request.method, Method::Announce);
    assert_eq!(request.uri, "rtsp://h/x");
    assert_eq!(request.headers.cseq(), Some(2));
    assert_eq!(request.headers.get("CONTENT-TYPE"), Some("application/sdp"));
    assert_eq!(request.body, b"v=0\r\n");
}

#[test]
fn a_frame_is_whole_only_at_its_last_byte() {
    let frame = [b'$', 3, 0, 4, 1, 2, 3, 4];
    for end in 0..frame.len() {
        assert_eq!(parse(&frame[..end]), Ok(Parsed::Incomplete));
    }
    assert_eq!(parse(&frame), Ok(Parsed::Interleaved { channel: 3, len: 4 }));
    assert_eq!(parse(b"$\x00\x00\x00"), Ok(Parsed::Interleaved { channel: 0, len: 0 }));
}

#[test]
fn messages_frames_and_blank_lines_follow_each_other() {
    let mut input = b"\r\n\n".to_vec();
    input.extend_from_slice(b"$\x01\x00\x02ab");
    input.extend_from_slice(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    input.extend_from_slice(b"$\x00\x00\x01c\r\n");
    input.extend_from_slice(b"RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n");
    let mut seen = Vec::new();
    let mut rest = input.as_slice();
    while !rest.is_empty() {
        let (name, length) = match parse(rest).expect("valid") {
            Parsed::Incomplete => panic!("incomplete"),
            Parsed::Blank(n) => ("blank", n),
            Parsed::Interleaved { len, .. } => ("frame", 4 + len),
            Parsed::Message(Message::Request(_), n) => ("request", n),
            Parsed::Message(Message::Response(_), n) => ("response", n),
        };
        seen.push(name);
        rest = &rest[length..];
    }
    assert_eq!(seen, ["blank", "frame", "request", "frame", "blank", "response"]);
}

#[test]
fn bare_line_feeds_and_odd_spacing_are_tolerated() {
    let Message::Request(request) = message(
        b"PLAY  rtsp://h/x   RTSP/1.0 \nCSeq :3\nRange:npt=0-\nX-Long: a\n  b\n\tc\nEmpty:\n\n",
    ) else {
        panic!("no request");
    };
    assert_eq!(request.headers.cseq(), Some(3));
    assert_eq!(request.headers.get("range"), Some("npt=0-"));
    assert_eq!(request.headers.get("x-long"), Some("a b c"));
    assert_eq!(request.headers.get("empty"), Some(""));
}

#[test]
fn a_status_line_may_lack_its_reason() {
    for (line, reason) in [
        ("RTSP/1.0 461", ""),
        ("RTSP/1.0 461 ", ""),
        ("RTSP/1.0 461 Nope, never", "Nope, never"),
        ("RTSP/1.0 461 To a\x1b[31m terminal", "To a[31m terminal"),
    ] {
        let Message::Response(response) = message(format!("{line}\r\n\r\n").as_bytes()) else {
            panic!("no response");
        };
        assert_eq!(response.status, Status::UNSUPPORTED_TRANSPORT);
        assert_eq!(response.reason, reason);
    }
}

#[test]
fn other_versions_parse_so_that_they_can_be_refused() {
    let Message::Request(request) = message(b"OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n") else {
        panic!("no request");
    };
    assert_eq!(request.version, Version { major: 2, minor: 0 });
}

#[test]
fn what_is_no_rtsp_is_refused_early() {
    assert_eq!(fault(b"\x16\x03\x01"), ErrorKind::NotRtsp { byte: 0x16 });
    assert_eq!(fault(b" OPTIONS"), ErrorKind::NotRtsp { byte: b' ' });
    for line in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"OPTIONS RTSP/1.0\r\n\r\n",
        b"OPTIONS a b RTSP/1.0\r\n\r\n",
        b"OPTIONS * RTSP/1\r\n\r\n",
        b"OPTIONS * RTSP/1.300\r\n\r\n",
        b"O(TIONS * RTSP/1.0\r\n\r\n",
        b"RTSP/1.0 20 OK\r\n\r\n",
        b"RTSP/1.0 2x0 OK\r\n\r\n",
        b"RTSP/1.0 099 OK\r\n\r\n",
    ] {
        assert!(matches!(fault(line), ErrorKind::StartLine { .. }), "{line:?}");
    }
}

#[test]
fn faulty_headers_are_refused_with_their_sequence_number() {
    for (header, status) in [
        ("no colon", 400),
        (": no name", 400),
        ("na me: value", 400),
        ("Content-Length: -1", 400),
        ("Content-Length: +1", 400),
        ("Content-Length: ", 400),
        ("Content-Length: 1\r\nContent-Length: 2", 400),
        ("Content-Length: 65537", 413),
        ("Content-Length: 99999999999999999999999", 400),
    ] {
        let text = format!("DESCRIBE rtsp://h/x RTSP/1.0\r\nCSeq: 7\r\n{header}\r\n\r\n");
        let error = parse(text.as_bytes()).expect_err(header);
        assert_eq!(error.cseq, Some(7), "{header}");
        assert_eq!(error.status().code(), status, "{header}: {error}");
    }
    let folded_first = b"OPTIONS * RTSP/1.0\r\n folded: 1\r\n\r\n";
    assert!(matches!(fault(folded_first), ErrorKind::HeaderLine { .. }));
}

#[test]
fn limits_hold_whether_or_not_the_line_ends() {
    let uri = "a".repeat(MAX_START_LINE);
    let long = format!("OPTIONS rtsp://{uri} RTSP/1.0\r\n\r\n");
    assert_eq!(parse(long.as_bytes()).map_err(|e| e.status()), Err(Status::REQUEST_URI_TOO_LARGE));
    let endless = vec![b'A'; MAX_START_LINE + 2];
    assert_eq!(fault(&endless), ErrorKind::StartLineTooLong);
    assert_eq!(parse(&endless[..MAX_START_LINE]), Ok(Parsed::Incomplete));

    let head = "OPTIONS * RTSP/1.0\r\n";
    let line = format!("{head}X: {}", "a".repeat(MAX_HEADER_LINE));
    assert_eq!(fault(line.as_bytes()), ErrorKind::HeaderLineTooLong);
    let many = format!("{head}{}\r\n", "X: 1\r\n".repeat(MAX_HEADERS + 1));
    assert_eq!(fault(many.as_bytes()), ErrorKind::TooManyHeaders);
    let most = format!("{head}{}\r\n", "X: 1\r\n".repeat(MAX_HEADERS));
    assert!(matches!(parse(most.as_bytes()), Ok(Parsed::Message(..))));
    let fat = format!("{head}{}", format!("X: {}\r\n", "a".repeat(4000)).repeat(5));
    assert_eq!(fault(fat.as_bytes()), ErrorKind::HeadTooLarge);
    // Folded lines count no fields, so only the whole head bounds them.
    let folded = format!("{head}X: 1\r\n{}", " a\r\n".repeat(MAX_HEAD));
    assert_eq!(fault(folded.as_bytes()), ErrorKind::HeadTooLarge);

    let largest = format!("SET_PARAMETER * RTSP/1.0\r\nContent-Length: {MAX_BODY}\r\n\r\n");
    assert_eq!(parse(largest.as_bytes()), Ok(Parsed::Incomplete));
}

#[test]
fn what_is_written_parses_to_the_same() {
    let mut request = Request::new(Method::Setup, "rtsp://h/x/trackID=0");
    request.headers.push("CSeq", "4");
    request.headers.push("Transport", "RTP/AVP;unicast;client_port=5000-5001");
    request.body = b"body".to_vec();
    let Message::Request(again) = message(&request.to_bytes()) else { panic!("no request") };
    assert_eq!(again.headers.get("content-length"), Some("4"));
    assert_eq!((again.method, again.uri, again.body), (request.method, request.uri, request.body));

    let mut response = Response::new(Status::SESSION_NOT_FOUND);
    response.headers.push("CSeq", "4");
    assert_eq!(response.to_bytes(), b"RTSP/1.0 454 Session Not Found\r\nCSeq: 4\r\n\r\n");
}

#[test]
fn a_value_cannot_smuggle_in_a_header() {
    let mut response = Response::new(Status::OK);
    response.headers.push("X", "a\r\nSet-Cookie: b\r\n\r\nRTSP/1.0 200 OK");
    let Message::Response(again) = message(&response.to_bytes()) else { panic!("no response") };
    assert_eq!(again.headers.len(), 1);
    let request = Request::new(Method::Options, "rtsp://h/x RTSP/1.0\r\nX: 1");
    let Message::Request(again) = message(&request.to_bytes()) else { panic!("no request") };
    assert!(again.headers.is_empty());
}

#[test]
fn status_codes() {
    assert_eq!(Status::from_code(99), None);
    assert_eq!(Status::from_code(1000), None);
    assert_eq!(Status::from_code(799).map(|s| s.to_string()).as_deref(), Some("799 Unknown"));
    assert_eq!(Status::OPTION_NOT_SUPPORTED.to_string(), "551 Option not supported");
    assert!(Status::MOVED_TEMPORARILY.is_redirection() && !Status::OK.is_redirection());
}
