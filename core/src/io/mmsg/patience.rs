//! How long a send waits for a queue to drain.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::epoll::timespec;
use crate::io::SEND_PATIENCE;

/// Pause before a device whose queue is full (ENOBUFS) is tried again.
const DEVICE_PAUSE: Duration = Duration::from_micros(200);

/// Waiting for a full buffer to drain, at most [`SEND_PATIENCE`] in one call of `fan_out`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    Untried,
    Until(Instant),
    Spent,
}

impl Patience {
    /// Waits until the socket's buffer has room, or a moment for the device's queue, which nothing
    /// tells of.
    pub(super) fn wait(&mut self, socket: Option<BorrowedFd<'_>>) {
        let now = Instant::now();
        let until = match *self {
            Self::Untried => now + SEND_PATIENCE,
            Self::Until(until) => until,
            Self::Spent => return,
        };
        let left = until.saturating_duration_since(now);
        if left.is_zero() {
            *self = Self::Spent;
            return;
        }
        *self = Self::Until(until);
        let time = timespec(if socket.is_some() { left } else { left.min(DEVICE_PAUSE) });
        let mut poll = libc::pollfd {
            fd: socket.map_or(-1, |socket| socket.as_raw_fd()),
            events: libc::POLLOUT,
            revents: 0,
        };
        // Its result does not matter: the next attempt to send tells.
        // SAFETY: ppoll(2):
        // > fds, nfds: an array of pollfd structures: one, a local. If its fd is negative, the
        // >   events field is ignored
        // > tmo_p: a local
        // > sigmask: NULL: the signal mask is left as it is
        unsafe { libc::ppoll(&raw mut poll, 1, &raw const time, std::ptr::null()) };
    }
}
