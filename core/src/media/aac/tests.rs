use super::*;
use proptest::prelude::*;

/// A packet without an RTP header: payload, timestamp, marker.
type Packet = (Vec<u8>, u32, bool);

fn packetize(mode: Mode, max: usize, units: &[Vec<u8>], timestamp: u32) -> Vec<Packet> {
    let mut packetizer = Packetizer::new(mode, 97, 7, 1, max);
    let units: Vec<&[u8]> = units.iter().map(Vec::as_slice).collect();
    let mut packets = Vec::new();
    let count = packetizer.packetize(&units, timestamp, 1024, |slices| {
        let packet = slices.concat();
        let header = crate::media::rtp::parse(&packet).unwrap();
        packets.push((packet[header.payload].to_vec(), header.timestamp, header.marker));
    });
    assert_eq!(count, Ok(packets.len()));
    packets
}

fn push(depacketizer: &mut Depacketizer<Vec<u8>>, (payload, timestamp, marker): Packet) {
    let length = payload.len();
    depacketizer.push(payload, 0..length, timestamp, marker);
}

fn drain(depacketizer: &mut Depacketizer<Vec<u8>>) -> Vec<(u32, Vec<u8>)> {
    std::iter::from_fn(|| depacketizer.pop()).map(|unit| (unit.timestamp, unit.to_vec())).collect()
}

#[test]
fn configuration_of_the_rfcs_examples() {
    // RFC 3640 3.3.6: 48 kHz, 5.1 channels; 3.3.5: 22.05 kHz, mono.
    assert_eq!(Config::parse(&[0x11, 0xb0]), Ok(Config::aac_lc(48000, 6)));
    assert_eq!(Config::parse(&[0x13, 0x88]), Ok(Config::aac_lc(22050, 1)));
    assert_eq!(Config::aac_lc(44100, 2).build(), [0x12, 0x10]);
}

#[test]
fn sbr_is_read_in_both_ways_of_signalling() {
    // ffmpeg's HE-AAC v2 (hierarchical): PS, core 24 kHz mono, extension 48 kHz, LC.
    let config = Config::parse(&[0xeb, 0x09, 0x88, 0x00]).unwrap();
    assert_eq!((config.object_type, config.sample_rate, config.sbr_rate), (2, 24000, Some(48000)));
    assert!(config.parametric_stereo);
    assert_eq!(config.channels(), Some(2));
    // Backward compatible: LC 24 kHz stereo, then the sync extension with 48 kHz.
    let config = Config::parse(&[0x13, 0x10, 0x56, 0xe5, 0x98]).unwrap();
    assert_eq!((config.object_type, config.sample_rate, config.sbr_rate), (2, 24000, Some(48000)));
    assert_eq!(config.build(), [0x13, 0x10, 0x56, 0xe5, 0x98]);
    assert_eq!(config.duration(48000), 2048);
}

#[test]
fn fmtp_of_ffmpeg_and_of_gstreamer_are_read() {
    let ffmpeg = [
        ("profile-level-id", "1"),
        ("mode", "AAC-hbr"),
        ("sizelength", "13"),
        ("indexlength", "3"),
        ("indexdeltalength", "3"),
        (" config", "121056E500"),
    ];
    let format = Format::from_parameters(ffmpeg).unwrap();
    assert_eq!((format.size_length, format.index_length, format.index_delta_length), (13, 3, 3));
    assert_eq!(format.config, Some(Config::aac_lc(44100, 2)));
    let gstreamer = [("SizeLength", "6"), ("MODE", "aac-lbr"), ("constantDuration", "1024")];
    let format = Format::from_parameters(gstreamer).unwrap();
    assert_eq!((format.size_length, format.index_length), (6, 2));
    assert_eq!(format.duration(48000), 1024);
}

#[test]
fn unusable_fmtp_is_refused_with_the_reason() {
    let error = |parameters: &[(&'static str, &'static str)]| {
        Format::from_parameters(parameters.iter().copied()).unwrap_err()
    };
    assert_eq!(error(&[("mode", "CELP-cbr")]), FormatError::Mode("CELP-cbr".into()));
    assert_eq!(error(&[("config", "12x0")]), FormatError::NotHex("12x0".into()));
    assert_eq!(error(&[("sizelength", "13"), ("constantsize", "9")]), FormatError::TwoSizes);
    assert!(error(&[("sizelength", "99")]).to_string().contains("sizelength=99"));
}

