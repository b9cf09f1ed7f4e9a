//! Real streams of x264 through all forms.

use super::*;

struct Stream {
    bytes: &'static [u8],
    /// Access unit sizes as ffprobe tells them, start codes included.
    sizes: &'static [usize],
    /// Indices of the access units that ffprobe calls key.
    keys: &'static [usize],
    resolution: (u32, u32),
}

const BFRAMES: Stream = Stream {
    bytes: include_bytes!("../../../../testdata/h264/bframes.264"),
    sizes: &[4194, 1610, 747, 966, 783, 600, 3829, 1242, 643, 530, 1045, 632],
    keys: &[0, 6],
    resolution: (320, 240),
};
const REFRESH: Stream = Stream {
    bytes: include_bytes!("../../../../testdata/h264/refresh.264"),
    sizes: &[2506, 950, 451, 332, 329, 270, 1361, 344, 237, 238, 1035, 291, 212, 560, 304, 248],
    keys: REFRESH_KEYS,
    resolution: (160, 128),
};
const REFRESH_KEYS: &[usize] = &[0, 6];
const INTERLACED: Stream = Stream {
    bytes: include_bytes!("../../../../testdata/h264/interlaced.264"),
    sizes: &[2828, 896, 445, 445, 2576, 348, 386, 358],
    keys: &[0, 4],
    resolution: (176, 144),
};
const STREAMS: [Stream; 3] = [BFRAMES, REFRESH, INTERLACED];

fn split(bytes: &[u8], piece: usize) -> Vec<Vec<Vec<u8>>> {
    let mut splitter = annex_b::Splitter::new();
    let mut units = Vec::new();
    for piece in bytes.chunks(piece) {
        splitter.push(piece);
        while let Some(unit) = splitter.pop().unwrap() {
            units.push(unit.nals().map(<[u8]>::to_vec).collect());
        }
    }
    splitter.finish();
    while let Some(unit) = splitter.pop().unwrap() {
        units.push(unit.nals().map(<[u8]>::to_vec).collect());
    }
    units
}

/// Where each access unit ends in the byte stream, as ffprobe tells it.
fn probed_units(stream: &Stream) -> Vec<Vec<Vec<u8>>> {
    let mut rest = stream.bytes;
    let mut units = Vec::new();
    for &size in stream.sizes {
        let (unit, others) = rest.split_at(size);
        units.push(annex_b::nals(unit).map(<[u8]>::to_vec).collect());
        rest = others;
    }
    assert!(rest.is_empty());
    units
}

#[test]
fn access_units_of_a_byte_stream_are_those_of_ffprobe() {
    for stream in STREAMS {
        for piece in [1, 7, 1000, usize::MAX] {
            assert_eq!(split(stream.bytes, piece), probed_units(&stream));
        }
    }
}

#[test]
fn slices_without_parameter_sets_are_told_apart_by_their_first_macroblock() {
    let slices: Vec<u8> = annex_b::nals(BFRAMES.bytes)
        .filter(|nal| nal::is_vcl(nal::unit_type(nal[0])))
        .flat_map(|nal| [&[0, 0, 1], nal].concat())
        .collect();
    let units = split(&slices, 1000);
    assert_eq!(units.iter().map(Vec::len).collect::<Vec<_>>(), [3; 12]);
}

#[test]
fn prefix_nal_unit_stays_with_its_slice() {
    let units: Vec<_> = probed_units(&BFRAMES)
        .into_iter()
        .map(|unit| {
            let prefixed = |nal: Vec<u8>| match nal::unit_type(nal[0]) {
                nal::SLICE | nal::IDR => vec![vec![nal::PREFIX, 1, 2, 3], nal],
                _ => vec![nal],
            };
            unit.into_iter().flat_map(prefixed).collect::<Vec<_>>()
        })
        .collect();
    let stream: Vec<u8> =
        units.iter().flatten().flat_map(|nal| [&[0, 0, 1], &nal[..]].concat()).collect();
    let kinds = |units: &[Vec<Vec<u8>>]| -> Vec<Vec<(u8, usize)>> {
        units.iter().map(|unit| unit.iter().map(|nal| (nal[0], nal.len())).collect()).collect()
    };
    let out = split(&stream, 500);
    assert_eq!(kinds(&out), kinds(&units));
    assert!(out == units);
}

