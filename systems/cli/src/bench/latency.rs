//! `rillcast bench latency`: how long whole frames take.

use clap::Args;
use rillcast_bench::fanout::{Plan, Round};
use rillcast_bench::latency;
use serde::Serialize;

use super::Outcome;
use super::fanout::{Transport, failed, room_for, this_program};
use crate::failure::Failure;
use crate::output::Output;

/// One stream to many receivers: how long whole frames take
#[derive(Debug, Args)]
pub(super) struct LatencyArgs {
    /// How many receivers there are
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    children: u32,

    /// How they receive
    #[arg(long, value_enum, default_value_t = Transport::Udp)]
    transport: Transport,

    /// Bits a second of the stream
    #[arg(long, value_name = "BITS", default_value_t = 2_000_000, value_parser = clap::value_parser!(u32).range(10_000..=100_000_000))]
    bitrate: u32,

    /// Frames a second
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=240))]
    fps: u32,

    /// Let the kernel join packets at the receivers (UDP)
    #[arg(long)]
    gro: bool,

    /// Fan-out threads of the engine. With any, the relays are not kept on one processor
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=256))]
    workers: u16,

    /// Seconds that each relay is measured each time
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,

    /// How many times each is measured, in turn
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repetitions: u32,
}

pub(super) fn run(args: LatencyArgs, output: Output) -> Result<(), Failure> {
    room_for(args.children.into(), 1)?;
    let plan = Plan {
        streams: 1,
        children: args.children as usize,
        transport: args.transport.into(),
        bitrate: args.bitrate,
        fps: args.fps,
        workers: args.workers.into(),
        gro: args.gro,
        sink: false,
        seconds: f64::from(args.seconds),
        repetitions: args.repetitions as usize,
        peers: Vec::new(),
        program: this_program()?,
        arguments: vec!["bench".into(), "relay".into()],
    };
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
