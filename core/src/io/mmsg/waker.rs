//! What ends a wait from another thread.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use crate::ring::Wake;
use crate::sync::{AtomicBool, Ordering};

/// An eventfd that is written at most once between two waits.
///
/// It is registered edge-triggered and never read: each write is a new edge, and a counter that
/// grows by one per wait does not overflow in the life of a machine. So a wake costs one system
/// call in all, and a wake while one is pending costs none.
#[derive(Debug)]
pub(super) struct Waker {
    fd: OwnedFd,
    /// Written since the last [`acknowledge`](Self::acknowledge).
    pending: AtomicBool,
}

impl Waker {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: eventfd(2) takes no pointer.
        // > initval: the counter's first value
        // > flags: EFD_CLOEXEC and EFD_NONBLOCK as for open(2)
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call above has just made this descriptor and nobody else knows it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd, pending: AtomicBool::new(false) })
    }

    /// From now on a wake is written again. The waiting thread calls this after it was woken and
    /// before it looks at what it may have been woken for.
    pub(super) fn acknowledge(&self) {
        // Against the `swap` in `wake`. Either that swap comes first in the order of this atomic:
        // then this one reads it, or a later one of its release sequence, and what was done before
        // the wake is visible to what the caller looks at next. Or this one comes first: then the
        // waker finds `false` and writes, and the next wait returns at once. In both cases the
        // work is seen.
        self.pending.swap(false, Ordering::AcqRel);
    }
}

impl AsRawFd for Waker {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl Wake for Waker {
    fn wake(&self) {
        if self.pending.swap(true, Ordering::AcqRel) {
            return;
        }
        let one = 1_u64;
        // SAFETY: write(2) reads `count` bytes at `buf`, here the eight bytes of a local integer,
        // as eventfd(2) wants them. The descriptor is open as long as `self` is.
        //
        // The one error possible is EAGAIN, for a counter at its maximum: then it is readable, and
        // nothing is lost.
        unsafe { libc::write(self.fd.as_raw_fd(), (&raw const one).cast(), size_of::<u64>()) };
    }
}
