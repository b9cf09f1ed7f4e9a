//! How long packets stay in the engine.

use std::ffi::c_char;
use std::time::Duration;

use rillcast::stats::Histogram;

use crate::args::{self, Out, OutSized, Versioned};
use crate::boundary::guard_done;
use crate::engine::rill_engine;
use crate::failure::Failure;
use crate::figures::stream;
use crate::status::rill_status;

/// Buckets of rill_histogram.
pub const RILL_BUCKETS: usize = 93;
const _: () = assert!(RILL_BUCKETS == Histogram::BUCKETS);

/// How often which duration was there, from 1 us to 16 s with an error of a quarter at most. It counts from
/// the beginning of the stream; for a time between, subtract the counts of the earlier one from those of the
/// later. Begin with rill_histogram_init().
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rill_histogram {
    /// Bytes of this struct, as the program was compiled; set by the init function.
    pub struct_size: usize,
    /// All durations together, in ns.
    pub sum_ns: u64,
    /// The longest one, in ns.
    pub longest_ns: u64,
    /// How many there are in each bucket; rill_histogram_bucket_end() tells which they are.
    pub counts: [u64; RILL_BUCKETS],
}

// SAFETY: numbers only, the first of which is its size.
unsafe impl Versioned for rill_histogram {
    const FIRST: usize = 768;
}

impl rill_histogram {
    const EMPTY: rill_histogram = rill_histogram {
        struct_size: size_of::<rill_histogram>(),
        sum_ns: 0,
        longest_ns: 0,
        counts: [0; RILL_BUCKETS],
    };

    fn of(histogram: &Histogram) -> rill_histogram {
        rill_histogram {
            struct_size: size_of::<rill_histogram>(),
            sum_ns: nanoseconds(histogram.sum()),
            longest_ns: nanoseconds(histogram.longest()),
            counts: *histogram.counts(),
        }
    }

    fn to_core(self) -> Histogram {
        let [sum, longest] = [self.sum_ns, self.longest_ns].map(Duration::from_nanos);
        Histogram::from_counts(self.counts, sum, longest)
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Zeroes a histogram and sets its size. Thread-safe.
///
/// @param histogram  the struct
/// @param size       sizeof(rill_histogram)
/// @return RILL_OK, or RILL_ERROR_ARGUMENT
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_histogram_init(
    histogram: *mut rill_histogram,
    size: usize,
) -> rill_status {
    // SAFETY: the caller's: writable for `size` bytes.
    guard_done(|| unsafe { OutSized::init(histogram, size, &rill_histogram::EMPTY) })
}

/// How long packets of the stream at `path` stayed in the engine: one sample per batch, from the arrival of
/// its oldest packet until the batch was handed to the kernel for the last live child. What comes while there
/// is no child is not counted. Thread-safe.
///
/// @return RILL_OK; RILL_ERROR_NO_STREAM; RILL_ERROR_STOPPED
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_stream_get_latency(
    engine: *mut rill_engine,
    path: *const c_char,
    out: *mut rill_histogram,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { OutSized::claim(out, "out") }?;
        // SAFETY: the caller's.
        out.set(&rill_histogram::of(&unsafe { stream(engine, path) }?.latency));
        Ok(())
    })
}

/// A duration that a part of all durations did not exceed; at most a quarter too long. 0 when there are
/// none. Thread-safe.
///
/// @param part  0 to 1: 0.5 is the half, 0.99 all but one in a hundred
/// @param ns    the duration in ns
/// @return RILL_OK; RILL_ERROR_ARGUMENT
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_histogram_quantile(
    histogram: *const rill_histogram,
    part: f64,
    ns: *mut u64,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::claim(ns, "ns") }?;
        if histogram.is_null() {
            return Err(Failure::argument("histogram is NULL"));
        }
        if !(0.0..=1.0).contains(&part) {
            return Err(Failure::argument(format!("part is {part}, not 0 to 1")));
        }
        // SAFETY: the caller's.
        let histogram = unsafe { args::config(histogram, rill_histogram::EMPTY, "histogram") }?;
        out.set(nanoseconds(histogram.to_core().quantile(part)));
        Ok(())
    })
}

/// Where a bucket ends, in ns: what it counts is shorter, and not shorter than the end of the bucket before.
/// 0 for the last one, which has no end. Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn rill_histogram_bucket_end(bucket: usize) -> u64 {
    Histogram::bucket_end(bucket).map_or(0, nanoseconds)
}
