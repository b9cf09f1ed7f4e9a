//! The sockets of a backend, and what is to be told of them.

use std::io;
use std::time::Duration;

use slab::Slab;

use super::world::{HostId, Socket, SocketId, World};
use crate::io::{Event, Token};

/// A backend, as the network has it.
pub(super) struct Backend {
    pub(super) host: HostId,
    entries: Slab<Entry>,
    generation: u32,
    /// It has waited before, and so takes part in time.
    joined: bool,
    /// It waits, until then at most.
    waiting: Option<Option<Duration>>,
    /// The waker was called since the last wait.
    pub(super) woken: bool,
}

/// A socket of a backend.
pub(super) struct Entry {
    generation: u32,
    pub(super) socket: SocketId,
    /// Its owner wants to hear of bytes.
    pub(super) reading: bool,
    /// A write was refused, and its owner waits for room.
    pub(super) writing: bool,
}

impl Entry {
    /// What is to be told now.
    fn event(&self, token: Token, world: &World) -> Option<Event> {
        let mut event = Event { token, readable: false, writable: false, closed: false };
        match world.sockets.get(&self.socket)? {
            Socket::Datagrams(socket) => event.readable = !socket.inbox.is_empty(),
            Socket::Listener(listener) => event.readable = !listener.waiting.is_empty(),
            Socket::Connection(connection) => {
                event.readable = connection.ended || !connection.inbox.is_empty();
                event.writable = self.writing && connection.is_writable();
                event.closed =
                    connection.ended && (self.reading || self.writing && connection.broken);
            }
        }
        event.readable &= self.reading;
        (event.readable || event.writable || event.closed).then_some(event)
    }
}

impl Backend {
    pub(super) fn new(host: HostId) -> Backend {
        let entries = Slab::new();
        Backend { host, entries, generation: 0, joined: false, waiting: None, woken: false }
    }

    pub(super) fn insert(&mut self, socket: SocketId, writing: bool) -> io::Result<Token> {
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let entry = Entry { generation, socket, reading: true, writing };
        let index = u32::try_from(self.entries.insert(entry));
        Ok(Token::new(index.map_err(|_| io::ErrorKind::OutOfMemory)?, generation))
    }

    pub(super) fn get_mut(&mut self, token: Token) -> io::Result<&mut Entry> {
        self.entries
            .get_mut(token.index() as usize)
            .filter(|entry| entry.generation == token.generation())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn remove(&mut self, token: Token) -> Option<SocketId> {
        self.get_mut(token).ok()?;
        self.entries.try_remove(token.index() as usize).map(|entry| entry.socket)
    }

    pub(super) fn sockets(&self) -> impl Iterator<Item = SocketId> {
        self.entries.iter().map(|(_, entry)| entry.socket)
    }

    fn events(&self, world: &World) -> impl Iterator<Item = Event> {
        self.entries.iter().filter_map(|(index, entry)| {
            entry.event(Token::new(index as u32, entry.generation), world)
        })
    }

    /// Whether it has waited before.
    pub(super) fn takes_part(&self) -> bool {
        self.joined
    }

    /// Whether it waits and has no reason to go on, or never takes part.
    pub(super) fn waits(&self, world: &World) -> bool {
        !self.joined
            || !self.woken
                && self.waiting.is_some_and(|until| until.is_none_or(|at| at > world.now))
                && self.events(world).next().is_none()
    }

    /// When it goes on by itself.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.waiting.flatten()
    }
}

impl World {
    /// One look of a backend that waits until then: true, and what it is told, when it has a reason to go on.
    pub(super) fn look(
        &mut self,
        backend: u64,
        until: Option<Duration>,
        events: &mut Vec<Event>,
    ) -> bool {
        let now = self.now;
        if let Some(backend) = self.backends.get(&backend) {
            events.extend(backend.events(self));
        }
        let Some(backend) = self.backends.get_mut(&backend) else { return true };
        for event in events.iter().filter(|event| event.writable) {
            if let Ok(entry) = backend.get_mut(event.token) {
                entry.writing = false;
            }
        }
        let woken = std::mem::take(&mut backend.woken);
        let done = woken || !events.is_empty() || until.is_some_and(|until| until <= now);
        backend.joined = true;
        backend.waiting = (!done).then_some(until);
        done
    }
}
