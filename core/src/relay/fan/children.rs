//! The children: who begins where, who lags, who leaves.

use std::ops::Range;
use std::time::Duration;

use crate::ring::{Reader, View};
use crate::stats::ChildLedger;

use super::super::child::{ChildFigures, ChildLimits, Start};
use super::super::egress::ConnId;
use super::{Child, ChildKey, Egress, Fan, Packet, State, Transport, tcp};

/// How long a child waits for a key frame; then it begins without one.
const KEY_PATIENCE: Duration = Duration::from_secs(5);

impl Fan {
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
        let newer = newer_key(&self.reader, child, self.cursor);
        let view = self.reader.view(child.cursor);
        // A child begins slowly, so as not to be overrun, but always faster than the stream goes on.
        let fresh = bytes(&view, child.paced.max(view.start())..self.cursor);
        child.paced = self.cursor;
        let budget = child.limits.burst.max(fresh.saturating_mul(2));
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

    /// Adds a child, not playing yet. `tag` is a number for [`ChildFigures::tag`]. The key is one that
    /// [`Stream::new_key`](super::super::Stream::new_key) has given.
    pub fn add_child(
        &mut self,
        key: ChildKey,
        transport: Transport,
        limits: ChildLimits,
        tag: u64,
        now: Duration,
    ) {
        if self.children.is_empty() {
            self.cursor = self.reader.head();
        }
        self.children.insert(key, Child::new(transport, limits, tag, now));
    }

    /// Tells a child where it begins; `None`: at the next key frame. It does nothing to one that is being
    /// sent to. The first packets go out by [`kick`](Fan::kick), so that the answer to PLAY can go before
    /// them.
    pub fn play(&mut self, key: ChildKey, begin: Option<u64>) {
        // The key frame may have come since it was told to wait for one.
        let begin = begin.or_else(|| self.beginning(Start::KeyFrame));
        let Some(child) = self.children.get_mut(key) else { return };
        if matches!(child.state, State::Paused | State::AwaitingKey) {
            match begin {
                // Where it was told to begin may not have come here yet.
                Some(position) => child.begin_at(position.min(self.cursor)),
                None => child.state = State::AwaitingKey,
            }
        }
    }

    /// Whether a child is being sent to, or waits for a key frame.
    pub fn is_playing(&self, key: ChildKey) -> bool {
        self.children.get(key).is_some_and(|child| child.state != State::Paused)
    }

    /// Where a child that has been told where it begins does so.
    pub(in crate::relay) fn starting(&self, key: ChildKey) -> Option<u64> {
        let child = self.children.get(key).filter(|child| child.state == State::Starting)?;
        Some(child.cursor)
    }

    /// Whether a child is of the kind that [`play`](Fan::play) does something to.
    pub(in crate::relay) fn can_begin(&self, key: ChildKey) -> bool {
        let idle = |child: &Child| matches!(child.state, State::Paused | State::AwaitingKey);
        self.children.get(key).is_some_and(idle)
    }

    /// Whether a child has set up a track.
    pub(in crate::relay) fn wants(&self, key: ChildKey, track: u8) -> bool {
        self.children.get(key).is_some_and(|child| child.transport.wants(track))
    }

    /// The position at which a new child begins, `None` while it has to wait for a key frame.
    pub(in crate::relay) fn beginning(&self, start: Start) -> Option<u64> {
        let keyed = self.notes.iter().any(|notes| notes.has_key_frames());
        match start {
            Start::KeyFrame if keyed => self.reader.newest_key().map(|key| key.min(self.cursor)),
            Start::KeyFrame | Start::Live => Some(self.cursor),
        }
    }

    /// What is in the ring from a position on, without what is there no more.
    pub(in crate::relay) fn view(&mut self, from: u64) -> View<'_, Packet> {
        self.reader.view(from)
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
                for report in self.notes.iter().filter_map(|notes| notes.report()) {
                    self.udp.report(child, &report, egress);
                }
                child.paced = self.cursor;
                if self.pace_one(key, now, egress) && !self.pacing.contains(&key) {
                    self.pacing.push(key);
                }
            }
            Transport::Tcp { layout, .. } => {
                let layout = layout.clone();
                child.state = State::Behind;
                child.progress = now;
                for report in self.notes.iter().filter_map(|notes| notes.report()) {
                    tcp::report(child, &report, egress);
                }
                self.tcp.add(key, &layout);
                self.writable(key, now, egress);
            }
        }
    }

    /// Lets those begin who waited for a key frame, if there is one now or none is to be hoped for.
    pub(super) fn release_awaiting(&mut self, now: Duration, egress: &mut dyn Egress) {
        if self.awaiting.is_empty() {
            return;
        }
        let there = self.beginning(Start::KeyFrame).is_some();
        if !there {
            self.notes.iter().for_each(|notes| notes.await_key());
        }
        let over = |since: Duration| there || now.saturating_sub(since) > KEY_PATIENCE;
        let released: Vec<_> = self.awaiting.extract_if(.., |(_, since)| over(*since)).collect();
        let start = if there { Start::KeyFrame } else { Start::Live };
        for (key, _) in released {
            self.play(key, self.beginning(start));
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
        let newer = newer_key(&self.reader, child, self.cursor);
        let view = self.reader.view(child.cursor);
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
            self.play(key, Some(self.cursor));
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
        self.children.remove(key).map(|child| child.ledger(self.cursor))
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
            State::Starting | State::Behind => child.cursor >= self.reader.head(),
            State::Paused | State::AwaitingKey | State::Live => true,
        })
    }

    /// The children's keys.
    pub fn keys(&self) -> impl Iterator<Item = ChildKey> + '_ {
        self.children.iter().map(|(key, _)| key)
    }

    /// The connection in which a child receives.
    pub fn connection(&self, key: ChildKey) -> Option<ConnId> {
        match self.children.get(key)?.transport {
            Transport::Tcp { conn, .. } => Some(conn),
            Transport::Udp { .. } => None,
        }
    }

    /// Figures of the children.
    pub fn child_figures(&mut self) -> Vec<ChildFigures> {
        let (sent, cursor) = (self.udp.sent(), self.cursor);
        let view = self.reader.view(0);
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

/// The newest key frame, if it is newer than what a child is to be sent next and has gone out already.
fn newer_key(reader: &Reader<Packet>, child: &Child, cursor: u64) -> Option<u64> {
    reader.newest_key().filter(|newest| *newest > child.cursor && *newest <= cursor)
}

fn bytes(view: &View<'_, Packet>, range: Range<u64>) -> usize {
    range.filter_map(|position| view.get(position)).map(|packet| packet.data().len()).sum()
}

/// Settles what a UDP child got from its groups since it is live.
pub(super) fn settle_live(child: &mut Child, sent: u64, cursor: u64) {
    if let (State::Live, Transport::Udp { .. }) = (child.state, &child.transport) {
        child.attempted += sent;
        child.unwanted += cursor.saturating_sub(child.cursor).saturating_sub(sent);
        child.cursor = cursor;
    }
}
