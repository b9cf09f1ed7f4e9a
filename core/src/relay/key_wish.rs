//! A key frame that the source of a track is to be asked for (PLI, RFC 4585 §6.3.1).

use std::time::Duration;

/// Least time between two requests, whoever wants the key frame.
const INTERVAL: Duration = Duration::from_millis(500);
/// Requests made for one wish at most: many sources cannot be asked.
const MAX_ASKED: u8 = 10;

/// Whether a key frame is wished for, and how often it was asked for.
#[derive(Debug, Default)]
pub(super) struct KeyWish {
    /// Requests that may still be made for this wish; none when nothing is wished for.
    left: u8,
    asked_at: Option<Duration>,
    asked: u64,
}

impl KeyWish {
    /// Somebody cannot go on without a key frame.
    pub(super) fn wish(&mut self) {
        if self.left == 0 {
            self.left = MAX_ASKED;
        }
    }

    /// A key frame has come, or nobody can be asked for one.
    pub(super) fn end(&mut self) {
        self.left = 0;
    }

    /// Whether the source is to be asked now.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        let rested = |at: Duration| now.saturating_sub(at) >= INTERVAL;
        self.left > 0 && self.asked_at.is_none_or(rested)
    }

    /// As [`is_due`](KeyWish::is_due), for whoever asks at once.
    pub(super) fn take(&mut self, now: Duration) -> bool {
        if !self.is_due(now) {
            return false;
        }
        self.left -= 1;
        self.asked_at = Some(now);
        self.asked += 1;
        true
    }

    /// Requests made so far.
    pub(super) fn asked(&self) -> u64 {
        self.asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_asked_for_twice_a_second_until_it_is_granted_or_given_up() {
        let times = |wish: &mut KeyWish, from: u64, to: u64| {
            (from..to).filter(|ms| wish.take(Duration::from_millis(*ms))).count()
        };
        let mut wish = KeyWish::default();
        assert_eq!(times(&mut wish, 0, 1000), 0);
        wish.wish();
        assert_eq!(times(&mut wish, 1000, 3000), 4);
        wish.end();
        assert_eq!(times(&mut wish, 3000, 4000), 0);
        // Wishing all the time makes no difference.
        let often = (4000..6000).filter(|ms| {
            wish.wish();
            wish.take(Duration::from_millis(*ms))
        });
        assert_eq!(often.count(), 4);
        assert_eq!(times(&mut wish, 6000, 100_000), usize::from(MAX_ASKED) - 4);
        assert_eq!(wish.asked(), 8 + u64::from(MAX_ASKED) - 4);
    }
}
