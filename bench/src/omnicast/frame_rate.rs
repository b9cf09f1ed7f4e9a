//! Experiment 1 (section 4.2.1): one node relays to many. How long do 30 frames take at each?

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::error::Error;
use super::guest;
use super::network::Network;
use super::paper;
use super::times::Times;
use super::trace::{Digests, Faults, Trace};
use super::tree::{Setting, Tree};
use crate::fanout::Transport;
use crate::players::Players;

/// The paper counts so many frames.
const FRAMES: usize = 30;
/// How long the nodes settle before it is counted.
const SETTLE: Duration = Duration::from_secs(1);
/// Time between two players that come.
const APART: Duration = Duration::from_millis(5);
/// Longest time that players may take to come.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether the end was asked for.
const LOOK: Duration = Duration::from_millis(50);
/// So many nodes have a line of their own in the table.
const LINES: usize = 16;

/// What is to be done.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The programs.
    pub setting: Setting,
    /// Nodes that the first one relays to.
    pub children: u32,
    /// Whether players take their place, all in this process, each let in by the proxy server: more nodes than some
    /// hundred are too much for a machine of two processors.
    pub players: bool,
    /// Seconds that are measured.
    pub seconds: u32,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was done.
    pub plan: Plan,
    /// The time for 30 frames at each node, over all 30 that follow each other.
    pub nodes: Vec<Times>,
    /// The mean at each node: what the paper's figure 7 shows.
    pub means_ms: Vec<f64>,
    /// What was wrong at any of them. Of players, lost and twice are packets, and nothing is known of changes.
    pub faults: Faults,
    /// Bytes of the relaying node in memory, at the end.
    pub memory: u64,
}

/// Does it; `told` hears how many nodes receive.
///
/// # Errors
/// When a node does not receive.
pub fn run(plan: &Plan, told: &mut dyn FnMut(u32)) -> Result<Report, Error> {
    let mut tree = Tree::plant(plan.setting.clone(), Network::loopback())?;
    let relay = tree.add(plan.children)?;
    tree.nodes[relay].first_frame()?;
    if plan.players {
        return by_players(plan, tree, relay, told);
    }
    for number in 1..=plan.children {
        // A node that serves nobody.
        let at = tree.add(0)?;
        tree.nodes[at].first_frame()?;
        told(number);
    }
    tree.pause(SETTLE + Duration::from_secs(plan.seconds.into()))?;
    let memory = tree.nodes[relay].role.memory();
    let traces = tree.nodes.iter().skip(relay + 1).map(|node| node.trace());
    let traces: Vec<Trace> = traces.collect::<Result<_, _>>()?;
    tree.fell()?;
    // Of the live stream: what had been kept came at once.
    let tail = plan.seconds as usize * FRAMES + 1;
    let spans: Vec<Vec<f64>> = traces.iter().map(|trace| spans(trace, tail)).collect();
    let mut known = Digests::new();
    let faults = traces.iter().map(|trace| trace.faults(&mut known));
    let faults = faults.fold(Faults::default(), Faults::and);
    report(plan, spans, faults, memory)
}

/// The same with players instead of nodes.
fn by_players(
    plan: &Plan,
    tree: Tree,
    relay: usize,
    told: &mut dyn FnMut(u32),
) -> Result<Report, Error> {
    let home = tree.network().hub();
    let invitations = guest::invitations(&tree, &home, 1)?;
    let url = invitations.first().ok_or_else(|| Error::Trace("nobody was let in".into()))?;
    let mut players = Players::new(home.address, Transport::Udp)?;
    let play = |players: &mut Players, time: Duration| {
        let end = Instant::now() + time;
        while Instant::now() < end {
            players.run_until(end.min(Instant::now() + LOOK))?;
            tree.pause(Duration::ZERO)?;
        }
        Ok::<(), Error>(())
    };
    for number in 1..=plan.children {
        players.come(url.clone())?;
        play(&mut players, APART)?;
        told(number);
    }
    players.settle(Instant::now() + PATIENCE)?;
    play(&mut players, SETTLE)?;
    let before = players.tally();
    players.note_frames();
    play(&mut players, Duration::from_secs(plan.seconds.into()))?;
    let after = players.tally();
    let memory = tree.nodes[relay].role.memory();
    let span = |pair: (&Instant, &Instant)| pair.1.duration_since(*pair.0).as_secs_f64() * 1e3;
    let spans =
        |frames: &[Instant]| frames.iter().zip(frames.iter().skip(FRAMES)).map(span).collect();
    let frames: usize = players.frames().map(<[Instant]>::len).sum();
    let spans = players.frames().map(spans).collect();
    drop(players);
    tree.fell()?;
    let faults = Faults {
        frames: frames as u64,
        lost: after.lost.saturating_sub(before.lost),
        twice: after.twice.saturating_sub(before.twice),
        changed: 0,
    };
    report(plan, spans, faults, memory)
}

/// From the times for 30 frames at each node.
fn report(plan: &Plan, spans: Vec<Vec<f64>>, faults: Faults, memory: u64) -> Result<Report, Error> {
    if let Some(at) = spans.iter().position(Vec::is_empty) {
        let text = format!("at node {} came fewer than {FRAMES} frames", at + 2);
        return Err(Error::Trace(text));
    }
    let mean = |spans: &Vec<f64>| spans.iter().sum::<f64>() / spans.len() as f64;
    let means_ms = spans.iter().map(mean).collect();
    let nodes = spans.into_iter().map(Times::of).collect();
    Ok(Report { plan: plan.clone(), nodes, means_ms, faults, memory })
}

/// The times from each of the last frames to the thirtieth behind it, in milliseconds.
fn spans(trace: &Trace, tail: usize) -> Vec<f64> {
    let arrivals: Vec<Duration> = trace.video().map(|frame| frame.arrival).collect();
    let live = arrivals.get(arrivals.len().saturating_sub(tail)..).unwrap_or_default();
    let later = live.iter().skip(FRAMES);
    live.iter().zip(later).map(|(from, to)| to.saturating_sub(*from).as_secs_f64() * 1e3).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { children, seconds, players, .. } = self.plan;
        let (nodes, losses) = if players { ("players", "packets") } else { ("nodes", "frames") };
        writeln!(
            f,
            "node 1 relays to {children} {nodes}; time for 30 frames of a stream with 30 a second, {seconds} s, ms"
        )?;
        let lines = self.nodes.iter().zip(&self.means_ms).enumerate();
        if self.nodes.len() <= LINES {
            writeln!(f, "{:>6} {:>8} {:>7} {:>7} {:>7}", "node", "mean", "p50", "p99", "max")?;
            for (index, (times, mean)) in lines {
                writeln!(f, "{:>6} {mean:>8.2} {times}", index + 2)?;
            }
        }
        let all = Times::of(self.means_ms.iter().copied());
        let least = self.means_ms.iter().copied().fold(f64::INFINITY, f64::min);
        let worst = self.nodes.iter().map(|times| times.max).fold(0.0, f64::max);
        writeln!(
            f,
            "means {least:.2} to {:.2}; the longest 30 frames anywhere {worst:.1}",
            all.max
        )?;
        let Faults { frames, lost, twice, changed } = self.faults;
        writeln!(
            f,
            "{frames} frames: {lost} {losses} lost, {twice} twice, {changed} changed; the relay had {} MiB",
            self.memory >> 20
        )?;
        let (low, high) = paper::FRAMES_30_MS;
        write!(f, "the paper, 8 nodes: {low:.0} to {high:.0}")
    }
}
