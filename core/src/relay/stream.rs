//! A stream: packets in, packets out, and the account of both.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use slab::Slab;

use crate::media::rtcp;
use crate::media::sdp;
use crate::ring::{self, Producer, Subscriber, TooManyReaders, View, Wake};
use crate::stats::{Cause, Ledger};

use super::child::{ChildLimits, Start};
use super::egress::Egress;
use super::fan::Fan;
use super::packet::{Kind, Packet};
use super::track::{Track, TrackFigures};

mod children;
mod continuation;
mod ingest;

pub use continuation::{Continuation, OtherPackets};

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

/// Where a child will begin: sequence number and RTP timestamp of its next packet by track, as
/// `RTP-Info` wants them (RFC 2326 §12.33); `None` where nothing is known yet.
pub type PlayPoint = Vec<Option<(u16, u32)>>;

/// A source cannot go on with a stream: its tracks differ, or how they are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incompatible;

/// One stream and its children. Belongs to one thread; [`Stream::branch`] and [`Stream::subscriber`] are the
/// ways for others.
pub struct Stream {
    session: sdp::Session,
    tracks: Vec<Track>,
    ring: Producer<Packet>,
    /// The children on this thread.
    fan: Fan,
    /// What readers have been shown of the ring.
    shown: u64,
    keys: VecDeque<(u64, Duration)>,
    ended: bool,
    limits: Limits,
    ledger: Ledger,
    /// The children's keys, on whatever thread they are.
    keys_taken: Slab<()>,
    /// Describes a source that is to take over at its next key frame from the one that feeds until then.
    successor: Option<Box<sdp::Session>>,
    /// A reader on another thread may wait for a key frame.
    reader_awaits: bool,
}

