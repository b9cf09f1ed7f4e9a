//! Access units with holes, and senders that depart from the RFC.

use super::*;

/// A slice with `first_mb_in_slice` 0, and one with another.
const FIRST: [u8; 3] = [0x41, 0x9a, 1];
const SECOND: [u8; 3] = [0x41, 0x4a, 2];

fn fu(header: u8, data: &[u8]) -> Vec<u8> {
    [&[0x5c, header | 1], data].concat()
}
const START: u8 = 0x80;
const END: u8 = 0x40;

fn damaged(out: &[Out]) -> Vec<bool> {
    out.iter().map(|out| out.damaged).collect()
}

#[test]
fn missing_middle_fragment_drops_the_nal_unit_whole() {
    let mut receiver = Receiver::new(Options::default());
    receiver.push(packet(&FIRST, 0, false));
    receiver.push(packet(&fu(START, b"start"), 0, false));
    receiver.gap(1);
    receiver.push(packet(&fu(0, b"later"), 0, false));
    receiver.push(packet(&fu(END, b"end"), 0, true));
    assert_eq!(receiver.depacketizer.counters().incomplete, 1);
    let out = receiver.finish();
    assert_eq!((out.len(), out[0].damaged, out[0].lost), (1, true, 1));
    assert_eq!(out[0].nals, [FIRST.to_vec()]);
}

#[test]
fn missing_start_fragment_leaves_nothing_and_the_next_unit_tells() {
    let mut receiver = Receiver::new(Options::default());
    receiver.push(packet(&FIRST, 0, true));
    receiver.gap(1);
    receiver.push(packet(&fu(0, b"later"), 1, false));
    receiver.push(packet(&fu(END, b"end"), 1, true));
    receiver.push(packet(&FIRST, 2, true));
    assert_eq!(receiver.depacketizer.counters().incomplete, 1);
    let out = receiver.finish();
    assert_eq!(
        out.iter().map(|out| (out.timestamp, out.lost)).collect::<Vec<_>>(),
        [(0, 0), (2, 1)]
    );
    assert_eq!(damaged(&out), [false, false]);
}

#[test]
fn fragments_of_two_nal_units_are_not_glued_even_without_a_gap_notice() {
    for second in [
        packet(&fu(END, b"other time"), 1, true),
        packet(&[0x5c, END | 5, 1], 0, true),
        packet(&[0x5d, END | 1, 0, 0, 1], 0, true),
    ] {
        let out =
            receive([packet(&FIRST, 0, false), packet(&fu(START, b"start"), 0, false), second]);
        assert_eq!((out[0].nals.clone(), out[0].damaged), (vec![FIRST.to_vec()], true));
        assert_eq!(out.len(), 1);
    }
}

#[test]
fn marker_before_the_last_fragment_ends_the_unit_damaged() {
    let packets = [
        packet(&FIRST, 0, false),
        packet(&fu(START, b"start"), 0, true),
        packet(&fu(END, b"end"), 0, false),
        packet(&FIRST, 1, true),
    ];
    let out = receive(packets);
    assert_eq!(damaged(&out), [true, false]);
    assert!(out.iter().all(|out| out.nals == [FIRST.to_vec()]));
}

#[test]
fn lost_marker_packet_damages_its_unit_and_not_the_next() {
    let mut receiver = Receiver::new(Options::default());
    receiver.push(packet(&FIRST, 0, true));
    receiver.push(packet(&FIRST, 1, false));
    receiver.gap(1);
    receiver.push(packet(&FIRST, 2, true));
    assert_eq!(damaged(&receiver.finish()), [false, true, false]);
}

#[test]
fn more_lost_packets_damage_the_next_unit_too() {
    let mut receiver = Receiver::new(Options::default());
    receiver.push(packet(&FIRST, 0, true));
    receiver.push(packet(&FIRST, 1, false));
    receiver.gap(2);
    receiver.push(packet(&FIRST, 2, true));
    assert_eq!(damaged(&receiver.finish()), [false, true, true]);
}

#[test]
fn unit_that_begins_with_a_delimiter_or_sps_is_whole_after_any_gap() {
    for first in [[0x09, 0x10], [0x67, 1]] {
        let mut receiver = Receiver::new(Options::default());
        receiver.push(packet(&FIRST, 0, true));
        receiver.gap(9);
        receiver.push(packet(&first, 1, false));
        receiver.push(packet(&FIRST, 1, true));
        let out = receiver.finish();
        assert_eq!(damaged(&out), [false, false]);
        assert_eq!(out[1].lost, 9);
    }
}

