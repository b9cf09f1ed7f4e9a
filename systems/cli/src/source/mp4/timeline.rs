//! From the media times of a track to stream time: timescale and edit list
//! (ISO/IEC 14496-12 8.6.6).

use mp4_atom::Trak;

use super::index::Sample;

/// Where a track's media lie on the movie's time line.
///
/// Of an edit list the usual form counts: empty edits, which delay the track, then one edit, whose
/// media time is where presentation begins (encoders' delay, B-frame reordering, a trimmed start).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timeline {
    timescale: i128,
    /// Media time at which presentation begins.
    start: i64,
    /// Delay by empty edits, in nanoseconds.
    delay: i128,
}

const NANOSECONDS: i128 = 1_000_000_000;

impl Timeline {
    /// Reads the edit list; `None` when the track has no timescale.
    pub(super) fn new(track: &Trak, movie_timescale: u32) -> Option<Timeline> {
        let timescale = i128::from(track.mdia.mdhd.timescale);
        if timescale == 0 {
            return None;
        }
        let mut timeline = Timeline { timescale, start: 0, delay: 0 };
        let edits = track.edts.as_ref().and_then(|edits| edits.elst.as_ref());
        for edit in edits.map(|list| list.entries.as_slice()).unwrap_or_default() {
            match edit.media_time {
                Some(start) => {
                    timeline.start = i64::try_from(start).unwrap_or(i64::MAX);
                    break;
                }
                None if movie_timescale > 0 => {
                    let length = i128::from(edit.segment_duration) * NANOSECONDS;
                    timeline.delay += length / i128::from(movie_timescale);
                }
                None => {}
            }
        }
        Some(timeline)
    }

    /// Nanoseconds from the start of the presentation to this media time; negative before it.
    ///
    /// Rounded up, so that turning it back into ticks of the same clock gives the same tick.
    pub(super) fn nanoseconds(&self, media_time: i64) -> i128 {
        let ticks = (i128::from(media_time) - i128::from(self.start)) * NANOSECONDS;
        self.delay - (-ticks).div_euclid(self.timescale)
    }

    /// The first sample to send: the one from which what is shown first can be decoded.
    ///
    /// Video begins at the last sync sample shown at or before the start. AAC begins one frame
    /// earlier than the start, as each frame is decoded with the overlap of the one before.
    pub(super) fn first_sample(&self, samples: &[Sample], video: bool) -> usize {
        let shown = |sample: &Sample| sample.dts.saturating_add(i64::from(sample.composition));
        if video {
            let early = |sample: &Sample| sample.sync && shown(sample) <= self.start;
            return samples.iter().rposition(early).unwrap_or(0);
        }
        let first = samples.partition_point(|sample| {
            sample.dts.saturating_add(i64::from(sample.duration)) <= self.start
        });
        first.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(dts: i64, composition: i32, sync: bool) -> Sample {
        Sample { offset: 0, size: 1, dts, duration: 10, composition, sync }
    }

    #[test]
    fn times_come_back_as_the_same_ticks() {
        let timeline = Timeline { timescale: 44_100, start: 1_024, delay: 0 };
        for tick in (0..10_000_000).step_by(1_024) {
            let time = timeline.nanoseconds(tick);
            let floor = (time * 44_100).div_euclid(NANOSECONDS);
            assert_eq!(floor, i128::from(tick) - 1_024);
        }
    }

    #[test]
    fn a_trimmed_start_begins_at_the_sync_sample_before() {
        let timeline = Timeline { timescale: 100, start: 45, delay: 0 };
        let samples: Vec<_> = (0..10).map(|i| sample(i * 10, 20, i % 2 == 0)).collect();
        assert_eq!(timeline.first_sample(&samples, true), 2, "shown at 40");
        assert_eq!(timeline.first_sample(&samples, false), 3, "one before that of 40 to 50");
    }
}