#[test]
fn interleaved_units_of_the_rfcs_pattern_come_out_in_order() {
    // RFC 3640 2.5: packets of AU 0 3 6, 1 4 7, 2 5 8, 9 12 15 ... with AU-Index-delta 2.
    let format = Format { max_displacement: Some(5 * 1024), ..Format::high_bit_rate() };
    let mut depacketizer = Depacketizer::new(format, 48000);
    let mut out = Vec::new();
    for group in [0u32, 9, 18] {
        for first in group..group + 3 {
            let mut payload = vec![0, 48];
            for (i, unit) in [first, first + 3, first + 6].into_iter().enumerate() {
                payload.extend(((unit as u16 + 1) << 3 | if i == 0 { 0 } else { 2 }).to_be_bytes());
            }
            for unit in [first, first + 3, first + 6] {
                payload.extend(std::iter::repeat_n(unit as u8, unit as usize + 1));
            }
            push(&mut depacketizer, (payload, first.wrapping_mul(1024).wrapping_sub(4096), true));
            out.extend(drain(&mut depacketizer));
        }
    }
    depacketizer.flush();
    out.extend(drain(&mut depacketizer));
    let expected: Vec<_> = (0..27u32)
        .map(|i| ((i * 1024).wrapping_sub(4096), vec![i as u8; i as usize + 1]))
        .collect();
    assert_eq!(out, expected);
    assert_eq!(depacketizer.counters().too_late, 0);
}

#[test]
fn units_of_constant_size_need_no_headers() {
    let format = Format { constant_size: Some(4), ..Format::default() };
    let mut depacketizer = Depacketizer::new(format, 8000);
    push(&mut depacketizer, (b"aaaabbbbcccc".to_vec(), 10, true));
    let expected = [(10, b"aaaa".to_vec()), (1034, b"bbbb".to_vec()), (2058, b"cccc".to_vec())];
    assert_eq!(drain(&mut depacketizer), expected);
}

#[test]
fn fragments_told_by_markers_alone_are_not_glued_over_a_gap() {
    let mut depacketizer = Depacketizer::new(Format::default(), 8000);
    push(&mut depacketizer, (b"one".to_vec(), 1, true));
    depacketizer.gap(1);
    push(&mut depacketizer, (b"middle".to_vec(), 2, false));
    push(&mut depacketizer, (b"end".to_vec(), 2, true));
    push(&mut depacketizer, (b"three".to_vec(), 3, true));
    assert_eq!(drain(&mut depacketizer), [(1, b"one".to_vec()), (3, b"three".to_vec())]);
}

#[test]
fn auxiliary_section_and_optional_fields_are_passed_over() {
    let format = Format {
        cts_delta_length: 8,
        dts_delta_length: 8,
        random_access_indication: true,
        auxiliary_size_length: 8,
        ..Format::high_bit_rate()
    };
    let mut bits = crate::media::bits::BitWriter::default();
    // First: size 2, index 0, no CTS, DTS -1, RAP. Second: size 1, delta 0, CTS +100, no DTS.
    for (n, value) in [(13, 2), (3, 0), (1, 0), (1, 1), (8, 0xff), (1, 1)] {
        bits.bits(n, value);
    }
    for (n, value) in [(13, 1), (3, 0), (1, 1), (8, 100), (1, 0), (1, 0)] {
        bits.bits(n, value);
    }
    let section = bits.finish();
    let mut payload = vec![0, 27 + 27];
    payload.extend(section);
    payload.extend([12, 0xab, 0xc0]); // 12 bits of auxiliary data
    payload.extend(b"AAB");
    let mut depacketizer = Depacketizer::new(format, 48000);
    push(&mut depacketizer, (payload, 5, true));
    assert_eq!(drain(&mut depacketizer), [(5, b"AA".to_vec()), (105, b"B".to_vec())]);
}

#[test]
fn low_bit_rate_mode_refuses_what_it_cannot_carry() {
    let mut packetizer = Packetizer::new(Mode::LowBitRate, 97, 7, 1, 1200);
    let error = packetizer.packetize(&[&[0; 64]], 0, 1024, |_| panic!("nothing is to be sent"));
    assert_eq!(error, Err(BadSize { size: 64, max: 63 }));
}

