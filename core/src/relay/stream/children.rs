//! The children of a stream: who begins where, who lags, who leaves.

use std::time::Duration;

use crate::stats::ChildLedger;

use super::super::child::{Child, ChildFigures, ChildKey, ChildLimits, Start, State, Transport};
use super::super::egress::Egress;
use super::super::packet::{Kind, Packet};
use super::super::tcp;
use super::super::track::{self, Track};
use super::{PlayPoint, Stream};

/// How long a child waits for a key frame; then it begins without one.
const KEY_PATIENCE: Duration = Duration::from_secs(5);

impl Stream {
    /// Whether some child's next packet is due at the next tick of a millisecond.
    pub fn pacing(&self) -> bool {
        !self.pacing.is_empty()
    }

    /// One tick: the next burst for each UDP child that is behind.
    pub fn pace(&mut self, now: Duration, egress: &mut dyn Egress) {
        let mut still = std::mem::take(&mut self.pacing);
        still.retain(|key| self.pace_one(*key, now, egress));
        self.pacing.append(&mut still);
    }

    /// True while the child is still behind.
    fn pace_one(&mut self, key: ChildKey, now: Duration, egress: &mut dyn Egress) -> bool {
        let Some(child) = self.children.get_mut(key) else { return false };
        let Transport::Udp { .. } = child.transport else { return false };
        if child.state != State::Behind {
            return false;
        }
        // A child begins slowly, so as not to be overrun, but always faster than the stream goes on.
        let fresh = self.bytes.wrapping_sub(child.paced);
        child.paced = self.bytes;
        let fresh = usize::try_from(fresh).unwrap_or(usize::MAX);
        let budget = child.limits.burst.max(fresh.saturating_mul(2));
        let newer = self.ring.newest_key().filter(|newest| *newest > child.cursor);
        let view = self.fan.view(child.cursor);
        match newer {
            _ if view.lost() == 0 => {}
            Some(newer) => child.skip_to(newer),
            None => {
                child.wait_for_key(self.cursor);
                self.awaiting.push((key, now));
                return false;
            }
        }
        self.udp.catch_up(child, &view, self.cursor, budget, egress);
        if child.state == State::Live
            && let Transport::Udp { targets } = &child.transport
        {
            self.udp.add(key, targets);
            return false;
        }
        true
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
        self.children.insert(Child::new(transport, limits, tag, now))
    }

    /// Decides where the child begins, and tells it. The first packets go out by
    /// [`kick`](Stream::kick), so that the answer to PLAY can go before them.
    pub fn play(&mut self, key: ChildKey, start: Start) -> Option<PlayPoint> {
        let begin = self.beginning(start);
        let child = self.children.get_mut(key)?;
        if matches!(child.state, State::Paused | State::AwaitingKey) {
            match begin {
                Some(position) => child.begin_at(position),
                None => child.state = State::AwaitingKey,
            }
        }
        let (state, cursor) = (child.state, child.cursor);
        match state {
            State::Starting => Some(self.play_point(cursor)),
            _ => Some(vec![None; self.tracks.len()]),
        }
    }

