//! Signals are the program's: none that comes from outside is delivered to a thread of the library, where it
//! would run the program's handler, or end a wait of which the program knows nothing.

use std::mem::MaybeUninit;

/// What a thread gets for a fault of its own. Blocked, it would end the process without the program's own handler
/// for crashes.
const FAULTS: [libc::c_int; 7] = [
    libc::SIGABRT,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGSEGV,
    libc::SIGSYS,
    libc::SIGTRAP,
];

/// Does something with all signals but [`FAULTS`] blocked. Threads that are started meanwhile keep them blocked, and so do
/// those that these start.
pub(crate) fn kept_away<T>(work: impl FnOnce() -> T) -> T {
    let _restored = Blocked::all();
    work()
}

/// The calling thread's mask as it was, put back when dropped.
struct Blocked(Option<libc::sigset_t>);

impl Blocked {
    fn all() -> Blocked {
        let mut all = MaybeUninit::uninit();
        // SAFETY: sigfillset(3) fills the set that it is given.
        let mut all = unsafe {
            libc::sigfillset(all.as_mut_ptr());
            all.assume_init()
        };
        for fault in FAULTS {
            // SAFETY: sigdelset(3) changes the set, and knows the signal.
            unsafe { libc::sigdelset(&mut all, fault) };
        }
        let mut before = MaybeUninit::uninit();
        // SAFETY: pthread_sigmask(3) reads the one set and fills the other.
        let failed = unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &all, before.as_mut_ptr()) };
        // SAFETY: it was filled, as the call has succeeded.
        Blocked((failed == 0).then(|| unsafe { before.assume_init() }))
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // SAFETY: pthread_sigmask(3) reads the set; NULL says that the present one is not asked for.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, std::ptr::null_mut()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks_interrupt() -> bool {
        let mut mask = MaybeUninit::uninit();
        // SAFETY: with no new set the call only fills the other.
        let failed =
            unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), mask.as_mut_ptr()) };
        assert_eq!(failed, 0);
        // SAFETY: filled just now.
        unsafe { libc::sigismember(mask.as_ptr(), libc::SIGINT) == 1 }
    }

    #[test]
    fn threads_of_the_library_take_no_signals_and_the_callers_goes_on_to() {
        assert!(!blocks_interrupt());
        let thread = kept_away(|| std::thread::spawn(blocks_interrupt));
        assert!(thread.join().expect("no panic"), "the thread would take SIGINT");
        assert!(!blocks_interrupt());
    }
}
