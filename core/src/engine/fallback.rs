//! Paths at which another stream of this engine stands in while they have no publisher.
//!
//! What the other stream gets is taken into the stream at the path, a copy of each packet, numbered as the
//! source that was there before it would have gone on ([`Stream::replace`](crate::relay::Stream::replace)): the
//! children stay and notice nothing but another picture. A publisher that comes takes over at its next key frame;
//! so does a source in this process, whose packets are then copied, too.

use std::time::Duration;

use crate::media::sdp;
use crate::relay::{Kind, MAX_BACKLOG, PREFIX, Packet, canonical_channel, prefix};
use crate::ring::Filling;
use crate::stats::Cause;

use super::asking::Feeder;
use super::command::StreamId;
use super::error::Error;
use super::event::Event;
use super::figures::FallbackFigures;
use super::media::Live;
use super::worker::Worker;

/// Packets taken over before they are fanned out.
const BATCH: u64 = MAX_BACKLOG / 2;

/// Whose packets are copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbering {
    /// Those of what stands in, whose turn it is.
    OfStandIn,
    /// Those of the source itself, whose turn may come with its next key frame.
    OfSource,
}

/// The stream that stands in for a publisher.
pub(super) struct StandIn {
    /// Position in its ring of the first packet that has not been taken over.
    next: u64,
    /// Where copies are made.
    filling: Option<Filling>,
}

impl StandIn {
    fn new(next: u64) -> StandIn {
        StandIn { next, filling: None }
    }
}

impl Live {
    /// Whether another stream is all that feeds this one.
    pub(super) fn is_stood_in(&self) -> bool {
        self.stand_in.is_some() && matches!(self.feeder, Feeder::Nobody)
    }

    /// Whether it has a source of its own.
    pub(super) fn has_source(&self) -> bool {
        self.orphaned.is_none() && !self.is_stood_in()
    }

    /// Takes over at most [`BATCH`] packets; true when there are more.
    fn take_over(&mut self, source: &mut Live, now: Duration) -> bool {
        let Some(mut stand_in) = self.stand_in.take() else { return false };
        let view = source.stream.packets(stand_in.next);
        let mut taken = 0;
        for (position, packet) in view.iter() {
            if taken == BATCH {
                break;
            }
            taken += 1;
            stand_in.next = position + 1;
            self.copy(&mut stand_in.filling, packet, Numbering::OfStandIn, now);
        }
        drop(view);
        self.stand_in = Some(stand_in);
        taken == BATCH
    }

    /// Takes in a copy of a packet, made in `filling` and numbered as the stream goes on.
    pub(super) fn copy(
        &mut self,
        filling: &mut Option<Filling>,
        packet: &Packet,
        numbering: Numbering,
        now: Duration,
    ) {
        let (track, kind, data) = (packet.track, packet.kind, packet.data());
        let length = PREFIX + data.len();
        if filling.as_ref().is_none_or(|filling| filling.remaining() < length) {
            *filling = self.filling();
        }
        let room = filling.as_mut().and_then(|filling| filling.unfilled().get_mut(..length));
        let Some((head, rest)) = room.and_then(|room| room.split_at_mut_checked(PREFIX)) else {
            return self.stream.count_drop(Cause::PoolSpent, 1);
        };
        head.copy_from_slice(&prefix(canonical_channel(track, kind), data.len()));
        rest.copy_from_slice(data);
        if kind == Kind::Rtp {
            match numbering {
                Numbering::OfStandIn => self.stream.splice_present(track, rest, now),
                Numbering::OfSource => self.stream.splice(track, rest, true, now),
            }
        }
        let framed = filling.as_mut().and_then(|filling| {
            filling.advance(length);
            filling.split(length)
        });
        match framed.and_then(|framed| Packet::framed(framed, kind, track, now)) {
            Some(packet) => self.stream.ingest(packet),
            None => self.stream.count_drop(Cause::Malformed, 1),
        }
    }
}

impl Worker {
    /// From now on the stream at `source` stands in at `path`; `None`: none does.
    pub(super) fn set_fallback(
        &mut self,
        path: String,
        source: Option<String>,
    ) -> Result<(), Error> {
        let Some(source) = source else {
            self.fallbacks.remove(&path);
            if let Some(id) = self.paths.get(&path).copied() {
                self.without_stand_in(id, "it has no fallback any more");
            }
            return Ok(());
        };
        let mut next = Some(&source);
        while let Some(at) = next {
            if *at == path {
                return Err(Error::Circle(path));
            }
            next = self.fallbacks.get(at);
        }
        self.fallbacks.insert(path, source);
        Ok(())
    }

    /// The stream that can stand in at a path now.
    fn fallback_of(&self, path: &str) -> Option<(StreamId, String)> {
        let source = self.fallbacks.get(path)?;
        let id = *self.paths.get(source)?;
        let live = self.streams.get(&id).filter(|live| live.ended.is_none())?;
        (live.orphaned.is_none() && self.stop_by.is_none()).then(|| (id, source.clone()))
    }

