//! How long a send waits for a queue to drain.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::call::timespec;
use crate::io::SEND_PATIENCE;

/// Pause before a device whose queue is full (ENOBUFS) is tried again.
const DEVICE_PAUSE: Duration = Duration::from_micros(200);

/// Waiting for a full buffer to drain, at most [`SEND_PATIENCE`] from the first time on: however many
/// calls of `fan_out` find it full in one turn of the loop, they do not hold it up longer than that.
#[derive(Debug, Default)]
pub(in crate::io) struct Patience {
    until: Option<Instant>,
}

impl Patience {
    /// A new turn of the loop begins.
    pub(in crate::io) fn renew(&mut self) {
        self.until = None;
    }

    /// Waits until the socket's buffer has room, or a moment for the device's queue, which nothing
    /// tells of. False when there is no time left for it.
    pub(in crate::io) fn wait(&mut self, socket: Option<BorrowedFd<'_>>) -> bool {
        let now = Instant::now();
        let until = *self.until.get_or_insert(now + SEND_PATIENCE);
        let left = until.saturating_duration_since(now);
        if left.is_zero() {
            return false;
        }
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
        true
    }
}
