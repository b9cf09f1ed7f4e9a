//! Decode times from presentation times.
//!
//! Samples come in decoding order and carry presentation times. The decode time of the *n*-th sample
//! is the *n*-th smallest presentation time, moved back by one constant delay, which is chosen just
//! so large that no sample is presented before it is decoded. For a stream without B-frames the delay
//! is zero and both times are the same. Decode times so made rise steadily, keep the rhythm of the
//! presentation, and need no knowledge of the codec.

/// Decode order of a track, on a clock that begins with the first sample's decoding.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Timing {
    /// Time from each sample's decoding to the next one's; the last one repeats its predecessor's.
    pub(super) durations: Vec<u32>,
    /// Time from each sample's decoding to its presentation, at least 0.
    pub(super) offsets: Vec<u32>,
    /// Time from the first decoding to the earliest presentation.
    pub(super) delay: u32,
    /// The earliest presentation time, on the samples' own clock.
    pub(super) first_pts: i64,
    /// The n-th smallest presentation time: decode times on the samples' own clock, before the delay
    /// is taken off.
    pub(super) sorted: Vec<i64>,
    /// Time from the earliest presentation to the end of the last.
    pub(super) presented: u64,
}

/// Works out the decode times of samples that are given in decoding order. None for no samples.
pub(super) fn decode_times(pts: &[i64]) -> Option<Timing> {
    let mut sorted = pts.to_vec();
    sorted.sort_unstable();
    let first_pts = *sorted.first()?;
    let delay = sorted.iter().zip(pts).map(|(dts, pts)| dts.saturating_sub(*pts)).max()?;
    let mut durations: Vec<u32> = sorted
        .iter()
        .zip(sorted.iter().skip(1))
        .map(|(a, b)| clamp(b.saturating_sub(*a)))
        .collect();
    durations.push(durations.last().copied().unwrap_or(0));
    let offsets = sorted
        .iter()
        .zip(pts)
        .map(|(dts, pts)| clamp(pts.saturating_sub(*dts).saturating_add(delay)))
        .collect();
    let presented = durations.iter().copied().map(u64::from).sum();
    Some(Timing { durations, offsets, delay: clamp(delay), first_pts, sorted, presented })
}

/// Times that do not fit are cut: a pause of more than 13 hours (at 90 kHz) is shortened.
fn clamp(time: i64) -> u32 {
    u32::try_from(time.max(0)).unwrap_or(u32::MAX)
}

/// Runs of equal values, as the tables of `stbl` want them.
pub(super) fn runs<T: Copy + PartialEq>(values: &[T]) -> Vec<(u32, T)> {
    let mut runs: Vec<(u32, T)> = Vec::new();
    for &value in values {
        match runs.last_mut() {
            Some((count, last)) if *last == value => *count += 1,
            _ => runs.push((1, value)),
        }
    }
    runs
}
