//! `rillcast demo`: everything at once, on loopback.

mod args;

pub(crate) use args::DemoArgs;

use crate::failure::Failure;
use crate::output::Output;
use crate::signal::Stop;

/// Runs the demonstration.
pub(crate) fn run(_args: DemoArgs, _output: Output, _stop: Stop) -> Result<(), Failure> {
    Err(Failure::runtime("demo: the engine is not there yet"))
}
