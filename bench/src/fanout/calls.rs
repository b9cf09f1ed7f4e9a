//! The system calls of another process, counted by the kernel.

use std::fs;
use std::path::Path;

use perf_event::events::Tracepoint;
use perf_event::{Builder, Counter};

/// Where the kernel tells what it can count (tracefs).
const TRACING: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// A count of the system calls of all threads of a process, from when it is made. It needs root, and costs every
/// call of every process some time while it lasts.
pub(super) struct Calls(Vec<Counter>);

impl Calls {
    /// Begins to count; `None` where the kernel does not allow it.
    pub(super) fn of(process: u32) -> Option<Calls> {
        let event = |tracing| Path::new(tracing).join("events/raw_syscalls/sys_enter/id");
        let id = TRACING.into_iter().find_map(|tracing| fs::read_to_string(event(tracing)).ok())?;
        let event = Tracepoint::with_id(id.trim().parse().ok()?);
        let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?.flatten();
        let counters = threads.map(|thread| {
            let thread = thread.file_name().to_str()?.parse().ok()?;
            let mut builder = Builder::new(event);
            builder.observe_pid(thread).any_cpu().include_kernel().enabled(true);
            builder.build().ok()
        });
        counters.collect::<Option<Vec<_>>>().map(Calls)
    }

    /// Calls so far; counting ends with it.
    pub(super) fn finish(mut self) -> Option<u64> {
        self.0.iter_mut().map(|counter| counter.read().ok()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_where_the_kernel_allows_it() {
        // Not without root.
        let Some(calls) = Calls::of(std::process::id()) else { return };
        for _ in 0..1000 {
            let _ = fs::metadata("/");
        }
        assert!(calls.finish().is_some_and(|count| count >= 1000));
    }
}
