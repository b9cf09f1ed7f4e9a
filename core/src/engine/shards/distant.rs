//! Children on fan-out threads, as the engine's thread deals with them: it need not know where a child is.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::io::{Token, UdpOptions};
use crate::media::rtp;
use crate::relay::{
    ChildKey, ChildLimits, Continuation, OtherPackets, PairId, PlayPoint, Start, Transport,
};

use super::super::command::StreamId;
use super::super::connection::Connection;
use super::super::error::Error;
use super::super::event::Event;
use super::super::media::Live;
use super::super::worker::Worker;
use super::order::{ChildOrder, NewChild};
use super::{Order, Report, ShardId};

/// Reports looked at before sockets are again.
const REPORTS: usize = 4096;

/// A child that another thread serves.
#[derive(Debug)]
pub(in crate::engine) struct Distant {
    shard: ShardId,
    udp: bool,
    /// By track.
    wanted: Vec<bool>,
    playing: bool,
    /// It was told where it begins, and is to be sent from there on: see [`Worker::kick_child`].
    starting: Option<Option<u64>>,
    /// Its stream is over, and it has everything.
    drained: bool,
}

impl Live {
    /// Decides where a child begins, and tells it: see [`Stream::play`](crate::relay::Stream::play).
    pub(in crate::engine) fn play(&mut self, key: ChildKey, start: Start) -> Option<PlayPoint> {
        let Some(distant) = self.distant.get_mut(&key) else { return self.stream.play(key, start) };
        if distant.playing {
            return Some(vec![None; self.stream.tracks().len()]);
        }
        let (begin, point) = self.stream.start(start);
        distant.playing = true;
        distant.starting = Some(begin);
        Some(point)
    }

    /// As [`play`](Live::play), behind what the child has.
    pub(in crate::engine) fn play_from(
        &mut self,
        key: ChildKey,
        marks: &[(usize, rtp::Mark)],
    ) -> Result<Option<Continuation>, OtherPackets> {
        let Some(distant) = self.distant.get_mut(&key) else {
            return self.stream.play_from(key, marks);
        };
        if distant.playing {
            let (_, start) = self.stream.start(Start::Live);
            return Ok(Some(Continuation { begin: None, start, replayed: Some(0) }));
        }
        let continuation = self.stream.continuation(marks, &distant.wanted)?;
        distant.playing = true;
        distant.starting = Some(continuation.begin);
        Ok(Some(continuation))
    }

    /// Whether a child has everything that there is.
    pub(in crate::engine) fn is_drained(&self, key: ChildKey) -> bool {
        match self.distant.get(&key) {
            Some(distant) => distant.drained || !distant.playing,
            None => self.stream.is_drained(key),
        }
    }

    /// Whether some child receives datagrams.
    pub(in crate::engine) fn serves_udp(&self) -> bool {
        self.stream.serves_udp()
            || self.distant.values().any(|distant| distant.udp && distant.playing)
    }
}

impl Worker {
    /// Adds a child, not playing yet, to be served by a fan-out thread if one is named and it can be.
    /// `reporters`: the connection that it belongs to, and where its reports come from.
    pub(in crate::engine) fn add_child_on(
        &mut self,
        id: StreamId,
        shard: Option<ShardId>,
        (transport, limits, tag): (Transport, ChildLimits, u64),
        reporters: Option<(Token, Vec<SocketAddr>)>,
    ) -> Option<ChildKey> {
        let now = self.io.now();
        let shard = match &transport {
            Transport::Tcp { conn, .. } => {
                // Whoever writes to a connection already goes on doing so: it has one writer.
                let connection = self.connections.get(conn);
                let writer = connection.and_then(|connection| connection.writer);
                writer.or(shard).filter(|shard| self.hand_over(*conn, *shard))
            }
            Transport::Udp { .. } => shard,
        };
        let live = self.streams.get_mut(&id)?;
        let Some(shard) = shard else {
            return Some(live.stream.add_child_with(transport, limits, tag, now));
        };
        let key = live.stream.new_key();
        let wanted = (0u8..).take(live.stream.tracks().len());
        let wanted = wanted.map(|track| transport.wants(track)).collect();
        let udp = matches!(transport, Transport::Udp { .. });
        let (playing, starting, drained) = (false, None, false);
        live.distant.insert(key, Distant { shard, udp, wanted, playing, starting, drained });
        let child = NewChild { transport, limits, tag, reporters };
        self.shards.order(shard, Order::Child(id, key, ChildOrder::Add(Box::new(child))));
        Some(key)
    }

