//! Experiment 3 (section 4.2.3): a chain of nodes, of which the second leaves. How long until the stream goes
//! on at every node below, and is anything lost?

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::error::Error;
use super::network::Network;
use super::paper;
use super::role::Signal;
use super::times::Times;
use super::trace::{Around, Digests, Faults, Trace};
use super::tree::{Setting, Tree};

/// How long the chain stands before one leaves, and after.
const CALM: Duration = Duration::from_millis(2_500);
/// How long before that moment frames are looked at: not so long that what the last one had been given at
/// once, when it came, is among them.
const BEFORE: Duration = Duration::from_millis(1_500);
/// How long after that moment frames are looked at.
const AFTER: Duration = Duration::from_millis(2_000);
/// The node that leaves: the second.
const VICTIM: usize = 1;

/// How the node leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// It says goodbye (SIGTERM).
    Politely,
    /// It is killed (SIGKILL): its connections are closed by its system.
    Killed,
    /// A packet filter in its namespace drops all that it sends and is sent. Without namespaces it is
    /// stopped (SIGSTOP), which looks the same from outside but for the acknowledgements of TCP.
    Silently,
}

impl Way {
    /// All of them.
    pub const ALL: [Way; 3] = [Way::Politely, Way::Killed, Way::Silently];
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Way::Politely => "politely",
            Way::Killed => "killed",
            Way::Silently => "silently",
        })
    }
}

/// What is to be done.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The programs.
    pub setting: Setting,
    /// Nodes in the chain.
    pub nodes: usize,
    /// How often one leaves in each way.
    pub rounds: usize,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was done.
    pub plan: Plan,
    /// Why the silent node was stopped, and not cut off by a filter.
    pub without_namespaces: Option<String>,
    /// Each way.
    pub ways: Vec<Figures>,
}

/// What came of one way.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Which.
    pub way: Way,
    /// So much later the latest frame came, at all nodes below in all rounds.
    pub recovery_ms: Times,
    /// The same in the calm before: what else the machine does.
    pub usual_ms: Times,
    /// The longest time between two frames, 33 ms without any disturbance.
    pub pause_ms: Times,
    /// The same, for each node below, the nearest first.
    pub by_node: Vec<Times>,
    /// What was wrong at all nodes that stayed.
    pub faults: Faults,
}

/// Does it; `told` hears of each round.
///
/// # Errors
/// When the tree does not come about, or the stream does not go on.
pub fn run(plan: &Plan, told: &mut dyn FnMut(Way, usize)) -> Result<Report, Error> {
    let without_namespaces = Network::obstacle();
    let ways = Way::ALL.into_iter().map(|way| {
        let mut rounds = Vec::with_capacity(plan.rounds);
        for round in 0..plan.rounds {
            let network = match (way, &without_namespaces) {
                (Way::Silently, None) => Network::namespaces()?,
                _ => Network::loopback(),
            };
            rounds.push(one_round(plan, way, network)?);
            told(way, round);
        }
        Ok(Figures::of(way, &rounds))
    });
    let ways = ways.collect::<Result<_, Error>>()?;
    Ok(Report { plan: plan.clone(), without_namespaces, ways })
}

/// One node has left once: what each node below it saw of that, the nearest first, and what was wrong at all
/// that stayed.
struct Round {
    below: Vec<Around>,
    faults: Faults,
}

fn one_round(plan: &Plan, way: Way, network: Network) -> Result<Round, Error> {
    let mut tree = Tree::plant(plan.setting.clone(), network)?;
    tree.add_chain(plan.nodes)?;
    tree.pause(CALM)?;
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    leave(&mut tree, way)?;
    tree.pause(CALM)?;
    tree.forget(VICTIM)?;
    let traces: Vec<Trace> =
        tree.nodes.iter().map(|node| node.trace()).collect::<Result<_, _>>()?;
    let below = tree.nodes.iter().zip(&traces).skip(VICTIM).map(|(node, trace)| {
        let silent = || Error::Trace(format!("{}: nothing came before the moment", node.name));
        trace.around(at, BEFORE, AFTER).ok_or_else(silent)
    });
    let below = below.collect::<Result<_, Error>>()?;
    tree.fell()?;
    let mut known = Digests::new();
    let faults = traces.iter().map(|trace| trace.faults(&mut known));
    Ok(Round { below, faults: faults.fold(Faults::default(), Faults::and) })
}

impl Figures {
    fn of(way: Way, rounds: &[Round]) -> Figures {
        let all = || rounds.iter().flat_map(|round| &round.below);
        let nodes = rounds.first().map_or(0, |round| round.below.len());
        let node = |at: usize| {
            let seen = rounds.iter().filter_map(move |round| round.below.get(at));
            Times::of(seen.map(|around| around.recovery_ms))
        };
        Figures {
            way,
            recovery_ms: Times::of(all().map(|around| around.recovery_ms)),
            usual_ms: Times::of(all().map(|around| around.usual_ms)),
            pause_ms: Times::of(all().map(|around| around.pause_ms)),
            by_node: (0..nodes).map(node).collect(),
            faults: rounds.iter().map(|round| round.faults).fold(Faults::default(), Faults::and),
        }
    }
}

fn leave(tree: &mut Tree, way: Way) -> Result<(), Error> {
    let cut_off = tree.network().has_namespaces();
    let node = &mut tree.nodes[VICTIM];
    match way {
        Way::Politely => node.role.signal(Signal::Term),
        Way::Killed => {
            node.role.kill();
            Ok(())
        }
        Way::Silently if cut_off => node.place.silence(),
        Way::Silently => node.role.signal(Signal::Stop),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = paper::RECOVERY_MS;
        let below = self.plan.nodes.saturating_sub(VICTIM + 1);
        writeln!(
            f,
            "node 2 of a chain of {} leaves, {} times in each way; {below} nodes below it",
            self.plan.nodes, self.plan.rounds
        )?;
        if let Some(reason) = &self.without_namespaces {
            writeln!(f, "  (silently: stopped by SIGSTOP instead of a packet filter: {reason})")?;
        }
        writeln!(
            f,
            "{:<10} {:>23} {:>23} {:>23} {:>8} {:>6} {:>6} {:>8}",
            "",
            "recovery ms",
            "without leaving ms",
            "longest pause ms",
            "frames",
            "lost",
            "twice",
            "changed"
        )?;
        writeln!(f, "{:<10}{}", "", format!(" {:>7} {:>7} {:>7}", "p50", "p99", "max").repeat(3))?;
        for one in &self.ways {
            let Figures { way, recovery_ms, usual_ms, pause_ms, faults, .. } = one;
            writeln!(
                f,
                "{:<10} {recovery_ms} {usual_ms} {pause_ms} {:>8} {:>6} {:>6} {:>8}",
                way.to_string(),
                faults.frames,
                faults.lost,
                faults.twice,
                faults.changed
            )?;
        }
        write!(f, "{:<10} {low:.0} to {high:.0} ms at all nodes, frames lost", "the paper")
    }
}
