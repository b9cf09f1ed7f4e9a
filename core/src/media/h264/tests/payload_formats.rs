//! Payload structures that few senders use, byte by byte as RFC 6184 draws them.

use super::*;

const SLICE_A: [u8; 3] = [0x41, 0x9a, 1];
const SLICE_B: [u8; 3] = [0x41, 0x9a, 2];
const SLICE_C: [u8; 3] = [0x41, 0x9a, 3];
const SPS: [u8; 2] = [0x67, 9];

fn interleaved(depth: u16) -> Receiver {
    let interleaving = Interleaving { depth, max_don_diff: None };
    Receiver::new(Options { interleaving, ..Options::default() })
}

fn timestamps(out: &[Out]) -> Vec<(u32, Vec<Vec<u8>>)> {
    out.iter().map(|out| (out.timestamp, out.nals.clone())).collect()
}

/// STAP-B: header, DON, then size and NAL unit each (figure 8).
fn stap_b(don: u16, nals: &[&[u8]]) -> Vec<u8> {
    let mut payload = vec![0x79];
    payload.extend(don.to_be_bytes());
    for nal in nals {
        payload.extend((nal.len() as u16).to_be_bytes());
        payload.extend(*nal);
    }
    payload
}

/// MTAP16 or MTAP24 (figures 12, 13): units are DOND, timestamp offset, NAL unit.
fn mtap(kind: u8, base: u16, units: &[(u8, u32, &[u8])]) -> Vec<u8> {
    let mut payload = vec![0x60 | kind];
    payload.extend(base.to_be_bytes());
    for (difference, offset, nal) in units {
        payload.extend((nal.len() as u16).to_be_bytes());
        payload.push(*difference);
        payload.extend(&offset.to_be_bytes()[if kind == nal::MTAP16 { 2 } else { 1 }..]);
        payload.extend(*nal);
    }
    payload
}

#[test]
fn stap_b_units_come_out_by_decoding_order_number_over_its_wrap() {
    let mut receiver = interleaved(2);
    receiver.push(packet(&stap_b(0, &[&SLICE_C]), 3000, true));
    receiver.push(packet(&stap_b(65534, &[&SLICE_A]), 1000, true));
    receiver.push(packet(&stap_b(65535, &[&SLICE_B]), 2000, true));
    let out = receiver.finish();
    let expected = [
        (1000, vec![SLICE_A.to_vec()]),
        (2000, vec![SLICE_B.to_vec()]),
        (3000, vec![SLICE_C.to_vec()]),
    ];
    assert_eq!(timestamps(&out), expected);
    assert!(out.iter().all(|out| !out.damaged));
}

#[test]
fn units_leave_the_buffer_as_soon_as_the_depth_allows() {
    let mut receiver = interleaved(1);
    receiver.push(packet(&stap_b(1, &[&SLICE_B]), 2000, true));
    receiver.push(packet(&stap_b(0, &[&SLICE_A]), 1000, true));
    assert!(receiver.out.is_empty());
    receiver.push(packet(&stap_b(2, &[&SLICE_C]), 3000, true));
    // Of depth + 1 units in the buffer the first goes; its end shows with the next.
    assert_eq!(timestamps(&receiver.out), [(1000, vec![SLICE_A.to_vec()])]);
}

#[test]
fn without_a_depth_markers_end_access_units_at_once() {
    let mut receiver = interleaved(0);
    receiver.push(packet(&stap_b(0, &[&SPS, &SLICE_A]), 1000, true));
    assert_eq!(timestamps(&receiver.out), [(1000, vec![SPS.to_vec(), SLICE_A.to_vec()])]);
}

#[test]
fn mtap_units_have_their_own_times_and_order() {
    for kind in [nal::MTAP16, nal::MTAP24] {
        let mut receiver = interleaved(3);
        // In the packet: the last picture, then the first with its parameter set, then the second.
        let units: [(u8, u32, &[u8]); 4] =
            [(3, 6000, &SLICE_C), (0, 0, &SPS), (1, 0, &SLICE_A), (2, 3000, &SLICE_B)];
        receiver.push(packet(&mtap(kind, 65534, &units), u32::MAX - 2999, true));
        let out = receiver.finish();
        let expected = [
            (u32::MAX - 2999, vec![SPS.to_vec(), SLICE_A.to_vec()]),
            (0, vec![SLICE_B.to_vec()]),
            (3000, vec![SLICE_C.to_vec()]),
        ];
        assert_eq!(timestamps(&out), expected);
    }
}

#[test]
fn mtap24_offsets_go_beyond_16_bits() {
    let mut receiver = interleaved(0);
    let units: [(u8, u32, &[u8]); 2] = [(0, 0, &SLICE_A), (1, 0x12_3456, &SLICE_B)];
    receiver.push(packet(&mtap(nal::MTAP24, 0, &units), 0, true));
    assert_eq!(receiver.finish()[1].timestamp, 0x12_3456);
}

