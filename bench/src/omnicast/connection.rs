//! Experiment 2 (section 4.2.2): a chain of nodes. How long does each wait for its first picture?

use std::fmt;

use serde::Serialize;

use super::error::Error;
use super::network::Network;
use super::paper;
use super::times::Times;
use super::tree::{FirstFrame, Setting, Tree};

/// What is to be done.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The programs.
    pub setting: Setting,
    /// Nodes in the chain.
    pub nodes: usize,
    /// How many chains.
    pub rounds: usize,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was done.
    pub plan: Plan,
    /// Each hop, the nearest to the streaming server first.
    pub hops: Vec<Hop>,
    /// All hops but the first login of each chain, whose password has to be hashed.
    pub total_ms: Times,
    /// All first hops.
    pub first_hop_ms: Times,
}

/// The nodes at one hop, in all chains.
#[derive(Clone, Debug, Serialize)]
pub struct Hop {
    /// The session with the proxy server.
    pub uscp_ms: Times,
    /// The session with the server node.
    pub rtsp_ms: Times,
    /// Frames that came before the first that can be decoded.
    pub lost_frames: u64,
    /// From the end of the RTSP session to the first frame that can be decoded.
    pub first_frame_ms: Times,
    /// All of it.
    pub total_ms: Times,
}

impl Hop {
    fn of(chains: &[Vec<FirstFrame>], hop: usize) -> Hop {
        let nodes = || chains.iter().filter_map(|chain| chain.get(hop));
        Hop {
            uscp_ms: Times::of(nodes().map(|node| node.uscp_ms)),
            rtsp_ms: Times::of(nodes().map(|node| node.rtsp_ms)),
            lost_frames: nodes().map(|node| node.lost_frames).sum(),
            first_frame_ms: Times::of(nodes().map(|node| node.first_frame_ms)),
            total_ms: Times::of(nodes().map(|node| node.total_ms)),
        }
    }
}

/// Does it; `told` hears of each chain.
///
/// # Errors
/// When a chain does not come about.
pub fn run(plan: &Plan, told: &mut dyn FnMut(usize)) -> Result<Report, Error> {
    let mut chains = Vec::new();
    for round in 0..plan.rounds {
        let mut tree = Tree::plant(plan.setting.clone(), Network::loopback())?;
        chains.push(tree.add_chain(plan.nodes)?);
        tree.fell()?;
        told(round);
    }
    let total = |node: &FirstFrame| node.total_ms;
    Ok(Report {
        plan: plan.clone(),
        hops: (0..plan.nodes).map(|hop| Hop::of(&chains, hop)).collect(),
        total_ms: Times::of(chains.iter().flat_map(|chain| chain.iter().skip(1)).map(total)),
        first_hop_ms: Times::of(chains.iter().filter_map(|chain| chain.first()).map(total)),
    })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { nodes, rounds, .. } = self.plan;
        writeln!(
            f,
            "time to the first picture that can be decoded, {rounds} chains of {nodes} nodes, ms"
        )?;
        writeln!(
            f,
            "{:>5} {:>9} {:>9} {:>9} {:>12} {:>9} {:>9}",
            "hop", "USCP p50", "RTSP p50", "lost", "first frame", "all p50", "all max"
        )?;
        for (hop, one) in self.hops.iter().enumerate() {
            writeln!(
                f,
                "{:>5} {:>9.1} {:>9.1} {:>9} {:>12.1} {:>9.1} {:>9.1}",
                hop + 1,
                one.uscp_ms.p50,
                one.rtsp_ms.p50,
                one.lost_frames,
                one.first_frame_ms.p50,
                one.total_ms.p50,
                one.total_ms.max
            )?;
        }
        let Times { p50, p99, max, count } = self.total_ms;
        let first = self.first_hop_ms;
        writeln!(f, "hops from 2 on: p50 {p50:.1}, p99 {p99:.1}, longest {max:.1} ms of {count}")?;
        writeln!(
            f,
            "hop 1, whose password is the first to be hashed: p50 {:.1}, longest {:.1} ms",
            first.p50, first.max
        )?;
        let (low, high) = paper::CONNECTION_MS;
        let ((rtsp, to_rtsp), (frame, to_frame)) = (paper::RTSP_MS, paper::FIRST_FRAME_MS);
        write!(
            f,
            "the paper: {low:.0} to {high:.0} (USCP {:.0}, RTSP {rtsp:.0} to {to_rtsp:.0}, lost frames {:.0}, \
             first frame {frame:.0} to {to_frame:.0}; at hop 1 {:.0})",
            paper::USCP_MS,
            paper::LOST_FRAMES_MS,
            paper::FIRST_HOP_FRAME_MS
        )
    }
}