    /// The source of a stream is gone: its sockets are closed. True when another stream stands in for it from
    /// now on.
    pub(super) fn stand_in(&mut self, id: StreamId, reason: &str) -> bool {
        if self.streams.get(&id).is_none_or(|live| live.ended.is_some()) {
            return false;
        }
        self.close_inlets_of(id);
        let Some(live) = self.streams.get_mut(&id) else { return false };
        let path = live.path.clone();
        if live.stand_in.is_some() && live.stream.has_successor() {
            // It still does: the publisher that was to take over has sent no key frame.
            live.feeder = Feeder::Nobody;
            live.stream.forget_successor();
            self.tell(Event::StreamInterrupted { path, reason: reason.to_owned() });
            return true;
        }
        // What stood in before the publisher that is gone now.
        live.stand_in = None;
        self.stand_ins.retain(|(_, fed)| *fed != id);
        let Some((source, name)) = self.fallback_of(&path) else { return false };
        let Some((session, next)) = self.streams.get_mut(&source).map(|from| {
            from.stream.wish_key_frames();
            (from.stream.session().clone(), from.stream.head())
        }) else {
            return false;
        };
        let Some(live) = self.streams.get_mut(&id) else { return false };
        if live.stream.replace(&session).is_err() {
            if !std::mem::replace(&mut live.fallback_unfit, true) {
                tracing::warn!(
                    path,
                    fallback = name,
                    "the fallback cannot stand in for what was there: its tracks are others, or \
                     are coded otherwise"
                );
            }
            return false;
        }
        let waited = live.orphaned.take().is_some();
        live.feeder = Feeder::Nobody;
        live.stand_in = Some(StandIn::new(next));
        let from = format!("its fallback {name}");
        live.from.clone_from(&from);
        self.stand_ins.push((source, id));
        if !waited {
            let reason = reason.to_owned();
            self.tell(Event::StreamInterrupted { path: path.clone(), reason });
        }
        self.tell(Event::StreamResumed { path, from });
        let now = self.io.now();
        self.ask_for_key_frame(source, now);
        true
    }

    /// Has fallbacks stand in at the paths that have nothing else.
    pub(super) fn tend_fallbacks(&mut self) {
        if self.fallbacks.is_empty() || self.stop_by.is_some() {
            return;
        }
        for path in self.fallbacks.keys().cloned().collect::<Vec<_>>() {
            match self.stream_at(&path) {
                Some((id, live)) if live.orphaned.is_some() => {
                    self.stand_in(id, "");
                }
                Some(_) => {}
                None => self.begin_with_fallback(path),
            }
        }
    }

    /// Begins the stream at a path with what stands in for its publisher.
    fn begin_with_fallback(&mut self, path: String) {
        let Some((source, name)) = self.fallback_of(&path) else { return };
        let Some(from) = self.streams.get_mut(&source) else { return };
        let session: sdp::Session = from.stream.session().clone();
        let next = from.stream.newest_key().unwrap_or(from.stream.head());
        let id = match self.add_stream(path, format!("its fallback {name}"), session) {
            Ok(id) => id,
            Err(error) => return tracing::warn!(%error, "a fallback cannot stand in"),
        };
        if let Some(live) = self.streams.get_mut(&id) {
            live.stand_in = Some(StandIn::new(next));
            self.stand_ins.push((source, id));
        }
        self.feed_stand_ins(source);
    }

    /// What stands in, and what could.
    pub(super) fn fallback_figures(&self) -> Vec<FallbackFigures> {
        let figures = |(path, source): (&String, &String)| {
            let live = self.paths.get(path).and_then(|id| self.streams.get(id));
            let stands_in = live.is_some_and(|live| live.stand_in.is_some());
            FallbackFigures { path: path.clone(), source: source.clone(), stands_in }
        };
        self.fallbacks.iter().map(figures).collect()
    }

    /// Takes what is new of a stream into those for which it stands in.
    pub(super) fn feed_stand_ins(&mut self, source: StreamId) {
        let now = self.io.now();
        let mut number = 0;
        while let Some((of, fed)) = self.stand_ins.get(number).copied() {
            number += 1;
            if of != source {
                continue;
            }
            let Some(live) = self.streams.get_mut(&fed) else { continue };
            if !live.is_stood_in() && !live.stream.has_successor() {
                // The publisher has sent its key frame.
                number -= 1;
                live.stand_in = None;
                self.stand_ins.retain(|(_, other)| *other != fed);
                continue;
            }
            let mut more = true;
            while more {
                let [Some(from), Some(to)] = self.streams.get_disjoint_mut([&source, &fed]) else {
                    break;
                };
                more = to.take_over(from, now);
                self.fan_out(fed);
            }
        }
    }

    /// A stream is over: it stands in for none any more, and none for it.
    pub(super) fn forget_stand_ins(&mut self, id: StreamId) {
        self.stand_ins.retain(|(_, fed)| *fed != id);
        while let Some((_, fed)) = self.stand_ins.iter().find(|(source, _)| *source == id).copied()
        {
            self.without_stand_in(fed, "its fallback has ended");
        }
    }

    /// Nothing stands in for the source of a stream any more.
    fn without_stand_in(&mut self, id: StreamId, reason: &str) {
        self.stand_ins.retain(|(_, fed)| *fed != id);
        let Some(live) = self.streams.get_mut(&id) else { return };
        let was_all = live.is_stood_in();
        live.stand_in = None;
        if was_all {
            self.orphan(id, reason);
        }
    }
}
