//! What came of it, beside the paper.

use std::fmt;

use serde::Serialize;

use super::super::paper;
use super::{Level, PAPER_BITS, Plan, uplink_of_client};

/// So many of the levels have a line in the table.
const LINES: usize = 6;

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was done.
    pub plan: Plan,
    /// First the streaming server alone, then the nodes.
    pub stages: Vec<Stage>,
}

/// What some servers carry together.
#[derive(Clone, Debug, Serialize)]
pub struct Stage {
    /// How many servers.
    pub servers: u32,
    /// How many clients they carry by the paper's rule.
    pub by_rule: f64,
    /// How many clients they carried; `None`: not even the first ones.
    pub clients: Option<u32>,
    /// Each number of clients that was tried. The last one was too many, unless the uplinks were never full.
    pub levels: Vec<Level>,
}

impl Stage {
    pub(super) fn new(plan: &Plan, servers: u32, levels: Vec<Level>) -> Stage {
        let carried = levels.iter().rev().find(|level| level.carried);
        let clients = carried.map(|level| level.clients);
        Stage { servers, by_rule: plan.by_rule() * f64::from(servers), clients, levels }
    }

    /// What they are called.
    pub fn name(&self) -> String {
        match self.servers {
            1 => "1 server".to_owned(),
            nodes => format!("{nodes} nodes"),
        }
    }

    /// What the paper says of that many.
    pub fn paper(&self) -> u32 {
        paper::CLIENTS_PER_SERVER.saturating_mul(self.servers)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { uplink, queue, hold, .. } = &self.plan;
        let mega = |bits: f64| bits / 1e6;
        writeln!(
            f,
            "clients that an uplink of {:.0} Mbit/s carries ({} ms of packets may wait before it), of a stream with {} kbit/s",
            mega(*uplink as f64),
            queue.as_millis(),
            PAPER_BITS / 1000
        )?;
        for stage in &self.stages {
            writeln!(
                f,
                "\n{:<10} {:>8} {:>14} {:>14} {:>14} {:>14} {:>6}",
                stage.name(),
                "clients",
                "each uplink",
                "lost packets",
                "sends dropped",
                "lost at coming",
                "tries"
            )?;
            for level in
                stage.levels.get(stage.levels.len().saturating_sub(LINES)..).unwrap_or_default()
            {
                let Level { clients, lost, lost_joining, dropped, used, tries, .. } = level;
                let used = format!("{:.2} Mbit/s", mega(*used));
                writeln!(
                    f,
                    "{:<10} {clients:>8} {used:>14} {lost:>14} {dropped:>14} {lost_joining:>14} {tries:>6}",
                    ""
                )?;
            }
        }
        writeln!(f, "\n{:<44}{}", "", self.row(|stage| stage.name()))?;
        writeln!(
            f,
            "{:<44}{}",
            "the paper, which says: of 100 Mbit/s",
            self.row(|stage| stage.paper().to_string())
        )?;
        let each = uplink_of_client(PAPER_BITS) / 1e3;
        writeln!(
            f,
            "{:<44}{}",
            format!("its rule, {each:.1} kbit/s for each client"),
            self.row(|stage| format!("{:.1}", stage.by_rule))
        )?;
        let seconds = hold.as_secs_f64();
        writeln!(
            f,
            "{:<44}{}",
            format!("here, no packet lost in {seconds:.0} s"),
            self.row(|stage| stage.clients.map_or_else(|| "fewer".into(), |n| n.to_string()))
        )?;
        write!(
            f,
            "(100 Mbit/s carry {:.0} by its rule; the 21 that the paper says are those of 10 Mbit/s)",
            (100e6 / uplink_of_client(PAPER_BITS)).floor()
        )
    }
}

impl Report {
    fn row(&self, cell: impl Fn(&Stage) -> String) -> String {
        self.stages.iter().map(|stage| format!("{:>12}", cell(stage))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::super::super::tree::Setting;
    use super::*;

    fn plan(uplink: u64) -> Plan {
        Plan {
            setting: Setting::paper(PathBuf::new()),
            uplink,
            queue: Duration::from_millis(500),
            nodes: 10,
            hold: Duration::from_secs(8),
        }
    }

    fn level(clients: u32, lost: u64) -> Level {
        Level { clients, lost, carried: lost == 0, used: 8.4e6, tries: 1, ..Level::default() }
    }

    #[test]
    fn the_example_of_the_paper() {
        assert_eq!(plan(100_000_000).by_rule().floor(), 209.0);
        assert_eq!(plan(10_000_000).by_rule().round(), f64::from(paper::CLIENTS_PER_SERVER));
    }

    #[test]
    fn what_counts_is_the_last_level_without_loss() {
        let plan = plan(10_000_000);
        let stage = |levels| Stage::new(&plan, 10, levels);
        assert_eq!(stage(vec![level(200, 0), level(210, 0), level(220, 3)]).clients, Some(210));
        assert_eq!(stage(vec![level(200, 1)]).clients, None);
        let report = Report { plan: plan.clone(), stages: vec![stage(vec![level(210, 0)])] };
        let text = report.to_string();
        assert!(text.contains("carry 209") && text.contains("477.8 kbit/s"), "{text}");
    }
}