#[test]
fn adts_stream_is_taken_apart_and_put_together() {
    let config = Config::aac_lc(44100, 2);
    let mut stream = Vec::new();
    for unit in [&b"first"[..], b"second"] {
        stream.extend(adts::Header::new(&config, unit.len()).unwrap().write());
        stream.extend(unit);
    }
    // As ffmpeg writes it: FF F1 50 80 ...
    assert_eq!(stream[..4], [0xff, 0xf1, 0x50, 0x80]);
    let frames: Vec<_> = adts::frames(&stream).map(Result::unwrap).collect();
    assert_eq!(
        frames.iter().map(|(_, unit)| *unit).collect::<Vec<_>>(),
        [&b"first"[..], b"second"]
    );
    assert_eq!(frames[0].0.config(), config);
    stream.pop();
    assert_eq!(adts::frames(&stream).last(), Some(Err(adts::Error::Truncated)));
    assert_eq!(adts::frames(b"no adts here").next(), Some(Err(adts::Error::NoSync)));
}

proptest! {
    #[test]
    fn units_come_out_whole_or_not_at_all(
        sizes in prop::collection::vec(1usize..3000, 1..12),
        max in 128usize..1400,
        lost in prop::collection::vec(any::<bool>(), 64),
        lossy in any::<bool>(),
    ) {
        let units: Vec<Vec<u8>> =
            sizes.iter().enumerate().map(|(i, &size)| vec![i as u8; size]).collect();
        let packets = packetize(Mode::HighBitRate, max, &units, u32::MAX - 1000);
        let mut depacketizer = Depacketizer::new(Format::high_bit_rate(), 48000);
        let mut out = Vec::new();
        for (i, packet) in packets.into_iter().enumerate() {
            if lossy && lost[i % lost.len()] {
                depacketizer.gap(1);
                continue;
            }
            push(&mut depacketizer, packet);
            out.extend(drain(&mut depacketizer));
        }
        let sent: Vec<_> = (0u32..)
            .zip(&units)
            .map(|(i, unit)| ((u32::MAX - 1000).wrapping_add(i * 1024), unit.clone()))
            .collect();
        if lossy {
            let mut sent = sent.iter();
            prop_assert!(out.iter().all(|unit| sent.any(|sent| sent == unit)));
        } else {
            prop_assert_eq!(out, sent);
        }
    }

    #[test]
    fn low_bit_rate_units_share_packets(
        units in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..63), 1..40),
    ) {
        let packets = packetize(Mode::LowBitRate, 1200, &units, 0);
        prop_assert!(packets.len() <= units.len().div_ceil(16));
        let mut depacketizer = Depacketizer::new(Format::low_bit_rate(), 22050);
        packets.into_iter().for_each(|packet| push(&mut depacketizer, packet));
        let out: Vec<_> = drain(&mut depacketizer).into_iter().map(|(_, unit)| unit).collect();
        prop_assert_eq!(out, units);
    }

    #[test]
    fn any_bytes_are_survived(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..12),
        lengths in prop::array::uniform6(0u32..=32),
        timestamps in prop::collection::vec(any::<u32>(), 12),
        marker in any::<bool>(),
    ) {
        let format = Format {
            size_length: lengths[0],
            index_length: lengths[1],
            index_delta_length: lengths[2],
            cts_delta_length: lengths[3],
            dts_delta_length: lengths[4],
            auxiliary_size_length: lengths[5],
            ..Format::default()
        };
        let mut formats = vec![format, Format::high_bit_rate(), Format::low_bit_rate()];
        formats.push(Format { constant_size: Some(7), ..Format::default() });
        for format in formats {
            let mut depacketizer = Depacketizer::new(format, 48000);
            for (payload, &timestamp) in payloads.iter().zip(&timestamps) {
                push(&mut depacketizer, (payload.clone(), timestamp, marker));
            }
            depacketizer.flush();
            drain(&mut depacketizer);
        }
        for payload in &payloads {
            if let Ok(config) = Config::parse(payload) {
                // Other types, and lists of channels, have more fields than are written.
                if (1..=4).contains(&config.object_type) && config.channel_configuration != 0 {
                    prop_assert_eq!(Config::parse(&config.build()), Ok(config));
                }
            }
            let _ = adts::Header::parse(payload);
        }
    }
}
