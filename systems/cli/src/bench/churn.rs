//! `rillcast bench churn`: players that come all at once, and that come and go.

use clap::Args;
use rillcast_bench::churn::{self, Phase, Plan};
use serde::Serialize;

use super::Outcome;
use super::load::{Transport, failed};
use crate::failure::Failure;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  rillcast bench churn                            1,000 players by TCP, then 100 a second
  rillcast bench churn --transport udp            the same by UDP
  rillcast bench churn --workers 1                with a thread that sends

Close other programs before: the figures are of this machine as it is.";

/// Players that come all at once, and that come and go: how long they wait
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ChurnArgs {
    /// How many come at once
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    children: u32,

    /// How they receive
    #[arg(long, value_enum, default_value_t = Transport::Tcp)]
    transport: Transport,

    /// How many come, and go, each second after that
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,

    /// Seconds that they do
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,

    /// Fan-out threads of the engine
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=256))]
    workers: u16,

    /// Bits a second of the stream
    #[arg(long, value_name = "BITS", default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(10_000..=100_000_000))]
    bitrate: u32,
}

pub(super) fn run(args: ChurnArgs, output: Output) -> Result<(), Failure> {
    // Both ends of a connection, the server's second one, and a pair of sockets.
    let descriptors = u64::from(args.children) * 2 * 5 + 1000;
    if rlimit::increase_nofile_limit(descriptors).is_ok_and(|limit| limit < descriptors) {
        let text = format!("{} players need {descriptors} open files: ulimit -n", args.children);
        return Err(Failure::runtime(text));
    }
    let plan = Plan {
        children: args.children as usize,
        transport: args.transport.into(),
        rate: args.rate,
        seconds: f64::from(args.seconds),
        workers: args.workers.into(),
        bitrate: args.bitrate,
    };
    let mut told = |phase: Phase| output.line(&Progress { event: "phase", phase });
    let report = churn::run(&plan, &mut told).map_err(failed)?;
    output.line(&Outcome::of(report));
    Ok(())
}

/// Something is measured from now on.
#[derive(Serialize)]
struct Progress {
    event: &'static str,
    phase: Phase,
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "  {} …", self.phase)
    }
}