    /// Lets a thread write to a connection from now on. False when that cannot be: then the engine's own
    /// goes on.
    fn hand_over(&mut self, token: Token, shard: ShardId) -> bool {
        let Some(connection) = self.connections.get_mut(&token) else { return false };
        if let Some(writer) = connection.writer {
            return writer == shard;
        }
        // One thread alone can decrypt and encrypt: it is read there, too.
        let secure = connection.wire.is_secure();
        let duplicate = self.io.duplicate(token).and_then(|socket| {
            if secure {
                self.io.set_reading(token, false)?;
            }
            Ok(socket)
        });
        match duplicate {
            Ok(socket) => {
                connection.writer = Some(shard);
                let backlog = connection.wire.hand_over();
                self.shards.order(shard, Order::Wire(token, socket, backlog));
                true
            }
            Err(error) => {
                tracing::warn!(%error, "a child stays on the engine's thread");
                false
            }
        }
    }

    /// The thread that is to serve what a connection asks for in datagrams, or interleaved; it is to be told
    /// by [`Shards::leave`](super::Shards::leave) when nothing comes of it.
    pub(in crate::engine) fn choose_shard(
        &mut self,
        token: Token,
        interleaved: bool,
    ) -> Option<ShardId> {
        let connection = self.connections.get(&token)?;
        match connection.writer.filter(|_| interleaved) {
            Some(writer) => {
                self.shards.join(writer);
                Some(writer)
            }
            None => self.shards.choose(),
        }
    }

    /// The pair of sockets from which a thread, or the engine's own, serves UDP players at `local`, and its
    /// ports.
    pub(in crate::engine) fn pair_on(
        &mut self,
        shard: Option<ShardId>,
        local: IpAddr,
    ) -> Result<(PairId, (u16, u16)), Error> {
        match shard {
            Some(shard) => {
                let options = UdpOptions { gro: false, ..self.config.udp.clone() };
                self.shards.pair(shard, local, options)
            }
            None => {
                let pair = self.shared_pair(local)?;
                Ok((pair, self.pairs.get(pair).map(|pair| pair.ports).unwrap_or_default()))
            }
        }
    }

    fn order_child(&mut self, id: StreamId, key: ChildKey, order: ChildOrder) {
        let distant = self.streams.get(&id).and_then(|live| live.distant.get(&key));
        if let Some(distant) = distant {
            self.shards.order(distant.shard, Order::Child(id, key, order));
        }
    }

    fn distant(&mut self, id: StreamId, key: ChildKey) -> Option<&mut Distant> {
        self.streams.get_mut(&id)?.distant.get_mut(&key)
    }

    /// Gives a child that begins its first packets, if it is on another thread. True when it is.
    pub(in crate::engine) fn kick_distant(&mut self, id: StreamId, key: ChildKey) -> bool {
        let Some(distant) = self.distant(id, key) else { return false };
        if let Some(begin) = distant.starting.take() {
            self.order_child(id, key, ChildOrder::Play(begin));
        }
        true
    }

    /// Hands what a child has reported to the thread that serves it. True when that is another.
    pub(in crate::engine) fn hear_distant(
        &mut self,
        id: StreamId,
        key: ChildKey,
        report: &[u8],
    ) -> bool {
        if self.distant(id, key).is_none() {
            return false;
        }
        self.order_child(id, key, ChildOrder::Hear(report.to_vec()));
        true
    }

    /// Stops sending to a child without removing it.
    pub(in crate::engine) fn pause_child_of(&mut self, id: StreamId, key: ChildKey) {
        if let Some(distant) = self.distant(id, key) {
            distant.playing = false;
            distant.starting = None;
            return self.order_child(id, key, ChildOrder::Pause);
        }
        if let Some(live) = self.streams.get_mut(&id) {
            live.stream.pause(key);
        }
    }

    /// Stops sending a child some of its tracks, if it is on another thread. True when it is.
    pub(in crate::engine) fn drop_distant_tracks(
        &mut self,
        id: StreamId,
        key: ChildKey,
        tracks: &[usize],
    ) -> bool {
        let Some(distant) = self.distant(id, key) else { return false };
        for track in tracks {
            if let Some(wanted) = distant.wanted.get_mut(*track) {
                *wanted = false;
            }
        }
        self.order_child(id, key, ChildOrder::DropTracks(tracks.to_vec()));
        true
    }

    /// Removes a child of a stream; its account is added to the stream's, at once or when the thread has
    /// told it. False when there is none.
    pub(in crate::engine) fn remove_child_of(&mut self, id: StreamId, key: ChildKey) -> bool {
        if self.distant(id, key).is_some() {
            self.order_child(id, key, ChildOrder::Remove);
            let live = self.streams.get_mut(&id);
            return live.is_some_and(|live| live.distant.remove(&key).is_some());
        }
        let Some(live) = self.streams.get_mut(&id) else { return false };
        let Some(ledger) = live.stream.remove_child(key) else { return false };
        live.remember(ledger);
        true
    }

