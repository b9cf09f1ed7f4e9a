//! RTP: headers, and packets in any order through the reorder window.
#![no_main]

use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rillcast::media::reorder::{Item, Reorder};
use rillcast::media::rtp::{self, reception::Reception, sequence::Sequence};

/// What may follow the header of a packet, right or wrong.
#[derive(Arbitrary, Debug)]
struct Packet<'a> {
    /// Version, padding, extension, number of CSRCs.
    first: u8,
    right_version: bool,
    second: u8,
    /// Near the last sequence number, mostly: far jumps are all alike.
    step: i8,
    jump: Option<u16>,
    timestamp: u32,
    rest: &'a [u8],
}

impl Packet<'_> {
    fn bytes(&self, sequence: u16) -> Vec<u8> {
        let first = if self.right_version { self.first & 0x3f | 0x80 } else { self.first };
        let mut bytes = vec![first, self.second];
        bytes.extend(sequence.to_be_bytes());
        bytes.extend(self.timestamp.to_be_bytes());
        bytes.extend(7u32.to_be_bytes());
        bytes.extend(self.rest);
        bytes
    }
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    raw: &'a [u8],
    window: u8,
    packets: Vec<Packet<'a>>,
}

fn header(packet: &[u8]) -> Option<rtp::Header> {
    let header = rtp::parse(packet).ok()?;
    assert!(packet.get(header.payload.clone()).is_some(), "the payload lies in the packet");
    let mut copy = packet.to_vec();
    rtp::set_sequence(&mut copy, header.sequence);
    rtp::set_timestamp(&mut copy, header.timestamp);
    rtp::set_ssrc(&mut copy, header.ssrc);
    rtp::set_payload_type(&mut copy, header.payload_type);
    rtp::set_marker(&mut copy, header.marker);
    assert_eq!(copy, packet, "setting what is there changes nothing");
    Some(header)
}

fuzz_target!(|input: Input<'_>| {
    header(input.raw);
    let _ = (rtp::is_rtcp(input.raw), rtp::sequence(input.raw));

    let window = usize::from(input.window);
    let mut reorder = Reorder::new(window);
    let mut sequences = Sequence::default();
    let mut reception = Reception::new(90_000);
    let (mut sequence, mut pushed, mut popped) = (0u16, 0u64, 0u64);
    for (i, packet) in input.packets.iter().enumerate() {
        sequence = packet.jump.unwrap_or(sequence.wrapping_add_signed(i16::from(packet.step)));
        let bytes = packet.bytes(sequence);
        let Some(header) = header(&bytes) else { continue };
        let place = sequences.receive(header.sequence);
        reception.receive(place, header.timestamp, Duration::from_millis(i as u64));
        reorder.push(header, bytes);
        pushed += 1;
        while let Some(item) = reorder.pop() {
            popped += u64::from(matches!(item, Item::Packet { .. }));
        }
        assert!(reorder.waiting() <= window.max(1) + 1, "no more wait than fit the window");
    }
    reorder.flush();
    while let Some(item) = reorder.pop() {
        popped += u64::from(matches!(item, Item::Packet { .. }));
    }
    assert!(popped <= pushed, "no packet comes out twice");
    let _ = reception.report(7, Duration::from_secs(1));
});
