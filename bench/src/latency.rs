//! How long frames take: from the moment the source begins to send one until a receiver has read its last packet.
//!
//! As [`fanout`](crate::fanout) does it and with its processes, but for the whole distribution, and beside the
//! floor of the same kind: what both have is the machine's.

use std::fmt;

use serde::Serialize;

use crate::fanout::{Error, Plan, Round, Spread, Subject, Transport, measure_each};

/// Shares of all frames, in a hundred, and what they are called.
const SHARES: [(f64, &str); 5] =
    [(50.0, "p50"), (90.0, "p90"), (99.0, "p99"), (99.9, "p99.9"), (99.99, "p99.99")];

/// One relay's.
#[derive(Clone, Debug, Serialize)]
pub struct Latency {
    /// Who relayed.
    pub relay: String,
    /// Frames at receivers, in all repetitions together.
    pub frames: usize,
    /// Milliseconds that the 50th, 90th, 99th, 99.9th and 99.99th of a hundred took at most, and all.
    pub ms: [f64; 6],
    /// The 99th of each repetition, in milliseconds.
    pub p99_ms: Spread,
    /// Packets that did not arrive.
    pub lost: u64,
}

/// What it does to the other receivers that some take nothing.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Stalled {
    /// The 99th of a hundred of the others' as a multiple of what it is in the same repetition when all take
    /// everything.
    pub p99_times: Spread,
    /// Packets for those that take nothing that were left over or skipped, in all repetitions together: it says that
    /// they stalled.
    pub refused: u64,
}

/// The outcome.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was measured.
    pub plan: Plan,
    /// The engine's, and the floor's.
    pub relays: Vec<Latency>,
    /// With receivers that take nothing, where the plan has some.
    pub stalled: Option<Stalled>,
}

/// Measures the engine and the floor in turn; `told` is called after each.
///
/// # Errors
///
/// As [`fanout::run`](crate::fanout::run).
pub fn run(plan: &Plan, told: &mut dyn FnMut(&Round)) -> Result<Report, Error> {
    let mut subjects = vec![Subject::Engine, plan.floor()];
    if plan.stalled > 0 {
        subjects.insert(1, Subject::Stalled);
    }
    let rounds = measure_each(plan, &subjects, told)?;
    let relays = subjects.iter().map(|subject| of(plan, *subject, &rounds)).collect();
    let stalled = (plan.stalled > 0).then(|| compare(&rounds));
    Ok(Report { plan: plan.clone(), relays, stalled })
}

fn compare(rounds: &[Round]) -> Stalled {
    let of = |subject| rounds.iter().filter(move |round| round.subject == subject);
    let p99 = |round: &Round| quantile(&round.latencies, 99.0);
    let pairs = of(Subject::Stalled).zip(of(Subject::Engine));
    Stalled {
        p99_times: Spread::of(pairs.map(|(with, without)| p99(with) / p99(without))),
        refused: of(Subject::Stalled).map(|round| round.refused).sum(),
    }
}

fn of(plan: &Plan, subject: Subject, rounds: &[Round]) -> Latency {
    let own = || rounds.iter().filter(|round| round.subject == subject);
    let mut all: Vec<u32> = own().flat_map(|round| &round.latencies).copied().collect();
    all.sort_unstable();
    let mut ms = [f64::NAN; 6];
    for (place, (share, _)) in ms.iter_mut().zip(SHARES) {
        *place = quantile(&all, share);
    }
    ms[5] = all.last().map_or(f64::NAN, |most| f64::from(*most) / 1000.0);
    Latency {
        relay: plan.name(subject).to_owned(),
        frames: all.len(),
        ms,
        p99_ms: Spread::of(own().map(|round| quantile(&round.latencies, 99.0))),
        lost: own().map(|round| round.lost).sum(),
    }
}

/// What so many of a hundred take at most, in milliseconds. The times are sorted, in microseconds.
fn quantile(times: &[u32], share: f64) -> f64 {
    let index = (times.len() as f64 * share / 100.0) as usize;
    times.get(index).or(times.last()).map_or(f64::NAN, |time| f64::from(*time) / 1000.0)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { children, fps, repetitions, seconds, transport, .. } = self.plan;
        let kind = match transport {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
        };
        writeln!(
            f,
            "whole frames at {children} {kind} receivers, in milliseconds; {fps} frames/s; {repetitions} x {seconds} s each"
        )?;
        write!(f, "{:<9} {:>10}", "relay", "frames")?;
        SHARES.iter().try_for_each(|(_, name)| write!(f, " {name:>8}"))?;
        writeln!(f, " {:>8} {:>22} {:>6}", "most", "p99 of each turn", "lost")?;
        for Latency { relay, frames, ms, p99_ms, lost } in &self.relays {
            write!(f, "{relay:<9} {frames:>10}")?;
            ms.iter().try_for_each(|ms| write!(f, " {ms:>8.2}"))?;
            let Spread { median, min, max } = p99_ms;
            writeln!(f, " {:>22} {lost:>6}", format!("{median:.2} ({min:.2}-{max:.2})"))?;
        }
        if let Some(Stalled { p99_times, refused }) = self.stalled {
            let Spread { median, min, max } = p99_times;
            writeln!(
                f,
                "stalled: {} % of the receivers take nothing ({refused} packets stayed behind); p99 of the others {median:.2} \
                 ({min:.2}-{max:.2}) times what it is when all take everything",
                self.plan.stalled
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_few_times_are_the_last() {
        let times: Vec<u32> = (1..=100).map(|n| n * 1000).collect();
        assert_eq!([50.0, 99.0, 99.99].map(|share| quantile(&times, share)), [51.0, 100.0, 100.0]);
        assert!(quantile(&[], 50.0).is_nan());
    }
}