#[test]
fn bytes_that_are_no_byte_stream_are_refused() {
    let mut splitter = annex_b::Splitter::new();
    splitter.push(b"this is not video, whatever its name says");
    assert_eq!(splitter.pop(), Err(annex_b::Error::NoStartCode));
    let mut splitter = annex_b::Splitter::new();
    splitter.push(b"x\0\0\x01\x09\x10");
    assert_eq!(splitter.pop(), Err(annex_b::Error::NoStartCode));
    let mut empty = annex_b::Splitter::new();
    empty.finish();
    assert_eq!(empty.pop(), Ok(None));
}

#[test]
fn streams_survive_rtp_and_come_out_with_their_keys() {
    for stream in STREAMS {
        for max in [64, 300, DEFAULT_MAX_PAYLOAD, 60_000] {
            let units = probed_units(&stream);
            let mut packetizer = Packetizer::new(96, 1, u16::MAX - 3, max);
            let packets = units
                .iter()
                .enumerate()
                .flat_map(|(i, unit)| packetize(&mut packetizer, unit, i as u32 * 9000));
            let out = receive(packets);
            assert_eq!(out.iter().map(|out| out.nals.clone()).collect::<Vec<_>>(), units);
            assert!(out.iter().all(|out| !out.damaged && out.lost == 0));
            let keys: Vec<_> = (0..out.len()).filter(|&i| out[i].key).collect();
            assert_eq!(keys, stream.keys);
        }
    }
}

#[test]
fn relay_sees_keys_and_parameter_sets_in_single_packets() {
    for stream in STREAMS {
        for max in [64, 300, DEFAULT_MAX_PAYLOAD] {
            let mut packetizer = Packetizer::new(96, 1, 0, max);
            for (i, unit) in probed_units(&stream).iter().enumerate() {
                let packets = packetize(&mut packetizer, unit, i as u32);
                let seen: Vec<_> = packets.iter().map(|p| inspect(&p.payload)).collect();
                let key = stream.keys.contains(&i);
                assert_eq!(seen.iter().any(|seen| seen.idr || seen.recovery_point), key);
                assert_eq!(seen.iter().any(|seen| seen.parameter_sets), key);
                assert!(seen.iter().all(|seen| seen.key == (seen.idr || seen.recovery_point)));
                assert_eq!(seen.iter().filter(|seen| seen.first_slice).count(), 1);
            }
        }
    }
}

#[test]
fn relay_finds_whole_parameter_sets_in_single_packets() {
    let sps = [0x67, 0x42, 0xc0, 0x1e];
    let pps = [0x68, 0xce, 0x3c, 0x80];
    let found = |payload: &[u8]| parameter_sets(payload).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let stap = [&[0x78, 0, 4][..], &sps, &[0, 2, 0x06, 5, 0, 4], &pps].concat();
    assert_eq!(found(&stap), [sps, pps]);
    assert_eq!(found(&sps), [sps]);
    assert!(found(&[0x65, 0x88]).is_empty());
    assert!(found(&[0x7c, 0x87, 0x42]).is_empty());
    assert!(found(&[]).is_empty());
}

#[test]
fn parameter_sets_in_band_tell_resolution_and_profile() {
    for stream in STREAMS {
        let mut receiver = Receiver::new(Options::default());
        let units = probed_units(&stream);
        let mut packetizer = Packetizer::new(96, 1, 0, 300);
        packetize(&mut packetizer, &units[0], 0).into_iter().for_each(|p| receiver.push(p));
        let sets = receiver.depacketizer.parameter_sets();
        assert!(sets.is_complete());
        assert_eq!(sets.resolution(), Some(stream.resolution));
        let sps = units[0].iter().find(|nal| nal::unit_type(nal[0]) == nal::SPS).unwrap();
        assert_eq!(sets.profile_level_id().unwrap(), sps[1..4]);
        assert_eq!(sets.sequence_sets().collect::<Vec<_>>(), [sps]);
    }
}

