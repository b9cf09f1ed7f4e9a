//! Packetize, lose and shuffle, depacketize: what comes out is what went in, or is marked.

use super::*;
use crate::media::reorder::{Item, Reorder};
use crate::media::rtp;
use proptest::prelude::*;

/// Access units of slices (and sometimes parameter sets), each NAL unit with bytes of its own, so
/// that nothing put together wrongly can look right.
fn access_units() -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
    let nal = prop_oneof![3 => 1usize..60, 1 => 60usize..900];
    let unit = (any::<bool>(), prop::collection::vec(nal, 1..5));
    prop::collection::vec(unit, 1..12).prop_map(|units| {
        let mut number = 0u32;
        let mut nal = |header: u8, first: u8, size: usize| {
            number += 1;
            let mut nal = vec![header, first];
            nal.extend(number.to_be_bytes());
            nal.extend((0..size).map(|i| (i as u32 ^ number) as u8 | 1));
            nal
        };
        let mut unit = |(key, sizes): (bool, Vec<usize>)| {
            let mut nals = Vec::new();
            if key {
                nals.extend([nal(0x67, 0x42, 4), nal(0x68, 0x9a, 2)]);
            }
            let kind = if key { 0x65 } else { 0x41 };
            for (i, size) in sizes.into_iter().enumerate() {
                // first_mb_in_slice is 0, then another.
                nals.push(nal(kind, if i == 0 { 0x9a } else { 0x4a }, size));
            }
            nals
        };
        units.into_iter().map(&mut unit).collect()
    })
}

fn rtp_packets(units: &[Vec<Vec<u8>>], max: usize, sequence: u16) -> Vec<Vec<u8>> {
    let mut packetizer = Packetizer::new(96, 5, sequence, max);
    let mut packets = Vec::new();
    for (i, unit) in units.iter().enumerate() {
        let nals: Vec<&[u8]> = unit.iter().map(Vec::as_slice).collect();
        packetizer.packetize(&nals, i as u32 * 3000, |slices| packets.push(slices.concat()));
    }
    packets
}

/// Packets in any order through the reorder buffer.
fn through_reorder(packets: Vec<Vec<u8>>, window: usize) -> Vec<Out> {
    let mut reorder = Reorder::new(window);
    let mut receiver = Receiver::new(Options::default());
    let mut take = |reorder: &mut Reorder<Vec<u8>>| {
        while let Some(item) = reorder.pop() {
            match item {
                Item::Packet { header, packet, .. } => {
                    let rtp::Header { payload, timestamp, marker, .. } = header;
                    receiver.depacketizer.push(packet, payload, timestamp, marker);
                    receiver.take();
                }
                Item::Gap(packets) => receiver.gap(packets as u32),
                Item::Restart => panic!("the source has not restarted"),
            }
        }
    };
    for packet in packets {
        let header = rtp::parse(&packet).unwrap();
        reorder.push(header, packet);
        take(&mut reorder);
    }
    reorder.flush();
    take(&mut reorder);
    receiver.finish()
}

