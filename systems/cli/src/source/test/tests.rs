use std::time::{Duration, SystemTime};

use openh264::decoder::Decoder;
use openh264::formats::YUVSource;

use super::*;
use crate::source::fixtures::{Given, take};

fn options() -> TestOptions {
    TestOptions { size: (320, 240), fps: 25.0, bitrate: 300_000, gop: Duration::from_secs(1) }
}

fn kinds(picture: &Given) -> Vec<u8> {
    picture.parts.iter().map(|part| part[0] & 0x1f).collect()
}

#[test]
fn pictures_and_tone_are_due_in_turn_and_carry_the_clock() {
    let before = SystemTime::now();
    let mut source = TestSource::new(&options()).unwrap();
    let given = take(&mut source, 52 * 25 / 10);
    assert!(given.is_sorted_by_key(|one| one.dts));
    let video: Vec<_> = given.iter().filter(|one| one.track == VIDEO).collect();
    let audio: Vec<_> = given.iter().filter(|one| one.track == AUDIO).collect();
    assert!(video.len() >= 40 && audio.len() >= 60);
    let mut last = before;
    for (number, picture) in video.iter().enumerate() {
        assert_eq!(picture.dts, Duration::from_millis(40) * number as u32);
        assert_eq!(picture.pts, picture.dts);
        let expected: &[u8] = if number % 25 == 0 { &[7, 8, 6, 5] } else { &[6, 1] };
        assert_eq!(kinds(picture), expected, "picture {number}");
        let stamp = picture.parts.iter().find_map(|part| clock::find(part)).unwrap();
        assert_eq!(stamp.frame, number as u64);
        assert!(stamp.captured >= last && stamp.captured <= SystemTime::now());
        last = stamp.captured;
    }
}

#[test]
fn a_key_frame_comes_when_it_is_asked_for() {
    let options = TestOptions { gop: Duration::from_secs(60), ..options() };
    let mut source = TestSource::new(&options).unwrap();
    let mut unit = Unit::default();
    let mut picture = |source: &mut TestSource| loop {
        assert!(source.next(&mut unit).unwrap());
        if unit.track == VIDEO {
            return unit.parts().any(|nal| nal[0] & 0x1f == 5);
        }
    };
    assert!(picture(&mut source));
    assert!(!picture(&mut source));
    source.force_key_frame();
    assert!(picture(&mut source));
    assert!(!picture(&mut source));
}

#[test]
fn a_decoder_shows_what_was_drawn() {
    let mut source = TestSource::new(&options()).unwrap();
    let mut decoder = Decoder::new().unwrap();
    let pictures = take(&mut source, 40);
    let mut shown = 0;
    for picture in pictures.iter().filter(|one| one.track == VIDEO) {
        let mut stream = Vec::new();
        for part in &picture.parts {
            stream.extend_from_slice(&[0, 0, 0, 1]);
            stream.extend_from_slice(part);
        }
        let decoded = decoder.decode(&stream).unwrap().expect("no picture is held back");
        assert_eq!(decoded.dimensions(), (320, 240));
        // The bars: white at the left edge, black at the right.
        assert!(decoded.y()[10].abs_diff(180) < 12 && decoded.y()[310].abs_diff(16) < 12);
        shown += 1;
    }
    assert!(shown >= 8);
}

#[test]
fn the_bit_rate_is_kept() {
    let mut source = TestSource::new(&options()).unwrap();
    let given = take(&mut source, 400);
    let seconds = given.last().unwrap().dts.as_secs_f64();
    let bytes: usize = given
        .iter()
        .filter(|one| one.track == VIDEO)
        .flat_map(|one| &one.parts)
        .map(Vec::len)
        .sum();
    let rate = bytes as f64 * 8.0 / seconds;
    assert!((100_000.0..450_000.0).contains(&rate), "{rate} bit/s of 300000");
}

#[test]
fn impossible_options_are_refused_in_a_sentence() {
    let refused = |change: fn(&mut TestOptions)| {
        let mut options = options();
        change(&mut options);
        TestSource::new(&options).err().expect("refused").to_string()
    };
    assert!(refused(|options| options.size = (321, 240)).contains("321x240"));
    assert!(refused(|options| options.size = (7_680, 4_320)).contains("at most 3840x2160"));
    assert!(refused(|options| options.fps = 0.0).contains("1 to 240"));
    assert!(refused(|options| options.bitrate = 1).contains("1 bit/s"));
    assert!(refused(|options| options.gop = Duration::ZERO).contains("600 s"));
}

/// What a machine spends on the picture, for `cargo test -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn cost_of_the_default_picture() {
    let mut source = TestSource::new(&TestOptions::default()).unwrap();
    let begun = std::time::Instant::now();
    let given = take(&mut source, 10 * 77);
    let bytes: usize = given
        .iter()
        .filter(|one| one.track == VIDEO)
        .flat_map(|one| &one.parts)
        .map(Vec::len)
        .sum();
    let largest = given.iter().map(|one| one.parts.iter().map(Vec::len).sum::<usize>()).max();
    println!(
        "{:?} for {:?} of picture and tone, {bytes} bytes, largest {largest:?}",
        begun.elapsed(),
        given.last().map(|one| one.dts)
    );
}
