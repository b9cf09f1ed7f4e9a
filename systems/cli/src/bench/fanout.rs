//! `rillcast bench fanout`: what relaying costs here, beside the least that the kernel takes.

use std::path::PathBuf;

use clap::Args;
use rillcast_bench::fanout::{self, Growth, Peer, Plan, Round};
use serde::Serialize;

use super::Outcome;
use super::load::{AudienceArgs, StreamArgs, Transport, failed, room_for};
use crate::failure::Failure;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  rillcast bench fanout                          200 receivers by UDP
  rillcast bench fanout --children 1000 --gro    1,000 that let the kernel join packets
  rillcast bench fanout --transport tcp          200 interleaved in TCP
  rillcast bench fanout --sink                   200 behind a device, without the receivers' half (root)
  rillcast bench fanout --streams 1000 --children 2
  rillcast bench fanout --children 1,10,100,1000 --svg cost.svg
  rillcast bench fanout --peer 'serve=rillcast serve --rtsp 127.0.0.1:$RTSP_PORT --rtp bench=$SDP'

Close other programs before: the figures are of this machine as it is.";

/// One stream to many receivers: processor time per packet, beside the floor written in C
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct FanoutArgs {
    /// How many streams, each from a source of its own. With several, the engine is also measured with one stream
    /// for all receivers
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4096), conflicts_with = "peer")]
    streams: u32,

    /// How many receivers each stream has; several numbers are measured one after the other
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "200", value_parser = clap::value_parser!(u32).range(1..=20_000))]
    children: Vec<u32>,

    #[command(flatten)]
    audience: AudienceArgs,

    /// Send to nowhere by a device that segments, instead of to receivers on this machine: a pair of virtual
    /// interfaces, the far one in a network namespace that drops what comes. Needs root, `ip` and `nft` (UDP)
    #[arg(long, conflicts_with_all = ["gro", "peer"])]
    sink: bool,

    /// Draw what a packet costs over the number of receivers into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Another relay to measure beside, as NAME=COMMAND; may be given more than once. The command is run
    /// by a shell as one process; it finds RTP_PORT (plain RTP to 127.0.0.1 comes in there), RTSP_PORT
    /// and SDP (a file that describes the stream) in its environment, and serves
    /// rtsp://127.0.0.1:$RTSP_PORT/bench
    #[arg(long, value_name = "NAME=COMMAND", value_parser = peer)]
    peer: Vec<Peer>,

    #[command(flatten)]
    stream: StreamArgs,
}

/// What is started as the process that relays.
pub(super) fn relay() -> Result<(), Failure> {
    fanout::relay().map_err(failed)
}

pub(super) fn run(args: FanoutArgs, output: Output) -> Result<(), Failure> {
    if args.sink && args.audience.transport == Transport::Tcp {
        return Err(Failure::usage("--sink takes datagrams only: leave --transport tcp out"));
    }
    let most =
        u64::from(args.children.iter().max().copied().unwrap_or(1)) * u64::from(args.streams);
    room_for(most, args.streams.into())?;
    let mut reports = Vec::new();
    for children in args.children {
        let plan = Plan {
            streams: args.streams as usize,
            sink: args.sink,
            peers: args.peer.clone(),
            ..args.audience.plan(args.stream.plan(children)?)
        };
        let mut told = |round: &Round| {
            let relay = plan.name(round.subject);
            output.line(&Progress { event: "round", relay, round });
        };
        let report = fanout::run(&plan, &mut told).map_err(failed)?;
        output.line(&Outcome::of(&report));
        reports.push(report);
    }
    if let Some(growth) = Growth::of(&reports) {
        output.line(&Grown { event: "growth", growth });
    }
    match args.svg {
        Some(path) => fanout::chart::write(&reports, &path)
            .map_err(|error| Failure::runtime(format!("{}: {error}", path.display()))),
        None => Ok(()),
    }
}

fn peer(text: &str) -> Result<Peer, String> {
    match text.split_once('=') {
        Some((name, command)) if !name.is_empty() && !command.trim().is_empty() => {
            Ok(Peer { name: name.into(), command: command.into() })
        }
        _ => Err("write it as NAME=COMMAND".into()),
    }
}

/// One relay was measured once.
#[derive(Serialize)]
struct Progress<'a> {
    event: &'static str,
    relay: &'a str,
    #[serde(flatten)]
    round: &'a Round,
}

impl std::fmt::Display for Progress<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Round { repetition, cpu_ns, lost, .. }, name) = (self.round, self.relay);
        write!(f, "  {:>2} {name:<9} {cpu_ns:>6.0} ns/packet, {lost} lost", repetition + 1)
    }
}

/// What several of them say together.
#[derive(Serialize)]
struct Grown {
    event: &'static str,
    #[serde(flatten)]
    growth: Growth,
}

impl std::fmt::Display for Grown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.growth.fmt(f)
    }
}
