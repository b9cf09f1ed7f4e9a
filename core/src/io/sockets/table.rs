//! What is registered: a socket of one of three kinds, found by its token.

use std::io;

use slab::Slab;
use socket2::Socket;

use crate::io::Token;

/// A socket, and what is wanted of it.
pub struct Entry<S> {
    generation: u32,
    pub(in crate::io) socket: Socket,
    pub(in crate::io) kind: Kind,
    /// The engine wants to hear of bytes.
    pub(in crate::io) reading: bool,
    /// A write was refused and its owner waits for room.
    pub(in crate::io) writing: bool,
    /// What the driver keeps.
    pub(in crate::io) state: S,
}

/// Kinds of sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::io) enum Kind {
    /// Accepts connections, unless it is left alone for a while.
    Listener {
        /// It is left alone.
        paused: bool,
    },
    /// A stream.
    Connection,
    /// Datagrams.
    Udp {
        /// The kernel's count of drops as far as it was told.
        drops: u32,
    },
}

impl<S> Entry<S> {
    /// Whether the engine wants to hear of bytes or connections now.
    pub(in crate::io) fn wants_input(&self) -> bool {
        self.reading && self.kind != (Kind::Listener { paused: true })
    }
}

/// All sockets of a backend.
pub struct Table<S> {
    entries: Slab<Entry<S>>,
    /// Generation of the socket registered last.
    generation: u32,
}

impl<S: Default> Table<S> {
    pub(in crate::io) fn new() -> Self {
        Self { entries: Slab::new(), generation: 0 }
    }

    /// Takes a socket in and gives it a name that none had before.
    pub(in crate::io) fn insert(
        &mut self,
        socket: Socket,
        kind: Kind,
        writing: bool,
    ) -> io::Result<Token> {
        // Half the numbers, so that drivers have names for things of their own.
        self.generation = self.generation.wrapping_add(1) & (u32::MAX >> 1);
        let generation = self.generation;
        let slot = self.entries.vacant_entry();
        let index = u32::try_from(slot.key()).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let state = S::default();
        slot.insert(Entry { generation, socket, kind, reading: true, writing, state });
        Ok(Token::new(index, generation))
    }

    /// Takes a socket out, if the token is not stale.
    pub(in crate::io) fn remove(&mut self, token: Token) -> Option<Entry<S>> {
        self.get(token).ok()?;
        self.entries.try_remove(token.index() as usize)
    }

    /// The socket of a token.
    pub(in crate::io) fn get(&self, token: Token) -> io::Result<&Entry<S>> {
        self.entries
            .get(token.index() as usize)
            .filter(|entry| entry.generation == token.generation())
            .ok_or_else(stale)
    }

    /// The socket of a token.
    pub(in crate::io) fn get_mut(&mut self, token: Token) -> io::Result<&mut Entry<S>> {
        self.entries
            .get_mut(token.index() as usize)
            .filter(|entry| entry.generation == token.generation())
            .ok_or_else(stale)
    }

    /// The socket of a token, if it is a connection.
    pub(in crate::io) fn connection(&mut self, token: Token) -> io::Result<&mut Entry<S>> {
        let entry = self.get_mut(token)?;
        if entry.kind == Kind::Connection { Ok(entry) } else { Err(wrong_kind()) }
    }

    /// The socket of a token, if it is one of datagrams, with the count of its drops that is told
    /// and what the driver keeps.
    pub(in crate::io) fn udp(&mut self, token: Token) -> io::Result<(&Socket, &mut u32, &mut S)> {
        let Entry { socket, kind, state, .. } = self.get_mut(token)?;
        if let Kind::Udp { drops } = kind { Ok((socket, drops, state)) } else { Err(wrong_kind()) }
    }

    /// The socket that has a place now, and its name.
    pub(in crate::io) fn at(&mut self, index: u32) -> Option<(Token, &mut Entry<S>)> {
        let entry = self.entries.get_mut(index as usize)?;
        Some((Token::new(index, entry.generation), entry))
    }

    /// All, with their names.
    pub(in crate::io) fn iter_mut(&mut self) -> impl Iterator<Item = (Token, &mut Entry<S>)> {
        let name = |index, generation| Token::new(index as u32, generation);
        self.entries.iter_mut().map(move |(index, entry)| (name(index, entry.generation), entry))
    }
}

fn stale() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the socket was closed before")
}

pub(in crate::io) fn wrong_kind() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not an operation of this kind of socket")
}
