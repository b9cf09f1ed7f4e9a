//! The figures at the end, beside the paper's.

use std::fmt;

use rillcast_bench::omnicast::{Faults, FirstFrame, Times, paper};
use serde::Serialize;

/// What the nodes have shown.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Outcome {
    event: &'static str,
    shape: &'static str,
    nodes: usize,
    /// To the first picture, at all nodes but the first, whose password had to be hashed.
    connection_ms: Times,
    /// The same at the first.
    first_connection_ms: f64,
    /// So much later the latest frame came at the nodes that lost their server node.
    recovery_ms: Times,
    /// What was wrong at all nodes that stayed.
    faults: Faults,
    /// What went wrong, if anything did.
    pub(super) fault: Option<String>,
}

impl Outcome {
    pub(super) fn new(
        shape: &'static str,
        nodes: usize,
        joined: &[FirstFrame],
        recovery: &[f64],
        faults: Faults,
    ) -> Outcome {
        let Faults { lost, twice, changed, .. } = faults;
        let fault = match (faults.is_clean(), recovery.is_empty()) {
            (false, _) => Some(format!(
                "in the {shape} of nodes {lost} frames were lost, {twice} came twice and {changed} changed"
            )),
            (true, true) => Some(format!("in the {shape} no node went on elsewhere")),
            (true, false) => None,
        };
        Outcome {
            event: "tree_result",
            shape,
            nodes,
            connection_ms: Times::of(joined.iter().skip(1).map(|node| node.total_ms)),
            first_connection_ms: joined.first().map_or(f64::NAN, |node| node.total_ms),
            recovery_ms: Times::of(recovery.iter().copied()),
            faults,
            fault,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome { shape, nodes, connection_ms: connection, recovery_ms: recovery, .. } = self;
        let Faults { frames, lost, twice, changed } = self.faults;
        let ((low, high), (from, to)) = (paper::CONNECTION_MS, paper::RECOVERY_MS);
        writeln!(
            f,
            "\n{nodes} nodes in a {shape}{:>width$}   the paper",
            "here",
            width = 34 - shape.len()
        )?;
        writeln!(
            f,
            "  to the first picture      p50 {:>5.1}, longest {:>5.1} ms   {low:.0} to {high:.0} ms",
            connection.p50, connection.max
        )?;
        writeln!(
            f,
            "    at the first node       {:>20.1} ms   {:.0} ms to the first frame alone",
            self.first_connection_ms,
            paper::FIRST_HOP_FRAME_MS
        )?;
        writeln!(
            f,
            "  to go on after the death  p50 {:>5.1}, longest {:>5.1} ms   {from:.0} to {to:.0} ms",
            recovery.p50, recovery.max
        )?;
        write!(
            f,
            "  of {frames:>6} frames          {lost} lost, {twice} twice, {changed} changed   some lost"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_frame_is_a_fault_and_so_is_nobody_who_moved() {
        let outcome = |lost, recovery: &[f64]| {
            let faults = Faults { frames: 100, lost, ..Faults::default() };
            Outcome::new("chain", 9, &[], recovery, faults).fault
        };
        assert_eq!(outcome(0, &[3.0]), None);
        assert!(outcome(1, &[3.0]).is_some_and(|fault| fault.contains("1 frames were lost")));
        assert!(outcome(0, &[]).is_some_and(|fault| fault.contains("no node went on")));
    }
}