    /// Removes the children of all streams that are on other threads: the engine stops.
    pub(in crate::engine) fn remove_distant(&mut self) {
        let keys = |(id, live): (&StreamId, &Live)| {
            live.distant.keys().map(|key| (*id, *key)).collect::<Vec<_>>()
        };
        for (id, key) in self.streams.iter().flat_map(keys).collect::<Vec<_>>() {
            self.remove_child_of(id, key);
        }
    }

    /// What the fan-out threads tell.
    pub(in crate::engine) fn hear_shards(&mut self) {
        for _ in 0..REPORTS {
            let Some((shard, report)) = self.shards.next_report() else { return };
            self.hear_shard(shard, report);
        }
    }

    pub(in crate::engine) fn hear_shard(&mut self, shard: ShardId, report: Report) {
        match report {
            Report::Heard(token) => {
                let now = self.io.now();
                if let Some(connection) = self.connections.get_mut(&token) {
                    connection.role.alive(now);
                }
            }
            Report::Input(token, bytes) => self.hear_connection(token, &bytes),
            Report::Broken(token, reason) => self.writer_gave_up(token, &reason),
            Report::Closed(token) => {
                // The other thread is done with it: nobody reads what is still unread. It fails only when the
                // connection is closed already.
                let _ = self.io.set_reading(token, true);
                self.io.close(token);
            }
            Report::Drained(id, key) => {
                if let Some(distant) = self.distant(id, key) {
                    distant.drained = true;
                }
            }
            Report::Left(id, key, ledger) => {
                if let Some(live) = self.streams.get_mut(&id) {
                    live.stream.free_key(key);
                    live.remember(ledger);
                }
            }
            Report::Forgotten(id, latency) => self.branch_forgotten(id, &latency),
            Report::Figures(figures) => self.gather(shard, *figures),
            Report::Warning(warning) => self.tell(Event::Warning(warning)),
            Report::Failed(error) => {
                tracing::error!(%error, "a fan-out thread cannot wait for its sockets; the engine stops");
                self.stop_by = Some(self.io.now());
            }
        }
    }

    /// What the thread has decrypted that writes to a connection.
    fn hear_connection(&mut self, token: Token, bytes: &[u8]) {
        let open = |connection: &&mut Connection| connection.closing.is_none();
        let Some(connection) = self.connections.get_mut(&token).filter(open) else { return };
        match connection.wire.hear(bytes) {
            true => self.read_buffered(token),
            false => self.lose(token, "it sends more than can be looked at"),
        }
    }

    /// The thread that writes to a connection has given it up.
    fn writer_gave_up(&mut self, token: Token, reason: &str) {
        let Some(connection) = self.connections.get(&token) else { return };
        if connection.closing.is_none() && !connection.is_waiting() {
            // A last word may be there to be read.
            self.read(token);
        }
        if let Some(connection) = self.connections.get(&token) {
            let reason = connection.closing.clone().unwrap_or_else(|| reason.to_owned());
            self.lose(token, &reason);
        }
    }

    /// A thread has nothing more to do with a stream.
    fn branch_forgotten(&mut self, id: StreamId, latency: &crate::stats::Histogram) {
        let Some((live, left)) = self.closing.get_mut(&id) else {
            // The engine stops.
            if let Some(live) = self.streams.get_mut(&id) {
                live.latency.add(latency);
            }
            return;
        };
        live.latency.add(latency);
        *left = left.saturating_sub(1);
        if *left == 0
            && let Some((mut live, _)) = self.closing.remove(&id)
        {
            self.close_books(&mut live);
        }
    }

    /// A stream is over and has no children any more.
    pub(in crate::engine) fn forget_stream(&mut self, id: StreamId, mut live: Live) {
        match self.shards.count() {
            0 => self.close_books(&mut live),
            threads => {
                self.closing.insert(id, (live, threads));
                self.shards.order_all(|| Order::Forget(id));
            }
        }
    }

    /// Without one of its threads the engine is of no use: whoever runs it is to notice, and to start anew.
    pub(in crate::engine) fn look_after_shards(&mut self, now: Duration) {
        if self.stop_by.is_none() && !self.shards.are_running() {
            tracing::error!("a fan-out thread has ended; the engine stops");
            self.stop_by = Some(now);
        }
    }

    /// Ends the fan-out threads, and hears what they have left to say.
    pub(in crate::engine) fn stop_shards(&mut self) {
        let mut told = Vec::new();
        self.shards.stop(|shard, report| told.push((shard, report)));
        for (shard, report) in told {
            self.hear_shard(shard, report);
        }
    }
}
