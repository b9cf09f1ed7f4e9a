//! Sends at the pace of the stream, without drift.

use std::time::{Duration, Instant};

use crate::signal::Stop;

/// Later than this (the machine slept, the network stood still) the stream time is shifted instead
/// of sending everything missed in one burst.
const MAX_LATE: Duration = Duration::from_secs(1);

/// What tells and passes time.
pub(crate) trait Clock {
    /// Time since a start of the clock's own, monotonic.
    fn now(&self) -> Duration;
    /// Sleeps this long; false when asked to end.
    fn sleep(&mut self, time: Duration) -> bool;
}

/// The machine's monotonic clock; sleeping ends at once when the program is to end.
#[derive(Debug)]
pub(crate) struct SystemClock {
    start: Instant,
    stop: Stop,
}

impl SystemClock {
    /// A clock that starts now.
    pub(crate) fn new(stop: Stop) -> SystemClock {
        SystemClock { start: Instant::now(), stop }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&mut self, time: Duration) -> bool {
        !self.stop.wait(time)
    }
}

/// Waits for the time of each access unit.
///
/// Every wait is for a point in time counted from the first access unit, never for a difference
/// from the one before, so errors of single waits do not add up.
#[derive(Debug)]
pub(crate) struct Pacer<C> {
    clock: C,
    /// A clock time and the stream time that belongs to it.
    anchor: Option<(Duration, Duration)>,
    shifts: u64,
}

impl<C: Clock> Pacer<C> {
    /// A pacer whose stream begins with the first wait.
    pub(crate) fn new(clock: C) -> Pacer<C> {
        Pacer { clock, anchor: None, shifts: 0 }
    }

    /// Sleeps until stream time `due`; false when asked to end.
    pub(crate) fn wait(&mut self, due: Duration) -> bool {
        let now = self.clock.now();
        let (clock, stream) = *self.anchor.get_or_insert((now, due));
        let target = clock.saturating_add(due.saturating_sub(stream));
        if now.saturating_sub(target) > MAX_LATE {
            self.anchor = Some((now, due));
            self.shifts += 1;
            return self.clock.sleep(Duration::ZERO);
        }
        self.clock.sleep(target.saturating_sub(now))
    }

    /// How often the stream was shifted because more than a second was missed.
    pub(crate) fn shifts(&self) -> u64 {
        self.shifts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock whose sleeps take a fixed time too long.
    struct Fake {
        now: Duration,
        late: Duration,
    }

    impl Clock for Fake {
        fn now(&self) -> Duration {
            self.now
        }

        fn sleep(&mut self, time: Duration) -> bool {
            if !time.is_zero() {
                self.now += time + self.late;
            }
            true
        }
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn errors_of_waits_do_not_add_up() {
        let mut pacer = Pacer::new(Fake { now: ms(500), late: ms(3) });
        for frame in 0..1_000 {
            assert!(pacer.wait(ms(40) * frame));
            let lateness = pacer.clock.now - (ms(500) + ms(40) * frame);
            assert!(lateness <= ms(3), "frame {frame} is {lateness:?} late");
        }
        assert_eq!(pacer.shifts(), 0);
    }

    #[test]
    fn a_short_delay_is_caught_up_and_a_long_one_shifts_the_stream() {
        let mut pacer = Pacer::new(Fake { now: ms(0), late: ms(0) });
        pacer.wait(ms(0));
        pacer.clock.now += ms(900);
        pacer.wait(ms(40));
        assert_eq!(pacer.clock.now, ms(900), "no wait while behind");
        pacer.wait(ms(1_000));
        assert_eq!(pacer.clock.now, ms(1_000), "back in time");
        pacer.clock.now += ms(60_000);
        pacer.wait(ms(1_040));
        pacer.wait(ms(1_080));
        assert_eq!(pacer.clock.now, ms(61_040), "goes on from there at the old pace");
        assert_eq!(pacer.shifts(), 1);
    }

    #[test]
    fn the_stream_may_begin_at_any_time() {
        let mut pacer = Pacer::new(Fake { now: ms(10), late: ms(0) });
        pacer.wait(ms(5_000));
        pacer.wait(ms(5_040));
        assert_eq!(pacer.clock.now, ms(50));
    }

    #[test]
    fn a_request_to_end_ends_the_wait() {
        let stop = Stop::default();
        stop.request();
        let mut pacer = Pacer::new(SystemClock::new(stop));
        assert!(!pacer.wait(Duration::ZERO));
        assert!(!pacer.wait(Duration::from_secs(60)));
    }
}