#[test]
fn unit_without_a_picture_after_loss_is_not_put_before_the_next() {
    let mut receiver = Receiver::new(Options::default());
    receiver.push(packet(&[0x67, 1], 0, false));
    receiver.gap(1);
    receiver.push(packet(&FIRST, 1, true));
    let out = receiver.finish();
    assert_eq!(out[0].nals, [vec![0x67, 1]]);
    assert_eq!((out[0].timestamp, out[0].damaged), (0, true));
    assert_eq!(out[1].nals, [FIRST.to_vec()]);
}

#[test]
fn joining_in_the_middle_of_a_picture_is_damage() {
    let out =
        receive([packet(&SECOND, 0, true), packet(&FIRST, 1, true), packet(&SECOND, 1, true)]);
    assert!(out[0].damaged);
    assert!(!out[1].damaged);
}

#[test]
fn end_of_stream_before_the_marker_is_damage() {
    assert_eq!(
        damaged(&receive([packet(&FIRST, 0, true), packet(&FIRST, 1, false)])),
        [false, true]
    );
    // But not where the sender never sets it.
    assert_eq!(
        damaged(&receive([packet(&FIRST, 0, false), packet(&FIRST, 1, false)])),
        [false, false]
    );
}

#[test]
fn markers_on_parameter_sets_end_nothing() {
    let packets =
        [packet(&[0x67, 1], 0, true), packet(&[0x68, 1], 0, true), packet(&[0x65, 0x88], 0, true)];
    let out = receive(packets);
    assert_eq!((out.len(), out[0].nals.len(), out[0].key, out[0].damaged), (1, 3, true, false));
}

#[test]
fn parameter_sets_with_a_time_of_their_own_go_to_the_picture_that_follows() {
    let out = receive([packet(&[0x67, 1], 0, false), packet(&[0x65, 0x88], 9, true)]);
    assert_eq!((out.len(), out[0].timestamp, out[0].nals.len()), (1, 9, 2));
}

#[test]
fn sender_that_marks_every_slice_is_read_by_timestamps() {
    let unit = |time| [packet(&FIRST, time, true), packet(&SECOND, time, true)];
    let out = receive((0..4).flat_map(unit));
    // The first access unit was cut in two before it could be known.
    let sizes: Vec<_> =
        out.iter().map(|out| (out.timestamp, out.nals.len(), out.damaged)).collect();
    assert_eq!(sizes, [(0, 1, false), (0, 1, true), (1, 2, false), (2, 2, false), (3, 2, false)]);
}

#[test]
fn nal_units_known_to_be_broken_are_dropped() {
    let out = receive([packet(&FIRST, 0, false), packet(&[0xc1, 0x9a], 0, true)]);
    assert_eq!((out[0].nals.len(), out[0].damaged), (1, true));
    // F in any fragment counts.
    let out = receive([
        packet(&FIRST, 0, false),
        packet(&fu(START, b"a"), 0, false),
        packet(&[0xdc, END | 1, 1], 0, true),
    ]);
    assert_eq!((out[0].nals.len(), out[0].damaged), (1, true));
}

#[test]
fn access_units_are_bounded() {
    let limits = Limits { bytes: 100, nals: 3, parts: 10 };
    let mut receiver = Receiver::new(Options { limits, ..Options::default() });
    for _ in 0..5 {
        receiver.push(packet(&FIRST, 0, false));
    }
    receiver.push(packet(&fu(START, &[7; 60]), 1, false));
    receiver.push(packet(&fu(END, &[7; 60]), 1, true));
    assert_eq!(receiver.depacketizer.counters().too_large, 3);
    let out = receiver.finish();
    assert_eq!((out.len(), out[0].nals.len(), out[0].damaged), (1, 3, true));
}

#[test]
fn single_fragment_with_start_and_end_is_taken() {
    // RFC 6184 5.8 forbids it, senders do it.
    let out = receive([packet(&fu(START | END, &FIRST[1..]), 0, true)]);
    assert_eq!(out[0].nals, [FIRST.to_vec()]);
}

#[test]
fn units_nobody_takes_are_bounded_too() {
    let mut depacketizer = Depacketizer::new(Options::default());
    for time in 0..300 {
        depacketizer.push(FIRST.to_vec(), 0..3, time, true);
    }
    assert_eq!(depacketizer.counters().not_taken, 300 - 256);
    assert_eq!(depacketizer.pop().unwrap().timestamp, 300 - 256);
}
