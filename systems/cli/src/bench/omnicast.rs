//! `rillcast bench omnicast`: the experiments of the paper, with real processes.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use rillcast_bench::omnicast::{Chart, Error, Setting, connection, frame_rate, recovery};
use serde::Serialize;

use super::Outcome;
use crate::failure::Failure;
use crate::files;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  rillcast bench omnicast --experiment frame-rate --svg figure-7.svg
      one node relays to eight: the time for 30 frames at each (--children 100 for more)
  rillcast bench omnicast --experiment connection --svg figure-9.svg
      a chain of nine: the time to the first picture, hop by hop
  rillcast bench omnicast --experiment recovery --svg recovery.svg
      the second of nine leaves: politely, killed, silently; what the nodes below see of it

Each starts a publisher, a streaming server, a proxy server and nodes, on loopback; as root the silent
node of `recovery` is cut off by a packet filter in a network namespace.";

/// The experiments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Experiment {
    /// Section 4.2.1, figure 7: time for 30 frames at the children of one node
    FrameRate,
    /// Section 4.2.2, figure 9: time to the first picture, hop by hop
    Connection,
    /// Section 4.2.3: time until the stream goes on when a node has left
    Recovery,
}

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

    /// frame-rate: seconds that are measured
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=3600))]
    seconds: u32,

    /// connection, recovery: nodes in the chain
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(3..=30))]
    nodes: u32,

    /// connection, recovery: how often [default: 5]
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,

    /// Draw the figures into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

pub(super) fn run(args: OmnicastArgs, output: Output) -> Result<(), Failure> {
    files::raise_limit();
    let program = std::env::current_exe()
        .map_err(|error| Failure::runtime(format!("this program cannot be found: {error}")))?;
    let setting = Setting::paper(program);
    let (nodes, rounds, svg) = (args.nodes as usize, args.rounds as usize, args.svg.as_deref());
    let tell = |text: String| output.line(&Progress { event: "progress", text });
    match args.experiment {
        Experiment::FrameRate => {
            let (children, seconds) = (args.children, args.seconds);
            let plan = frame_rate::Plan { setting, children, seconds };
            let mut told = |node: u32| {
                if node == children || node.is_multiple_of(10) {
                    tell(format!("{node} nodes receive"));
                }
            };
            conclude(&frame_rate::run(&plan, &mut told).map_err(failed)?, svg, output)
        }
        Experiment::Connection => {
            let plan = connection::Plan { setting, nodes, rounds };
            let mut told = |round: usize| tell(format!("chain {} of {rounds}", round + 1));
            conclude(&connection::run(&plan, &mut told).map_err(failed)?, svg, output)
        }
        Experiment::Recovery => {
            let plan = recovery::Plan { setting, nodes, rounds };
            let mut told = |way: recovery::Way, round: usize| {
                tell(format!("{way}: {} of {rounds}", round + 1))
            };
            conclude(&recovery::run(&plan, &mut told).map_err(failed)?, svg, output)
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
