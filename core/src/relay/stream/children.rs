//! The children of a stream on its own thread, and where a child on any begins.

use std::time::Duration;

use crate::stats::ChildLedger;

use super::super::child::{ChildFigures, ChildKey, ChildLimits, Start, Transport};
use super::super::egress::Egress;
use super::super::packet::{Kind, Packet};
use super::super::track;
use super::{PlayPoint, Stream};

impl Stream {
    /// A key for a new child, to be given to [`Fan::add_child`](super::super::Fan::add_child).
    pub fn new_key(&mut self) -> ChildKey {
        self.keys_taken.insert(())
    }

    /// The child that had this key is gone.
    pub fn free_key(&mut self, key: ChildKey) {
        self.keys_taken.try_remove(key);
    }

    /// Adds a child, not playing yet, with the limits of the stream.
    pub fn add_child(&mut self, transport: Transport, now: Duration) -> ChildKey {
        self.add_child_with(transport, self.limits.of_child(), 0, now)
    }

    /// As [`add_child`](Stream::add_child), with limits of its own, and a number for
    /// [`ChildFigures::tag`].
    pub fn add_child_with(
        &mut self,
        transport: Transport,
        limits: ChildLimits,
        tag: u64,
        now: Duration,
    ) -> ChildKey {
        let key = self.new_key();
        self.fan.add_child(key, transport, limits, tag, now);
        key
    }

    /// Where a child that plays now begins: the position in the ring, `None` while it has to wait for a key
    /// frame; and the same as it is told.
    pub fn start(&mut self, start: Start) -> (Option<u64>, PlayPoint) {
        let begin = self.beginning(start);
        let point = match begin {
            Some(position) => self.play_point(position),
            None => vec![None; self.tracks.len()],
        };
        (begin, point)
    }

    pub(super) fn beginning(&self, start: Start) -> Option<u64> {
        self.fan.beginning(start)
    }

    /// Decides where the child begins, and tells it. The first packets go out by
    /// [`kick`](Stream::kick), so that the answer to PLAY can go before them.
    pub fn play(&mut self, key: ChildKey, start: Start) -> Option<PlayPoint> {
        if !self.keys_taken.contains(key) {
            return None;
        }
        let begin = self.beginning(start);
        self.fan.play(key, begin);
        match self.fan.starting(key) {
            Some(position) => Some(self.play_point(position)),
            None => Some(vec![None; self.tracks.len()]),
        }
    }

    pub(super) fn play_point(&mut self, position: u64) -> PlayPoint {
        let view = self.fan.view(position);
        let firsts: Vec<_> = (0u8..)
            .zip(&self.tracks)
            .map(|(number, track)| {
                let is_first = |p: &&Packet| p.track == number && p.kind == Kind::Rtp;
                let first = view.iter().map(|(_, packet)| packet).find(is_first);
                match first.and_then(|packet| track.point_of(packet)) {
                    Some(point) => Some(point),
                    None => track.next_point(),
                }
            })
            .collect();
        track::align(&self.tracks, firsts)
    }

    /// See [`Fan::kick`](super::super::Fan::kick).
    pub fn kick(&mut self, key: ChildKey, now: Duration, egress: &mut dyn Egress) {
        self.fan.kick(key, now, egress);
    }

    /// See [`Fan::pacing`](super::super::Fan::pacing).
    pub fn pacing(&self) -> bool {
        self.fan.pacing()
    }

    /// See [`Fan::pace`](super::super::Fan::pace).
    pub fn pace(&mut self, now: Duration, egress: &mut dyn Egress) {
        self.fan.pace(now, egress);
    }

    /// See [`Fan::writable`](super::super::Fan::writable).
    pub fn writable(&mut self, key: ChildKey, now: Duration, egress: &mut dyn Egress) {
        self.fan.writable(key, now, egress);
    }

    /// See [`Fan::drop_tracks`](super::super::Fan::drop_tracks).
    pub fn drop_tracks(
        &mut self,
        key: ChildKey,
        tracks: &[usize],
        now: Duration,
        egress: &mut dyn Egress,
    ) {
        self.fan.drop_tracks(key, tracks, now, egress);
    }

    /// See [`Fan::hear`](super::super::Fan::hear).
    pub fn hear(&mut self, key: ChildKey, report: &[u8], now: Duration, egress: &mut dyn Egress) {
        self.fan.hear(key, report, now, egress);
        self.hear_wishes();
    }

    /// See [`Fan::serves_udp`](super::super::Fan::serves_udp).
    pub fn serves_udp(&self) -> bool {
        self.fan.serves_udp()
    }

    /// See [`Fan::pause`](super::super::Fan::pause).
    pub fn pause(&mut self, key: ChildKey) {
        self.fan.pause(key);
    }

    /// Removes a child; returns its ledger.
    pub fn remove_child(&mut self, key: ChildKey) -> Option<ChildLedger> {
        let ledger = self.fan.remove_child(key)?;
        self.free_key(key);
        Some(ledger)
    }

    /// See [`Fan::is_stalled`](super::super::Fan::is_stalled).
    pub fn is_stalled(&self, key: ChildKey, now: Duration) -> bool {
        self.fan.is_stalled(key, now)
    }

    /// See [`Fan::is_drained`](super::super::Fan::is_drained).
    pub fn is_drained(&self, key: ChildKey) -> bool {
        self.fan.is_drained(key)
    }

    /// The keys of the children, on whatever thread they are.
    pub fn children(&self) -> impl Iterator<Item = ChildKey> + '_ {
        self.keys_taken.iter().map(|(key, ())| key)
    }

    /// Figures of the children.
    pub fn child_figures(&mut self) -> Vec<ChildFigures> {
        self.fan.child_figures()
    }
}
