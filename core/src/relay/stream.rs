//! A stream: packets in, packets out, and the account of both.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use slab::Slab;

use crate::media::sdp;
use crate::media::{rtcp, rtp};
use crate::ring::{self, Producer, Reader, Subscriber};
use crate::stats::{Cause, Ledger};

use super::child::{Child, ChildKey, ChildLimits};
use super::egress::Egress;
use super::inbox::Entered;
use super::packet::{Kind, Packet};
use super::track::{Track, TrackFigures};
use super::{tcp, udp};

mod children;

/// What bounds a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Packets that the ring holds at most.
    pub ring_packets: usize,
    /// Readers on other threads at most.
    pub readers: usize,
    /// How long groups of pictures older than the present one are kept.
    pub history: Duration,
    /// How far a connection may lag behind before it is skipped to the newest key frame.
    pub max_lag: Duration,
    /// How long a connection may take nothing at all before it is cut off.
    pub cut_off: Duration,
    /// Bytes sent in one millisecond to a UDP child that has just come.
    pub burst: usize,
}

impl Default for Limits {
    /// 8,192 packets, 32 readers, 4 s of history, 3 s of lag, cut off after 10 s, 4 KiB per ms.
    fn default() -> Limits {
        Limits {
            ring_packets: 8192,
            readers: 32,
            history: Duration::from_secs(4),
            max_lag: Duration::from_secs(3),
            cut_off: Duration::from_secs(10),
            burst: 4 << 10,
        }
    }
}

impl Limits {
    /// Those of a child that has none of its own.
    pub fn of_child(&self) -> ChildLimits {
        ChildLimits { max_lag: self.max_lag, cut_off: self.cut_off, burst: self.burst }
    }
}

/// Packets that a ring holds at least: several times [`MAX_BACKLOG`].
const MIN_RING: usize = 4096;
/// Packets taken in at most before they are fanned out.
pub const MAX_BACKLOG: u64 = 1024;
/// Key frames remembered for the history.
const MAX_KEYS: usize = 1024;

/// Where a child will begin: sequence number and RTP timestamp of its next packet by track, as
/// `RTP-Info` wants them (RFC 2326 §12.33); `None` where nothing is known yet.
pub type PlayPoint = Vec<Option<(u16, u32)>>;

/// A source cannot go on with a stream: its tracks differ, or how they are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incompatible;

/// One stream and its children. Belongs to one thread; [`Stream::subscriber`] is the way for others.
pub struct Stream {
    session: sdp::Session,
    tracks: Vec<Track>,
    ring: Producer<Packet>,
    fan: Reader<Packet>,
    /// Everything before it has gone to every live child.
    cursor: u64,
    keys: VecDeque<(u64, Duration)>,
    ended: bool,
    limits: Limits,
    ledger: Ledger,
    children: Slab<Child>,
    udp: udp::Groups,
    tcp: tcp::Groups,
    /// UDP children that are behind.
    pacing: Vec<ChildKey>,
    /// Children for whom there is no key frame yet, and since when they wait for one.
    awaiting: Vec<(ChildKey, Duration)>,
    /// Bytes that have entered the ring.
    bytes: u64,
}

