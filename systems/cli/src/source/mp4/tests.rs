use std::io::Write;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::source::fixtures::{self, Given, take};

fn open(name: &str, repeat: bool) -> Result<Mp4Source, Error> {
    Mp4Source::new(fixtures::open(name), &fixtures::path(name), repeat)
}

fn of_track(given: &[Given], track: usize) -> Vec<&Given> {
    given.iter().filter(|one| one.track == track).collect()
}

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn tracks_that_are_left_out_are_told() {
    assert_eq!(open("mp3.mp4", false).unwrap().left_out(), ["audio track 2 (MP3)"]);
    assert!(open("bframes.mp4", false).unwrap().left_out().is_empty());
}

/// The numbers are those of `ffprobe -show_entries packet=pts,dts,size`: 50 pictures 40 ms apart,
/// the first decoded 80 ms before it is shown; 88 AAC frames.
#[test]
fn samples_come_in_decoding_order_with_presentation_times() {
    let mut source = open("bframes.mp4", false).unwrap();
    assert!(matches!(source.tracks(), [Track::H264 { .. }, Track::Aac { .. }]));
    let given = take(&mut source, 1_000);
    assert!(given.is_sorted_by_key(|one| one.dts));

    let video = of_track(&given, 0);
    assert_eq!(video.len(), 50);
    let shown = [80, 200, 120, 160, 320, 240, 280, 440].map(millis);
    for (number, (picture, shown)) in video.iter().zip(shown).enumerate() {
        assert_eq!(picture.dts, millis(40) * number as u32);
        assert_eq!(picture.pts, shown);
    }
    // Each NAL unit of a sample has four bytes of length in the file. The first picture has an SEI
    // in front, and gets the parameter sets that are in the file's header.
    let kinds: Vec<u8> = video[0].parts.iter().map(|part| part[0] & 0x1f).collect();
    assert_eq!(kinds, [7, 8, 6, 5]);
    let bytes = |one: &Given| one.parts.iter().map(|part| part.len() + 4).sum::<usize>();
    assert_eq!(
        video[1..8].iter().map(|one| bytes(one)).collect::<Vec<_>>(),
        [80, 13, 15, 113, 17, 12, 125]
    );

    let audio = of_track(&given, 1);
    assert_eq!(audio.len(), 88);
    assert_eq!(audio.iter().map(|one| one.parts[0].len()).sum::<usize>(), 6_006);
    // The encoder's delay of 1024 samples lies before the start, the first picture is shown at it.
    let start = audio[1].pts;
    assert_eq!(start, millis(80));
    for (number, frame) in audio.iter().enumerate().skip(1) {
        let samples = (frame.pts - start).as_nanos() * 44_100 / 1_000_000_000;
        assert_eq!(samples, 1_024 * (number as u128 - 1));
    }
}

#[test]
fn a_fragmented_file_gives_the_same_samples() {
    let whole = take(&mut open("bframes.mp4", false).unwrap(), 1_000);
    let fragmented = take(&mut open("fragmented.mp4", false).unwrap(), 1_000);
    for track in [0, 1] {
        let (whole, fragmented) = (of_track(&whole, track), of_track(&fragmented, track));
        assert_eq!(whole.len(), fragmented.len());
        // ffmpeg gave the first AAC frame of the fragmented file another length.
        let offset = whole[1].dts.abs_diff(fragmented[1].dts);
        for (one, other) in whole.iter().zip(fragmented).skip(1) {
            assert_eq!(one.parts, other.parts);
            let moved = one.dts.abs_diff(other.dts).abs_diff(offset);
            assert!(moved < Duration::from_micros(1), "{moved:?}");
        }
    }
}

#[test]
fn a_loop_goes_on_with_continuous_times() {
    let mut source = open("bframes.mp4", true).unwrap();
    let given = take(&mut source, 3 * 138);
    assert_eq!(given.len(), 3 * 138);
    assert!(given.is_sorted_by_key(|one| one.dts));
    let video = of_track(&given, 0);
    for (first, second) in video.iter().zip(video.iter().skip(50)) {
        assert_eq!(first.parts, second.parts);
        assert_eq!(second.dts - first.dts, source.length);
        assert_eq!(second.pts - first.pts, source.length);
    }
    assert!((2_000..2_200).contains(&source.length.as_millis()), "{:?}", source.length);
}

#[test]
fn what_is_wrong_is_said() {
    let text = |name| open(name, false).unwrap_err().to_string();
    assert!(text("mpeg4.mp4").contains("no H.264 track"), "{}", text("mpeg4.mp4"));
    assert!(
        text("README.md").ends_with("is neither an MP4 file nor raw H.264 (Annex B byte stream)")
    );

    let bytes = std::fs::read(fixtures::path("bframes.mp4")).unwrap();
    let moov = bytes.windows(4).position(|window| window == b"moov").unwrap();
    let cut_before = damaged(&bytes[..moov - 4]).unwrap_err().to_string();
    assert!(cut_before.contains("no `moov` box"), "{cut_before}");
    let cut_within = damaged(&bytes[..moov + 100]).unwrap_err().to_string();
    assert!(cut_within.contains("ends within its `moov` box"), "{cut_within}");
}

/// Opens these bytes as a file.
fn damaged(bytes: &[u8]) -> Result<Mp4Source, Error> {
    let mut file = tempfile();
    file.write_all(bytes).unwrap();
    Mp4Source::new(file, Path::new("damaged.mp4"), false)
}

/// A file without a name, which goes with its handle.
fn tempfile() -> File {
    use std::sync::Mutex;
    static COUNT: Mutex<u64> = Mutex::new(0);
    let number = {
        let mut count = COUNT.lock().unwrap();
        *count += 1;
        *count
    };
    let path = std::env::temp_dir().join(format!("rillcast-{}-{number}.mp4", std::process::id()));
    let file =
        File::options().read(true).write(true).create_new(true).open(&path).expect("a new file");
    std::fs::remove_file(path).expect("it was just made");
    file
}

/// Whatever the damage: an error or access units, in bounded time.
fn survive(bytes: &[u8]) {
    let Ok(mut source) = damaged(bytes) else { return };
    let mut unit = Unit::default();
    for _ in 0..2_000 {
        if !source.next(&mut unit).unwrap_or(false) {
            return;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn garbled_files_are_survived(
        fragmented: bool,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..24),
        in_description: bool,
    ) {
        let name = if fragmented { "fragmented.mp4" } else { "bframes.mp4" };
        let mut bytes = std::fs::read(fixtures::path(name)).unwrap();
        // Most of the file is media data, but the description is what is read with care.
        let moov = bytes.windows(4).position(|window| window == b"moov").unwrap();
        let from = if in_description { moov } else { 0 };
        for (place, value) in changes {
            let range = &mut bytes[from..];
            let place = place.index(range.len());
            range[place] = value;
        }
        survive(&bytes);
    }

    #[test]
    fn truncated_files_are_survived(fragmented: bool, length: prop::sample::Index) {
        let name = if fragmented { "fragmented.mp4" } else { "bframes.mp4" };
        let bytes = std::fs::read(fixtures::path(name)).unwrap();
        survive(&bytes[..length.index(bytes.len())]);
    }
}
