//! The portable backend: readiness by mio, a system call per datagram.
//!
//! It carries packets by calls that every system has, and so has no offload: what the others do by one call for
//! many packets takes one for each here. It is for systems and sandboxes that have nothing better.
//!
//! mio tells *edges*: that a socket has become ready. Until a call on it would have blocked it is
//! kept in a list here, and reported by every wait.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll};

use super::sockets::pending::Pending;
use super::sockets::{Driver, Entry, Kind, Sockets, Table};
use super::{Datagram, Destination, Event, Failure, FanOut, Gso, Lanes, Received, Run, Token};
use crate::ring::{Pool, Wake};

mod receive;
mod send;

use send::Sender;

/// What the waker is registered as; no socket has this index.
const WAKER: mio::Token = mio::Token(usize::MAX);

/// The most edges that one wait takes; the rest comes with the next one.
const CAPACITY: usize = 256;

/// mio, and a call per datagram.
pub type Mio = Sockets<Edges>;

impl Mio {
    /// A backend without sockets.
    ///
    /// # Errors
    ///
    /// When the process is out of descriptors.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), WAKER)?;
        Ok(Self::with(Edges {
            poll,
            waker: Arc::new(Waker { waker, pending: Pending::default() }),
            events: Events::with_capacity(CAPACITY),
            ready: Vec::new(),
            sender: Sender::default(),
        }))
    }
}

/// mio's poll, and what it has told.
pub struct Edges {
    poll: Poll,
    waker: Arc<Waker>,
    events: Events,
    /// Indices of sockets that have something to be reported, or had.
    ready: Vec<u32>,
    sender: Sender,
}

/// What mio has told of a socket, as far as it still holds.
#[derive(Default)]
pub struct State {
    readable: bool,
    writable: bool,
    /// The peer sends no more.
    ended: bool,
    /// The connection takes nothing any more.
    broken: bool,
    /// Its index is in [`Edges::ready`].
    listed: bool,
}

impl Edges {
    fn list(&mut self, token: Token, state: &mut State) {
        if !state.listed {
            state.listed = true;
            self.ready.push(token.index());
        }
    }

    /// Takes edges into the states of their sockets.
    fn take_edges(&mut self, sockets: &mut Table<State>) {
        for edge in &self.events {
            if edge.token() == WAKER {
                self.waker.pending.acknowledge();
                continue;
            }
            let index = u32::try_from(edge.token().0).ok();
            let Some((token, entry)) = index.and_then(|index| sockets.at(index)) else { continue };
            let state = &mut entry.state;
            let broken = edge.is_error() || edge.is_write_closed();
            state.readable |= edge.is_readable();
            state.writable |= edge.is_writable();
            if entry.kind == Kind::Connection {
                state.ended |= broken || edge.is_read_closed();
                state.broken |= broken;
            } else {
                // An error is taken off the socket by receiving or accepting.
                state.readable |= broken;
            }
            if !state.listed {
                state.listed = true;
                self.ready.push(token.index());
            }
        }
    }
}

impl Entry<State> {
    /// What is to be told of this socket now.
    fn event(&self, token: Token) -> Option<Event> {
        let State { readable, writable, ended, broken, .. } = self.state;
        let input = self.wants_input();
        let event = Event {
            token,
            readable: input && readable,
            writable: self.writing && (writable || broken),
            closed: ended && (input || (self.writing && broken)),
        };
        (event.readable || event.writable || event.closed).then_some(event)
    }
}

impl Driver for Edges {
    type State = State;

    const NAME: &'static str = "mio";

    const AGGREGATES: bool = false;

    fn waker(&self) -> Arc<dyn Wake> {
        self.waker.clone()
    }

    fn add(&mut self, token: Token, entry: &mut Entry<State>) -> io::Result<()> {
        let interest = match entry.kind {
            Kind::Connection => Interest::READABLE | Interest::WRITABLE,
            Kind::Listener { .. } | Kind::Udp { .. } => Interest::READABLE,
        };
        let index = mio::Token(token.index() as usize);
        self.poll.registry().register(&mut SourceFd(&entry.socket.as_raw_fd()), index, interest)
    }

    fn update(&mut self, token: Token, entry: &mut Entry<State>) -> io::Result<()> {
        self.list(token, &mut entry.state);
        Ok(())
    }

    fn remove(&mut self, token: Token, entry: &mut Entry<State>) {
        // Fails only when it is not registered, which is what is wanted.
        let _ = self.poll.registry().deregister(&mut SourceFd(&entry.socket.as_raw_fd()));
        if entry.state.listed {
            self.ready.retain(|&index| index != token.index());
        }
    }

    fn wait(
        &mut self,
        timeout: Option<Duration>,
        sockets: &mut Table<State>,
        events: &mut Vec<Event>,
    ) -> io::Result<()> {
        self.sender.renew_patience();
        let waiting = self.ready.iter().any(|&index| {
            sockets.at(index).is_some_and(|(token, entry)| entry.event(token).is_some())
        });
        let timeout = if waiting { Some(Duration::ZERO) } else { timeout };
        match self.poll.poll(&mut self.events, timeout) {
            Ok(()) => self.take_edges(sockets),
            // None of the old ones twice.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.events.clear(),
            Err(error) => return Err(error),
        }
        self.ready.retain(|&index| {
            let Some((token, entry)) = sockets.at(index) else { return false };
            let event = entry.event(token);
            events.extend(event);
            if event.is_some_and(|event| event.writable) {
                entry.writing = false;
            }
            entry.state.listed = event.is_some();
            entry.state.listed
        });
        Ok(())
    }

    fn emptied(entry: &mut Entry<State>) {
        entry.state.readable = false;
    }

    fn filled(entry: &mut Entry<State>) {
        entry.state.writable = false;
    }

    fn receive(
        &mut self,
        (token, sockets): (Token, &mut Table<State>),
        (lanes, pool): (&mut Lanes, &mut Pool),
        started: Instant,
        inspect: &mut dyn FnMut(&mut [u8], usize, SocketAddr) -> bool,
        out: &mut Vec<Datagram>,
    ) -> io::Result<Received> {
        let (socket, _, state) = sockets.udp(token)?;
        let received = receive::into_lanes(socket, lanes, pool, started, inspect, out)?;
        state.readable &= received.more;
        Ok(received)
    }

    fn receive_small(
        &mut self,
        (token, sockets): (Token, &mut Table<State>),
        f: &mut dyn FnMut(&[u8], SocketAddr),
    ) -> io::Result<Received> {
        let (socket, _, state) = sockets.udp(token)?;
        let received = receive::small(socket, f)?;
        state.readable &= received.more;
        Ok(received)
    }

    fn fan_out(
        &mut self,
        (token, sockets): (Token, &mut Table<State>),
        runs: &[Run<'_>],
        to: &[Destination],
        failed: &mut Vec<Failure>,
    ) -> io::Result<FanOut> {
        let (socket, ..) = sockets.udp(token)?;
        Ok(self.sender.fan_out(socket, runs, to, failed))
    }

    fn gso(&self) -> Gso {
        Gso::Off("the portable backend sends packet by packet".into())
    }
}

/// What ends a wait from another thread.
struct Waker {
    waker: mio::Waker,
    pending: Pending,
}

impl Wake for Waker {
    fn wake(&self) {
        if self.pending.raise()
            && let Err(error) = self.waker.wake()
        {
            // Not known to happen. The next wake is to try again.
            self.pending.acknowledge();
            tracing::warn!(%error, "the engine's thread cannot be woken");
        }
    }
}