impl Stream {
    /// A stream with the tracks of `session`.
    ///
    /// # Errors
    ///
    /// When the session has no track or more than 128 (interleaving has no more channels).
    pub fn new(session: sdp::Session, limits: Limits) -> Result<Stream, &'static str> {
        Stream::with_branches(session, limits, 0)
    }

    /// As [`new`](Stream::new), with room for so many [branches](Stream::branch).
    ///
    /// # Errors
    ///
    /// As [`new`](Stream::new).
    pub fn with_branches(
        session: sdp::Session,
        limits: Limits,
        branches: usize,
    ) -> Result<Stream, &'static str> {
        if session.media.is_empty() {
            return Err("the session description has no media");
        }
        if session.media.len() > 128 {
            return Err("the session description has more than 128 media");
        }
        let readers = limits.readers.saturating_add(branches).saturating_add(1);
        let ring = ring::ring(limits.ring_packets.max(MIN_RING), readers);
        let reader = ring.subscribe(Arc::new(())).map_err(|_| "no reader left in a new ring")?;
        let tracks: Vec<Track> =
            (0u8..).zip(&session.media).map(|(n, media)| Track::new(n, media)).collect();
        let fan = Fan::new(reader, tracks.iter().map(|track| track.notes().clone()).collect());
        Ok(Stream {
            session,
            tracks,
            ring,
            fan,
            shown: 0,
            keys: VecDeque::new(),
            ended: false,
            limits,
            ledger: Ledger::default(),
            keys_taken: Slab::new(),
            successor: None,
            reader_awaits: false,
        })
    }

    /// The session description, with the parameter sets that came in band since.
    pub fn session(&mut self) -> &sdp::Session {
        for track in &mut self.tracks {
            track.describe(&mut self.session);
        }
        &self.session
    }

    /// RTP packets taken in so far, on all tracks.
    pub fn rtp_packets(&self) -> u64 {
        self.tracks.iter().map(Track::rtp_packets).sum()
    }

    /// Its tracks.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// One more fan-out of this stream, for another thread, whose `wake` is called when it has parked.
    ///
    /// # Errors
    ///
    /// When there is no place for another reader: see [`with_branches`](Stream::with_branches).
    pub fn branch(&self, wake: Arc<dyn Wake>) -> Result<Fan, TooManyReaders> {
        let reader = self.ring.subscribe(wake)?;
        Ok(Fan::new(reader, self.tracks.iter().map(|track| track.notes().clone()).collect()))
    }

    /// The children on this thread.
    pub fn fan(&mut self) -> &mut Fan {
        &mut self.fan
    }

    /// A handle by which other threads read the ring.
    pub fn subscriber(&mut self) -> Subscriber<Packet> {
        self.reader_awaits |= self.ring.newest_key().is_none();
        self.ring.subscriber()
    }

    /// Position in the ring of the next packet.
    pub fn head(&self) -> u64 {
        self.ring.head()
    }

    /// Position in the ring of the newest frame at which a decoder can begin.
    pub fn newest_key(&self) -> Option<u64> {
        self.ring.newest_key()
    }

    /// What is in the ring from a position on, without what is there no more.
    pub fn packets(&mut self, from: u64) -> View<'_, Packet> {
        self.fan.view(from)
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
        self.ring.evict(tail.saturating_add(quarter).min(self.shown));
    }

    /// Packets in the ring that [`fan_out`](Stream::fan_out) has not seen yet. It is to be called when
    /// they are [`MAX_BACKLOG`], or the ring might come round to them.
    pub fn backlog(&self) -> u64 {
        self.ring.head().saturating_sub(self.shown)
    }

    /// Whether something waits for its time: then [`tend`](Stream::tend) and [`pace`](Stream::pace) are
    /// to be called each millisecond.
    pub fn wants_ticks(&self) -> bool {
        self.pacing() || self.is_holding()
    }

    /// Whether there is something to ask the source for now, besides packets that are waited for: see
    /// [`is_holding`](Stream::is_holding).
    pub fn wants_key_frame(&self, now: Duration) -> bool {
        self.tracks.iter().any(|track| track.wants_key_frame(now))
    }

    /// Somebody cannot go on without key frames.
    pub fn wish_key_frames(&mut self) {
        self.tracks.iter_mut().for_each(Track::wish_key_frame);
    }

    /// What `reporter` is to ask the source of a track for now, as RTCP: packets that are missing
    /// (RFC 4585 §6.2.1), a key frame (§6.3.1). To be called when it can be sent to the source.
    pub fn request(&mut self, track: u8, reporter: u32, now: Duration) -> Option<Vec<u8>> {
        self.tracks.get_mut(usize::from(track))?.request(reporter, now)
    }

    /// Whether the source of a track is to be asked for a key frame now: for one that understands no
    /// RTCP. To be called when it can be told.
    pub fn request_key_frame(&mut self, track: u8, now: Duration) -> bool {
        self.tracks.get_mut(usize::from(track)).is_some_and(|track| track.take_key_request(now))
    }

    /// Forgets the key frames that were to be asked for by now: who could send them cannot be told.
    pub fn forgo_key_frames(&mut self, now: Duration) {
        for track in self.tracks.iter_mut().filter(|track| track.wants_key_frame(now)) {
            track.forgo_key_frame();
        }
    }

    /// The receiver report that is due to the source of a track, from `reporter`; `None` before its
    /// first packet.
    pub fn receiver_report(&mut self, track: u8, reporter: u32, now: Duration) -> Option<Vec<u8>> {
        self.tracks.get_mut(usize::from(track))?.receiver_report(reporter, now)
    }

    /// Gives what is new to the live children and wakes the readers. Call it after each batch. Tells when
    /// the oldest packet of the batch came in, if there is a child to whom it may have gone.
    pub fn fan_out(&mut self, now: Duration, egress: &mut dyn Egress) -> Option<Duration> {
        if self.backlog() == 0 {
            return None;
        }
        self.ring.notify();
        self.shown = self.ring.head();
        let oldest = self.fan.fan_out(now, egress);
        if self.reader_awaits {
            self.reader_awaits = self.beginning(Start::KeyFrame).is_none();
            if self.reader_awaits {
                self.tracks
                    .iter_mut()
                    .filter(|track| track.is_amid())
                    .for_each(Track::wish_key_frame);
            }
        }
        self.hear_wishes();
        oldest
    }

    /// Takes up the wishes for key frames of children on all threads: see
    /// [`wants_key_frame`](Stream::wants_key_frame).
    pub fn hear_wishes(&mut self) {
        self.tracks.iter_mut().for_each(Track::hear_wishes);
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
        self.release_held();
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
