//! What the uplink carries, found out by sending something over it.
//!
//! Pieces of a known size are sent to the proxy server, which answers each when it has all of it. How fast the answers come,
//! once the window has opened, is how fast the pieces pass. Does no I/O and reads no clock.
//!
//! # What it cannot say
//!
//! * It is the way to the proxy server that is measured: what that one can take in bounds it, and what else uses the way at that
//!   time is not free.
//! * No more can be found than the largest window in a round trip: 512 KiB, at 20 ms some 200 Mbit/s.
//! * It costs [`PIECES`] pieces at most, 1.3 MB, and begins none after [`TIME`]. Over a thin uplink few pass in that time, and
//!   the first few pass more slowly than the rest: it finds less rather than more.

use std::time::Duration;

/// Bytes of a piece.
pub const PIECE: u32 = 32_000;
/// Pieces of a test, at most.
pub const PIECES: u32 = 40;
/// When no further piece is begun.
pub const TIME: Duration = Duration::from_secs(2);
/// Pieces that are on their way at once, at most.
const WINDOW: u32 = 16;

/// A test of the uplink. Times are since it began.
#[derive(Debug, Default)]
pub struct UplinkTest {
    sent: u32,
    /// When the answers came.
    answers: Vec<Duration>,
    stopped: bool,
}

impl UplinkTest {
    /// Whether there is, or will be, a piece to send.
    pub fn goes_on(&self, time: Duration) -> bool {
        !self.stopped && self.sent < PIECES && time < TIME
    }

    /// Whether a piece is to be sent now.
    pub fn may_send(&self, time: Duration) -> bool {
        self.goes_on(time) && self.unanswered() < self.window()
    }

    /// A piece is being sent.
    pub fn sent(&mut self) {
        self.sent = self.sent.saturating_add(1);
    }

    /// The next piece has arrived.
    pub fn answered(&mut self, time: Duration) {
        if self.answers.len() < PIECES as usize {
            self.answers.push(time);
        }
    }

    /// The proxy server does not want any more: what was sent is not answered any more.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Whether nothing is to be sent any more, and nothing to be waited for.
    pub fn is_over(&self, time: Duration) -> bool {
        self.stopped || (!self.goes_on(time) && self.unanswered() == 0)
    }

    /// What the uplink carries, in bits a second; `None`: nothing has arrived.
    pub fn result(&self) -> Option<u64> {
        let last = *self.answers.last()?;
        // The first half opens the window.
        let half = self.answers.len() / 2;
        let (from, pieces) = match half.checked_sub(1).and_then(|at| self.answers.get(at)) {
            Some(from) => (*from, self.answers.len() - half),
            None => (Duration::ZERO, self.answers.len()),
        };
        let microseconds = u64::try_from(last.saturating_sub(from).as_micros()).unwrap_or(u64::MAX);
        let bits = u64::from(PIECE) * 8 * pieces as u64;
        Some(bits.saturating_mul(1_000_000) / microseconds.max(1))
    }

    fn unanswered(&self) -> u32 {
        self.sent.saturating_sub(u32::try_from(self.answers.len()).unwrap_or(u32::MAX))
    }

    /// Opens by one with each answer, and thus doubles in each round trip.
    fn window(&self) -> u32 {
        u32::try_from(self.answers.len()).unwrap_or(WINDOW).saturating_add(1).min(WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// A test over a way that carries so many bits a second and answers after a round trip: what it finds, how many pieces that
    /// takes, and how long.
    fn over(rate: u64, round_trip: Duration) -> (u64, u32, Duration) {
        let piece = Duration::from_micros(u64::from(PIECE) * 8 * 1_000_000 / rate);
        let (mut test, mut now) = (UplinkTest::default(), Duration::ZERO);
        let (mut free, mut coming) = (Duration::ZERO, VecDeque::new());
        while !test.is_over(now) {
            while test.may_send(now) {
                test.sent();
                free = free.max(now) + piece;
                coming.push_back(free + round_trip);
            }
            now = coming.pop_front().expect("a piece on its way");
            test.answered(now);
        }
        (test.result().expect("something"), test.sent, now)
    }

    #[test]
    fn what_the_way_carries() {
        for (rate, milliseconds) in [(1, 50), (5, 20), (20, 50), (100, 10), (1_000, 1)] {
            let rate = rate * 1_000_000;
            let (found, pieces, _) = over(rate, Duration::from_millis(milliseconds));
            assert!((rate * 8 / 10..=rate * 11 / 10).contains(&found), "{rate}: {found}");
            assert!(pieces <= PIECES);
        }
    }

    #[test]
    fn a_long_way_bounds_what_can_be_found() {
        let (found, ..) = over(1_000_000_000, Duration::from_millis(50));
        assert!((20_000_000..150_000_000).contains(&found), "{found}");
    }

    #[test]
    fn a_thin_way_is_not_filled_for_long() {
        let (found, pieces, time) = over(128_000, Duration::from_millis(50));
        assert!((80_000..=140_000).contains(&found), "{found}");
        assert!(pieces <= 3 && time < Duration::from_secs(8), "{pieces}, {time:?}");
    }

    #[test]
    fn nothing_comes_of_nothing() {
        let mut test = UplinkTest::default();
        assert!(test.may_send(Duration::ZERO) && test.result().is_none());
        test.sent();
        assert!(!test.may_send(Duration::ZERO), "one at first");
        assert!(!test.is_over(TIME) && !test.goes_on(TIME), "one is on its way");
        test.stop();
        assert!(test.is_over(Duration::ZERO) && test.result().is_none());
        // Two clocks that show the same.
        let mut test = UplinkTest::default();
        for _ in 0..1_000 {
            test.sent();
            test.answered(Duration::ZERO);
        }
        assert!(test.result().is_some());
    }
}
