//! `rillcast bench ring`: what the ring costs.

use clap::Args;
use rillcast_bench::ring::{Contestant, Report, Ring};

use super::Outcome;
use crate::failure::Failure;
use crate::output::Output;

/// The ring: what a packet costs to publish and to read
#[derive(Debug, Args)]
pub(super) struct RingArgs {
    /// How many times each is measured
    #[arg(long, value_name = "N", default_value_t = 21, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repetitions: u32,
}

pub(super) fn run(args: RingArgs, output: Output) -> Result<(), Failure> {
    let report = Report::of(&[Contestant::of::<Ring>()], args.repetitions as usize);
    output.line(&Outcome::of(report));
    Ok(())
}
