use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::media::sdp::{Format, Kind, Media};

type Packet = Arc<[u8]>;

fn packet(sequence: u16, timestamp: u32, marker: bool, payload: &[u8]) -> Packet {
    let mut head = [0; rtp::HEADER_LEN];
    let header =
        rtp::Header { marker, payload_type: 96, sequence, timestamp, ssrc: 5, payload: 0..0 };
    rtp::write_header(&mut head, &header);
    head.iter().chain(payload).copied().collect()
}

fn h264() -> Depacketizer<Packet> {
    Depacketizer::new(&Media::h264::<&[u8]>(96, &[]))
}

fn frames(depacketizer: &mut Depacketizer<Packet>) -> Vec<Frame<Packet>> {
    std::iter::from_fn(|| depacketizer.pop()).collect()
}

fn annex_b(frame: &Frame<Packet>) -> Vec<u8> {
    let Payload::H264(unit) = &frame.payload else { panic!("{frame:?}") };
    unit.annex_b().flatten().copied().collect()
}

/// SPS, PPS and an IDR slice in single NAL unit packets.
fn idr(sequence: u16, timestamp: u32) -> [Packet; 3] {
    [
        packet(sequence, timestamp, false, &[0x67, 0x42, 0xc0, 0x1e, 1]),
        packet(sequence + 1, timestamp, false, &[0x68, 0xce, 0x3c, 0x80]),
        packet(sequence + 2, timestamp, true, &[0x65, 0x88, 0x80, 0x10]),
    ]
}

#[test]
fn h264_access_unit_comes_out_whole_though_packets_were_swapped() {
    let mut depacketizer = h264();
    let [sps, pps, slice] = idr(10, 3000);
    // Something before, so that the first number is known.
    depacketizer.push(packet(9, 0, true, &[0x41, 0x9a, 0x20]));
    for packet in [pps, slice, sps] {
        depacketizer.push(packet);
    }
    let out = frames(&mut depacketizer);
    let unit = out.last().unwrap();
    assert!(unit.key && !unit.damaged);
    assert_eq!(unit.timestamp, 3000);
    assert_eq!(
        annex_b(unit),
        [
            &[0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 1][..],
            &[0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80],
            &[0, 0, 0, 1, 0x65, 0x88, 0x80, 0x10]
        ]
        .concat()
    );
}

#[test]
fn h264_gap_is_told_at_the_frame() {
    let mut depacketizer = Depacketizer::with_window(&Media::h264::<&[u8]>(96, &[]), 0);
    for packet in idr(10, 3000) {
        depacketizer.push(packet);
    }
    depacketizer.push(packet(14, 6000, true, &[0x41, 0x9a, 0x20]));
    depacketizer.flush();
    let out = frames(&mut depacketizer);
    assert_eq!(out.iter().map(|frame| frame.lost).sum::<u64>(), 1);
    assert_eq!(depacketizer.counters().lost, 1);
}

#[test]
fn aac_access_units_of_one_packet_come_out_one_by_one() {
    let media = Media::aac(96, &[0x11, 0x90], 48_000, 2);
    let mut depacketizer = Depacketizer::new(&media);
    // Two headers of 16 bits: sizes 2 and 1.
    depacketizer.push(packet(1, 1024, true, &[0, 32, 0, 2 << 3, 0, 1 << 3, 1, 2, 3]));
    let out = frames(&mut depacketizer);
    let units: Vec<Vec<u8>> = out
        .iter()
        .map(|frame| {
            let Payload::Aac(slices) = &frame.payload else { panic!("{frame:?}") };
            slices.iter().flat_map(|slice| slice.to_vec()).collect()
        })
        .collect();
    assert_eq!(units, [vec![1, 2], vec![3]]);
    assert_eq!(out.iter().map(|frame| frame.timestamp).collect::<Vec<_>>(), [1024, 2048]);
    assert!(out.iter().all(|frame| frame.key));
}

#[test]
fn unknown_audio_comes_out_packet_by_packet_with_its_losses() {
    let media = Media::new(Kind::Audio, Format::new(96, "opus", 48_000));
    let mut depacketizer = Depacketizer::with_window(&media, 0);
    for sequence in [1, 2, 5] {
        depacketizer.push(packet(sequence, u32::from(sequence) * 960, false, &[sequence as u8]));
    }
    let losses: Vec<u64> = frames(&mut depacketizer).iter().map(|frame| frame.lost).collect();
    assert_eq!(losses.iter().sum::<u64>(), 2);
    assert_eq!(losses.len(), 3);
}

#[test]
fn other_payload_types_leave_no_gap() {
    let media = Media::new(Kind::Audio, Format::new(96, "opus", 48_000));
    let mut depacketizer = Depacketizer::new(&media);
    let mut noise = packet(2, 960, false, &[9]).to_vec();
    rtp::set_payload_type(&mut noise, 13);
    depacketizer.push(packet(1, 0, false, &[1]));
    depacketizer.push(noise.into());
    depacketizer.push(packet(3, 1920, false, &[3]));
    assert_eq!(frames(&mut depacketizer).len(), 2);
    let counters = depacketizer.counters();
    assert_eq!((counters.lost, counters.other_payload_type), (0, 1));
}

#[test]
fn restart_of_the_source_ends_the_open_frame() {
    let media = Media::new(Kind::Video, Format::new(96, "VP8", 90_000));
    let mut depacketizer = Depacketizer::new(&media);
    depacketizer.push(packet(1, 0, false, &[1]));
    depacketizer.push(packet(40_000, 7, false, &[2]));
    depacketizer.push(packet(40_001, 7, true, &[3]));
    let out = frames(&mut depacketizer);
    assert_eq!(out.iter().map(|frame| frame.timestamp).collect::<Vec<_>>(), [0, 7]);
    assert_eq!(depacketizer.counters().restarts, 1);
}

proptest! {
    #[test]
    fn any_packets_do_not_panic(
        packets in prop::collection::vec(
            (0u16..40, 0u32..5, any::<bool>(), prop::collection::vec(any::<u8>(), 0..30)), 0..60),
        which in 0..3,
    ) {
        let media = match which {
            0 => Media::h264::<&[u8]>(96, &[]),
            1 => Media::aac(96, &[0x11, 0x90], 48_000, 2),
            _ => Media::new(Kind::Video, Format::new(96, "H265", 90_000)),
        };
        let mut depacketizer = Depacketizer::new(&media);
        for (sequence, timestamp, marker, payload) in packets {
            depacketizer.push(packet(sequence, timestamp, marker, &payload));
            frames(&mut depacketizer);
        }
        depacketizer.flush();
        frames(&mut depacketizer);
        prop_assert!(depacketizer.pop().is_none());
    }

    #[test]
    fn swaps_within_the_window_lose_nothing(swaps in prop::collection::vec(any::<bool>(), 40)) {
        let media = Media::new(Kind::Audio, Format::new(96, "PCMU", 8000));
        let mut depacketizer = Depacketizer::new(&media);
        let mut order: Vec<u16> = (0..=40).collect();
        for (index, swap) in swaps.into_iter().enumerate().skip(1) {
            if swap {
                order.swap(index, index + 1);
            }
        }
        let mut out = Vec::new();
        for sequence in order {
            depacketizer.push(packet(sequence, u32::from(sequence), false, &[1]));
            out.extend(frames(&mut depacketizer));
        }
        depacketizer.flush();
        out.extend(frames(&mut depacketizer));
        let timestamps: Vec<u32> = out.iter().map(|frame| frame.timestamp).collect();
        prop_assert_eq!(timestamps, (0..=40).collect::<Vec<_>>());
    }
}
