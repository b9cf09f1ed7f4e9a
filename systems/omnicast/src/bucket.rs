//! How often something may be done.

use std::time::Duration;

/// Lets through so much in one go, and one more after each interval. Time is the caller's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    burst: u32,
    interval: Duration,
    /// When it will be full again.
    full_at: Duration,
}

impl Bucket {
    pub(crate) fn new(burst: u32, interval: Duration) -> Bucket {
        Bucket { burst, interval, full_at: Duration::ZERO }
    }

    /// Takes one.
    ///
    /// # Errors
    /// How long it takes until there is one.
    pub(crate) fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let full_at = self.full_at.max(now).saturating_add(self.interval);
        let wait = full_at.saturating_sub(now).saturating_sub(self.interval * self.burst);
        if !wait.is_zero() {
            return Err(wait);
        }
        self.full_at = full_at;
        Ok(())
    }

    /// Puts one back that was taken.
    pub(crate) fn put_back(&mut self) {
        self.full_at = self.full_at.saturating_sub(self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_one_each_interval() {
        let second = Duration::from_secs(1);
        let mut bucket = Bucket::new(3, second);
        let now = second * 10;
        for _ in 0..3 {
            assert_eq!(bucket.take(now), Ok(()));
        }
        assert_eq!(bucket.take(now), Err(second));
        assert_eq!(bucket.take(now + second / 2), Err(second / 2));
        assert_eq!(bucket.take(now + second), Ok(()));
        assert_eq!(bucket.take(now + second), Err(second));
        for _ in 0..3 {
            assert_eq!(bucket.take(now + second * 100), Ok(()));
        }
        bucket.put_back();
        assert_eq!(bucket.take(now + second * 100), Ok(()));
        assert_eq!(bucket.take(now + second * 100), Err(second));
    }
}
