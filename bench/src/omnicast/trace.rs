//! What nodes have received, and what is to be said of it.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::error::{Error, doing};
use super::seen::Seen;

/// Ticks a second of the RTP clock of video (RFC 6184).
const CLOCK: f64 = 90_000.0;
/// The track of the test picture.
pub(super) const VIDEO: usize = 0;

/// All frames of a node, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    frames: Vec<Seen>,
}

/// What was wrong with what a node received. All zero: nothing lost, nothing twice, nothing changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// Frames that were looked at.
    pub frames: u64,
    /// Frames that are missing, or of which a packet is.
    pub lost: u64,
    /// Frames, or packets of them, that came a second time.
    pub twice: u64,
    /// Frames with other bytes than at the first node that had them.
    pub changed: u64,
}

impl Faults {
    /// Whether there are none.
    pub fn is_clean(&self) -> bool {
        (self.lost, self.twice, self.changed) == (0, 0, 0)
    }

    /// Both together.
    pub fn and(self, other: Faults) -> Faults {
        Faults {
            frames: self.frames + other.frames,
            lost: self.lost + other.lost,
            twice: self.twice + other.twice,
            changed: self.changed + other.changed,
        }
    }
}

/// What is known of all frames: their digests, by track and RTP timestamp.
pub type Digests = HashMap<(usize, u32), u128>;

impl Trace {
    /// Reads what a node has written so far.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: &Path) -> Result<Trace, Error> {
        let text = fs::read_to_string(path).map_err(doing(format!("read {}", path.display())))?;
        // The last line may not be whole yet.
        let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
        let lines = whole.lines().filter(|line| !line.starts_with('#'));
        let wrong =
            |_| Error::Trace(format!("{}: there is a line that is no frame", path.display()));
        Ok(Trace { frames: lines.map(str::parse).collect::<Result<_, _>>().map_err(wrong)? })
    }

    /// The video frames.
    pub fn video(&self) -> impl Iterator<Item = &Seen> {
        self.frames.iter().filter(|frame| frame.track == VIDEO)
    }

    /// Looks for what is missing, came twice, or is other than `known`, to which it adds what is new.
    pub fn faults(&self, known: &mut Digests) -> Faults {
        let mut faults = Faults { frames: self.frames.len() as u64, ..Faults::default() };
        let mut seen = HashMap::new();
        let mut last: HashMap<usize, Seen> = HashMap::new();
        for frame in &self.frames {
            faults.twice += frame.twice;
            if seen.insert((frame.track, frame.time), ()).is_some() {
                faults.twice += 1;
                continue;
            }
            if let Some(before) = last.insert(frame.track, *frame) {
                let gap = frame.first != before.next() || !frame.whole;
                faults.lost += if gap { missing(&before, frame) } else { 0 };
            }
            // What is not whole is lost, not changed.
            if frame.whole {
                let first = *known.entry((frame.track, frame.time)).or_insert(frame.digest);
                faults.changed += u64::from(first != frame.digest);
            }
        }
        faults
    }

    /// How punctually the video came from `begin` to `end`, both since 1970: a frame is on time that is whole
    /// no later than `limit` after the stream's own rhythm, as a player would have it that holds so much
    /// back. `None` when nothing came.
    pub fn punctual(&self, begin: Duration, end: Duration, limit: Duration) -> Option<Punctual> {
        let within = self.video().filter(|frame| (begin..end).contains(&frame.arrival));
        let frames: Vec<&Seen> = within.collect();
        let (first, last) = (*frames.first()?, *frames.last()?);
        let mut late: Vec<f64> = frames.iter().map(|frame| lateness(frame, first)).collect();
        late.sort_unstable_by(f64::total_cmp);
        let latest = late.get(late.len() / 2)? + limit.as_secs_f64() * 1e3;
        let on_time = |frame: &&&Seen| frame.whole && lateness(frame, first) <= latest;
        // At both ends frames may be missing, too, of which nothing that came tells.
        let silent = |time: Duration| (time.saturating_sub(limit).as_secs_f64() * 30.0) as u64;
        let before = silent(first.arrival.saturating_sub(begin));
        let behind = silent(end.saturating_sub(last.arrival));
        Some(Punctual {
            due: steps(first, last) + 1 + before + behind,
            on_time: frames.iter().filter(on_time).count() as u64,
        })
    }

    /// How the video came around the moment `at`, since 1970: what came within `before` it is compared
    /// with what came within `after` it. `None` when nothing came before.
    pub fn around(&self, at: Duration, before: Duration, after: Duration) -> Option<Around> {
        let begin = at.saturating_sub(before);
        let (mut earlier, mut later): (Vec<&Seen>, Vec<&Seen>) = (Vec::new(), Vec::new());
        for frame in self.video() {
            if (begin..at).contains(&frame.arrival) {
                earlier.push(frame);
            } else if (at..at + after).contains(&frame.arrival) {
                later.push(frame);
            }
        }
        let origin = *earlier.first()?;
        let late = |frame: &&Seen| lateness(frame, origin);
        let mut usual: Vec<f64> = earlier.iter().map(late).collect();
        usual.sort_unstable_by(f64::total_cmp);
        let median = *usual.get(usual.len() / 2)?;
        let worst = |lateness: f64| (lateness - median).max(0.0);
        let last = *earlier.last()?;
        let arrivals = [last].into_iter().chain(later.iter().copied()).map(|frame| frame.arrival);
        let arrivals: Vec<Duration> = arrivals.collect();
        let pauses = arrivals.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
        let latest = later.iter().map(late).reduce(f64::max);
        // Traces are written down once a second: what is missing at the end for longer did not come.
        let heard = later.last().map_or(at, |frame| frame.arrival);
        let silence = (at + after).saturating_sub(heard);
        Some(Around {
            recovery_ms: match latest {
                Some(latest) if silence < after / 2 => worst(latest),
                // When nothing came any more, it was at least so long.
                _ => silence.as_secs_f64() * 1e3,
            },
            usual_ms: worst(*usual.last()?),
            pause_ms: pauses.max().unwrap_or(after).as_secs_f64() * 1e3,
        })
    }
}

