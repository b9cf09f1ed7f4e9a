//! The topology algorithms of the proxy server, as they are shipped, among a million simulated nodes.
//!
//! A discrete-event simulation: nodes come, are placed, and leave after a time that is drawn for each;
//! half of them politely, half by dying, after which their children turn to their standbys by themselves.
//! The network between them is not simulated: what is measured is what the proxy server decides, and how
//! long it takes to.

mod chart;
mod model;
mod report;
mod simulation;

use rillcast_omnicast::proxy::pluggable::topology::Kind;
use serde::Serialize;

pub use chart::write as write_chart;
pub use model::{LINES, Line, mean_capacity};
pub use report::{Figures, Report, Size, Times};

/// What is simulated.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// How many nodes there are at a time.
    pub nodes: usize,
    /// How many departures are looked at, each followed by an arrival, when all nodes are there.
    pub leaves: usize,
    /// How many children the streaming server can have.
    pub root_capacity: u32,
    /// How many standbys each node has.
    pub standbys: usize,
    /// What chance begins with: the same number gives the same nodes.
    pub seed: u64,
}

/// The most nodes that the reference is tried with: it looks at each for every choice.
pub const REFERENCE_NODES: usize = 5_000;

/// Runs one algorithm through the plan; the reference with at most [`REFERENCE_NODES`].
pub fn run(plan: &Plan, kind: Kind) -> Figures {
    let mut plan = plan.clone();
    if kind == Kind::HopCount && plan.nodes > REFERENCE_NODES {
        plan.nodes = REFERENCE_NODES;
        plan.leaves = plan.leaves.min(REFERENCE_NODES);
    }
    simulation::run(&plan, kind)
}
