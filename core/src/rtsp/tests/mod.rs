//! Tests of the codec and of both sessions against each other.

use super::{Parsed, parse};

#[test]
fn options_is_a_message() {
    let input = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";
    assert!(matches!(parse(input), Ok(Parsed::Message(_, n)) if n == input.len()));
}
