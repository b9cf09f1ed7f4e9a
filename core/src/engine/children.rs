//! Children that a program adds itself: by address, or by a socket that it hands over.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::io::{Destination, Token};
use crate::relay::{ChildKey, ChildLimits, Layout, Start, Target, Transport};

use super::command::{Reply, StreamId};
use super::connection::Connection;
use super::error::Error;
use super::event::Event;
use super::inlet::unspecified;
use super::role::Role;
use super::shards::ShardId;
use super::worker::Worker;

/// Names a child that [`Engine::add_child`](super::Engine::add_child) has made. Never used again in
/// the same engine, and never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChildId(pub u64);

impl std::fmt::Display for ChildId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "child {}", self.0)
    }
}

/// Where a child receives.
#[derive(Debug)]
pub enum Receiver {
    /// Datagrams: addresses for RTP and RTCP by track, `None` for a track that is not wanted.
    Udp(Vec<Option<(SocketAddr, SocketAddr)>>),
    /// Interleaved (RFC 2326 §10.12) in a connected stream socket, of TCP or of the Unix domain.
    Connection {
        /// The socket, which is the engine's from now on: it is shut down and closed with the child.
        socket: OwnedFd,
        /// Channels for RTP and RTCP by track, `None` for a track that is not wanted.
        channels: Vec<Option<(u8, u8)>>,
        /// Whether the engine reads from it. What comes is thrown away, but the end of the connection
        /// is noticed. Turn it off when the program itself reads from a duplicate of the socket.
        reading: bool,
    },
}

/// How a child is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChildOptions {
    /// Where in the stream it begins.
    pub start: Start,
    /// Its limits; those of the engine's configuration when `None`.
    pub limits: Option<ChildLimits>,
    /// It gets nothing before it is resumed.
    pub paused: bool,
}

/// What the handle asks of the engine's thread about children.
pub(super) enum ChildCommand {
    Add { path: String, receiver: Receiver, options: ChildOptions, reply: Reply<ChildId> },
    Pause { child: ChildId, reply: Reply<()> },
    Resume { child: ChildId, start: Start, reply: Reply<()> },
    Write { child: ChildId, bytes: Vec<u8>, reply: Reply<()> },
    Remove { child: ChildId, reply: Reply<()> },
}

/// A child that a program has added.
#[derive(Clone, Copy, Debug)]
pub(super) struct Added {
    stream: StreamId,
    key: ChildKey,
    connection: Option<Token>,
    /// The fan-out thread that serves it.
    shard: Option<ShardId>,
}

impl Worker {
    pub(super) fn obey_about_child(&mut self, command: ChildCommand) {
        // A caller that has gone away does not want its answer.
        match command {
            ChildCommand::Add { path, receiver, options, reply } => {
                let _ = reply.send(self.add_child(&path, receiver, options));
            }
            ChildCommand::Pause { child, reply } => {
                let _ = reply.send(self.pause_child(child));
            }
            ChildCommand::Resume { child, start, reply } => {
                let _ = reply.send(self.resume_child(child, start));
            }
            ChildCommand::Write { child, bytes, reply } => {
                let _ = reply.send(self.write_to_child(child, bytes));
            }
            ChildCommand::Remove { child, reply } => {
                let _ = reply.send(self.remove_child(child).map(drop).ok_or(Error::NoChild(child)));
            }
        }
    }

    pub(super) fn add_child(
        &mut self,
        path: &str,
        receiver: Receiver,
        options: ChildOptions,
    ) -> Result<ChildId, Error> {
        let (stream, live) = self.stream_at(path).ok_or_else(|| Error::NoStream(path.into()))?;
        let tracks = live.stream.tracks().len();
        if self.added.len() >= self.config.max_connections {
            return Err(Error::TooMany("children"));
        }
        let shard = self.shards.choose();
        let (transport, connection) = match self.transport_to(receiver, tracks, shard) {
            Ok(transport) => transport,
            Err(error) => {
                shard.into_iter().for_each(|shard| self.shards.leave(shard));
                return Err(error);
            }
        };
        let id = ChildId(self.next_child);
        self.next_child += 1;
        let limits = options.limits.unwrap_or_else(|| self.config.limits.of_child());
        if let Some(token) = connection {
            let nobody = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
            // A socket of the Unix domain has no address; it is for texts only.
            let peer = self.io.peer_addr(token).unwrap_or(nobody);
            self.add_connection(token, peer, Role::Child { id, stream, key: ChildKey::MAX });
        }
        let Some(key) = self.add_child_on(stream, shard, (transport, limits, id.0), None) else {
            shard.into_iter().for_each(|shard| self.shards.leave(shard));
            if let Some(connection) = connection.and_then(|token| self.connections.remove(&token)) {
                self.close_connection(&connection);
            }
            return Err(Error::NoStream(path.into()));
        };
        self.added.insert(id, Added { stream, key, connection, shard });
        let connection = connection.and_then(|token| self.connections.get_mut(&token));
        if let Some(connection) = connection {
            connection.role = Role::Child { id, stream, key };
        }
        if !options.paused {
            self.resume_child(id, options.start)?;
        }
        Ok(id)
    }

