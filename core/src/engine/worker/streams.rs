//! Streams, and what goes through them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::io::thread_cpu_time;
use crate::media::sdp;
use crate::relay::{MAX_BACKLOG, Packet, Stream};
use crate::stats::Cause;

use super::super::asking::Feeder;
use super::super::command::StreamId;
use super::super::egress::Sockets;
use super::super::error::Error;
use super::super::event::Event;
use super::super::fallback::Numbering;
use super::super::figures::{Figures, StreamFigures, WorkerFigures};
use super::super::media::Live;
use super::super::shards::ShardFigures;
use super::super::supply::Supply;
use super::{ReaderReply, Worker};

/// Callers that may wait for streams to come.
const MAX_WAITING: usize = 1024;

impl Worker {
    /// Makes a stream and whatever waited for it.
    pub(in crate::engine) fn add_stream(
        &mut self,
        path: String,
        from: String,
        session: sdp::Session,
    ) -> Result<StreamId, Error> {
        if self.has_source(&path) {
            return Err(Error::PathTaken(path));
        }
        if let Some(waiting) = self.paths.get(&path).copied() {
            self.end_stream(waiting, "another source has come in its place");
        }
        if self.streams.len() >= self.config.max_streams {
            return Err(Error::TooMany("streams"));
        }
        let branches = self.shards.count();
        let stream = Stream::with_branches(session, self.config.limits.clone(), branches)
            .map_err(|reason| Error::Session(reason.to_owned()))?;
        let id = self.next_stream;
        self.next_stream += 1;
        self.shards.add_stream(id, &stream)?;
        let mut live = Live::new(path.clone(), from.clone(), stream, self.config.buffer);
        for (_, _, reply) in self.readers.extract_if(.., |(wanted, ..)| *wanted == path) {
            let _ = reply.send(Ok((live.stream.session().clone(), live.stream.subscriber())));
        }
        self.streams.insert(id, live);
        self.share_buffers();
        self.paths.insert(path.clone(), id);
        self.tell(Event::StreamStarted { path: path.clone(), from });
        for remote in self.pushes.extract_if(.., |push| push.path == path).collect::<Vec<_>>() {
            self.begin_push(remote);
        }
        self.stream_came(&path);
        Ok(id)
    }

    /// Makes a stream of what this process will hand over.
    pub(super) fn add_source(
        &mut self,
        path: String,
        session: sdp::Session,
        supply: Arc<Supply>,
    ) -> Result<StreamId, Error> {
        let former = self.paths.get(&path).copied();
        let id = self.resume_or_add(path, "this process".into(), session)?;
        if let Some(live) = self.streams.get_mut(&id) {
            live.feeder = Feeder::Program(supply);
            live.renumbered = (former == Some(id)).then_some(None);
        }
        self.share_buffers();
        Ok(id)
    }

    /// What this process has handed over is over.
    pub(super) fn end_source(&mut self, id: StreamId) {
        const REASON: &str = "its source has ended";
        if !self.stand_in(id, REASON) {
            self.end_stream(id, REASON);
        }
    }

    pub(in crate::engine) fn stream_at(&mut self, path: &str) -> Option<(StreamId, &mut Live)> {
        let id = *self.paths.get(path)?;
        self.streams.get_mut(&id).map(|live| (id, live))
    }

    /// Sends what is new of a stream to its live children.
    pub(in crate::engine) fn fan_out(&mut self, id: StreamId) {
        let now = self.io.now();
        let Worker { io, connections, pairs, streams, .. } = self;
        if let Some(live) = streams.get_mut(&id) {
            let sockets = &mut Sockets { io: &mut **io, connections, pairs };
            if live.stream.backlog() > 0 {
                live.rhythm.heard(now);
            }
            if let Some(arrival) = live.stream.fan_out(now, sockets) {
                live.latency.record(io.now().saturating_sub(arrival));
            }
        }
        self.ask_for_key_frame(id, now);
        self.arm(id);
        if !self.stand_ins.is_empty() {
            self.feed_stand_ins(id);
        }
    }

