//! What is known of one socket.

use std::collections::VecDeque;

use super::buffers::{Buffers, Kept};
use crate::io::sockets::{Entry, Kind};
use crate::io::{Event, Token};

/// What is asked of the kernel for a socket, and what it has answered.
#[derive(Default)]
pub struct State {
    /// A poll for input is under way.
    pub(super) polling_read: bool,
    /// A poll for room is under way.
    pub(super) polling_write: bool,
    /// Datagrams are being received.
    pub(super) receiving: bool,
    /// That is being stopped.
    pub(super) stopping: bool,
    /// The socket is polled and read by calls for now: all buffers are held by others.
    pub(super) by_calls: bool,
    /// And for good, since the kernel refuses to receive into buffers.
    pub(super) refused: bool,
    /// The attempt to connect goes on: there is nothing to read yet.
    pub(super) connecting: bool,
    /// What polls have told and was not reported yet: bits of poll(2).
    pub(super) polled: libc::c_int,
    /// Datagrams that were not read yet.
    pub(super) arrived: VecDeque<Arrived>,
    /// Its index is in [`Watch::to_ask`](super::watch::Watch).
    pub(super) to_ask: bool,
    /// Its index is in [`Watch::answered`](super::watch::Watch).
    pub(super) answered: bool,
}

/// A message that the kernel has received.
pub(super) enum Arrived {
    /// It is in a buffer, which is to be given back.
    In {
        /// Which.
        buffer: u16,
        /// Bytes of it.
        length: u32,
    },
    /// It was copied out of its buffer, since nobody reads it for now and others need that.
    Kept(Kept),
}

impl Arrived {
    /// What the kernel wrote.
    pub(super) fn bytes<'a>(&'a self, buffers: &'a Buffers) -> &'a [u8] {
        match self {
            Self::In { buffer, length } => buffers.filled(*buffer, *length),
            Self::Kept(kept) => kept.bytes(),
        }
    }
}

/// What is to be told of a socket now.
pub(super) fn event(token: Token, entry: &Entry<State>) -> Option<Event> {
    let (polled, input) =
        (libc::c_short::try_from(entry.state.polled).unwrap_or(0), entry.wants_input());
    let broken = polled & (libc::POLLERR | libc::POLLHUP) != 0;
    let event = if entry.kind == Kind::Connection {
        let writable = entry.writing && (broken || polled & libc::POLLOUT != 0);
        Event {
            token,
            readable: input && polled & libc::POLLIN != 0,
            writable,
            closed: (input && (broken || polled & libc::POLLRDHUP != 0)) || (writable && broken),
        }
    } else {
        // An error is taken off the socket by receiving or accepting.
        let waiting = !entry.state.arrived.is_empty() || broken || polled & libc::POLLIN != 0;
        Event { token, readable: input && waiting, writable: false, closed: false }
    };
    (event.readable || event.writable || event.closed).then_some(event)
}