    /// How a child receives, and its connection if it has one.
    fn transport_to(
        &mut self,
        receiver: Receiver,
        tracks: usize,
        shard: Option<ShardId>,
    ) -> Result<(Transport, Option<Token>), Error> {
        match receiver {
            Receiver::Udp(addresses) => Ok((self.udp_transport(&addresses, tracks, shard)?, None)),
            Receiver::Connection { socket, mut channels, reading } => {
                channels.truncate(tracks);
                wanted(channels.iter().any(Option::is_some))?;
                let conn = self.adopt(socket, reading)?;
                Ok((Transport::Tcp { conn, layout: Layout::new(channels) }, Some(conn)))
            }
        }
    }

    fn udp_transport(
        &mut self,
        addresses: &[Option<(SocketAddr, SocketAddr)>],
        tracks: usize,
        shard: Option<ShardId>,
    ) -> Result<Transport, Error> {
        wanted(addresses.iter().take(tracks).any(Option::is_some))?;
        let mut targets = Vec::with_capacity(tracks);
        for address in addresses.iter().take(tracks) {
            targets.push(match address {
                Some((rtp, rtcp)) => {
                    let (pair, _) = self.pair_on(shard, unspecified(rtp.ip()))?;
                    let (rtp, rtcp) = (Destination::new(*rtp), Destination::new(*rtcp));
                    Some(Target { pair, rtp, rtcp, retransmission: None })
                }
                None => None,
            });
        }
        Ok(Transport::Udp { targets })
    }

    fn adopt(&mut self, socket: OwnedFd, reading: bool) -> Result<Token, Error> {
        let failed = |source| Error::Io { doing: "send to the socket", source };
        let token = self.io.adopt(socket).map_err(failed)?;
        if !reading && let Err(source) = self.io.set_reading(token, false) {
            self.io.close(token);
            return Err(failed(source));
        }
        Ok(token)
    }

    fn added(&self, child: ChildId) -> Result<Added, Error> {
        self.added.get(&child).copied().ok_or(Error::NoChild(child))
    }

    fn pause_child(&mut self, child: ChildId) -> Result<(), Error> {
        let added = self.added(child)?;
        self.pause_child_of(added.stream, added.key);
        Ok(())
    }

    fn resume_child(&mut self, child: ChildId, start: Start) -> Result<(), Error> {
        let added = self.added(child)?;
        if let Some(live) = self.streams.get_mut(&added.stream) {
            live.play(added.key, start);
        }
        self.kick_child(added.stream, added.key);
        Ok(())
    }

    fn write_to_child(&mut self, child: ChildId, bytes: Vec<u8>) -> Result<(), Error> {
        let added = self.added(child)?;
        let token = added.connection.ok_or(Error::NoChild(child))?;
        self.send(token, bytes);
        Ok(())
    }

    /// Removes a child and closes its connection, without a word to its peer.
    fn remove_child(&mut self, child: ChildId) -> Option<Added> {
        let added = self.added.remove(&child)?;
        self.remove_child_of(added.stream, added.key);
        if let Some(shard) = added.shard {
            self.shards.leave(shard);
        }
        let connection = added.connection.and_then(|token| self.connections.remove(&token));
        if let Some(connection) = connection {
            self.close_connection(&connection);
        }
        Some(added)
    }

    /// A child is over, and not because the program said so.
    pub(super) fn child_over(&mut self, child: ChildId, reason: &str) {
        let Some(added) = self.remove_child(child) else { return };
        let path = self.streams.get(&added.stream).map(|live| live.path.clone());
        let path = path.unwrap_or_default();
        self.tell(Event::AddedChildEnded { path, child, reason: reason.to_owned() });
    }

    /// Lets go of the children without a connection whose stream has been over for `farewell`.
    pub(super) fn let_children_go(&mut self, farewell: Duration, now: Duration) {
        if self.added.is_empty() {
            return;
        }
        let over = |added: &Added| {
            let ended = self.streams.get(&added.stream).map(|live| live.ended);
            match ended {
                Some(Some(at)) => now.saturating_sub(at) > farewell,
                Some(None) => false,
                None => true,
            }
        };
        let gone = |(id, added): (&ChildId, &Added)| {
            (added.connection.is_none() && over(added)).then_some(*id)
        };
        for id in self.added.iter().filter_map(gone).collect::<Vec<_>>() {
            self.child_over(id, "the stream has ended");
        }
    }

    /// The end of a connection that a child had.
    pub(super) fn child_hung_up(&mut self, connection: &Connection, reason: &str) {
        if let Role::Child { id, .. } = connection.role {
            self.child_over(id, reason);
        }
    }
}

fn wanted(any: bool) -> Result<(), Error> {
    match any {
        true => Ok(()),
        false => Err(Error::Session("a child has to receive at least one track".into())),
    }
}

#[cfg(test)]
mod tests;
