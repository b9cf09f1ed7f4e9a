//! What ends a wait from another thread: eventfd(2).

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::pending::Pending;
use crate::ring::Wake;

/// An eventfd that is written at most once between two waits.
///
/// It is watched for edges and never read: each write is a new edge, and a counter that grows by
/// one per wait does not overflow in the life of a machine. So a wake costs one system call in all,
/// and a wake while one is pending costs none.
#[derive(Debug)]
pub(in crate::io) struct Waker {
    fd: OwnedFd,
    pending: Pending,
}

impl Waker {
    pub(in crate::io) fn new() -> io::Result<Self> {
        // SAFETY: eventfd(2) takes no pointer.
        // > initval: the counter's first value
        // > flags: EFD_CLOEXEC and EFD_NONBLOCK as for open(2)
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call above has just made this descriptor and nobody else knows it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd, pending: Pending::default() })
    }

    /// See [`Pending::acknowledge`].
    pub(in crate::io) fn acknowledge(&self) {
        self.pending.acknowledge();
    }
}

impl AsRawFd for Waker {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl Wake for Waker {
    fn wake(&self) {
        if !self.pending.raise() {
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
