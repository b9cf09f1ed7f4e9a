//! Packets in: from the source to the ring.

use std::time::Duration;

use crate::media::{rtp, sdp};
use crate::stats::Cause;

use super::super::inbox::Entered;
use super::super::packet::{Kind, Packet};
use super::super::track::Track;
use super::{Incompatible, Stream};

/// How much longer than else a packet is waited for while another source takes over, which repeats what it has:
/// one that is behind may send it yet, but a packet that nobody has must not hold up the stream for good.
const OVERLAP: Duration = Duration::from_millis(300);
/// Key frames remembered for the history.
const MAX_KEYS: usize = 1024;

impl Stream {
    /// Makes an RTP packet that is about to be taken in fit the stream's numbering, in place: the first
    /// step of every packet whose bytes can still be changed. `chosen`: whoever sends here was let in
    /// by name, and may change his SSRC at will.
    pub fn splice(&mut self, track: u8, packet: &mut [u8], chosen: bool, now: Duration) {
        if self.successor.is_some() && !self.succeeds(track, packet) {
            if let Some(track) = self.tracks.get_mut(usize::from(track)) {
                track.disown(packet);
            }
            return;
        }
        self.renumber(track, packet, chosen, now);
    }

    /// As [`splice`](Stream::splice), for packets of the source that feeds while another is awaited
    /// to [take over](Stream::succeed).
    pub fn splice_present(&mut self, track: u8, packet: &mut [u8], now: Duration) {
        self.renumber(track, packet, true, now);
    }

    /// Whether the awaited source takes over with this packet; if so, it has.
    fn succeeds(&mut self, number: u8, packet: &[u8]) -> bool {
        let Some(successor) = &self.successor else { return false };
        let Some(track) = self.tracks.get(usize::from(number)) else { return false };
        let Some(theirs) = successor.media.get(usize::from(number)) else { return false };
        // Sound alone is no start where there are pictures.
        let leads = track.has_key_frames() || !self.tracks.iter().any(Track::has_key_frames);
        let nothing_yet = self.tracks.iter().all(|track| track.ssrc().is_none());
        let begins = leads && track.could_begin_with(packet, theirs);
        if !begins && !nothing_yet {
            return false;
        }
        let Some(session) = self.successor.take() else { return false };
        self.expect(&session, true);
        true
    }

    fn renumber(&mut self, track: u8, packet: &mut [u8], chosen: bool, now: Duration) {
        let number = usize::from(track);
        let Some(track) = self.tracks.get(number) else { return };
        if track.takes_as_it_is(packet) {
            return;
        }
        if track.may_change_with(packet) && track.inbox.is_holding() {
            // What waits is the former source's: the next one is numbered behind it.
            self.empty_inbox(number);
        }
        if let Some(track) = self.tracks.get_mut(number) {
            track.splice(packet, chosen, now);
        }
    }

    /// Another source, described by `session`, is to go on where the present one has stopped: with the
    /// same SSRC, with sequence numbers and timestamps that go on, and with a key frame.
    ///
    /// # Errors
    ///
    /// When its tracks are not the same, or are coded otherwise than the children have been told.
    pub fn resume(&mut self, session: &sdp::Session) -> Result<(), Incompatible> {
        self.check(session)?;
        self.successor = None;
        self.expect(session, false);
        Ok(())
    }

    /// As [`resume`](Stream::resume), by a source that is known to be another one, even if it should
    /// bear the SSRC of the present one.
    ///
    /// # Errors
    ///
    /// As [`resume`](Stream::resume).
    pub fn replace(&mut self, session: &sdp::Session) -> Result<(), Incompatible> {
        self.check(session)?;
        self.successor = None;
        self.expect(session, true);
        Ok(())
    }

    /// As [`resume`](Stream::resume), with a key frame that is awaited while the present source feeds on:
    /// the packets of this one go through [`splice_present`](Stream::splice_present) until then, those of the
    /// other through [`splice`](Stream::splice), and are dropped.
    ///
    /// # Errors
    ///
    /// As [`resume`](Stream::resume).
    pub fn succeed(&mut self, session: sdp::Session) -> Result<(), Incompatible> {
        self.check(&session)?;
        self.successor = Some(Box::new(session));
        Ok(())
    }

    /// Whether a source is awaited to take over.
    pub fn has_successor(&self) -> bool {
        self.successor.is_some()
    }

    /// The source that was to take over does not.
    pub fn forget_successor(&mut self) {
        self.successor = None;
    }

    pub(super) fn check(&self, session: &sdp::Session) -> Result<(), Incompatible> {
        let pairs = self.session.media.iter().zip(&session.media);
        let same = self.tracks.len() == session.media.len()
            && self.tracks.iter().zip(pairs).all(|(track, (a, b))| track.resumes(a, b));
        if same { Ok(()) } else { Err(Incompatible) }
    }

    fn expect(&mut self, session: &sdp::Session, other: bool) {
        self.release_held();
        for (track, theirs) in self.tracks.iter_mut().zip(&session.media) {
            track.expect(theirs, other);
        }
    }

