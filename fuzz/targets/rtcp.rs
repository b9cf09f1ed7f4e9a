//! RTCP: compound packets as they come.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rillcast::media::rtcp::{self, Feedback, Packet};

fuzz_target!(|input: &[u8]| {
    let asks = rtcp::asks(input);
    let Ok(compound) = rtcp::parse(input) else { return };
    let mut lost = Vec::new();
    for (number, packet) in compound.packets().enumerate() {
        assert!(number <= input.len() / 4, "each packet takes four bytes at least");
        if let Packet::Nack { lost: wanted, .. } = packet {
            let before = lost.len();
            lost.extend(wanted);
            assert!(lost.len() - before <= 1020, "a NACK names a bounded number of packets");
        }
    }
    assert!(lost.is_empty() || asks, "whoever sends a NACK asks for something");
    let _ = (compound.sender_report(), compound.has_bye(), compound.cname(7));
    let _ = compound.bye().map(Iterator::count);
    for block in compound.report_blocks() {
        let _ = block.round_trip(u64::MAX);
    }
    // What is asked for again is what was asked for, as far as one packet takes it.
    lost.truncate(100);
    lost.sort_unstable();
    lost.dedup();
    if !lost.is_empty() {
        let wanted = [Feedback::Nack { media: 2, lost: &lost }, Feedback::Pli { media: 2 }];
        let nack = rtcp::feedback(1, "rill", &wanted);
        let mut again: Vec<u16> = rtcp::parse(&nack)
            .into_iter()
            .flat_map(|compound| compound.packets())
            .flat_map(|packet| match packet {
                Packet::Nack { lost, .. } => lost.collect(),
                _ => Vec::new(),
            })
            .collect();
        again.sort_unstable();
        again.dedup();
        assert!(lost.iter().all(|sequence| again.contains(sequence)), "{lost:?} {again:?}");
    }
});
