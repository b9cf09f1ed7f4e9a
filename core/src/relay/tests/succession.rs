//! One source after another.

use super::support::{Net, at, frame, h264, session, tcp_child};
use crate::relay::{Kind, Limits, Packet, Start, Stream};
use crate::ring::Span;

/// Takes a frame in as from a publisher that was let in by name.
fn take(stream: &mut Stream, frame: Vec<Packet>, seconds: u64) {
    for packet in frame {
        let mut bytes = packet.data().to_vec();
        stream.splice(0, &mut bytes, true, at(seconds));
        stream.ingest(Packet::new(Span::from_vec(bytes), Kind::Rtp, 0, at(seconds)));
    }
}

/// The sequence numbers that a child gets of three frames, the last of which comes when the source has
/// been away, and begins with this sequence number and timestamp.
fn sequences_when_back_at(sequence: u16, timestamp: u32) -> Vec<u16> {
    let session = session(1);
    let mut stream = Stream::new(session.clone(), Limits::default()).expect("a session");
    let mut net = Net::default();
    take(&mut stream, frame(100, 90_000, true, 3), 1);
    stream.fan_out(at(1), &mut net);
    let child = stream.add_child(tcp_child(1), at(1));
    stream.play(child, Start::KeyFrame);
    stream.kick(child, at(1), &mut net);
    take(&mut stream, frame(103, 93_000, false, 3), 1);
    stream.resume(&session).expect("the same tracks");
    take(&mut stream, frame(sequence, timestamp, true, 3), 2);
    stream.fan_out(at(2), &mut net);
    net.frames(1).iter().map(|packet| h264::sequence(packet)).collect()
}

#[test]
fn a_source_that_begins_anew_under_its_old_ssrc_is_not_taken_for_its_past() {
    let on: Vec<u16> = (100..109).collect();
    // From its very beginning again, from just before, and from anywhere else.
    assert_eq!(sequences_when_back_at(100, 90_000), on);
    assert_eq!(sequences_when_back_at(105, 180_000), on);
    assert_eq!(sequences_when_back_at(40_000, 1_000_000_000), on);
}

#[test]
fn a_source_that_goes_on_keeps_its_numbers() {
    let with_a_hole: Vec<u16> = (100..106).chain(110..113).collect();
    assert_eq!(sequences_when_back_at(110, 183_000), with_a_hole);
}
