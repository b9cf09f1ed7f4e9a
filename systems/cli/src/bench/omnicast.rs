//! `rillcast bench omnicast`: the experiments of the paper, with real processes.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use rillcast_bench::omnicast::{Chart, Error, Setting, capacity, connection, frame_rate, recovery};
use serde::Serialize;

use super::Outcome;
use crate::failure::Failure;
use crate::files;
use crate::output::Output;
use crate::signal::Stop;

const EXAMPLES: &str = "\
Examples:
  rillcast bench omnicast --experiment frame-rate --svg figure-7.svg
      one node relays to eight: the time for 30 frames at each (--children 100 for more,
      --children 1000 --players for a thousand players of one process)
  rillcast bench omnicast --experiment connection --svg figure-9.svg
      a chain of nine: the time to the first picture, hop by hop
  rillcast bench omnicast --experiment recovery --svg recovery.svg
      the second of nine leaves: politely, killed, silently; what the nodes below see of it
  rillcast bench omnicast --experiment capacity --svg capacity.svg
      clients of one server and of ten nodes, each with an uplink of 10 Mbit/s, until one misses a packet
      (--uplink 100000000 --nodes 0 for one server with the paper's 100 Mbit/s)

Each starts a publisher, a streaming server, a proxy server and nodes, on loopback; as root the silent
node of `recovery` is cut off by a packet filter in a network namespace. `capacity` needs root.";

/// The experiments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Experiment {
    /// Section 4.2.1, figure 7: time for 30 frames at the children of one node
    FrameRate,
    /// Section 4.2.2, figure 9: time to the first picture, hop by hop
    Connection,
    /// Section 4.2.3: time until the stream goes on when a node has left
    Recovery,
    /// Section 4.3.1: clients that shaped uplinks carry, beside the paper's rule
    Capacity,
}

/// Nodes in a chain, as in the paper.
const CHAIN: usize = 9;

/// The experiments of the OmniCast264 paper, beside its figures
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct OmnicastArgs {
    /// Which one
    #[arg(long, value_enum)]
    experiment: Experiment,

    /// frame-rate: how many nodes the first one relays to
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    children: u32,

    /// frame-rate: players of one process instead of nodes, for more than some hundred of them
    #[arg(long)]
    players: bool,

    /// frame-rate: seconds that are measured [default: 10]; capacity: seconds in which no packet may be lost,
    /// for each number of clients [default: 8]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(2..=3600))]
    seconds: Option<u32>,

    /// connection, recovery: nodes in the chain, 3 to 30 [default: 9]; capacity: nodes, 0 to 30 [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=30))]
    nodes: Option<u32>,

    /// connection, recovery: how often [default: 5]
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,

    /// capacity: what the streaming server and each node may send, in bits a second
    #[arg(long, value_name = "BITS", default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(1_000_000..=10_000_000_000))]
    uplink: u64,

    /// capacity: how many milliseconds packets may wait before an uplink
    #[arg(long, value_name = "MS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    queue: u64,

    /// Draw the figures into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

pub(super) fn run(args: OmnicastArgs, output: Output, stop: Stop) -> Result<(), Failure> {
    files::raise_limit();
    let program = std::env::current_exe()
        .map_err(|error| Failure::runtime(format!("this program cannot be found: {error}")))?;
    let setting = Setting { halt: Arc::new(stop), ..Setting::paper(program) };
    let (rounds, svg) = (args.rounds as usize, args.svg.as_deref());
    let chain = match args.nodes {
        None => CHAIN,
        Some(nodes @ 3..) => nodes as usize,
        Some(_) if args.experiment == Experiment::Capacity => 0,
        Some(_) => return Err(Failure::usage("--nodes: a chain has 3 to 30")),
    };
    let tell = |text: String| output.line(&Progress { event: "progress", text });
    match args.experiment {
        Experiment::FrameRate => {
            let (children, seconds) = (args.children, args.seconds.unwrap_or(10));
            let plan = frame_rate::Plan { setting, children, players: args.players, seconds };
            let mut told = |node: u32| {
                if node == children || node.is_multiple_of(if args.players { 100 } else { 10 }) {
                    tell(format!("{node} of {children} have come"));
                }
            };
            conclude(&frame_rate::run(&plan, &mut told).map_err(failed)?, svg, output)
        }
        Experiment::Connection => {
            let plan = connection::Plan { setting, nodes: chain, rounds };
            let mut told = |round: usize| tell(format!("chain {} of {rounds}", round + 1));
            conclude(&connection::run(&plan, &mut told).map_err(failed)?, svg, output)
        }
        Experiment::Recovery => {
            let plan = recovery::Plan { setting, nodes: chain, rounds };
            let mut told = |way: recovery::Way, round: usize| {
                tell(format!("{way}: {} of {rounds}", round + 1))
            };
            conclude(&recovery::run(&plan, &mut told).map_err(failed)?, svg, output)
        }
        Experiment::Capacity => {
            let plan = capacity::Plan {
                setting: capacity::Plan::setting(setting),
                uplink: args.uplink,
                queue: Duration::from_millis(args.queue),
                nodes: args.nodes.unwrap_or(10),
                hold: Duration::from_secs(args.seconds.unwrap_or(8).into()),
            };
            let mut told = |phase: capacity::Phase, level: &capacity::Level| {
                let capacity::Level { clients, lost, used, .. } = level;
                let used = used / 1e6;
                tell(format!(
                    "{clients} clients of {phase}: {used:.2} Mbit/s by each uplink, {lost} packets lost"
                ));
            };
            conclude(&capacity::run(&plan, &mut told).map_err(failed)?, svg, output)
        }
    }
}

/// Prints and draws what came of it.
fn conclude<R: Chart + fmt::Display + Serialize>(
    report: &R,
    svg: Option<&Path>,
    output: Output,
) -> Result<(), Failure> {
    if let Some(path) = svg {
        report
            .write_chart(path)
            .map_err(|error| Failure::runtime(format!("{}: {error}", path.display())))?;
    }
    output.line(&Outcome::of(report));
    Ok(())
}

fn failed(error: Error) -> Failure {
    Failure::runtime(error.to_string())
}

/// How far it is.
#[derive(Serialize)]
struct Progress {
    event: &'static str,
    text: String,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {}", self.text)
    }
}
