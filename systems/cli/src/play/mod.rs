//! `rillcast play URL`: the player.

mod args;

pub(crate) use args::PlayArgs;

use crate::failure::Failure;
use crate::output::Output;
use crate::signal::Stop;

/// Plays until the stream ends, enough is received, or the end is asked for.
pub(crate) fn run(_args: PlayArgs, _output: Output, _stop: Stop) -> Result<(), Failure> {
    Err(Failure::runtime("play: the engine is not there yet"))
}
