//! The sockets that the loop waits for.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::io::{Token, UdpOptions};
use crate::media::rtcp;
use crate::relay::PairId;

use super::super::cipher::Acceptor;
use super::super::connection::Connection;
use super::super::egress::{Pair, Sockets};
use super::super::error::Error;
use super::super::media::{Ingest, Taken};
use super::super::role::Role;
use super::super::shards::Order;
use super::super::wire::{Flushed, why_lost};
use super::{Owner, Worker};

impl Worker {
    pub(super) fn listen(
        &mut self,
        address: SocketAddr,
        acceptor: Option<Arc<dyn Acceptor>>,
    ) -> Result<SocketAddr, Error> {
        let (token, bound) = self
            .io
            .listen(address)
            .map_err(|source| Error::Io { doing: "listen for RTSP connections", source })?;
        self.owners.insert(token, Owner::Listener(acceptor));
        Ok(bound)
    }

    pub(in crate::engine) fn add_connection(&mut self, token: Token, peer: SocketAddr, role: Role) {
        let connection = Connection::new(token, peer, role, self.io.now());
        self.owners.insert(token, Owner::Connection);
        self.connections.insert(token, connection);
    }

    /// Closes the socket of a connection that is already out of the table.
    pub(in crate::engine) fn close_socket(&mut self, token: Token) {
        self.owners.remove(&token);
        self.io.close(token);
    }

    /// As [`close_socket`](Worker::close_socket), when whoever writes to it has done so.
    pub(in crate::engine) fn close_connection(&mut self, connection: &Connection) {
        let Some(shard) = connection.writer else { return self.close_socket(connection.token) };
        self.owners.remove(&connection.token);
        // Fails only when the socket is closed already.
        let _ = self.io.set_reading(connection.token, false);
        self.shards.order(shard, Order::Close(connection.token));
    }

    /// Sends what waits on a connection, then lets its child go on.
    pub(in crate::engine) fn flush(&mut self, token: Token) {
        let own = |connection: &&mut Connection| connection.writer.is_none();
        let Some(connection) = self.connections.get_mut(&token).filter(own) else { return };
        match connection.wire.flush(&mut *self.io) {
            Flushed::All => {}
            Flushed::Blocked => return,
            Flushed::Broken(error) => return self.lose(token, &why_lost(&error)),
        }
        // One that is to be closed gets what waits, and nothing new.
        let child = connection.role.child().filter(|_| connection.closing.is_none());
        if let Some((id, key)) = child
            && let Some(live) = self.streams.get_mut(&id)
        {
            let now = self.io.now();
            let Worker { io, connections, pairs, .. } = self;
            live.stream.writable(key, now, &mut Sockets { io: &mut **io, connections, pairs });
        }
        if let Some(connection) = self.connections.get(&token)
            && let Some(reason) = connection.closing.clone()
            && !connection.wire.has_pending()
        {
            self.lose(token, &reason);
        }
    }

    /// The pair of sockets from which players at `local` are served.
    pub(in crate::engine) fn shared_pair(&mut self, local: IpAddr) -> Result<PairId, Error> {
        if let Some(pair) = self.shared_pairs.get(&local) {
            return Ok(*pair);
        }
        let pair = self.add_pair(local)?;
        self.shared_pairs.insert(local, pair);
        Ok(pair)
    }

    /// A new pair of sockets to send from.
    pub(in crate::engine) fn add_pair(&mut self, local: IpAddr) -> Result<PairId, Error> {
        let options = UdpOptions { gro: false, ..self.config.udp.clone() };
        self.add_pair_with(local, &options)
    }

    /// As [`add_pair`](Worker::add_pair), with options of its own.
    pub(in crate::engine) fn add_pair_with(
        &mut self,
        local: IpAddr,
        options: &UdpOptions,
    ) -> Result<PairId, Error> {
        let (rtp, rtcp) = self
            .io
            .bind_udp_pair(local, options)
            .map_err(|source| Error::Io { doing: "bind a pair of UDP ports", source })?;
        self.owners.insert(rtp.token, Owner::Pair);
        self.owners.insert(rtcp.token, Owner::Pair);
        let ports = (rtp.local_addr.port(), rtcp.local_addr.port());
        Ok(self.pairs.insert(Pair { rtp: rtp.token, rtcp: rtcp.token, ports }))
    }

    pub(in crate::engine) fn remove_pair(&mut self, id: PairId) {
        if let Some(pair) = self.pairs.try_remove(id) {
            self.close_socket(pair.rtp);
            self.close_socket(pair.rtcp);
        }
    }

    /// Registers a bound socket as one that feeds a stream.
    pub(in crate::engine) fn add_ingest(&mut self, token: Token, ingest: Ingest) {
        self.owners.insert(token, Owner::Ingest);
        self.ingests.insert(token, ingest);
    }

    /// Reports of UDP players: a sign of life, and perhaps requests. What else comes to these ports
    /// (hole punching) is taken out of the socket and needs no answer.
    pub(super) fn hear_receivers(&mut self, token: Token) {
        let now = self.io.now();
        let Worker { io, connections, reporters, heard, .. } = self;
        let result = io.receive_small(token, &mut |data, from| {
            let connection = reporters.get(&from).and_then(|token| connections.get_mut(&token));
            if let Some(connection) = connection {
                connection.role.alive(now);
                if rtcp::asks(data) {
                    heard.extend(connection.role.child().map(|child| (child, data.to_vec())));
                }
            }
        });
        if let Err(error) = result {
            tracing::debug!(%error, "reports of players cannot be read");
        }
        let mut heard = std::mem::take(&mut self.heard);
        for ((id, key), report) in heard.drain(..) {
            self.hear_child(id, key, &report);
        }
        self.heard = heard;
    }

    /// A socket that feeds a stream has something.
    pub(super) fn receive(&mut self, token: Token) {
        let now = self.io.now();
        let Some(ingest) = self.ingests.get(&token) else { return };
        let (id, session) = (ingest.stream, ingest.session);
        let before = session.and_then(|session| Some((session, self.fed_before(session)?)));
        if self.take_batch(token).is_some_and(|taken| taken.heard)
            && let Some(connection) = session.and_then(|token| self.connections.get_mut(&token))
        {
            connection.role.alive(now);
        }
        self.fan_out(id);
        if let Some((session, before)) = before {
            self.fed(session, before);
        }
    }

    /// Takes one batch from a socket into the stream that it feeds. `None` when it feeds none, or cannot be
    /// read.
    pub(in crate::engine) fn take_batch(&mut self, token: Token) -> Option<Taken> {
        let ingest = self.ingests.get_mut(&token)?;
        let live = self.streams.get_mut(&ingest.stream)?;
        let taken = ingest.receive(token, live, &mut *self.io, &mut self.datagrams);
        taken.inspect_err(|error| tracing::debug!(%error, "a media socket cannot be read")).ok()
    }
}
