//! What tells the backends on the kernel's sockets apart.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::table::{Entry, Table};
use crate::io::{Datagram, Destination, Event, Failure, FanOut, Gso, Lanes, Received, Run, Token};
use crate::ring::{Pool, Wake};

/// How [`Sockets`](super::Sockets) learn of readiness, and how datagrams are carried.
pub trait Driver: Send {
    /// What a driver keeps for each socket.
    type State: Default + Send;

    /// The backend's name.
    const NAME: &'static str;

    /// The name of what does its work now.
    fn name(&self) -> &'static str {
        Self::NAME
    }

    /// Whether aggregates of datagrams (GRO) are understood.
    const AGGREGATES: bool;

    /// What ends a wait.
    fn waker(&self) -> Arc<dyn Wake>;

    /// A new socket is to be watched.
    fn add(&mut self, token: Token, entry: &mut Entry<Self::State>) -> io::Result<()>;

    /// What is wanted of a socket has changed: [`Entry::reading`], [`Entry::writing`], or its kind.
    fn update(&mut self, token: Token, entry: &mut Entry<Self::State>) -> io::Result<()>;

    /// A socket is about to be closed, and has left the table.
    fn remove(&mut self, token: Token, entry: &mut Entry<Self::State>);

    /// Waits, and appends what is ready to `events`. One that is writable has its
    /// [`Entry::writing`] turned off.
    fn wait(
        &mut self,
        timeout: Option<Duration>,
        sockets: &mut Table<Self::State>,
        events: &mut Vec<Event>,
    ) -> io::Result<()>;

    /// Reading or accepting has found nothing more.
    fn emptied(_entry: &mut Entry<Self::State>) {}

    /// A write has found no room for some of its bytes.
    fn filled(_entry: &mut Entry<Self::State>) {}

    /// See [`Io::receive_with`](crate::io::Io::receive_with).
    fn receive(
        &mut self,
        socket: (Token, &mut Table<Self::State>),
        place: (&mut Lanes, &mut Pool),
        started: Instant,
        inspect: &mut dyn FnMut(&mut [u8], usize, SocketAddr) -> bool,
        out: &mut Vec<Datagram>,
    ) -> io::Result<Received>;

    /// See [`Io::receive_small`](crate::io::Io::receive_small).
    fn receive_small(
        &mut self,
        socket: (Token, &mut Table<Self::State>),
        f: &mut dyn FnMut(&[u8], SocketAddr),
    ) -> io::Result<Received>;

    /// See [`Io::fan_out`](crate::io::Io::fan_out).
    fn fan_out(
        &mut self,
        socket: (Token, &mut Table<Self::State>),
        runs: &[Run<'_>],
        to: &[Destination],
        failed: &mut Vec<Failure>,
    ) -> io::Result<FanOut>;

    /// See [`Io::gso`](crate::io::Io::gso).
    fn gso(&self) -> Gso;

    /// What the user should know of this driver, since the last call.
    fn warning(&mut self) -> Option<String> {
        None
    }
}
