//! Ending an experiment before it is done, so that nothing of it stays behind.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::error::Error;

/// Tells whether an experiment is to end early, as when Ctrl-C was pressed. Asked from one thread.
pub trait Halt: fmt::Debug + Send + Sync {
    /// Sleeps for so long, or until the end is asked for. True when it is.
    fn wait(&self, time: Duration) -> bool;
}

/// Nobody asks for the end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Never;

impl Halt for Never {
    fn wait(&self, time: Duration) -> bool {
        thread::sleep(time);
        false
    }
}

/// Sleeps, unless the end is asked for.
///
/// # Errors
/// [`Error::Halted`].
pub(super) fn pause(halt: &Arc<dyn Halt>, time: Duration) -> Result<(), Error> {
    match halt.wait(time) {
        true => Err(Error::Halted),
        false => Ok(()),
    }
}
