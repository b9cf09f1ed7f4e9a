//! Quantiles of times.

use std::fmt;

use serde::Serialize;

/// Quantiles of times in milliseconds; NaN where there were none.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Times {
    /// How many there were.
    pub count: usize,
    /// Half of the times are shorter.
    pub p50: f64,
    /// Of a hundred times, 99 are no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Times {
    /// Of times in milliseconds.
    pub fn of(times: impl IntoIterator<Item = f64>) -> Times {
        let mut times: Vec<f64> = times.into_iter().collect();
        times.sort_unstable_by(f64::total_cmp);
        // The nearest rank.
        let at = |share: f64| {
            let rank = (share * times.len() as f64).ceil() as usize;
            times.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
        };
        Times { count: times.len(), p50: at(0.5), p99: at(0.99), max: at(1.0) }
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>7.1} {:>7.1} {:>7.1}", self.p50, self.p99, self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_rank() {
        let times = Times::of((1..=200).rev().map(f64::from));
        assert_eq!((times.count, times.p50, times.p99, times.max), (200, 100.0, 198.0, 200.0));
        assert!(Times::of([]).p50.is_nan());
    }
}
