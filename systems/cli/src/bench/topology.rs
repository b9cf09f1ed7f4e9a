//! `rillcast bench topology`: the proxy server's algorithms among simulated nodes.

use std::path::PathBuf;

use clap::Args;
use rillcast_bench::topology::{self, Figures, Plan, Report};
use rillcast_omnicast::proxy::pluggable::topology::{Config, Kind};
use serde::Serialize;

use super::Outcome;
use crate::failure::Failure;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  rillcast bench topology                                 all algorithms, 1,000,000 nodes
  rillcast bench topology --nodes 50000 --svg nodes.svg   fewer, and a picture
  rillcast bench topology --topology stable               one of them

The reference, hop-count, looks at every node for every choice; it is simulated with 5,000 at most.";

/// A million simulated nodes: how fast and how flat the proxy server places them
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct TopologyArgs {
    /// How many nodes
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=20_000_000))]
    nodes: u32,

    /// How many departures, each followed by an arrival, when all nodes are there
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1..=20_000_000))]
    leaves: u32,

    /// Which algorithm: hop-count, indexed, stable, two-trees or mesh; may be given more than once.
    /// Without it, all
    #[arg(long, value_name = "NAME")]
    topology: Vec<Kind>,

    /// How many nodes the streaming server can serve
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    root_capacity: u32,

    /// How many standbys each node has
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=Config::MAX_STANDBYS as i64))]
    standbys: u32,

    /// What chance begins with; the same number gives the same nodes
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Draw the figures into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

pub(super) fn run(args: TopologyArgs, output: Output) -> Result<(), Failure> {
    let plan = Plan {
        nodes: args.nodes as usize,
        leaves: args.leaves as usize,
        root_capacity: args.root_capacity,
        standbys: args.standbys as usize,
        seed: args.seed,
    };
    let kinds = if args.topology.is_empty() { Kind::ALL.to_vec() } else { args.topology };
    let figures = kinds.into_iter().map(|kind| {
        let figures = topology::run(&plan, kind);
        output.line(&Progress { event: "run", figures: &figures });
        figures
    });
    let report = Report { figures: figures.collect(), plan: plan.clone() };
    if let Some(path) = &args.svg {
        topology::write_chart(&report, path)
            .map_err(|error| Failure::runtime(format!("{}: {error}", path.display())))?;
    }
    output.line(&Outcome::of(report));
    Ok(())
}

/// One algorithm was simulated.
#[derive(Serialize)]
struct Progress<'a> {
    event: &'static str,
    #[serde(flatten)]
    figures: &'a Figures,
}

impl std::fmt::Display for Progress<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Figures { topology, nodes, seconds, .. } = self.figures;
        write!(f, "  {topology:<10} {nodes:>9} nodes in {seconds:.1} s")
    }
}