#[test]
fn resolution_change_in_mid_stream_is_told_at_its_access_unit() {
    let mut receiver = Depacketizer::new(Options::default());
    let mut packetizer = Packetizer::new(96, 1, 0, 300);
    let mut changes = Vec::new();
    for (i, stream) in [BFRAMES, BFRAMES, REFRESH].iter().enumerate() {
        for (j, unit) in probed_units(stream).iter().enumerate() {
            for packet in packetize(&mut packetizer, unit, (i * 100 + j) as u32) {
                let length = packet.payload.len();
                receiver.push(packet.payload, 0..length, packet.timestamp, packet.marker);
            }
            while let Some(unit) = receiver.pop() {
                if unit.parameter_sets_changed {
                    changes.push((unit.timestamp, receiver.parameter_sets().resolution()));
                }
            }
        }
    }
    assert_eq!(changes, [(0, Some((320, 240))), (200, Some((160, 128)))]);
}

#[test]
fn parameter_sets_of_sdp_are_known_from_the_start() {
    let units = probed_units(&BFRAMES);
    let sets = ParameterSets::from_nals(units[0].iter().map(Vec::as_slice));
    assert_eq!(sets.nals().count(), 2);
    let options = Options { parameter_sets: sets, ..Options::default() };
    let depacketizer: Depacketizer<Vec<u8>> = Depacketizer::new(options);
    assert_eq!(depacketizer.parameter_sets().resolution(), Some((320, 240)));
}

#[test]
fn fragments_are_of_equal_size_but_the_last() {
    let nal: Vec<u8> = std::iter::once(0x65).chain((0..5000).map(|i| i as u8)).collect();
    let mut packetizer = Packetizer::new(96, 1, 0, DEFAULT_MAX_PAYLOAD);
    let packets = packetize(&mut packetizer, &[nal], 0);
    let sizes: Vec<_> = packets.iter().map(|packet| packet.payload.len()).collect();
    assert_eq!(sizes, [1200, 1200, 1200, 1200, 210]);
    let markers: Vec<_> = packets.iter().map(|packet| packet.marker).collect();
    assert_eq!(markers, [false, false, false, false, true]);
}

#[test]
fn small_nal_units_share_a_packet_with_the_greatest_reference_value() {
    let mut packetizer = Packetizer::new(96, 1, 0, DEFAULT_MAX_PAYLOAD);
    let packets = packetize(&mut packetizer, &[&[0x09, 0x10][..], &[0x67, 1], &[0x06, 2]], 0);
    assert_eq!(packets, [packet(&[0x78, 0, 2, 0x09, 0x10, 0, 2, 0x67, 1, 0, 2, 0x06, 2], 0, true)]);
}

#[test]
fn nal_units_that_rtp_cannot_carry_are_passed_over_and_the_marker_stays() {
    let mut packetizer = Packetizer::new(96, 1, 0, DEFAULT_MAX_PAYLOAD);
    let packets = packetize(&mut packetizer, &[&[0x65, 1][..], &[24, 1], &[], &[0, 1]], 0);
    assert_eq!(packets, [packet(&[0x65, 1], 0, true)]);
    assert_eq!(packetizer.skipped(), 3);
}

#[test]
fn clock_in_user_data_travels_through_fragments() {
    let uuid = *b"rillcast-a-clock";
    let data: Vec<u8> = (0..400).map(|i| (i % 3) as u8).collect();
    let clock = sei::build_user_data(&uuid, &data);
    let mut packetizer = Packetizer::new(96, 1, 0, 64);
    let mut receiver = Depacketizer::new(Options::default());
    for packet in packetize(&mut packetizer, &[clock, vec![0x65, 0x88]], 0) {
        let length = packet.payload.len();
        receiver.push(packet.payload, 0..length, 0, packet.marker);
    }
    assert_eq!(receiver.pop().unwrap().user_data(&uuid), Some(data));
}
