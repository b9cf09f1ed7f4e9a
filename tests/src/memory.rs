//! Whether a program's memory grows, in a test that runs for long.

use std::fmt;
use std::time::Duration;

const MIB: f64 = (1 << 20) as f64;

/// What memory may grow by, as a line through all samples of the second half has it: what the allocator
/// does is no leak.
const TOLERANCE: f64 = 8.0;
/// The same, as a part of the whole.
const PART: f64 = 0.1;

/// Memory over time.
#[derive(Debug, Default)]
pub struct Memory {
    /// Seconds, and MiB.
    samples: Vec<(f64, f64)>,
}

impl Memory {
    /// Adds a sample.
    pub fn sample(&mut self, at: Duration, bytes: u64) {
        self.samples.push((at.as_secs_f64(), bytes as f64 / MIB));
    }

    /// The samples after the warm-up: the first half, in which buffers grow to what is needed.
    fn warm(&self) -> &[(f64, f64)] {
        &self.samples[self.samples.len() / 2..]
    }

    /// MiB a second, by least squares.
    fn slope(&self) -> f64 {
        let warm = self.warm();
        let count = warm.len().max(1) as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| warm.iter().map(of).sum::<f64>() / count;
        let (time, memory) = (mean(|sample| sample.0), mean(|sample| sample.1));
        let above: f64 = warm.iter().map(|(t, m)| (t - time) * (m - memory)).sum();
        let below: f64 = warm.iter().map(|(t, _)| (t - time).powi(2)).sum();
        if below > 0.0 { above / below } else { 0.0 }
    }

    /// MiB by which it has grown since the warm-up.
    fn growth(&self) -> f64 {
        let warm = self.warm();
        let span =
            warm.last().map_or(0.0, |last| last.0) - warm.first().map_or(0.0, |first| first.0);
        self.slope() * span
    }

    /// Asks that it has not grown.
    ///
    /// # Panics
    /// When it has grown more than an allocator explains.
    pub fn is_level(&self) {
        let last = self.samples.last().map_or(0.0, |sample| sample.1);
        assert!(self.growth() < TOLERANCE.max(PART * last), "memory grows: {self}");
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |index: usize| self.samples.get(index).map_or(0.0, |sample| sample.1);
        write!(
            f,
            "memory {:.0} MiB at first, {:.0} in the middle, {:.0} at the end ({:+.1} MiB, {:+.2} MiB an hour)",
            at(0),
            at(self.samples.len() / 2),
            at(self.samples.len().saturating_sub(1)),
            self.growth(),
            3600.0 * self.slope()
        )
    }
}
