//! A latency histogram with log-linear buckets.

use std::time::Duration;

/// Buckets per power of two: the relative error of a quantile is at most 1/64.
const SUB_BUCKETS: u64 = 64;
const SUB_BITS: u32 = SUB_BUCKETS.trailing_zeros();
/// Values from 2^36 ns (69 s) on share the last bucket.
const TOP_BIT: u32 = 36;
const BUCKETS: usize = ((TOP_BIT - SUB_BITS + 1) as usize) * SUB_BUCKETS as usize + 1;

/// Counts durations in buckets whose width grows with the value, so that microseconds and
/// seconds are kept with the same relative error in 8 KiB. Recording allocates nothing.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Box<[u32; BUCKETS]>,
    total: u64,
    max: Duration,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { counts: Box::new([0; BUCKETS]), total: 0, max: Duration::ZERO }
    }
}

impl Histogram {
    /// Counts one value.
    pub(crate) fn record(&mut self, value: Duration) {
        let nanos = u64::try_from(value.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(index(nanos)) {
            *count = count.saturating_add(1);
        }
        self.total += 1;
        self.max = self.max.max(value);
    }

    /// How many values were recorded.
    pub(crate) fn len(&self) -> u64 {
        self.total
    }

    /// The largest value recorded, exactly.
    pub(crate) fn max(&self) -> Option<Duration> {
        (self.total > 0).then_some(self.max)
    }

    /// The value that `quantile` (0 to 1) of all values do not exceed, rounded up to its bucket's
    /// upper end but never above [`max`](Self::max). None while nothing was recorded.
    pub(crate) fn quantile(&self, quantile: f64) -> Option<Duration> {
        if self.total == 0 {
            return None;
        }
        let wanted = ((quantile.clamp(0.0, 1.0) * self.total as f64).ceil() as u64).max(1);
        let mut seen = 0u64;
        for (bucket, &count) in self.counts.iter().enumerate() {
            seen += u64::from(count);
            if seen >= wanted {
                return Some(Duration::from_nanos(upper_end(bucket)).min(self.max));
            }
        }
        Some(self.max)
    }
}

fn index(nanos: u64) -> usize {
    if nanos < SUB_BUCKETS {
        return nanos as usize;
    }
    let top = nanos.ilog2();
    if top >= TOP_BIT {
        return BUCKETS - 1;
    }
    let shift = top - SUB_BITS;
    let octave = u64::from(shift) + 1;
    (octave * SUB_BUCKETS + (nanos >> shift) - SUB_BUCKETS) as usize
}

fn upper_end(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < SUB_BUCKETS {
        return bucket;
    }
    if bucket as usize >= BUCKETS - 1 {
        return u64::MAX;
    }
    let shift = bucket / SUB_BUCKETS - 1;
    ((bucket % SUB_BUCKETS + SUB_BUCKETS + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_and_buckets_do_not_overlap() {
        let mut previous = None;
        for bucket in 0..BUCKETS - 1 {
            let end = upper_end(bucket);
            assert_eq!(index(end), bucket);
            if let Some(previous) = previous {
                assert_eq!(index(previous + 1), bucket);
            }
            previous = Some(end);
        }
        assert_eq!(index(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_within_one_in_sixty_four() {
        let mut histogram = Histogram::default();
        for micros in 1..=10_000u64 {
            histogram.record(Duration::from_micros(micros));
        }
        for (quantile, micros) in [(0.5, 5_000.0), (0.99, 9_900.0), (1.0, 10_000.0)] {
            let got = histogram.quantile(quantile).map(|d| d.as_secs_f64() * 1e6);
            let got = got.expect("values were recorded");
            assert!((got - micros).abs() <= micros / 64.0, "{quantile}: {got}");
        }
        assert_eq!(histogram.max(), Some(Duration::from_millis(10)));
    }

    #[test]
    fn an_empty_histogram_has_no_quantile() {
        assert_eq!(Histogram::default().quantile(0.5), None);
        assert_eq!(Histogram::default().max(), None);
    }
}
