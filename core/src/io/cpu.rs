//! What a thread costs.

use std::mem::MaybeUninit;
use std::time::Duration;

/// Processor time that the calling thread has used so far, in the kernel and outside.
pub fn thread_cpu_time() -> Duration {
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: clock_gettime(2) fills the struct that it is given.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, time.as_mut_ptr()) };
    if failed != 0 {
        // A system without this clock.
        return Duration::ZERO;
    }
    // SAFETY: it was filled, as the call has succeeded.
    let time = unsafe { time.assume_init() };
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_time_and_sleep_does_not() {
        let start = thread_cpu_time();
        while thread_cpu_time() - start < Duration::from_millis(2) {}
        let before = thread_cpu_time();
        std::thread::park_timeout(Duration::from_millis(200));
        assert!(thread_cpu_time() - before < Duration::from_millis(150));
    }
}
