//! Durations, counted in buckets that grow with what they count.

use std::time::Duration;

/// Buckets between a power of two of microseconds and the next.
const STEPS: usize = 4;
/// Powers of two that are told apart: up to 16.8 s.
const OCTAVES: usize = 23;
/// The last bucket takes what is longer.
const BUCKETS: usize = STEPS * OCTAVES + 1;

/// How often which duration was there: from 1 µs to 16 s with an error of a quarter at most. To count
/// one is to add to three numbers; nothing is allocated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    counts: [u64; BUCKETS],
    count: u64,
    sum: Duration,
    longest: Duration,
}

impl Default for Histogram {
    fn default() -> Histogram {
        let (sum, longest) = (Duration::ZERO, Duration::ZERO);
        Histogram { counts: [0; BUCKETS], count: 0, sum, longest }
    }
}

impl Histogram {
    /// How many buckets there are.
    pub const BUCKETS: usize = BUCKETS;

    /// What [`counts`](Histogram::counts), [`sum`](Histogram::sum) and [`longest`](Histogram::longest) have
    /// told, or the difference of two such.
    pub fn from_counts(counts: [u64; BUCKETS], sum: Duration, longest: Duration) -> Histogram {
        let count = counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
        Histogram { counts, count, sum, longest }
    }

    /// How many there are in each bucket.
    pub fn counts(&self) -> &[u64; BUCKETS] {
        &self.counts
    }

    /// What is counted in this bucket is shorter than this, and not shorter than the end of the bucket
    /// before; `None` for the last one, and what is none.
    pub fn bucket_end(bucket: usize) -> Option<Duration> {
        end(bucket)
    }

    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        if let Some(count) = self.counts.get_mut(bucket(duration)) {
            *count += 1;
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(duration);
        self.longest = self.longest.max(duration);
    }

    /// Counts everything that another one has counted.
    pub fn add(&mut self, other: &Histogram) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        self.longest = self.longest.max(other.longest);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// All of them together.
    pub fn sum(&self) -> Duration {
        self.sum
    }

    /// The longest one.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// A duration that the part `part` (0.5: the half, 0.99: all but one in a hundred) did not exceed;
    /// at most a quarter too long. Zero when nothing was counted.
    pub fn quantile(&self, part: f64) -> Duration {
        // Exact below 2⁵³, which is as many as there are.
        let wanted = (part.clamp(0.0, 1.0) * self.count as f64).ceil() as u64;
        let mut passed = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            passed = count.saturating_add(passed);
            if passed > 0 && passed >= wanted {
                return end(bucket).map_or(self.longest, |end| end.min(self.longest));
            }
        }
        self.longest
    }

    /// How many there are in each step of a factor of two: where the step ends (`None`: it has no end),
    /// and the number. Each step begins where the one before ends.
    pub fn octaves(&self) -> impl Iterator<Item = (Option<Duration>, u64)> + '_ {
        self.counts
            .chunks(STEPS)
            .enumerate()
            .map(|(octave, counts)| (end(octave * STEPS + STEPS - 1), counts.iter().sum()))
    }
}

/// The bucket in which a duration is counted. The first ones are 1 µs wide.
fn bucket(duration: Duration) -> usize {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let Some(exponent) = micros.checked_ilog2().filter(|exponent| *exponent >= 2) else {
        return usize::try_from(micros).unwrap_or(0);
    };
    let step = usize::try_from(micros >> (exponent - 2) & 3).unwrap_or(0);
    let octave = usize::try_from(exponent - 1).unwrap_or(OCTAVES);
    (octave * STEPS + step).min(BUCKETS - 1)
}

/// What is counted in a bucket is shorter than this; `None` for the last one.
fn end(bucket: usize) -> Option<Duration> {
    if bucket >= BUCKETS - 1 {
        return None;
    }
    let (octave, step) = (bucket / STEPS, (bucket % STEPS) as u64);
    let micros = match octave {
        0 => step + 1,
        octave => (STEPS as u64 + step + 1) << (octave - 1),
    };
    Some(Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_duration_is_in_the_bucket_that_says_so(nanos in 0u64..60_000_000_000) {
            let duration = Duration::from_nanos(nanos);
            let bucket = bucket(duration);
            prop_assert!(end(bucket).is_none_or(|end| duration < end));
            let begin = bucket.checked_sub(1).and_then(end).unwrap_or_default();
            prop_assert!(begin <= duration);
            if let Some(end) = end(bucket).filter(|end| *end > Duration::from_micros(4)) {
                prop_assert!(end - begin <= begin / 4);
            }
        }

        #[test]
        fn quantiles_are_not_too_short_and_little_too_long(
            mut micros in prop::collection::vec(4u64..16_000_000, 1..200),
            part in 0.01f64..1.0,
        ) {
            let mut histogram = Histogram::default();
            for micros in &micros {
                histogram.record(Duration::from_micros(*micros));
            }
            micros.sort_unstable();
            let place = (part * micros.len() as f64).ceil() as usize;
            let exact = Duration::from_micros(micros[place - 1]);
            let told = histogram.quantile(part);
            prop_assert!(told >= exact && told <= exact + exact / 4 + Duration::from_micros(1));
        }
    }

    #[test]
    fn octaves_hold_everything_once() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.99), Duration::ZERO);
        let durations = [0, 3, 4, 1_000, 1_023, 1_024, 20_000_000, u64::MAX];
        for micros in durations {
            histogram.record(Duration::from_micros(micros));
        }
        let octaves: Vec<_> = histogram.octaves().collect();
        assert_eq!(octaves.iter().map(|(_, count)| count).sum::<u64>(), durations.len() as u64);
        assert_eq!(octaves.first(), Some(&(Some(Duration::from_micros(4)), 2)));
        assert_eq!(octaves.last(), Some(&(None, 2)));
        let ends = octaves.iter().filter_map(|(end, _)| *end);
        assert!(ends.clone().zip(ends.skip(1)).all(|(a, b)| b == a * 2));
        assert!(octaves.contains(&(Some(Duration::from_micros(1_024)), 2)));
        assert_eq!(histogram.quantile(1.0), histogram.longest());
    }
}
