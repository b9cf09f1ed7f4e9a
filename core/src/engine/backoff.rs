//! How long to wait between attempts that fail.

use std::time::Duration;

use super::random;

/// The time between attempts: it doubles with each that fails, up to a bound, and is a little different
/// each time, so that many who have lost one server do not all come back in the same moment.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Begins with about `first`, and never gives more than `longest`.
    pub fn new(first: Duration, longest: Duration) -> Backoff {
        let first = first.min(longest);
        Backoff { first, longest, next: first }
    }

    /// An attempt has failed: how long to wait before the next one. From 80 to 100 % of the time that is
    /// due.
    pub fn wait(&mut self) -> Duration {
        let due = self.next;
        self.next = due.saturating_mul(2).min(self.longest);
        // Without randomness all come at once, which is no reason to give up.
        let random = random::seed().map_or(0, |[byte, ..]| byte);
        due - due / 5 * u32::from(random) / u32::from(u8::MAX)
    }

    /// An attempt has succeeded.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_become_rarer_up_to_a_bound_until_one_succeeds() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
        for due in [1, 2, 4, 8, 16, 30, 30].map(Duration::from_secs) {
            let wait = backoff.wait();
            assert!((due * 4 / 5..=due).contains(&wait), "{wait:?} for {due:?}");
        }
        backoff.reset();
        assert!(backoff.wait() <= Duration::from_secs(1));
    }
}