impl Stream {
    /// A stream with the tracks of `session`.
    ///
    /// # Errors
    ///
    /// When the session has no track or more than 128 (interleaving has no more channels).
    pub fn new(session: sdp::Session, limits: Limits) -> Result<Stream, &'static str> {
        if session.media.is_empty() {
            return Err("the session description has no media");
        }
        if session.media.len() > 128 {
            return Err("the session description has more than 128 media");
        }
        let ring = ring::ring(limits.ring_packets.max(MIN_RING), limits.readers.saturating_add(1));
        let fan = ring.subscribe(Arc::new(())).map_err(|_| "no reader left in a new ring")?;
        let tracks = (0u8..).zip(&session.media).map(|(n, media)| Track::new(n, media)).collect();
        Ok(Stream {
            session,
            tracks,
            ring,
            fan,
            cursor: 0,
            keys: VecDeque::new(),
            ended: false,
            limits,
            ledger: Ledger::default(),
            children: Slab::new(),
            udp: udp::Groups::default(),
            tcp: tcp::Groups::default(),
            pacing: Vec::new(),
            awaiting: Vec::new(),
            bytes: 0,
        })
    }

    /// The session description, with the parameter sets that came in band since.
    pub fn session(&mut self) -> &sdp::Session {
        for track in &mut self.tracks {
            track.describe(&mut self.session);
        }
        &self.session
    }

    /// Its tracks.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// A handle by which other threads read the ring.
    pub fn subscriber(&self) -> Subscriber<Packet> {
        self.ring.subscriber()
    }

    /// The ledger of what came in.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Takes note of packets that were lost before they got here.
    pub fn count_drop(&mut self, cause: Cause, packets: u64) {
        if packets > 0 {
            self.ledger.drop(cause, packets);
        }
    }

    /// Makes buffers free by giving up the oldest quarter of the ring: for when the pool is spent.
    pub fn make_room(&mut self) {
        let (tail, head) = (self.ring.tail(), self.ring.head());
        let quarter = (head.saturating_sub(tail) / 4).max(1);
        self.ring.evict(tail.saturating_add(quarter).min(self.cursor));
    }

    /// Packets in the ring that [`fan_out`](Stream::fan_out) has not seen yet. It is to be called when
    /// they are [`MAX_BACKLOG`], or the ring might come round to them.
    pub fn backlog(&self) -> u64 {
        self.ring.head().saturating_sub(self.cursor)
    }

    /// Makes an RTP packet that is about to be taken in fit the stream's numbering, in place: the first
    /// step of every packet whose bytes can still be changed. `chosen`: whoever sends here was let in
    /// by name, and may change his SSRC at will.
    pub fn splice(&mut self, track: u8, packet: &mut [u8], chosen: bool, now: Duration) {
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
        let theirs = &session.media;
        if theirs.len() != self.tracks.len() {
            return Err(Incompatible);
        }
        let pairs = self.session.media.iter().zip(theirs);
        if !self.tracks.iter().zip(pairs).all(|(track, (a, b))| track.resumes(a, b)) {
            return Err(Incompatible);
        }
        for number in 0..self.tracks.len() {
            self.empty_inbox(number);
        }
        for (track, theirs) in self.tracks.iter_mut().zip(theirs) {
            track.expect(theirs);
        }
        Ok(())
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
        match track.inbox.enter(packet, ssrc, sequence) {
            Entered::Passed(packet) => self.ingest_rtp(packet),
            Entered::Kept => self.take_from_inbox(number),
            Entered::Duplicate => self.ledger.drop(Cause::Duplicate, 1),
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

    /// Whether something waits for its time: then [`tend`](Stream::tend) and [`pace`](Stream::pace) are
    /// to be called each millisecond.
    pub fn wants_ticks(&self) -> bool {
        self.pacing() || self.is_holding()
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
                track.inbox.expire(now);
            }
            self.take_from_inbox(number);
        }
    }

    /// What `reporter` is to ask the source of a track for now: packets that are missing, as RTCP
    /// (RFC 4585 §6.2.1).
    pub fn request(&mut self, track: u8, reporter: u32, now: Duration) -> Option<Vec<u8>> {
        self.tracks.get_mut(usize::from(track))?.request(reporter, now)
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
        let length = packet.data().len() as u64;
        match self.ring.stage(packet) {
            Ok(position) => {
                self.ledger.publish();
                self.bytes = self.bytes.wrapping_add(length);
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

    /// The receiver report that is due to the source of a track, from `reporter`; `None` before its
    /// first packet.
    pub fn receiver_report(&mut self, track: u8, reporter: u32, now: Duration) -> Option<Vec<u8>> {
        self.tracks.get_mut(usize::from(track))?.receiver_report(reporter, now)
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
            self.ring.evict(before.min(self.cursor));
        }
    }

    /// Gives what is new to the live children and wakes the readers. Call it after each batch.
    pub fn fan_out(&mut self, now: Duration, egress: &mut dyn Egress) {
        if self.backlog() == 0 {
            return;
        }
        self.ring.notify();
        let view = self.fan.view(self.cursor);
        debug_assert_eq!(view.lost(), 0, "more than MAX_BACKLOG taken in");
        // What is cheaper a packet goes first: those who come second wait for less.
        self.tcp.fan_out(&mut self.children, &view, now, egress);
        self.udp.fan_out(&mut self.children, &view, egress);
        self.cursor = view.end();
        drop(view);
        self.release_awaiting(now, egress);
    }

    /// Whether the source has taken its leave: a BYE for each track that it has sent (RFC 3550
    /// §6.6), and nothing since.
    pub fn source_left(&self) -> bool {
        let mut sent = self.tracks.iter().filter(|track| track.ssrc().is_some()).peekable();
        sent.peek().is_some() && sent.all(Track::has_left)
    }

    /// The orderly end: a BYE for each track behind the last packet. No packet is taken after it.
    pub fn finish(&mut self, now: Duration) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        for number in 0..self.tracks.len() {
            self.empty_inbox(number);
        }
        for (number, track) in (0u8..).zip(&self.tracks) {
            let Some(ssrc) = track.ssrc() else { continue };
            let bye = ring::Span::copy_from_slice(&rtcp::bye(ssrc));
            if self.ring.stage(Packet::new(bye, Kind::Rtcp, number, now)).is_ok() {
                self.ledger.publish();
            } else {
                self.ledger.drop(Cause::RingFull, 1);
            }
        }
        self.ring.end();
    }

    /// Whether [`finish`](Stream::finish) was called.
    pub fn is_finished(&self) -> bool {
        self.ended
    }

    /// Figures of the tracks.
    pub fn track_figures(&self) -> Vec<TrackFigures> {
        self.tracks.iter().map(Track::figures).collect()
    }
}
