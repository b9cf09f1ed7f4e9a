//! Whom the simulated nodes belong to: what they can send, and how long they stay.

use fastrand::Rng;
use rillcast_omnicast::proxy::pluggable::topology::NodeFacts;
use serde::Serialize;

/// A kind of access line.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Line {
    /// How many of a hundred nodes have it.
    pub percent: u32,
    /// What it can send, in bits a second.
    pub uplink: u64,
    /// How many children that makes, at the 477,750 bit/s that the paper's stream takes for each
    /// (section 4.3.1: 300 kbit/s video and 64 kbit/s audio, with 5 % headers and 25 % for peaks).
    pub capacity: u32,
}

/// The access lines. Half of the nodes can serve nobody.
pub const LINES: [Line; 4] = [
    Line { percent: 50, uplink: 300_000, capacity: 0 },
    Line { percent: 30, uplink: 1_000_000, capacity: 2 },
    Line { percent: 15, uplink: 3_000_000, capacity: 6 },
    Line { percent: 5, uplink: 10_000_000, capacity: 20 },
];

/// How many children a node can have in the mean.
pub fn mean_capacity() -> f64 {
    LINES.iter().map(|line| f64::from(line.percent * line.capacity)).sum::<f64>() / 100.0
}

/// A newcomer, but for when it joins.
pub(super) fn facts(random: &mut Rng) -> NodeFacts {
    let mut below = random.u32(0..100);
    let line = LINES.into_iter().find(|line| {
        let found = below < line.percent;
        below = below.saturating_sub(line.percent);
        found
    });
    let line = line.unwrap_or(LINES[0]);
    NodeFacts { capacity: line.capacity, ..NodeFacts::default() }
}

/// Half of the nodes stay longer than this, in seconds.
const MEDIAN_STAY: f64 = 600.0;
/// The standard deviation of the logarithm: one in six stays four and a half times as long, or longer.
const SIGMA: f64 = 1.5;

/// How long a node stays, in seconds: log-normal, as measured of the viewers of live streams (Veloso et
/// al., "A hierarchical characterization of a live streaming media workload", 2006).
pub(super) fn stay(random: &mut Rng) -> f64 {
    // Box and Muller's way to a normal distribution; 1 - u is never 0.
    let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt();
    let normal = radius * (std::f64::consts::TAU * random.f64()).cos();
    MEDIAN_STAY * (SIGMA * normal).exp()
}
