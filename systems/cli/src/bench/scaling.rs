//! `rillcast bench scaling`: how much more goes through with more threads.

use clap::Args;
use rillcast_bench::fanout::scaling::{self, Flood};
use serde::Serialize;

use super::Outcome;
use super::load::{StreamArgs, failed};
use crate::failure::Failure;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  rillcast bench scaling                          one worker, then two
  rillcast bench scaling --workers 0,1,2,3,4      on a machine with more processors

Close other programs before: the figures are of this machine as it is.";

/// As many packets as go through: how much more it is with more workers. Needs root, `ip` and `nft`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ScalingArgs {
    /// Fan-out threads of the engine, one number after the other; 0: its own thread sends
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "1,2", value_parser = clap::value_parser!(u16).range(..=64))]
    workers: Vec<u16>,

    /// How many receivers there are
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(100..=20_000))]
    children: u32,

    #[command(flatten)]
    stream: StreamArgs,
}

pub(super) fn run(args: ScalingArgs, output: Output) -> Result<(), Failure> {
    let workers: Vec<usize> = args.workers.iter().copied().map(usize::from).collect();
    let plan = args.stream.plan(args.children)?;
    let mut told = |flood: &Flood| output.line(&Progress { event: "round", flood });
    let report = scaling::run(&plan, &workers, &mut told).map_err(failed)?;
    output.line(&Outcome::of(report));
    Ok(())
}

/// One relay was measured once.
#[derive(Serialize)]
struct Progress<'a> {
    event: &'static str,
    #[serde(flatten)]
    flood: &'a Flood,
}

impl std::fmt::Display for Progress<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Flood { repetition, relay, threads, rate, lost, .. } = self.flood;
        write!(
            f,
            "  {:>2} {relay:<9} {threads:>3} {rate:>10.0} packets/s, {lost} lost",
            repetition + 1
        )
    }
}