/// Every access unit that came out undamaged is one that was sent, complete; of a damaged one all
/// NAL units are whole and of the same access unit, in order.
fn check(sent: &[Vec<Vec<u8>>], out: &[Out]) -> Result<(), TestCaseError> {
    let mut last = None;
    for unit in out {
        let index = (unit.timestamp / 3000) as usize;
        prop_assert!(last < Some(index), "access units out of order, or one in two parts");
        last = Some(index);
        let mut left = sent[index].iter();
        prop_assert!(unit.nals.iter().all(|nal| left.any(|sent| sent == nal)), "glued");
        prop_assert!(unit.damaged || unit.nals == sent[index], "a hole that is not told");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn without_loss_everything_comes_out_as_it_went_in(
        units in access_units(), max in 64usize..1400, sequence in any::<u16>(),
    ) {
        let out = through_reorder(rtp_packets(&units, max, sequence), 0);
        prop_assert!(out.iter().all(|out| !out.damaged && out.lost == 0));
        prop_assert!(out.iter().zip(&units).all(|(out, sent)| out.key == (sent[0][0] == 0x67)));
        prop_assert_eq!(out.into_iter().map(|out| out.nals).collect::<Vec<_>>(), units);
    }

    #[test]
    fn packets_shuffled_within_the_window_and_sent_twice_change_nothing(
        units in access_units(), max in 64usize..400, sequence in any::<u16>(),
        delays in prop::collection::vec(0usize..8, 1..50),
        twice in prop::collection::vec(any::<bool>(), 1..50),
    ) {
        let packets = rtp_packets(&units, max, sequence);
        let mut delayed: Vec<_> = Vec::new();
        for (i, packet) in packets.into_iter().enumerate() {
            // The first stays: what goes before the first packet is not waited for.
            let delay = if i == 0 { 0 } else { delays[i % delays.len()] };
            if twice[i % twice.len()] {
                delayed.push((i + delay + 3, packet.clone()));
            }
            delayed.push((i + delay, packet));
        }
        delayed.sort_by_key(|(time, _)| *time);
        let out = through_reorder(delayed.into_iter().map(|(_, packet)| packet).collect(), 32);
        prop_assert!(out.iter().all(|out| !out.damaged));
        prop_assert_eq!(out.into_iter().map(|out| out.nals).collect::<Vec<_>>(), units);
    }

    #[test]
    fn with_loss_every_hole_is_told_and_nothing_is_glued(
        units in access_units(), max in 64usize..400, sequence in any::<u16>(),
        lost in prop::collection::vec(prop::bool::weighted(0.2), 1..60),
        window in prop_oneof![Just(0usize), Just(4)],
    ) {
        let packets = rtp_packets(&units, max, sequence);
        let total = packets.len();
        let mut index = 0;
        let kept: Vec<_> = packets
            .into_iter()
            .filter(|_| {
                index += 1;
                // Nothing tells of packets before the first and behind the last.
                index == 1 || index == total || !lost[index % lost.len()]
            })
            .collect();
        let all = kept.len() == total;
        let out = through_reorder(kept, window);
        check(&units, &out)?;
        if all {
            prop_assert_eq!(out.len(), units.len());
        }
    }

    #[test]
    fn interleaved_units_come_out_in_order_or_are_told(
        units in access_units(),
        base in any::<u16>(),
        shuffle in prop::collection::vec(0usize..6, 1..40),
        lost in prop::collection::vec(prop::bool::weighted(0.15), 1..60),
        lossy in any::<bool>(),
    ) {
        // One STAP-B, or one FU-B and one FU-A, per NAL unit, in another order.
        let nals = units.iter().enumerate().flat_map(|(i, unit)| unit.iter().map(move |nal| (i, nal)));
        let mut order: Vec<_> = nals
            .enumerate()
            .map(|(n, (time, nal))| (n + shuffle[n % shuffle.len()], n, time, nal))
            .collect();
        order.sort_by_key(|(position, n, ..)| (*position, *n));
        let mut packets = Vec::new();
        for &(_, n, time, nal) in &order {
            let [a, b] = base.wrapping_add(n as u16).to_be_bytes();
            let time = time as u32 * 3000;
            if n % 3 == 0 {
                let (head, tail) = nal[1..].split_at(nal.len() / 2);
                let start = [&[nal[0] & 0xe0 | 29, nal[0] & 0x1f | 0x80, a, b], head].concat();
                let end = [&[nal[0] & 0xe0 | 28, nal[0] & 0x1f | 0x40], tail].concat();
                packets.extend([packet(&start, time, false), packet(&end, time, false)]);
            } else {
                let [c, d] = (nal.len() as u16).to_be_bytes();
                packets.push(packet(&[&[0x79, a, b, c, d], &nal[..]].concat(), time, false));
            }
        }
        let interleaving = Interleaving { depth: 8, max_don_diff: None };
        let mut receiver = Receiver::new(Options { interleaving, ..Options::default() });
        for (i, packet) in packets.into_iter().enumerate() {
            if lossy && i > 0 && lost[i % lost.len()] {
                receiver.gap(1);
            } else {
                receiver.push(packet);
            }
        }
        if lossy {
            // What is missing at the very ends cannot be told.
            let out = receiver.finish();
            if out.len() > 2 {
                check(&units, &out[1..out.len() - 1])?;
            }
        } else {
            let out = receiver.finish();
            prop_assert_eq!(out.into_iter().map(|out| out.nals).collect::<Vec<_>>(), units);
        }
    }

    #[test]
    fn byte_stream_of_any_nal_units_is_split_into_them(
        nals in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 1..10),
        long in any::<bool>(),
        piece in 1usize..50,
    ) {
        // NAL units without start codes within and zeros at the end, each its own access unit.
        let mut stream = Vec::new();
        let mut sent = Vec::new();
        for raw in nals {
            let mut nal = vec![0x67];
            rbsp::escape(raw.into_iter().chain([0x80]), &mut nal);
            stream.extend(&[0, 0, 0, 1][usize::from(!long)..]);
            stream.extend(&nal);
            sent.push(nal);
        }
        prop_assert_eq!(annex_b::nals(&stream).collect::<Vec<_>>(), sent.clone());
        let mut splitter = annex_b::Splitter::new();
        for piece in stream.chunks(piece) {
            splitter.push(piece);
            prop_assert_eq!(splitter.pop(), Ok(None));
        }
        splitter.finish();
        let unit = splitter.pop().unwrap().unwrap();
        prop_assert_eq!(unit.nals().collect::<Vec<_>>(), sent);
    }

    #[test]
    fn any_bytes_are_survived(
        payloads in prop::collection::vec(
            (prop_oneof![Just(24u8), Just(25), Just(26), Just(27), Just(28), Just(29), any::<u8>()],
             prop::collection::vec(prop_oneof![Just(0u8), Just(0x81), 0u8..32, any::<u8>()], 0..60)),
            0..30,
        ),
        depth in 0u16..4,
        marker in 1usize..6,
        gap in 1usize..9,
    ) {
        let interleaving = Interleaving { depth, max_don_diff: (depth == 3).then_some(2) };
        let mut receiver = Receiver::new(Options { interleaving, ..Options::default() });
        for (i, (first, rest)) in payloads.iter().enumerate() {
            let payload = [&[*first], &rest[..]].concat();
            let _ = inspect(&payload);
            if i % gap == 0 {
                receiver.gap(1);
            }
            receiver.push(packet(&payload, (i / 3) as u32, i % marker == 0));
        }
        receiver.finish();
        let stream: Vec<u8> = payloads.into_iter().flat_map(|(_, bytes)| bytes).collect();
        let mut splitter = annex_b::Splitter::new();
        splitter.push(&stream);
        splitter.finish();
        while let Ok(Some(unit)) = splitter.pop() {
            assert!(unit.nals().len() > 0);
        }
        avcc::nals(&stream, 2).for_each(drop);
    }

    #[test]
    fn any_parameter_set_is_survived(
        bytes in prop::collection::vec(any::<u8>(), 0..60), flip in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let mut sets = ParameterSets::new();
        for header in [0x67, 0x68] {
            sets.store(&[&[header], &bytes[..]].concat());
        }
        // A real one with one bit changed.
        let stream = include_bytes!("../../../../testdata/h264/interlaced.264");
        let nals: Vec<_> = annex_b::nals(stream).collect();
        for nal in nals.iter().take(3) {
            let mut nal = nal.to_vec();
            let at = flip.index(nal.len());
            nal[at] ^= 1 << bit;
            sets.store(&nal);
        }
        let _ = (sets.resolution(), sets.profile_level_id());
        let mut boundary = Boundary::new();
        for nal in nals {
            let mut nal = nal.to_vec();
            let at = flip.index(nal.len().min(12));
            nal[at] ^= 1 << bit;
            boundary.begins_access_unit(&nal);
        }
    }
}
