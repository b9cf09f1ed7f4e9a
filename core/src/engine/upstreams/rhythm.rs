//! How regularly a stream comes, and so how long a silence means that its source is gone.

use std::time::Duration;

/// A silence this short is never taken for the end: networks and schedulers pause for as long.
const FLOOR: Duration = Duration::from_millis(80);
/// Pauses shorter than this lie within a frame and say nothing.
const PAUSE: Duration = Duration::from_millis(1);
/// Pauses that are to be known before a silence is judged by them.
const KNOWN: u32 = 16;
/// How long a silence may be before they are.
const UNKNOWN: Duration = Duration::from_secs(3);
/// How much time, and how many pauses at least, one period of the memory spans.
const PERIOD: Duration = Duration::from_secs(1);
const PAUSES: u32 = 8;
/// Periods remembered.
const PERIODS: usize = 8;

/// The longest pauses of a stream in the last seconds; of one that comes seldom, in its last packets.
#[derive(Debug, Default)]
pub(in crate::engine) struct Rhythm {
    /// When somebody began to feed the stream.
    began: Duration,
    /// When something came last.
    last: Duration,
    /// Pauses ever.
    known: u32,
    /// The longest pause of each period.
    longest: [Duration; PERIODS],
    present: usize,
    /// When the present period began, and its pauses so far.
    since: Duration,
    pauses: u32,
    /// The longest pause since a switch began; then no pause is the stream's own.
    switching: Option<Duration>,
}

impl Rhythm {
    /// Somebody feeds the stream from now on.
    pub(in crate::engine) fn begin(&mut self, now: Duration) {
        self.began = now;
    }

    /// Something new has come.
    pub(in crate::engine) fn heard(&mut self, now: Duration) {
        let pause = now.saturating_sub(self.last);
        let first = self.last.is_zero();
        self.last = now;
        match &mut self.switching {
            Some(longest) => *longest = pause.max(*longest),
            None if pause >= PAUSE && !first => self.learn(pause, now),
            None => {}
        }
    }

    fn learn(&mut self, pause: Duration, now: Duration) {
        self.known = self.known.saturating_add(1);
        self.pauses += 1;
        if let Some(longest) = self.longest.get_mut(self.present) {
            *longest = pause.max(*longest);
        }
        if self.pauses >= PAUSES && now.saturating_sub(self.since) >= PERIOD {
            (self.since, self.pauses) = (now, 0);
            self.present = (self.present + 1) % PERIODS;
            if let Some(longest) = self.longest.get_mut(self.present) {
                *longest = Duration::ZERO;
            }
        }
    }

    /// How long a pause may be. Not much longer than those before: that nothing comes is only a reason to ask a
    /// standby, which changes nothing when the pause is the stream's own.
    pub(in crate::engine) fn patience(&self) -> Duration {
        let longest = self.longest.iter().max().copied().unwrap_or_default();
        FLOOR.max(longest * 3 / 2)
    }

    /// Whether the stream has been silent for longer than its own rhythm explains.
    pub(in crate::engine) fn is_silent(&self, now: Duration) -> bool {
        let longest = self.patience();
        let patience = if self.known >= KNOWN { longest } else { longest.max(UNKNOWN) };
        now.saturating_sub(self.last.max(self.began)) > patience
    }

    /// Pauses are not the stream's own from now on.
    pub(in crate::engine) fn begin_switch(&mut self) {
        self.switching.get_or_insert_default();
    }

    /// Pauses are the stream's own again. Returns the longest one since they were not.
    pub(in crate::engine) fn end_switch(&mut self) -> Duration {
        self.switching.take().unwrap_or_default()
    }

    /// The silence was the stream's own: it is not to be taken for the end again.
    pub(in crate::engine) fn excuse(&mut self, now: Duration) {
        let pause = now.saturating_sub(self.last.max(self.began));
        self.learn(pause, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// A stream with a frame, of some packets, each `interval` for `seconds`; ends at the time returned.
    fn stream(rhythm: &mut Rhythm, from: Duration, interval: Duration, seconds: u64) -> Duration {
        let mut now = from;
        while now < from + Duration::from_secs(seconds) {
            now += interval;
            for packet in 0..3 {
                rhythm.heard(now + Duration::from_micros(100 * packet));
            }
        }
        now
    }

    #[test]
    fn a_regular_stream_is_missed_soon_and_a_slow_one_later() {
        for (interval, missed) in [(20, 80), (33, 80), (200, 300), (5000, 7500)] {
            let mut rhythm = Rhythm::default();
            let now = stream(&mut rhythm, ms(1), ms(interval), interval);
            assert!(!rhythm.is_silent(now + ms(missed - 1)), "{interval}");
            assert!(rhythm.is_silent(now + ms(missed + 2)), "{interval}");
        }
    }

    #[test]
    fn a_stream_that_is_not_known_yet_is_given_more_time() {
        let mut rhythm = Rhythm::default();
        rhythm.begin(ms(1000));
        assert!(!rhythm.is_silent(ms(1000) + UNKNOWN));
        assert!(rhythm.is_silent(ms(1001) + UNKNOWN));
        (1..10).for_each(|n| rhythm.heard(ms(1000 + n * 40)));
        assert!(!rhythm.is_silent(ms(1360) + UNKNOWN));
        assert!(rhythm.is_silent(ms(1361) + UNKNOWN));
        // It was the stream's own.
        rhythm.excuse(ms(6000));
        assert!(!rhythm.is_silent(ms(1360 + 4640 * 3 / 2)));
    }

    #[test]
    fn a_pause_of_its_own_is_remembered_for_a_while() {
        let mut rhythm = Rhythm::default();
        let now = stream(&mut rhythm, ms(1), ms(40), 3);
        let again = now + ms(400);
        assert!(rhythm.is_silent(again));
        rhythm.excuse(again);
        assert_eq!(rhythm.patience(), ms(600) - Duration::from_micros(300));
        let now = stream(&mut rhythm, again, ms(40), 20);
        assert_eq!(rhythm.patience(), FLOOR);
        assert!(rhythm.is_silent(now + FLOOR + ms(1)));
    }

    #[test]
    fn pauses_of_a_switch_are_told_and_not_learnt() {
        let mut rhythm = Rhythm::default();
        let now = stream(&mut rhythm, ms(1), ms(40), 3);
        rhythm.begin_switch();
        rhythm.heard(now + ms(300));
        rhythm.heard(now + ms(310));
        assert!(rhythm.end_switch() >= ms(299));
        assert!(rhythm.patience() <= ms(100));
    }
}
