//! A word that a thread can sleep on: the kernel's futex on Linux, a condition variable elsewhere
//! and under loom.

use std::time::Instant;

use crate::sync::{AtomicU32, Ordering};

#[cfg(all(target_os = "linux", not(rill_loom)))]
struct Queue;

#[cfg(not(all(target_os = "linux", not(rill_loom))))]
struct Queue {
    lock: crate::sync::Mutex<()>,
    changed: crate::sync::Condvar,
}

pub(super) struct Futex {
    pub(super) bits: AtomicU32,
    queue: Queue,
}

impl Futex {
    pub(super) fn new(bits: u32) -> Self {
        Self { bits: AtomicU32::new(bits), queue: Queue::new() }
    }

    /// Sleeps while any bit of `mask` is set and the deadline has not passed.
    pub(super) fn wait_while(&self, mask: u32, deadline: Option<Instant>) {
        loop {
            // Acquire: a woken reader sees what was published before the wake-up at once, instead
            // of after another turn.
            let seen = self.bits.load(Ordering::Acquire);
            if seen & mask == 0 {
                return;
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return;
            }
            self.queue.sleep(&self.bits, seen, left);
        }
    }

    /// Wakes the sleeper. The word was changed before.
    pub(super) fn wake(&self) {
        self.queue.wake(&self.bits);
    }
}

#[cfg(all(target_os = "linux", not(rill_loom)))]
impl Queue {
    fn new() -> Self {
        Self
    }

    fn sleep(&self, bits: &AtomicU32, seen: u32, left: Option<std::time::Duration>) {
        let timeout = left.map(|left| libc::timespec {
            tv_sec: libc::time_t::try_from(left.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: left.subsec_nanos().into(),
        });
        let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // futex(2), FUTEX_WAIT: uaddr is an aligned 32-bit word that outlives the call, val what
        // it must still hold for the caller to be put to sleep, timeout relative or NULL. Every
        // way it can return (woken, EAGAIN, EINTR, ETIMEDOUT) is for `wait_while` to look again.
        //
        // SAFETY: the pointers are valid for the call, as said above.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                bits.as_ptr(),
                libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
                seen,
                timeout,
            );
        }
    }

    fn wake(&self, bits: &AtomicU32) {
        // futex(2), FUTEX_WAKE: val is how many to wake; one reader sits on a seat.
        //
        // SAFETY: uaddr is only a name here, and a valid one.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                bits.as_ptr(),
                libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
                1,
            );
        }
    }
}

#[cfg(not(all(target_os = "linux", not(rill_loom))))]
impl Queue {
    fn new() -> Self {
        Self { lock: crate::sync::Mutex::new(()), changed: crate::sync::Condvar::new() }
    }

    fn sleep(&self, bits: &AtomicU32, seen: u32, left: Option<std::time::Duration>) {
        use std::sync::PoisonError;
        let guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock, so that a `wake` after the change of the word cannot fall in between.
        if bits.load(Ordering::Relaxed) != seen {
            return;
        }
        match left {
            None => drop(self.changed.wait(guard).unwrap_or_else(PoisonError::into_inner)),
            Some(left) => {
                drop(self.changed.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner))
            }
        }
    }

    fn wake(&self, _bits: &AtomicU32) {
        drop(self.lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        self.changed.notify_one();
    }
}
