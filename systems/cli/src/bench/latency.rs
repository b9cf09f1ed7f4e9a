//! `rillcast bench latency`: how long whole frames take.

use clap::Args;
use rillcast_bench::fanout::{Plan, Round};
use rillcast_bench::latency;
use serde::Serialize;

use super::Outcome;
use super::load::{AudienceArgs, StreamArgs, Transport, failed, room_for};
use crate::failure::Failure;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  rillcast bench latency                                    1,000 receivers by UDP
  rillcast bench latency --transport tcp --stalled 10       of whom 100 take nothing, every other turn

Close other programs before: the figures are of this machine as it is.";

/// One stream to many receivers: how long whole frames take
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct LatencyArgs {
    /// How many receivers there are
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    children: u32,

    /// Of a hundred receivers so many take nothing, in turns of their own: what it does to the others (TCP)
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=90))]
    stalled: u8,

    #[command(flatten)]
    audience: AudienceArgs,

    #[command(flatten)]
    stream: StreamArgs,
}

pub(super) fn run(args: LatencyArgs, output: Output) -> Result<(), Failure> {
    if args.stalled > 0 && args.audience.transport == Transport::Udp {
        return Err(Failure::usage(
            "--stalled is for --transport tcp: over UDP nobody can take nothing",
        ));
    }
    room_for(args.children.into(), 1)?;
    let plan = args.audience.plan(args.stream.plan(args.children)?);
    let plan = Plan { stalled: args.stalled.into(), ..plan };
    let mut told = |round: &Round| {
        let (relay, repetition) = (plan.name(round.subject), round.repetition);
        output.line(&Progress { event: "round", relay, repetition, lost: round.lost });
    };
    let report = latency::run(&plan, &mut told).map_err(failed)?;
    output.line(&Outcome::of(report));
    Ok(())
}

/// One relay was measured once.
#[derive(Serialize)]
struct Progress<'a> {
    event: &'static str,
    relay: &'a str,
    repetition: usize,
    lost: u64,
}

impl std::fmt::Display for Progress<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "  {:>2} {:<9} {} lost", self.repetition + 1, self.relay, self.lost)
    }
}
