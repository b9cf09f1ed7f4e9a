//! What is registered: a socket of one of three kinds, found by its token.

use std::io;
use std::os::fd::AsRawFd;

use slab::Slab;
use socket2::Socket;

use super::epoll::Epoll;
use crate::io::{Event, Token};

/// A socket, and what is wanted of it.
pub(super) struct Entry {
    pub(super) generation: u32,
    pub(super) socket: Socket,
    pub(super) kind: Kind,
    /// The engine wants to hear of bytes.
    pub(super) reading: bool,
    /// A write was refused and its owner waits for room.
    pub(super) writing: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Listener { paused: bool },
    Connection,
    Udp { drops: u32 },
}

impl Entry {
    pub(super) fn interest(&self) -> libc::c_int {
        let read = match self.kind {
            Kind::Listener { paused: true } => 0,
            Kind::Listener { paused: false } | Kind::Udp { .. } => libc::EPOLLIN,
            Kind::Connection => libc::EPOLLIN | libc::EPOLLRDHUP,
        };
        let write = if self.writing { libc::EPOLLOUT } else { 0 };
        if self.reading { read | write } else { write }
    }

    pub(super) fn event(&self, token: Token, ready: libc::c_int) -> Event {
        let broken = ready & (libc::EPOLLERR | libc::EPOLLHUP) != 0;
        if self.kind != Kind::Connection {
            // An error is taken off the socket by receiving or accepting.
            let readable = broken || ready & libc::EPOLLIN != 0;
            return Event { token, readable, writable: false, closed: false };
        }
        Event {
            token,
            readable: ready & libc::EPOLLIN != 0,
            writable: ready & libc::EPOLLOUT != 0 || (broken && self.writing),
            closed: broken || ready & libc::EPOLLRDHUP != 0,
        }
    }
}

pub(super) fn update(epoll: &Epoll, token: Token, entry: &Entry) -> io::Result<()> {
    epoll.modify(entry.socket.as_raw_fd(), token.to_u64(), entry.interest())
}

pub(super) fn entry(sockets: &Slab<Entry>, token: Token) -> io::Result<&Entry> {
    sockets
        .get(token.index() as usize)
        .filter(|entry| entry.generation == token.generation())
        .ok_or_else(stale)
}

pub(super) fn entry_mut(sockets: &mut Slab<Entry>, token: Token) -> io::Result<&mut Entry> {
    sockets
        .get_mut(token.index() as usize)
        .filter(|entry| entry.generation == token.generation())
        .ok_or_else(stale)
}

pub(super) fn stale() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the socket was closed before")
}

pub(super) fn wrong_kind() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not an operation of this kind of socket")
}

pub(super) fn connection(sockets: &mut Slab<Entry>, token: Token) -> io::Result<&mut Entry> {
    let entry = entry_mut(sockets, token)?;
    if entry.kind == Kind::Connection { Ok(entry) } else { Err(wrong_kind()) }
}

pub(super) fn udp(sockets: &mut Slab<Entry>, token: Token) -> io::Result<(&Socket, &mut u32)> {
    let Entry { socket, kind, .. } = entry_mut(sockets, token)?;
    if let Kind::Udp { drops } = kind { Ok((socket, drops)) } else { Err(wrong_kind()) }
}
