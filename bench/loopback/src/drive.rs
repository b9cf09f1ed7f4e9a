//! The stream flows for a while, and it is counted what arrives.

use std::time::{Duration, Instant};

use super::{Arrived, Error, Load, Source};

/// Of the stream before anything is measured.
const WARM_UP: Duration = Duration::from_millis(700);
/// For what is under way before the stream begins.
const SETTLE: Duration = Duration::from_millis(300);
/// How long the last packets may be on their way.
const DRAIN: Duration = Duration::from_secs(2);

/// What was found.
#[derive(Clone, Debug)]
pub struct Driven<U> {
    /// Packets that reached a receiver before it was measured, since the stream began.
    pub before: u64,
    /// Packets that reached a receiver while it was measured.
    pub packets: u64,
    /// Packets that did not, from first to last.
    pub lost: u64,
    /// How long it was measured.
    pub elapsed: Duration,
    /// What the relay had used before, and after.
    pub used: (U, U),
    /// How long frames took, from the source to the last packet at each receiver, in microseconds,
    /// sorted.
    pub latencies: Vec<u32>,
}

/// Sends the stream for the load's duration, after a moment in which it is not measured. `arrived` tells what has
/// reached the receivers so far, and `usage`, asked before and after, what the relay has used.
///
/// # Errors
///
/// When the source cannot send, or `arrived` or `usage` fails.
pub fn drive<U, E: From<Error>>(
    load: &Load,
    source: &mut Source,
    mut arrived: impl FnMut() -> Result<Arrived, E>,
    mut usage: impl FnMut() -> Result<U, E>,
) -> Result<Driven<U>, E> {
    let interval = load.interval();
    let frames = |time: Duration| (time.as_secs_f64() / interval.as_secs_f64()).ceil() as u32;
    let warm = frames(WARM_UP).max(1);
    let measured = frames(load.duration.max(Duration::from_millis(100))).max(1);

    // What players were given at their beginning does not count.
    std::thread::sleep(SETTLE);
    let first = arrived()?.packets;
    let start = Instant::now();
    let mut sent = 0;
    // Between two frames, so that what is under way does not count; of many streams some send at any moment.
    let middle = |frame: u32| start + interval * frame - interval / 4;
    let moments = source.moments();
    let mut send = |frame: u32| {
        (0..moments).try_fold(0, |packets, moment| {
            let part = interval.mul_f64(moment as f64 / moments as f64);
            wait_until(start + interval * frame + part);
            Ok::<u64, Error>(packets + source.send(moment)?)
        })
    };
    for frame in 0..warm {
        sent += send(frame)?;
    }
    wait_until(middle(warm));
    let (before, used_before) = (arrived()?, usage()?);
    let began = Instant::now();
    for frame in warm..warm + measured {
        sent += send(frame)?;
    }
    wait_until(middle(warm + measured));
    let (after, used_after) = (arrived()?, usage()?);
    let elapsed = began.elapsed();

    let expected = first + sent * load.served() as u64;
    let deadline = Instant::now() + DRAIN;
    let mut packets = after.packets;
    while packets < expected && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
        packets = arrived()?.packets;
    }
    let mut latencies = after.latencies;
    latencies.sort_unstable();
    Ok(Driven {
        before: before.packets - first,
        packets: after.packets - before.packets,
        lost: expected.saturating_sub(packets),
        elapsed,
        used: (used_before, used_after),
        latencies,
    })
}

fn wait_until(moment: Instant) {
    std::thread::sleep(moment.saturating_duration_since(Instant::now()));
}