/// How many frames there were, and how many of them came in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Punctual {
    /// Those that were sent.
    pub due: u64,
    /// Those that came whole and in time.
    pub on_time: u64,
}

impl Punctual {
    /// The share of those that came in time.
    pub fn share(&self) -> f64 {
        self.on_time as f64 / self.due.max(1) as f64
    }
}

/// How the video came around a moment.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Around {
    /// So much later than by the stream's own rhythm the latest frame came: how long a viewer waited.
    pub recovery_ms: f64,
    /// The same before that moment: what else the machine does.
    pub usual_ms: f64,
    /// The longest time between two frames; without any disturbance it is that of a frame.
    pub pause_ms: f64,
}

/// How much later a frame came than it should have, had it followed `origin` in the rhythm of their RTP
/// timestamps; in milliseconds.
fn lateness(frame: &Seen, origin: &Seen) -> f64 {
    let due = f64::from(frame.time.wrapping_sub(origin.time) as i32) / CLOCK;
    (frame.arrival.as_secs_f64() - origin.arrival.as_secs_f64() - due) * 1e3
}

/// How many frames of the video, with 30 a second as the test picture has them, it is from one to a later one.
fn steps(from: &Seen, to: &Seen) -> u64 {
    let seconds = f64::from(to.time.wrapping_sub(from.time) as i32) / CLOCK;
    // A float that is negative is brought to zero by the cast.
    (seconds * 30.0).round() as u64
}

/// How many frames are missing between two, or are not whole; at least one: of which a packet is missing.
fn missing(before: &Seen, frame: &Seen) -> u64 {
    match frame.track {
        VIDEO => steps(before, frame).saturating_sub(u64::from(frame.whole)).max(1),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frame `number` of a video with 30 a second, one packet each, so many milliseconds late.
    fn frame(number: u16, late: u64) -> Seen {
        let due = Duration::from_secs(1000) + Duration::from_secs(number.into()) / 30;
        Seen {
            track: VIDEO,
            time: u32::from(number) * 3000,
            first: number,
            packets: 1,
            key: number == 0,
            whole: true,
            twice: 0,
            arrival: due + Duration::from_millis(late),
            digest: number.into(),
        }
    }

    #[test]
    fn a_whole_stream_has_no_faults() {
        let trace = Trace { frames: (0..90).map(|number| frame(number, 5)).collect() };
        let mut known = Digests::new();
        assert!(trace.faults(&mut known).is_clean());
        assert_eq!((trace.faults(&mut known).frames, known.len()), (90, 90));
    }

    #[test]
    fn what_is_lost_twice_or_changed_is_found() {
        let mut frames: Vec<Seen> = (0..90).map(|number| frame(number, 5)).collect();
        frames[60].digest += 1;
        frames.insert(50, frames[49]);
        frames.drain(20..23);
        // The gap is right before this one; so the node says.
        frames[20].whole = false;
        let mut known = (0..90).map(|n: u16| ((VIDEO, u32::from(n) * 3000), n.into())).collect();
        let faults = Trace { frames }.faults(&mut known);
        assert_eq!(faults, Faults { frames: 88, lost: 4, twice: 1, changed: 1 });
    }

    #[test]
    fn a_pause_is_how_late_the_first_frame_after_it_is() {
        // Dead at frame 60; six frames come 150 ms late in one burst, then all is as before.
        let late = |number: u16| match number {
            60..66 => 205 - u64::from(number - 60) * 33,
            number => 5 + u64::from(number % 2),
        };
        let trace = Trace { frames: (0..120).map(|number| frame(number, late(number))).collect() };
        let second = Duration::from_secs(1);
        let at = frame(60, 0).arrival;
        let around = trace.around(at, second, second).expect("enough");
        assert!((around.recovery_ms - 199.5).abs() < 1.0, "{around:?}");
        assert!((around.usual_ms - 0.5).abs() < 1.0, "{around:?}");
        assert!((around.pause_ms - 233.0).abs() < 2.0, "{around:?}");
        assert!(trace.around(second, second, second).is_none());
    }

    #[test]
    fn frames_that_are_late_or_missing_are_not_on_time() {
        let late = |number: u16| if number == 40 { 300 } else { 5 };
        let mut frames: Vec<Seen> = (0..90).map(|number| frame(number, late(number))).collect();
        frames.drain(50..52);
        frames[60].whole = false;
        let trace = Trace { frames };
        let (begin, end) = (Duration::from_secs(1000), Duration::from_secs(1003));
        let punctual = |limit| trace.punctual(begin, end, Duration::from_millis(limit));
        assert_eq!(punctual(100), Some(Punctual { due: 90, on_time: 86 }));
        assert_eq!(punctual(500), Some(Punctual { due: 90, on_time: 87 }));
        assert_eq!(trace.punctual(end, end, end), None);
        let long = trace.punctual(begin, end + Duration::from_secs(10), end - begin);
        assert!(long.is_some_and(|punctual| punctual.due > 250), "it has stopped: {long:?}");
    }
}
