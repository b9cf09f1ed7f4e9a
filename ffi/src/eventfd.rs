//! A file descriptor that is readable while there is something to take.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use rillcast::ring::Wake;

use crate::failure::Failure;

/// An eventfd: readable from [`wake`](Wake::wake) until [`reset`](EventFd::reset).
#[derive(Debug)]
pub(crate) struct EventFd(OwnedFd);

impl EventFd {
    pub(crate) fn new() -> Result<EventFd, Failure> {
        // SAFETY: eventfd(2) takes no pointer.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            let error = std::io::Error::last_os_error();
            return Err(Failure::system("make an eventfd", &error));
        }
        // SAFETY: the call above has just made this descriptor and nobody else knows it.
        Ok(EventFd(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Makes it unreadable until the next wake.
    pub(crate) fn reset(&self) {
        let mut count = 0_u64;
        // SAFETY: read(2) writes at most eight bytes to `count`. The one error possible is EAGAIN:
        // it was not readable.
        unsafe { libc::read(self.0.as_raw_fd(), (&raw mut count).cast(), size_of::<u64>()) };
    }
}

impl AsRawFd for EventFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl Wake for EventFd {
    fn wake(&self) {
        let one = 1_u64;
        // SAFETY: write(2) reads the eight bytes of a local integer. The one error possible is
        // EAGAIN, for a counter at its maximum: then it is readable, and nothing is lost.
        unsafe { libc::write(self.0.as_raw_fd(), (&raw const one).cast(), size_of::<u64>()) };
    }
}
