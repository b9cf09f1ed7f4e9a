//! epoll(7), level-triggered.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use crate::io::sockets::call::timespec;

/// The most events that one wait reports; the rest comes with the next one.
const CAPACITY: usize = 256;

pub(super) struct Epoll {
    fd: OwnedFd,
    buffer: Box<[libc::epoll_event]>,
    /// epoll_pwait2(2) (Linux 5.11) knows nanoseconds; older kernels are asked in milliseconds.
    nanoseconds: bool,
}

impl Epoll {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: epoll_create1(2) takes no pointer.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call above has just made this descriptor and nobody else knows it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let buffer = vec![libc::epoll_event { events: 0, u64: 0 }; CAPACITY].into_boxed_slice();
        Ok(Self { fd, buffer, nanoseconds: true })
    }

    /// Registers a descriptor; closing the last one of its file takes it out again.
    pub(super) fn add(&self, fd: RawFd, data: u64, events: libc::c_int) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, data, events)
    }

    /// Changes what is reported of a registered descriptor.
    pub(super) fn modify(&self, fd: RawFd, data: u64, events: libc::c_int) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, data, events)
    }

    /// Takes a registered descriptor out.
    pub(super) fn remove(&self, fd: RawFd) {
        // Fails only when it is not there, which is what is wanted.
        let _ = self.control(libc::EPOLL_CTL_DEL, fd, 0, 0);
    }

    fn control(
        &self,
        operation: libc::c_int,
        fd: RawFd,
        data: u64,
        events: libc::c_int,
    ) -> io::Result<()> {
        let mut event = libc::epoll_event { events: events as u32, u64: data };
        // SAFETY: epoll_ctl(2) reads the one structure that `event` points to, a local, and keeps
        // no pointer.
        // > epfd: the epoll instance, open as long as `self` is
        // > op, fd: what to do with which descriptor; a bad one is EBADF
        let result = unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), operation, fd, &raw mut event) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Waits, and gives pairs of the number a descriptor was registered with and what it is ready
    /// for. An interrupting signal gives none.
    pub(super) fn wait(
        &mut self,
        timeout: Option<Duration>,
    ) -> io::Result<impl Iterator<Item = (u64, libc::c_int)> + '_> {
        let count = match self.call(timeout) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => return Err(error),
        };
        // The fields of a packed structure are copied, never referenced.
        Ok(self.buffer.iter().take(count).map(|event| (event.u64, event.events as libc::c_int)))
    }

    fn call(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        if self.nanoseconds {
            let time = timeout.map(timespec);
            let time = time.as_ref().map_or(std::ptr::null(), |time| &raw const *time);
            // SAFETY: epoll_pwait2(2):
            // > events: buffer for the events that are available, with room for `maxevents`:
            // >   both are those of the boxed slice, which outlives the call
            // > timeout: a timespec, or NULL to block without limit: a local that outlives the call
            // > sigmask: NULL: the mask is left as it is
            let count = unsafe {
                libc::epoll_pwait2(
                    self.fd.as_raw_fd(),
                    self.buffer.as_mut_ptr(),
                    self.buffer.len() as libc::c_int,
                    time,
                    std::ptr::null(),
                )
            };
            if count >= 0 {
                return Ok(count as usize);
            }
            let error = io::Error::last_os_error();
            if error.raw_os_error() != Some(libc::ENOSYS) {
                return Err(error);
            }
            self.nanoseconds = false;
        }
        // Rounded up: a wait that ends before the timer it is for would be repeated in a spin.
        let milliseconds = timeout.map_or(-1, |timeout| {
            timeout.as_nanos().div_ceil(1_000_000).min(libc::c_int::MAX as u128) as libc::c_int
        });
        // SAFETY: epoll_wait(2): `events` and `maxevents` as above; the timeout is a number.
        let count = unsafe {
            libc::epoll_wait(
                self.fd.as_raw_fd(),
                self.buffer.as_mut_ptr(),
                self.buffer.len() as libc::c_int,
                milliseconds,
            )
        };
        if count < 0 { Err(io::Error::last_os_error()) } else { Ok(count as usize) }
    }
}
