//! A role that another process has started for its own ends, as `demo` does, ends with it, however that ends.
//!
//! Who is killed cannot end its children any more. So a child that is told to by its environment asks the
//! kernel for it (`PR_SET_PDEATHSIG` of `prctl(2)`) before it does anything else.

use std::io;
use std::process;

use rillcast_bench::omnicast::TETHER;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

/// Ties this process to the one that has started it, if that one wants so.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn follow_parent() -> io::Result<()> {
    let Some(wanted) = std::env::var_os(TETHER) else { return Ok(()) };
    // Also what stands still is ended by this one.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have ended before, and somebody else be the parent now.
    let parent = getppid().map(|parent| Pid::as_raw_pid(parent).to_string());
    if wanted.to_str() != parent.as_deref() {
        process::exit(1);
    }
    Ok(())
}
