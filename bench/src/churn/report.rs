//! What was found, as a table.

use std::fmt;
use std::fs;
use std::time::Duration;

use serde::Serialize;

use super::Plan;
use crate::players::Players;

/// How long it took, and what it cost.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Times {
    /// Players that came.
    pub came: usize,
    /// Players that left.
    pub left: usize,
    /// From the first to the last, in milliseconds.
    pub total_ms: f64,
    /// From connecting to the answer to PLAY, in milliseconds: of half of the players at most, of all but one
    /// in a hundred, and of all.
    pub play_ms: [f64; 3],
    /// From connecting to the first packet.
    pub packet_ms: [f64; 3],
    /// From TEARDOWN to its answer.
    pub leave_ms: [f64; 3],
    /// Processor time of the engine's threads for each that came or left, in microseconds, that for the packets
    /// sent in this time included.
    pub cpu_us: f64,
}

impl Times {
    pub(super) fn new(total: Duration, cpu: Duration, players: &mut Players) -> Times {
        let told = players.take_times();
        let (came, left) = (told.play.len(), told.leave.len());
        Times {
            came,
            left,
            total_ms: milliseconds(total),
            play_ms: spread(told.play),
            packet_ms: spread(told.packet),
            leave_ms: spread(told.leave),
            cpu_us: cpu.as_secs_f64() * 1e6 / (came + left).max(1) as f64,
        }
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Median, 99th percentile and maximum.
fn spread(mut times: Vec<Duration>) -> [f64; 3] {
    times.sort_unstable();
    let at = |part: usize| {
        let place = (times.len() * part / 100).min(times.len().saturating_sub(1));
        times.get(place).copied().map(milliseconds).unwrap_or_default()
    };
    [at(50), at(99), at(100)]
}

/// Processor time that the engine's threads of this process have had.
pub(super) fn engine_cpu() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of = |task: fs::DirEntry| {
        let read = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let schedstat = read("schedstat");
        let time = schedstat.split(' ').next().and_then(|time| time.parse::<u64>().ok());
        // Its threads are `rillcast` and `rillcast-fan-0` and so on; the bench's own main thread is told
        // apart by its number.
        let own = task.file_name().to_string_lossy() == std::process::id().to_string();
        (read("comm").starts_with("rillcast") && !own).then_some(time).flatten()
    };
    Duration::from_nanos(tasks.filter_map(of).sum())
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was measured.
    pub plan: Plan,
    /// All come at once.
    pub setup: Times,
    /// Some come and some go.
    pub churn: Times,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { children, rate, seconds, workers, .. } = self.plan;
        let transport = format!("{:?}", self.plan.transport).to_uppercase();
        writeln!(f, "{children} players over {transport}, {workers} workers")?;
        writeln!(f)?;
        writeln!(
            f,
            "{:<28} {:>10} {:>25} {:>25} {:>25} {:>12}",
            "",
            "total ms",
            "PLAY ms p50/p99/max",
            "packet ms p50/p99/max",
            "leave ms p50/p99/max",
            "CPU µs each"
        )?;
        let all = format!("{} come at once", self.setup.came);
        let some = format!("{rate}/s come and go for {seconds} s");
        for (name, times) in [(all, &self.setup), (some, &self.churn)] {
            let spread = |[half, most, all]: [f64; 3]| format!("{half:.1} / {most:.1} / {all:.1}");
            writeln!(
                f,
                "{name:<28} {:>10.0} {:>25} {:>25} {:>25} {:>12.0}",
                times.total_ms,
                spread(times.play_ms),
                spread(times.packet_ms),
                spread(times.leave_ms),
                times.cpu_us
            )?;
        }
        Ok(())
    }
}