    pub(super) fn feed(&mut self, id: StreamId, packets: &mut Vec<Packet>, dropped: u64) {
        let Some(live) = self.streams.get_mut(&id).filter(|live| live.ended.is_none()) else {
            return;
        };
        let now = self.io.now();
        if dropped > 0 {
            live.stream.count_drop(Cause::PoolSpent, dropped);
        }
        for mut packet in packets.drain(..) {
            let Some(live) = self.streams.get_mut(&id) else { return };
            packet.arrival = now;
            match live.renumbered.take() {
                Some(mut filling) => {
                    live.copy(&mut filling, &packet, Numbering::OfSource, now);
                    live.renumbered = Some(filling);
                }
                None => live.stream.ingest(packet),
            }
            if live.stream.backlog() >= MAX_BACKLOG {
                self.fan_out(id);
            }
        }
        self.fan_out(id);
    }

    pub(super) fn add_reader(&mut self, path: String, patience: Duration, reply: ReaderReply) {
        if let Some((_, live)) = self.stream_at(&path) {
            let parts = (live.stream.session().clone(), live.stream.subscriber());
            let _ = reply.send(Ok(parts));
        } else if patience.is_zero() {
            let _ = reply.send(Err(Error::NoStream(path)));
        } else {
            // Who has lost patience does not listen any more.
            let now = self.io.now();
            self.readers.retain(|(_, until, _)| *until > now);
            if self.readers.len() < MAX_WAITING {
                self.readers.push((path, now.saturating_add(patience), reply));
            } else {
                let _ = reply.send(Err(Error::TooMany("readers that wait for a stream")));
            }
        }
    }

    /// Everything that is counted, with what the fan-out threads have told.
    pub(in crate::engine) fn figures(&mut self, shards: Vec<ShardFigures>) -> Figures {
        let workers: Vec<WorkerFigures> = shards.iter().map(ShardFigures::of_worker).collect();
        Figures {
            cpu: thread_cpu_time() + workers.iter().map(|worker| worker.cpu).sum::<Duration>(),
            workers,
            backend: self.io.name(),
            backend_reason: self.backend_reason(),
            gso: self.io.gso().to_string(),
            connections: self.connections.len(),
            refused_connections: self.door.refused(),
            bad_requests: self.bad_requests,
            stray_frames: self.stray_frames,
            events_lost: self.events.lost_so_far(),
            streams: self.stream_figures(shards),
            on_demand: self.demand_figures(),
            fallbacks: self.fallback_figures(),
        }
    }

    fn backend_reason(&self) -> String {
        let (opened, reason) = &self.backend;
        match self.io.name() == *opened {
            true => reason.clone(),
            false => format!("{opened} has failed while it ran"),
        }
    }

    /// Figures of all streams; only here it is known who is at the other end of a child's connection.
    fn stream_figures(&mut self, shards: Vec<ShardFigures>) -> Vec<StreamFigures> {
        let figures = self.streams.iter_mut().map(|(id, live)| (*id, live.figures()));
        let mut figures: HashMap<StreamId, StreamFigures> = figures.collect();
        for (id, children, latency) in shards.into_iter().flat_map(|shard| shard.streams) {
            if let Some(stream) = figures.get_mut(&id) {
                stream.children.extend(children);
                stream.children.sort_by_key(|child| child.key);
                stream.latency.add(&latency);
            }
        }
        for connection in self.connections.values() {
            let Some((id, key)) = connection.role.child() else { continue };
            let Some(stream) = figures.get_mut(&id) else { continue };
            // They are in the order of their keys.
            let place = stream.children.binary_search_by_key(&key, |child| child.key);
            let child = place.ok().and_then(|place| stream.children.get_mut(place));
            if let Some(child) = child.filter(|child| child.peer.is_none()) {
                child.peer = Some(connection.peer).filter(|peer| peer.port() != 0);
            }
        }
        figures.into_values().collect()
    }
}
