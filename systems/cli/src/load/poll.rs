//! One epoll instance: which of many sockets has something to do.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// Readiness of one socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    /// What the socket was registered with.
    pub(crate) token: u64,
    /// The socket has input, or has failed and reading it tells why.
    pub(crate) readable: bool,
    /// The socket takes output.
    pub(crate) writable: bool,
}

/// A level-triggered epoll instance.
#[derive(Debug)]
pub(crate) struct Poll {
    epoll: OwnedFd,
    events: Vec<libc::epoll_event>,
}

impl Poll {
    /// Makes one that reports at most `batch` sockets at a time.
    pub(crate) fn new(batch: usize) -> io::Result<Poll> {
        // SAFETY: no pointer is passed.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call just returned this descriptor, nobody else owns it.
        let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Poll { epoll, events: vec![libc::epoll_event { events: 0, u64: 0 }; batch.max(1)] })
    }

    /// Begins to watch a socket; closing it ends that.
    pub(crate) fn add(&self, socket: &impl AsRawFd, token: u64, writable: bool) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, socket.as_raw_fd(), token, writable)
    }

    /// Changes whether the socket is watched for taking output.
    pub(crate) fn modify(
        &self,
        socket: &impl AsRawFd,
        token: u64,
        writable: bool,
    ) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, socket.as_raw_fd(), token, writable)
    }

    fn control(&self, operation: i32, fd: RawFd, token: u64, writable: bool) -> io::Result<()> {
        let wanted = if writable { libc::EPOLLIN | libc::EPOLLOUT } else { libc::EPOLLIN };
        let mut event = libc::epoll_event { events: wanted as u32, u64: token };
        // SAFETY: `event` is valid for the call, and the kernel copies it.
        let result = unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, fd, &mut event) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Waits until a socket is ready or the time is over, and appends what is ready to `ready`.
    pub(crate) fn wait(&mut self, timeout: Duration, ready: &mut Vec<Ready>) -> io::Result<()> {
        // Rounded up, so that the last fraction of a millisecond is not spent in a busy loop.
        let millis = i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX);
        // SAFETY: the array is valid and writable for the number of events stated.
        let count = unsafe {
            libc::epoll_wait(
                self.epoll.as_raw_fd(),
                self.events.as_mut_ptr(),
                self.events.len() as i32,
                millis,
            )
        };
        if count < 0 {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) };
        }
        ready.extend(self.events.iter().take(count as usize).map(|event| {
            let events = event.events as i32;
            let failed = libc::EPOLLERR | libc::EPOLLHUP | libc::EPOLLRDHUP;
            Ready {
                token: event.u64,
                readable: events & (libc::EPOLLIN | failed) != 0,
                writable: events & libc::EPOLLOUT != 0,
            }
        }));
        Ok(())
    }
}
