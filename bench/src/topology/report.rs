//! What came out, beside each other.

use std::fmt;

use serde::Serialize;

use super::Plan;

/// How long something took, in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Times {
    /// Half of the times are shorter.
    pub p50: f64,
    /// Of a hundred times, 99 are shorter.
    pub p99: f64,
    /// Of a thousand times, 999 are shorter.
    pub p999: f64,
    /// The longest.
    pub max: f64,
    /// All together, divided by their number.
    pub mean: f64,
}

impl Times {
    /// Of times in nanoseconds, which it sorts.
    pub(super) fn of(times: &mut [u32]) -> Times {
        times.sort_unstable();
        let last = times.len().saturating_sub(1);
        let at = |share: f64| {
            let index = (last as f64 * share).round() as usize;
            times.get(index).map_or(f64::NAN, |&time| f64::from(time) / 1e3)
        };
        let sum: u64 = times.iter().map(|&time| u64::from(time)).sum();
        Times {
            p50: at(0.5),
            p99: at(0.99),
            p999: at(0.999),
            max: at(1.0),
            mean: sum as f64 / times.len().max(1) as f64 / 1e3,
        }
    }
}

/// The joins on the way to a number of nodes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Size {
    /// How many nodes there were at the end.
    pub nodes: usize,
    /// How long each choice took.
    pub join_us: Times,
}

/// One algorithm's figures.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Its name.
    pub topology: &'static str,
    /// How many nodes there were.
    pub nodes: usize,
    /// How many left, and as many came.
    pub leaves: usize,
    /// How long it took to place a newcomer, with all nodes there.
    pub join_us: Times,
    /// How long it took to take a node out and to place all who were below it.
    pub leave_us: Times,
    /// The most hops of any node, at the end.
    pub depth: u16,
    /// The hops in the mean.
    pub mean_hops: f64,
    /// How many had no server, at the end.
    pub unfed: usize,
    /// How many nodes got another server for one that left, the newcomer's arrival included.
    pub moves_per_leave: f64,
    /// How many nodes only got other standbys, likewise.
    pub standby_news_per_leave: f64,
    /// Which share of those whose server died could go on at a standby.
    pub taken_over: f64,
    /// Memory of the topology. Right only for the first one that a process simulates.
    pub bytes_per_node: f64,
    /// How long the whole took.
    pub seconds: f64,
    /// How many nodes are 0, 1, 2 … hops away, at the end.
    pub hops: Vec<usize>,
    /// The time for a join at several sizes on the way.
    pub sizes: Vec<Size>,
}

/// The outcome.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was simulated.
    pub plan: Plan,
    /// The figures, in the order asked for.
    pub figures: Vec<Figures>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<10} {:>9} {:>24} {:>20} {:>6} {:>6} {:>7} {:>7} {:>8} {:>7}",
            "", "", "join µs", "leave µs", "depth", "mean", "moves", "standby", "taken", "no"
        )?;
        write!(
            f,
            "{:<10} {:>9} {:>6} {:>6} {:>10} {:>6} {:>13} {:>6} {:>6} {:>7} {:>7} {:>8} {:>7}",
            "topology",
            "nodes",
            "p50",
            "p99",
            "p99.9",
            "mean",
            "max",
            "",
            "hops",
            "/leave",
            "/leave",
            "over",
            "server"
        )?;
        for one in &self.figures {
            let (join, leave) = (one.join_us, one.leave_us);
            write!(
                f,
                "\n{:<10} {:>9} {:>6.1} {:>6.1} {:>10.1} {:>6.1} {:>13.1} {:>6} {:>6.2} {:>7.3} {:>7.2} {:>7.2}% {:>7}",
                one.topology,
                one.nodes,
                join.p50,
                join.p99,
                join.p999,
                leave.mean,
                leave.max,
                one.depth,
                one.mean_hops,
                one.moves_per_leave,
                one.standby_news_per_leave,
                one.taken_over * 100.0,
                one.unfed,
            )?;
        }
        Ok(())
    }
}