#[test]
fn fu_b_gives_its_number_to_the_fragments_that_follow() {
    let mut receiver = interleaved(1);
    // FU indicator, FU header, DON in the first only (figures 14, 15).
    receiver.push(packet(&[0x5d, 0x81, 0, 1, 0x9a], 2000, false));
    receiver.push(packet(&[0x5c, 0x41, 2], 2000, true));
    receiver.push(packet(&stap_b(0, &[&SLICE_A]), 1000, true));
    let out = receiver.finish();
    let expected = [(1000, vec![SLICE_A.to_vec()]), (2000, vec![SLICE_B.to_vec()])];
    assert_eq!(timestamps(&out), expected);
}

#[test]
fn max_don_diff_lets_units_out_before_the_depth_is_reached() {
    let interleaving = Interleaving { depth: 100, max_don_diff: Some(1) };
    let mut receiver = Receiver::new(Options { interleaving, ..Options::default() });
    for don in 0..4u16 {
        receiver.push(packet(&stap_b(don, &[&SLICE_A]), u32::from(don), true));
    }
    // 0 and 1 are further than 1 from 3; that 0 has ended shows at 1.
    assert_eq!(receiver.out.len(), 1);
}

#[test]
fn after_a_loss_a_jump_of_the_number_damages_both_sides_of_the_hole() {
    let mut receiver = interleaved(0);
    receiver.push(packet(&stap_b(0, &[&SLICE_A]), 1000, false));
    receiver.gap(1);
    receiver.push(packet(&stap_b(2, &[&SLICE_B]), 2000, false));
    receiver.push(packet(&stap_b(3, &[&SLICE_C]), 3000, false));
    let damaged: Vec<_> = receiver.finish().iter().map(|out| out.damaged).collect();
    assert_eq!(damaged, [true, true, false]);
}

#[test]
fn jumps_of_the_number_without_loss_are_no_damage() {
    let mut receiver = interleaved(0);
    receiver.push(packet(&stap_b(0, &[&SLICE_A]), 1000, true));
    receiver.push(packet(&stap_b(7, &[&SLICE_B]), 2000, true));
    assert!(receiver.finish().iter().all(|out| !out.damaged));
}

#[test]
fn zeros_that_fill_up_an_aggregation_packet_are_passed_over() {
    let out = receive([packet(&[0x78, 0, 2, 0x67, 9, 0, 3, 0x41, 0x9a, 1, 0, 0, 0, 0], 0, true)]);
    assert_eq!(out[0].nals, [SPS.to_vec(), SLICE_A.to_vec()]);
    assert!(!out[0].damaged);
}

#[test]
fn aggregation_packet_cut_off_keeps_what_is_whole_and_is_damaged() {
    let out = receive([packet(&[0x78, 0, 3, 0x41, 0x9a, 1, 0, 9, 0x41], 0, true)]);
    assert_eq!(out[0].nals, [SLICE_A.to_vec()]);
    assert!(out[0].damaged);
}

#[test]
fn reserved_types_are_ignored() {
    let packets =
        [packet(&[30, 1, 2], 0, false), packet(&[0, 1], 0, false), packet(&SLICE_A, 0, true)];
    let out = receive(packets);
    assert_eq!((out.len(), out[0].damaged), (1, false));
    let nested = receive([packet(&[0x78, 0, 2, 0x78, 1, 0, 3, 0x41, 0x9a, 1], 0, true)]);
    assert_eq!(nested[0].nals, [SLICE_A.to_vec()]);
}

#[test]
fn empty_fragments_are_allowed() {
    let packets = [
        packet(&[0x5c, 0x81], 0, false),
        packet(&[0x5c, 0x01, 0x9a], 0, false),
        packet(&[0x5c, 0x01], 0, false),
        packet(&[0x5c, 0x41, 1], 0, true),
    ];
    let out = receive(packets);
    assert_eq!((out[0].nals[0].as_slice(), out[0].damaged), (&SLICE_A[..], false));
}

#[test]
fn recovery_point_makes_a_key_through_every_structure() {
    let recovery = [0x06, 6, 1, 0x2c, 0x80];
    let stap_a = [&[0x78, 0, 5][..], &recovery, &[0, 3], &SLICE_A].concat();
    let fu = [&[0x1c, 0x86][..], &recovery[1..]].concat();
    let multi = mtap(nal::MTAP16, 0, &[(0, 0, &recovery[..]), (1, 0, &SLICE_A)]);
    for payload in [stap_a, stap_b(0, &[&recovery, &SLICE_A]), multi, fu, recovery.to_vec()] {
        let seen = inspect(&payload);
        assert!(seen.recovery_point && seen.key && !seen.idr && !seen.parameter_sets);
    }
    let mut receiver = Depacketizer::new(Options::default());
    receiver.push(recovery.to_vec(), 0..5, 0, false);
    receiver.push(SLICE_A.to_vec(), 0..3, 0, true);
    let unit = receiver.pop().unwrap();
    // 0x2c: 00101 1 00 is recovery_frame_cnt 4, exact match.
    assert_eq!((unit.key, unit.recovery), (true, Some(4)));
}
