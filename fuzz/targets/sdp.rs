//! SDP: read, changed as a relay does, written, and read again.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use libfuzzer_sys::fuzz_target;
use rillcast::media::codec::Codec;
use rillcast::media::sdp::Session;
use rillcast::media::{Depacketizer, sdp};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fuzz_target!(|input: &[u8]| {
    let Ok(session) = Session::parse(input) else { return };
    assert!(session.media.len() <= sdp::MAX_MEDIA);
    for (track, media) in session.media.iter().enumerate() {
        let _ = Codec::of(media);
        let mut depacketizer: Depacketizer<Vec<u8>> = Depacketizer::new(media);
        depacketizer.push(vec![0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x65]);
        depacketizer.flush();
        let _ = session.connection_of(media).and_then(sdp::Connection::ip);
        let _ = (track, media.format.parameter_sets());
    }
    let ports: Vec<u16> = (0..session.media.len() as u16).map(|n| 5000 + 2 * n).collect();
    let written = match input.len() % 3 {
        0 => session.for_players(HERE),
        1 => session.for_announce(HERE),
        _ => session.for_rtp(HERE, HERE, &ports),
    };
    let text = written.to_string();
    // What players and servers are given can be read, and says the same when written again.
    let again = Session::parse(text.as_bytes()).expect("what is written can be read");
    assert_eq!(again.media.len(), session.media.len(), "{text}");
    assert_eq!(Session::parse(again.to_string().as_bytes()).as_ref(), Ok(&again), "{text}");
});
