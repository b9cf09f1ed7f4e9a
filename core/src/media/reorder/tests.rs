use proptest::prelude::*;

use super::*;

fn header(ssrc: u32, sequence: u16) -> Header {
    Header { marker: false, payload_type: 96, sequence, timestamp: 0, ssrc, payload: 12..12 }
}

#[derive(Debug, PartialEq)]
enum Out {
    Packet(u16),
    Gap(u64),
    Restart,
}
use Out::{Gap, Packet, Restart};

fn drain(reorder: &mut Reorder<u16>) -> Vec<Out> {
    std::iter::from_fn(|| reorder.pop())
        .map(|item| match item {
            Item::Packet { extended, header, packet } => {
                assert_eq!((extended as u16, header.sequence), (packet, packet));
                Packet(packet)
            }
            Item::Gap(missing) => Gap(missing),
            Item::Restart => Restart,
        })
        .collect()
}

fn run(window: usize, numbers: &[u16]) -> Vec<Out> {
    let mut reorder = Reorder::new(window);
    let mut out = Vec::new();
    for &number in numbers {
        reorder.push(header(1, number), number);
        out.extend(drain(&mut reorder));
    }
    out
}

#[test]
fn puts_swapped_packets_in_order() {
    assert_eq!(run(4, &[1, 3, 2, 4]), [Packet(1), Packet(2), Packet(3), Packet(4)]);
}

#[test]
fn tells_a_gap_only_when_the_window_is_passed() {
    let mut reorder = Reorder::new(2);
    for number in [1, 3, 4, 5] {
        reorder.push(header(1, number), number);
        assert!(reorder.waiting() <= 2);
    }
    assert_eq!(drain(&mut reorder), [Packet(1), Gap(1), Packet(3), Packet(4), Packet(5)]);
}

#[test]
fn window_of_nothing_tells_gaps_at_once() {
    assert_eq!(run(0, &[1, 4, 2, 5]), [Packet(1), Gap(2), Packet(4), Packet(5)]);
}

#[test]
fn two_holes_are_told_one_by_one() {
    assert_eq!(run(3, &[1, 3, 5, 6]), [Packet(1), Gap(1), Packet(3)]);
    assert_eq!(run(3, &[1, 3, 5, 4, 2]), (1..=5).map(Packet).collect::<Vec<_>>());
}

#[test]
fn flush_gives_out_what_waits() {
    let mut reorder = Reorder::new(10);
    for number in [u16::MAX, 1, 3] {
        reorder.push(header(1, number), number);
    }
    reorder.flush();
    assert_eq!(drain(&mut reorder), [Packet(u16::MAX), Gap(1), Packet(1), Gap(1), Packet(3)]);
}

#[test]
fn duplicates_and_late_packets_are_dropped_and_named() {
    let mut reorder = Reorder::new(4);
    assert_eq!(reorder.push(header(1, 5), 5), Pushed::Accepted);
    assert_eq!(reorder.push(header(1, 5), 5), Pushed::Late);
    assert_eq!(reorder.push(header(1, 7), 7), Pushed::Accepted);
    assert_eq!(reorder.push(header(1, 7), 7), Pushed::Duplicate);
    assert_eq!(drain(&mut reorder), [Packet(5)]);
}

#[test]
fn stray_packet_is_no_restart() {
    assert_eq!(run(4, &[1, 30_000, 2, 3]), [Packet(1), Packet(2), Packet(3)]);
}

#[test]
fn restart_keeps_the_packet_that_announced_it() {
    assert_eq!(
        run(4, &[1, 3, 30_000, 30_001]),
        [Packet(1), Gap(1), Packet(3), Restart, Packet(30_000), Packet(30_001)]
    );
}

#[test]
fn other_ssrc_is_a_restart_when_a_second_packet_confirms_it() {
    let mut reorder = Reorder::new(4);
    reorder.push(header(1, 1), 1);
    assert_eq!(reorder.push(header(2, 2), 2), Pushed::Suspect);
    assert_eq!(reorder.push(header(2, 3), 3), Pushed::Accepted);
    assert_eq!(drain(&mut reorder), [Packet(1), Restart, Packet(2), Packet(3)]);
}

proptest! {
    #[test]
    fn any_order_comes_out_growing_and_complete(
        window in 0usize..20,
        numbers in prop::collection::vec(prop_oneof![8 => 65_500u32..65_600, 1 => 0u32..131_072], 1..300),
    ) {
        let mut reorder = Reorder::new(window);
        let mut last: Option<u64> = None;
        let mut missing = 0;
        let (mut accepted, mut suspects, mut out) = (0u32, 0u32, 0u32);
        let count = numbers.len();
        for (index, number) in numbers.into_iter().enumerate() {
            match reorder.push(header(1, number as u16), ()) {
                Pushed::Accepted => accepted += 1,
                Pushed::Suspect => suspects += 1,
                _ => {}
            }
            if index + 1 == count {
                reorder.flush();
            }
            prop_assert!(reorder.waiting() <= window);
            while let Some(item) = reorder.pop() {
                match item {
                    Item::Packet { extended, .. } => {
                        if let Some(last) = last {
                            prop_assert_eq!(extended, last + missing + 1);
                        }
                        last = Some(extended);
                        missing = 0;
                        out += 1;
                    }
                    Item::Gap(gap) => {
                        prop_assert!(gap > 0 && missing == 0);
                        missing = gap;
                    }
                    Item::Restart => last = None,
                }
            }
        }
        prop_assert!(out >= accepted && out <= accepted + suspects);
        prop_assert_eq!(reorder.waiting(), 0);
    }
}
