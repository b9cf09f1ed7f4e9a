//! What `rtsp-types` parses, this codec parses to the same. (It is stricter: bare line feeds and
//! other cases of `Transport` are beyond it.)

use super::harness::message;
use crate::rtsp::{Headers, Message};
use proptest::prelude::*;

fn oracle(bytes: &[u8]) -> rtsp_types::Message<Vec<u8>> {
    rtsp_types::Message::parse(bytes).expect("rtsp-types parses it").0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn requests_and_responses_agree(
        method in prop::sample::select(vec!["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "X_NEW"]),
        path in "[a-z0-9]{0,8}",
        code in 100u16..600,
        values in prop::collection::vec("[A-Za-z0-9;=/,.-]{1,20}", 0..6),
        body in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut head = String::from("CSeq: 17\r\n");
        for (i, value) in values.iter().enumerate() {
            head.push_str(&format!("X-Header-{i}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        let with_body = |first: String| [(first + "\r\n" + &head).into_bytes(), body.clone()].concat();

        let bytes = with_body(format!("{method} rtsp://host:8554/{path} RTSP/1.0"));
        let (Message::Request(ours), rtsp_types::Message::Request(theirs)) =
            (message(&bytes), oracle(&bytes)) else { panic!("not both requests") };
        prop_assert_eq!(ours.method.as_str(), <&str>::from(theirs.method()));
        prop_assert_eq!(&ours.uri, theirs.request_uri().map(|u| u.as_str()).unwrap_or("*"));
        prop_assert_eq!(&ours.body, theirs.body());
        let fields: Vec<_> = theirs.headers().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        same_fields(&ours.headers, fields)?;

        let bytes = with_body(format!("RTSP/1.0 {code} Reason"));
        let (Message::Response(ours), rtsp_types::Message::Response(theirs)) =
            (message(&bytes), oracle(&bytes)) else { panic!("not both responses") };
        prop_assert_eq!(ours.status.code(), u16::from(theirs.status()));
        prop_assert_eq!(&ours.body, theirs.body());
        let fields: Vec<_> = theirs.headers().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        same_fields(&ours.headers, fields)?;
    }
}

fn same_fields(ours: &Headers, theirs: Vec<(String, String)>) -> Result<(), TestCaseError> {
    prop_assert_eq!(ours.len(), theirs.len());
    for (name, value) in theirs {
        prop_assert_eq!(ours.get(&name), Some(value.as_str()));
    }
    Ok(())
}
