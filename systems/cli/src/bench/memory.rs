//! `rillcast bench memory`: what players take of the memory.

use clap::Args;
use rillcast_bench::memory::{self, Growth, Plan, State};
use serde::Serialize;

use super::Outcome;
use super::load::{failed, room_for, this_program};
use crate::failure::Failure;
use crate::output::Output;

/// What a player takes of the memory of `rillcast serve`, idle and playing
#[derive(Debug, Args)]
pub(super) struct MemoryArgs {
    /// How many players there are at first
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(..=2000))]
    from: u32,

    /// How many there are then
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=4000))]
    children: u32,

    /// How many times each kind of player is measured, in turn
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repetitions: u32,
}

pub(super) fn run(args: MemoryArgs, output: Output) -> Result<(), Failure> {
    if args.children <= args.from {
        return Err(Failure::usage("--children has to be more than --from"));
    }
    room_for(args.children.into(), 1)?;
    let plan = Plan {
        few: args.from as usize,
        many: args.children as usize,
        repetitions: args.repetitions as usize,
        program: this_program()?,
    };
    let mut told = |growth: &Growth| output.line(&Progress { event: "round", growth });
    let report = memory::run(&plan, &mut told).map_err(failed)?;
    output.line(&Outcome::of(report));
    Ok(())
}

/// Players of one kind were measured once.
#[derive(Serialize)]
struct Progress<'a> {
    event: &'static str,
    #[serde(flatten)]
    growth: &'a Growth,
}

impl std::fmt::Display for Progress<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Growth { repetition, transport, state, bytes } = self.growth;
        let state = if *state == State::Idle { "idle" } else { "playing" };
        let transport = format!("{transport:?}").to_uppercase();
        write!(f, "  {:>2} {transport} {state:<8} {:.1} KiB", repetition + 1, bytes / 1024.0)
    }
}
