use std::time::Duration;

use super::*;
use crate::source::fixtures::{self, take};

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn stream() -> Vec<u8> {
    std::fs::read(fixtures::path("bframes.264")).unwrap()
}

/// The same video as in `bframes.mp4`, whose times ffprobe tells.
#[test]
fn a_byte_stream_with_b_frames_gets_its_presentation_times() {
    let mut source = file(fixtures::open("bframes.264"), None, false).unwrap();
    let Some(Track::H264 { parameter_sets }) = source.tracks().first() else { panic!() };
    assert_eq!(parameter_sets.iter().map(|set| set[0] & 0x1f).collect::<Vec<_>>(), [7, 8]);
    let given = take(&mut source, 1_000);
    assert_eq!(given.len(), 50);
    let shown = [0, 120, 40, 80, 240, 160, 200, 360].map(millis);
    for (number, (picture, shown)) in given.iter().zip(shown).enumerate() {
        assert_eq!(picture.dts, millis(40) * number as u32, "the stream says 25 a second");
        assert_eq!(picture.pts, shown);
    }
    // Every picture is shown at a time of its own, without a gap.
    let mut times: Vec<_> = given.iter().map(|picture| picture.pts).collect();
    times.sort();
    for (number, time) in times.iter().enumerate() {
        assert_eq!(*time, millis(40) * number as u32);
    }
}

#[test]
fn a_loop_goes_on_with_continuous_times() {
    let mut source = file(fixtures::open("bframes.264"), Some(50.0), true).unwrap();
    let given = take(&mut source, 150);
    assert_eq!(given.len(), 150);
    for (number, picture) in given.iter().enumerate() {
        assert_eq!(picture.dts, millis(20) * number as u32);
        assert_eq!(picture.parts, given[number % 50].parts);
        assert_eq!(picture.pts, given[number % 50].pts + millis(1_000) * (number / 50) as u32);
    }
}

#[test]
fn a_pipe_gives_the_same_pictures() {
    let mut from_file = file(fixtures::open("bframes.264"), Some(25.0), false).unwrap();
    let mut from_pipe = live(Box::new(io::Cursor::new(stream())), Some(25.0)).unwrap();
    assert_eq!(take(&mut from_file, 100), take(&mut from_pipe, 100));
}

/// Without a rate of the user's, times follow arrival, smoothed by the stream's own rate; a pipe
/// that gives everything at once is held back.
#[test]
fn a_live_pipe_sets_the_pace() {
    let mut source = live(Box::new(io::Cursor::new(stream())), None).unwrap();
    let mut unit = Unit::default();
    let mut last = None;
    for number in 0..50 {
        match source.due() {
            None => assert!(number <= 14, "held back from half a second on: {number}"),
            Some(due) => assert!(number >= 12 && due < millis(40) * number),
        }
        assert!(source.next(&mut unit).unwrap());
        assert!(Some(unit.dts) > last);
        last = Some(unit.dts);
    }
    assert!(!source.next(&mut unit).unwrap());
}

#[test]
fn what_is_no_byte_stream_is_told() {
    assert!(is_byte_stream(&fixtures::open("bframes.264")).unwrap());
    assert!(!is_byte_stream(&fixtures::open("bframes.mp4")).unwrap());
    let error = |bytes: &[u8]| {
        live(Box::new(io::Cursor::new(bytes.to_vec())), None).err().expect("no H.264").to_string()
    };
    assert!(error(b"").contains("ends before the first picture"));
    assert!(error(b"#EXTM3U and so on").contains("start code"));
    // A stream that was cut before its first slice.
    let stream = stream();
    assert!(error(&stream[..20]).contains("ends before the first picture"));
}
