//! Processor time of single threads of this process.

use std::collections::BTreeSet;
use std::time::Duration;

/// The threads of this process.
pub(crate) fn threads() -> BTreeSet<libc::pid_t> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return BTreeSet::new() };
    tasks.flatten().filter_map(|task| task.file_name().to_str()?.parse().ok()).collect()
}

/// Processor time (user and system) the thread has used since it began; None when it has ended.
pub(crate) fn thread_time(thread: libc::pid_t) -> Option<Duration> {
    // The kernel's number of a thread's CPU clock (clock_getcpuclockid(3), and
    // include/linux/posix-timers_types.h): the complement of the thread id, shifted left by three,
    // with CPUCLOCK_PERTHREAD (4) and CPUCLOCK_SCHED (2) in the freed bits.
    let clock: libc::clockid_t = (!thread << 3) | 6;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid, writable timespec for the duration of the call; an unknown clock
    // is answered with EINVAL.
    let result = unsafe { libc::clock_gettime(clock, &mut time) };
    if result != 0 {
        return None;
    }
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let nanos = u32::try_from(time.tv_nsec).ok()?;
    Some(Duration::new(seconds, nanos))
}

/// Time that threads were ready to run but waited for a processor, since they began: how busy the
/// machine is with other things. Zero where the kernel does not count it.
pub(crate) fn threads_wait(threads: &[libc::pid_t]) -> Duration {
    let wait = |thread: &libc::pid_t| {
        // Time on a processor, time waiting for one, number of slices (proc_pid_schedstat(5)).
        let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?;
        Some(Duration::from_nanos(text.split_whitespace().nth(1)?.parse().ok()?))
    };
    threads.iter().filter_map(wait).sum()
}

/// Sum over several threads; threads that have ended count nothing.
pub(crate) fn threads_time(threads: &[libc::pid_t]) -> Duration {
    threads.iter().filter_map(|&thread| thread_time(thread)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_new_thread_is_found_and_its_work_is_counted() {
        let (done, wait) = mpsc::channel::<()>();
        let (ready, started) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let start = std::time::Instant::now();
            let mut x = 0u64;
            while start.elapsed() < Duration::from_millis(30) {
                x = std::hint::black_box(x.wrapping_add(1));
            }
            // SAFETY: the call takes nothing and cannot fail.
            ready.send(unsafe { libc::gettid() }).ok();
            wait.recv().ok();
        });
        let id = started.recv().expect("the thread reports");
        assert!(threads().contains(&id));
        assert!(threads_time(&[id]) >= Duration::from_millis(1));
        drop(done);
        thread.join().expect("the thread ends");
    }
}
