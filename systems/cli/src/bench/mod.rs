//! `rillcast bench`: measurements, a subcommand each.

mod churn;
mod fanout;
mod latency;
mod load;
mod memory;
mod omnicast;
mod ring;
mod scaling;
mod topology;

use std::fmt;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;
use crate::signal::Stop;

/// Measure what relaying costs on this machine, and how nodes are placed
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    measurement: Measurement,
}

/// The measurements.
#[derive(Debug, Subcommand)]
enum Measurement {
    /// One stream to many receivers: processor time per packet, beside the floor written in C
    Fanout(fanout::FanoutArgs),
    /// One stream to many receivers: how long whole frames take
    Latency(latency::LatencyArgs),
    /// As many packets as go through: how much more it is with more workers
    Scaling(scaling::ScalingArgs),
    /// What a player takes of the memory of `rillcast serve`, idle and playing
    Memory(memory::MemoryArgs),
    /// The ring: what a packet costs to publish and to read
    Ring(ring::RingArgs),
    /// Players that come all at once, and that come and go: how long they wait
    Churn(churn::ChurnArgs),
    /// A million simulated nodes: how fast and how flat the proxy server places them
    Topology(topology::TopologyArgs),
    /// The experiments of the OmniCast264 paper, beside its figures
    Omnicast(omnicast::OmnicastArgs),
    /// What a measurement starts as the process that relays
    #[command(hide = true)]
    Relay,
}

pub(crate) fn run(args: BenchArgs, output: Output, stop: Stop) -> Result<(), Failure> {
    match args.measurement {
        Measurement::Fanout(args) => fanout::run(args, output),
        Measurement::Latency(args) => latency::run(args, output),
        Measurement::Scaling(args) => scaling::run(args, output),
        Measurement::Memory(args) => memory::run(args, output),
        Measurement::Ring(args) => ring::run(args, output),
        Measurement::Churn(args) => churn::run(args, output),
        Measurement::Topology(args) => topology::run(args, output),
        Measurement::Omnicast(args) => omnicast::run(args, output, stop),
        Measurement::Relay => fanout::relay(),
    }
}

/// All of a measurement.
#[derive(Serialize)]
struct Outcome<R> {
    event: &'static str,
    #[serde(flatten)]
    report: R,
}

impl<R> Outcome<R> {
    fn of(report: R) -> Outcome<R> {
        Outcome { event: "result", report }
    }
}

impl<R: fmt::Display> fmt::Display for Outcome<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report.fmt(f)
    }
}
