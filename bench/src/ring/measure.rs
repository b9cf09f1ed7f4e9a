//! The two settings.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

use super::channel::{Channel, Handle, Reader, SLOTS};

/// Packets published at a time: those of a frame of a few Mbit/s.
const BURST: usize = 32;

/// Who reads where.
#[derive(Clone, Copy, Debug)]
pub enum Setting {
    /// Everybody on one thread.
    OneThread,
    /// Each reader on a thread of its own.
    Threads,
}

impl Setting {
    /// Both.
    pub const ALL: [Setting; 2] = [Setting::OneThread, Setting::Threads];

    /// What it is called in the report.
    pub fn name(self) -> &'static str {
        match self {
            Setting::OneThread => "one thread",
            Setting::Threads => "threads",
        }
    }
}

/// How long it takes to publish `wanted` packets and have each read by all `readers`.
pub fn measure<C: Channel>(
    packets: &[Handle],
    setting: Setting,
    readers: usize,
    wanted: u64,
) -> Duration {
    match setting {
        Setting::OneThread => one_thread::<C>(packets, readers, wanted),
        Setting::Threads => threads::<C>(packets, readers, wanted),
    }
}

/// One thread publishes a burst, then reads it as each reader.
fn one_thread<C: Channel>(packets: &[Handle], readers: usize, wanted: u64) -> Duration {
    let (mut channel, mut readers) = C::new(readers);
    let mut bursts = packets.chunks_exact(BURST).cycle();
    let mut round = |wanted: u64| {
        let mut published = 0;
        while published < wanted {
            let burst = bursts.next().expect("a cycle has no end");
            channel.publish(burst);
            for reader in &mut readers {
                assert_eq!(reader.drain(), burst.len() as u64);
            }
            published += burst.len() as u64;
        }
        published
    };
    // Once round, so that every slot has been written and payloads are dropped from the start.
    round(SLOTS as u64);
    let start = Instant::now();
    let published = round(wanted);
    per(start.elapsed(), wanted, published)
}

/// The producer here, each reader on a thread of its own.
fn threads<C: Channel>(packets: &[Handle], readers: usize, wanted: u64) -> Duration {
    let (mut channel, readers) = C::new(readers);
    let total = wanted.next_multiple_of(BURST as u64);
    let start = Arc::new(Barrier::new(readers.len() + 1));
    let (progress, threads): (Vec<_>, Vec<_>) = readers
        .into_iter()
        .map(|reader| {
            let progress = Arc::new(CachePadded::new(AtomicU64::new(0)));
            let (told, start) = (progress.clone(), start.clone());
            (progress, thread::spawn(move || read_all::<C>(reader, total, &start, &told)))
        })
        .unzip();
    let slowest = || progress.iter().map(|read| read.load(Ordering::Acquire)).min().unwrap_or(0);

    let mut bursts = packets.chunks_exact(BURST).cycle();
    let mut published = 0;
    let mut allowed = SLOTS as u64;
    start.wait();
    let began = Instant::now();
    while published < total {
        if C::OVERRUNS && published + BURST as u64 > allowed {
            // A little less than the slots there are: ours gives them up by 64.
            allowed = slowest() + SLOTS as u64 - 64;
            if published + BURST as u64 > allowed {
                thread::yield_now();
                continue;
            }
        }
        channel.publish(bursts.next().expect("a cycle has no end"));
        published += BURST as u64;
    }
    while slowest() < total {
        thread::yield_now();
    }
    let took = began.elapsed();
    for thread in threads {
        thread.join().expect("a reader panicked");
    }
    per(took, wanted, total)
}

fn read_all<C: Channel>(
    mut reader: C::Reader,
    total: u64,
    start: &Barrier,
    progress: &CachePadded<AtomicU64>,
) {
    start.wait();
    let mut read = 0;
    while read < total {
        match reader.drain() {
            0 => thread::yield_now(),
            n => {
                read += n;
                if C::OVERRUNS || read == total {
                    progress.store(read, Ordering::Release);
                }
            }
        }
    }
}

/// Whole bursts were measured, a number of packets was wanted.
fn per(took: Duration, wanted: u64, measured: u64) -> Duration {
    took.mul_f64(wanted as f64 / measured as f64)
}
