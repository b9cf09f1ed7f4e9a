use super::timing::{decode_times, runs};
use super::*;
use mp4_atom::{Atom, Codec, Decode, Moov};
use std::io::Cursor;

const AT: Duration = Duration::from_secs(1);

fn at(millis: u64) -> Duration {
    AT + Duration::from_millis(millis)
}

fn avc(level: u8) -> Description {
    Description::Avc {
        sps: vec![vec![0x67, 66, 0xc0, level, 1, 2, 3]],
        pps: vec![vec![0x68, 1, 2]],
        picture: Picture { width: 640, height: 360, high: None },
    }
}

fn written(writer: Writer<Cursor<Vec<u8>>>) -> (Vec<u8>, Moov) {
    let file = writer.finish().expect("the file is written").into_inner();
    let at = file.windows(4).rposition(|w| w == Moov::KIND.as_ref()).expect("moov") - 4;
    let moov = Moov::decode(&mut Cursor::new(&file[at..])).expect("moov is readable");
    (file, moov)
}

#[test]
fn without_b_frames_both_times_are_the_same() {
    let timing = decode_times(&[3000, 6000, 9000]).expect("samples");
    assert_eq!(timing.durations, [3000, 3000, 3000]);
    assert_eq!(timing.offsets, [0, 0, 0]);
    assert_eq!((timing.delay, timing.first_pts, timing.presented), (0, 3000, 9000));
}

#[test]
fn b_frames_make_decoding_run_ahead_by_a_constant() {
    // I0 P3 B1 B2 P6 B4 B5, as an encoder with two B-frames sends them.
    let timing = decode_times(&[0, 3, 1, 2, 6, 4, 5]).expect("samples");
    assert_eq!(timing.delay, 1);
    assert_eq!(timing.durations, [1; 7]);
    assert_eq!(timing.offsets, [1, 3, 0, 0, 3, 0, 0]);
}

#[test]
fn a_gap_in_time_stays_a_gap() {
    let timing = decode_times(&[0, 10, 50, 60]).expect("samples");
    assert_eq!(timing.durations, [10, 40, 10, 10]);
    assert_eq!(timing.presented, 70);
}

#[test]
fn no_samples_have_no_times() {
    assert_eq!(decode_times(&[]), None);
    assert_eq!(runs::<u8>(&[]), []);
    assert_eq!(runs(&[1, 1, 2]), [(2, 1), (1, 2)]);
}

#[test]
fn sizes_offsets_and_key_frames_point_at_the_samples() {
    let mut writer = Writer::new(Cursor::new(Vec::new())).expect("begun");
    let video = writer.add_track(90_000);
    let audio = writer.add_track(48_000);
    writer.describe(video, avc(30)).expect("described");
    let aac = Description::Aac { config: vec![0x11, 0x90], channels: 2, sample_rate: 48_000 };
    writer.describe(audio, aac).expect("described");
    writer.write(video, 0, AT, true, [&b"ke"[..], b"y"].into_iter()).expect("written");
    writer.write(video, 3000, at(33), false, [&b"delta"[..]].into_iter()).expect("written");
    writer.write(audio, 0, at(500), true, [&b"sound"[..]].into_iter()).expect("written");
    writer.write(video, 6000, at(70), false, [&b"last"[..]].into_iter()).expect("written");
    let (file, moov) = written(writer);

    let stbl = &moov.trak[0].mdia.minf.stbl;
    let offsets = &stbl.co64.as_ref().expect("offsets").entries;
    let bytes = |offset: u64, len: usize| &file[offset as usize..offset as usize + len];
    assert_eq!(bytes(offsets[0], 8), b"keydelta");
    assert_eq!(bytes(offsets[1], 4), b"last");
    assert_eq!(stbl.stss.as_ref().expect("key frames").entries, [1]);
    assert!(stbl.ctts.is_none());
    assert_eq!(stbl.stsz.samples, mp4_atom::StszSamples::Different { sizes: vec![3, 5, 4] });
    let sound = &moov.trak[1];
    assert!(sound.mdia.minf.stbl.stss.is_none());
    let edits = &sound.edts.as_ref().and_then(|e| e.elst.as_ref()).expect("edit list").entries;
    assert_eq!(edits[0].media_time, None);
    // 3000 units of 90 kHz are 33.3 ms, so the video's second sample was 0.3 ms early.
    assert_eq!(edits[0].segment_duration, 45_029);

    let mdat = file.windows(4).position(|w| w == b"mdat").expect("mdat") - 4;
    let size = u64::from_be_bytes(file[mdat + 8..mdat + 16].try_into().expect("eight bytes"));
    let moov_at = file.windows(4).rposition(|w| w == b"moov").expect("moov") - 4;
    assert_eq!(mdat as u64 + size, moov_at as u64);
}

#[test]
fn sender_reports_put_the_tracks_together_whatever_the_arrivals_say() {
    let mut writer = Writer::new(Cursor::new(Vec::new())).expect("begun");
    let video = writer.add_track(90_000);
    let audio = writer.add_track(48_000);
    writer.describe(video, avc(30)).expect("described");
    let aac = Description::Aac { config: vec![0x11, 0x90], channels: 2, sample_rate: 48_000 };
    writer.describe(audio, aac).expect("described");
    writer.write(video, 900_000, AT, true, [&b"key"[..]].into_iter()).expect("written");
    writer.write(audio, 5_000, at(500), true, [&b"sound"[..]].into_iter()).expect("written");
    // Video began at wall clock 9 s (a second before the report), audio at 8.9 s.
    writer.synchronise(video, 990_000, 10_000_000_000);
    writer.synchronise(audio, 57_800, 10_000_000_000);
    let (_, moov) = written(writer);
    let edits = |trak: usize| {
        let edts = moov.trak[trak].edts.as_ref().and_then(|edts| edts.elst.as_ref());
        edts.expect("an edit list").entries.clone()
    };
    assert_eq!(edits(0)[0].media_time, None);
    assert_eq!(edits(0)[0].segment_duration, 9_000);
    assert_eq!(edits(1).len(), 1);
}

#[test]
fn changed_parameter_sets_begin_a_new_sample_description() {
    let mut writer = Writer::new(Cursor::new(Vec::new())).expect("begun");
    let video = writer.add_track(90_000);
    for (pts, level) in [(0, 30), (1, 30), (2, 40)] {
        writer.describe(video, avc(level)).expect("described");
        writer.write(video, pts, AT, true, [&b"x"[..]].into_iter()).expect("written");
    }
    let (_, moov) = written(writer);
    let stbl = &moov.trak[0].mdia.minf.stbl;
    assert_eq!(stbl.stsd.codecs.len(), 2);
    assert!(
        matches!(&stbl.stsd.codecs[1], Codec::Avc1(avc1) if avc1.avcc.avc_level_indication == 40)
    );
    let runs: Vec<_> = stbl
        .stsc
        .entries
        .iter()
        .map(|e| (e.first_chunk, e.samples_per_chunk, e.sample_description_index))
        .collect();
    assert_eq!(runs, [(1, 2, 1), (2, 1, 2)]);
}

#[test]
fn a_sample_before_its_description_is_refused() {
    let mut writer = Writer::new(Cursor::new(Vec::new())).expect("begun");
    let track = writer.add_track(90_000);
    let refused = writer.write(track, 0, AT, true, [&b"x"[..]].into_iter());
    assert!(matches!(refused, Err(Error::Unwritable)));
    assert_eq!(writer.samples(track), 0);
}