    /// The position at which a new child begins, `None` while it has to wait for a key frame.
    fn beginning(&self, start: Start) -> Option<u64> {
        let keyed = self.tracks.iter().any(Track::has_key_frames);
        match start {
            Start::KeyFrame if keyed => self.ring.newest_key().map(|key| key.min(self.cursor)),
            Start::KeyFrame | Start::Live => Some(self.cursor),
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

    /// Sends a child that begins the newest sender reports, and as much as it may have at once.
    pub fn kick(&mut self, key: ChildKey, now: Duration, egress: &mut dyn Egress) {
        let Some(child) = self.children.get_mut(key) else { return };
        match &child.transport {
            _ if child.state == State::AwaitingKey => {
                if !self.awaiting.iter().any(|(known, _)| *known == key) {
                    self.awaiting.push((key, now));
                }
            }
            _ if child.state != State::Starting => {}
            Transport::Udp { .. } => {
                child.state = State::Behind;
                for track in &self.tracks {
                    if let Some(report) = track.last_report() {
                        self.udp.report(child, report, egress);
                    }
                }
                child.paced = self.bytes;
                if self.pace_one(key, now, egress) && !self.pacing.contains(&key) {
                    self.pacing.push(key);
                }
            }
            Transport::Tcp { layout, .. } => {
                let layout = layout.clone();
                child.state = State::Behind;
                child.progress = now;
                for track in &self.tracks {
                    if let Some(report) = track.last_report() {
                        tcp::report(child, report, egress);
                    }
                }
                self.tcp.add(key, &layout);
                self.writable(key, now, egress);
            }
        }
    }

    /// Lets those begin who waited for a key frame, if there is one now or none is to be hoped for.
    pub(super) fn release_awaiting(&mut self, now: Duration, egress: &mut dyn Egress) {
        if self.awaiting.is_empty() && !self.reader_awaits {
            return;
        }
        let there = self.beginning(Start::KeyFrame).is_some();
        self.reader_awaits &= !there;
        if !there {
            self.tracks.iter_mut().filter(|track| track.is_amid()).for_each(Track::wish_key_frame);
        }
        let over = |since: Duration| there || now.saturating_sub(since) > KEY_PATIENCE;
        let released: Vec<_> = self.awaiting.extract_if(.., |(_, since)| over(*since)).collect();
        let start = if there { Start::KeyFrame } else { Start::Live };
        for (key, _) in released {
            self.play(key, start);
            self.kick(key, now, egress);
        }
    }

    /// A child's connection can take more.
    pub fn writable(&mut self, key: ChildKey, now: Duration, egress: &mut dyn Egress) {
        let Some(child) = self.children.get_mut(key) else { return };
        if child.state != State::Behind {
            return;
        }
        child.blocked = false;
        let newer = self.ring.newest_key().filter(|newest| *newest > child.cursor);
        let view = self.fan.view(child.cursor);
        let lost = view.lost() > 0;
        let late = view
            .get(view.start())
            .is_some_and(|packet| now.saturating_sub(packet.arrival) > child.limits.max_lag);
        match newer {
            Some(newer) if lost || late => child.skip_to(newer),
            None if lost => {
                // What it would need is gone, and nothing to begin anew with is there yet.
                child.wait_for_key(self.cursor);
                self.awaiting.push((key, now));
                return;
            }
            _ => {}
        }
        self.tcp.catch_up(child, &view, self.cursor, now, egress);
    }

    /// Stops sending a child some of its tracks. It goes on with the others where the stream is.
    pub fn drop_tracks(
        &mut self,
        key: ChildKey,
        tracks: &[usize],
        now: Duration,
        egress: &mut dyn Egress,
    ) {
        let Some(child) = self.children.get(key) else { return };
        let played = child.state != State::Paused;
        self.pause(key);
        let Some(child) = self.children.get_mut(key) else { return };
        child.transport.drop_tracks(tracks);
        if played {
            self.play(key, Start::Live);
            self.kick(key, now, egress);
        }
    }

    /// Whether some child receives datagrams.
    pub fn serves_udp(&self) -> bool {
        let udp = |child: &Child| {
            child.state != State::Paused && matches!(child.transport, Transport::Udp { .. })
        };
        self.children.iter().any(|(_, child)| udp(child))
    }

    /// Stops sending to a child without removing it.
    pub fn pause(&mut self, key: ChildKey) {
        let live_sent = self.udp.remove(key);
        self.tcp.remove(key);
        self.pacing.retain(|other| *other != key);
        self.awaiting.retain(|(other, _)| *other != key);
        let cursor = self.cursor;
        let Some(child) = self.children.get_mut(key) else { return };
        settle_live(child, live_sent, cursor);
        if matches!(child.state, State::Starting | State::Behind | State::Live) {
            // What a slow connection had not taken yet is not wanted any more.
            child.unwanted += cursor.saturating_sub(child.cursor);
            child.offered += cursor.saturating_sub(child.origin);
        }
        child.state = State::Paused;
        child.blocked = false;
    }

    /// Removes a child; returns its ledger.
    pub fn remove_child(&mut self, key: ChildKey) -> Option<ChildLedger> {
        self.pause(key);
        self.children.try_remove(key).map(|child| child.ledger(self.cursor))
    }

    /// Whether a child's connection has taken nothing for too long.
    pub fn is_stalled(&self, key: ChildKey, now: Duration) -> bool {
        self.children.get(key).is_some_and(|child| {
            child.blocked && now.saturating_sub(child.progress) > child.limits.cut_off
        })
    }

    /// Whether the child has everything that there is.
    pub fn is_drained(&self, key: ChildKey) -> bool {
        self.children.get(key).is_none_or(|child| match child.state {
            State::Starting | State::Behind => child.cursor >= self.ring.head(),
            State::Paused | State::AwaitingKey | State::Live => true,
        })
    }

    /// The children's keys.
    pub fn children(&self) -> impl Iterator<Item = ChildKey> + '_ {
        self.children.iter().map(|(key, _)| key)
    }

    /// Figures of the children.
    pub fn child_figures(&mut self) -> Vec<ChildFigures> {
        let (sent, cursor) = (self.udp.sent(), self.cursor);
        let view = self.fan.view(0);
        let arrival = |position| view.get(position).map(|packet| packet.arrival);
        let newest = cursor.checked_sub(1).and_then(arrival);
        let figures = |(key, child): (ChildKey, &Child)| {
            let mut seen = child.clone();
            settle_live(&mut seen, sent.get(&key).copied().unwrap_or(0), cursor);
            let ledger = seen.ledger(cursor);
            let next = (ledger.waiting > 0).then_some(seen.cursor.max(view.start()));
            let lag = newest.zip(next.and_then(arrival)).map(|(new, old)| new.saturating_sub(old));
            ChildFigures {
                key,
                tag: child.tag,
                transport: child.transport.name(),
                peer: child.transport.address(),
                playing: child.state != State::Paused,
                lag: lag.unwrap_or_default(),
                ledger,
            }
        };
        self.children.iter().map(figures).collect()
    }
}

/// Settles what a UDP child got from its groups since it is live.
fn settle_live(child: &mut Child, sent: u64, cursor: u64) {
    if let (State::Live, Transport::Udp { .. }) = (child.state, &child.transport) {
        child.attempted += sent;
        child.unwanted += cursor.saturating_sub(child.cursor).saturating_sub(sent);
        child.cursor = cursor;
    }
}