    /// Takes a packet in. Its account is settled when this returns: published, consumed or dropped.
    /// It goes out, and readers see it, by [`fan_out`](Stream::fan_out).
    pub fn ingest(&mut self, packet: Packet) {
        match packet.kind {
            Kind::Rtp => self.ingest_rtp(packet),
            Kind::Rtcp => self.ingest_rtcp(packet),
        }
    }

    /// As [`ingest`](Stream::ingest), for an RTP packet that came as a datagram: it may have overtaken
    /// others, and then waits for them a little; see [`tend`](Stream::tend). While it waits it is in
    /// no account.
    pub fn ingest_datagram(&mut self, packet: Packet) {
        let number = usize::from(packet.track);
        let place = self.tracks.get(number).and_then(|track| track.place_of(&packet));
        let (Some(track), Some((ssrc, sequence))) = (self.tracks.get_mut(number), place) else {
            return self.ingest_rtp(packet);
        };
        if track.repeats(sequence) {
            return self.ledger.drop(Cause::Duplicate, 1);
        }
        match track.inbox.enter(packet, ssrc, sequence) {
            Entered::Passed(packet) => self.ingest_rtp(packet),
            Entered::Kept => self.take_from_inbox(number),
            Entered::Duplicate => {
                track.count_repeated();
                self.ledger.drop(Cause::Duplicate, 1);
            }
        }
    }

    /// A source of which nothing has come yet has told with which packet it begins a track: what is lost before
    /// the first that comes is seen, and can be asked for.
    pub fn begins_with(&mut self, track: usize, sequence: u16) {
        if let Some(track) = self.tracks.get_mut(track) {
            track.inbox.expect(sequence);
        }
    }

    /// Lets all packets go on that wait for others. [`fan_out`](Stream::fan_out) is to follow.
    pub fn release_held(&mut self) {
        for number in 0..self.tracks.len() {
            self.empty_inbox(number);
        }
    }

    fn empty_inbox(&mut self, number: usize) {
        if let Some(track) = self.tracks.get_mut(number) {
            track.inbox.give_up_all();
        }
        self.take_from_inbox(number);
    }

    fn take_from_inbox(&mut self, number: usize) {
        while let Some(packet) = self.tracks.get_mut(number).and_then(|track| track.inbox.leave()) {
            self.ingest_rtp(packet);
        }
    }

    /// Whether packets wait for others that are missing.
    pub fn is_holding(&self) -> bool {
        self.tracks.iter().any(|track| track.inbox.is_holding())
    }

    /// Lets packets go on for which the time of waiting is over. [`fan_out`](Stream::fan_out) is to
    /// follow.
    pub fn tend(&mut self, now: Duration) {
        for number in 0..self.tracks.len() {
            if let Some(track) = self.tracks.get_mut(number) {
                let longer = if track.overlaps() { OVERLAP } else { Duration::ZERO };
                track.inbox.expire(now.saturating_sub(longer));
            }
            self.take_from_inbox(number);
        }
    }

    fn ingest_rtp(&mut self, mut packet: Packet) {
        let Some(track) = self.tracks.get_mut(usize::from(packet.track)) else {
            return self.ledger.drop(Cause::PayloadType, 1);
        };
        let entry = match track.receive(&mut packet) {
            Ok(entry) => entry,
            Err(cause) => return self.ledger.drop(cause, 1),
        };
        if entry.parameter_sets {
            track.learn(&packet);
        }
        let sequence = rtp::sequence(packet.data()).unwrap_or_default();
        let (start, arrival, number) = (packet.start, packet.arrival, packet.track);
        match self.ring.stage(packet) {
            Ok(position) => {
                self.ledger.publish();
                if let Some(track) = self.tracks.get_mut(usize::from(number))
                    && let Some(key) = track.published(position, sequence, start, entry.key)
                {
                    self.key(key, arrival);
                }
            }
            Err(_) => self.ledger.drop(Cause::RingFull, 1),
        }
    }

    /// Sender reports go through; everything else ends here. A BYE does too: the engine says when
    /// the stream is over, by [`finish`](Stream::finish).
    fn ingest_rtcp(&mut self, mut packet: Packet) {
        let Some(track) = self.tracks.get_mut(usize::from(packet.track)) else {
            return self.ledger.drop(Cause::PayloadType, 1);
        };
        match track.receive_report(&mut packet) {
            Ok(true) => match self.ring.stage(packet) {
                Ok(_) => self.ledger.publish(),
                Err(_) => self.ledger.drop(Cause::RingFull, 1),
            },
            Ok(false) => self.ledger.consume(),
            Err(cause) => self.ledger.drop(cause, 1),
        }
    }

    /// A decoder may start at `position`: new children will, and what is old may go.
    fn key(&mut self, position: u64, now: Duration) {
        self.ring.mark_key(position);
        self.keys.push_back((position, now));
        // The newest key frame that is old enough begins the history; at least the group of
        // pictures before the present one stays.
        let horizon = now.saturating_sub(self.limits.history);
        let mut before = None;
        while self.keys.len() > 2
            && let Some((_, next)) = self.keys.get(1)
            && (*next <= horizon || self.keys.len() > MAX_KEYS)
        {
            self.keys.pop_front();
            before = self.keys.front().map(|(position, _)| *position);
        }
        if let Some(before) = before {
            self.ring.evict(before.min(self.shown));
        }
    }
}
