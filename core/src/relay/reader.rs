//! Whole frames of a stream, for a player or a recorder on any thread.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::media::codec::Codec;
use crate::media::rtcp::{self, SenderReport};
use crate::media::rtp::timestamp::Extender;
use crate::media::{self, Depacketizer, sdp};
use crate::ring::{self, Subscriber, TooManyReaders, Wait, Wake};

use super::child::Start;
use super::packet::{Kind, Packet};

/// Packets looked at in one view: views are to be short.
const BATCH: usize = 256;

/// A frame and its place in the stream.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Index of the track in the session description.
    pub track: usize,
    /// RTP timestamp in ticks of the track's clock, extended so that it does not wrap.
    pub time: i64,
    /// When the packet that completed it came in, on the engine's clock.
    pub arrival: Duration,
    /// The frame. Its bytes lie in the stream's buffers and stay valid as long as this lives; what
    /// that costs is that these buffers cannot be used again.
    pub data: media::Frame<Packet>,
}

/// What [`FrameReader::next`] found.
#[derive(Clone, Debug)]
pub enum Next {
    /// The next frame.
    Frame(Frame),
    /// The reader was too slow: so many packets were overwritten before it came to them. It goes on
    /// at the newest key frame.
    Lagged(u64),
    /// Nothing came in time.
    TimedOut,
    /// The stream is over, and everything has been read.
    Ended,
}

/// How a [`FrameReader`] or a [`PacketReader`](super::PacketReader) reads.
#[derive(Clone)]
pub struct ReaderOptions {
    /// Where it begins: at the newest key frame there is, or with what comes next.
    pub start: Start,
    /// The only track to be read, by its index in the session description; all of them when `None`.
    pub track: Option<usize>,
    /// Holds back the frames of a track before its first key frame, also after frames were lost by
    /// lagging. It does nothing for a track whose codec has no key frames, nor in a packet reader.
    pub from_key: bool,
    /// What a reader that has [parked](FrameReader::park) is woken by: an `eventfd`, for an event
    /// loop.
    pub wake: Arc<dyn Wake>,
}

impl Default for ReaderOptions {
    /// All tracks from the newest key frame on, nothing held back, and no wake-up.
    fn default() -> ReaderOptions {
        ReaderOptions { start: Start::KeyFrame, track: None, from_key: false, wake: Arc::new(()) }
    }
}

impl ReaderOptions {
    /// The position at which a reader of `ring` begins.
    pub(super) fn beginning(&self, ring: &ring::Reader<Packet>) -> u64 {
        match self.start {
            Start::KeyFrame => ring.newest_key().unwrap_or_else(|| ring.tail()),
            Start::Live => ring.head(),
        }
    }
}

/// Reads a stream frame by frame, from its newest key frame on.
pub struct FrameReader {
    session: sdp::Session,
    options: ReaderOptions,
    ring: ring::Reader<Packet>,
    cursor: u64,
    tracks: Vec<TrackReader>,
    ready: VecDeque<Frame>,
    packets: u64,
    /// When the first and the newest packet came in.
    arrivals: Option<(Duration, Duration)>,
}

/// A moment on a track's own clock and on the wall clock of its source, by a sender report
/// (RFC 3550 §6.4.1). It is what keeps tracks together: each counts time from an origin of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// As [`Frame::time`]: extended ticks of the track's clock.
    pub time: i64,
    /// The same moment as an NTP time (seconds since 1900, 32.32 bits) of the source's clock.
    pub ntp: u64,
}

struct TrackReader {
    depacketizer: Depacketizer<Packet>,
    extender: Extender,
    /// The newest sender report.
    report: Option<SenderReport>,
    /// The newest frame's time.
    newest: Option<i64>,
    /// Frames are held back until a key frame comes.
    awaits_key: bool,
}

impl FrameReader {
    /// A reader of the ring behind `subscriber`, whose tracks `session` describes.
    ///
    /// # Errors
    ///
    /// When the ring has no place for another reader.
    pub fn new(
        subscriber: &Subscriber<Packet>,
        session: sdp::Session,
    ) -> Result<FrameReader, TooManyReaders> {
        FrameReader::with(subscriber, session, ReaderOptions::default())
    }

    /// As [`new`](FrameReader::new), with options.
    ///
    /// # Errors
    ///
    /// When the ring has no place for another reader.
    pub fn with(
        subscriber: &Subscriber<Packet>,
        session: sdp::Session,
        options: ReaderOptions,
    ) -> Result<FrameReader, TooManyReaders> {
        let ring = subscriber.subscribe(options.wake.clone())?;
        let cursor = options.beginning(&ring);
        let tracks = track_readers(&session, options.from_key);
        let ready = VecDeque::new();
        Ok(FrameReader {
            session,
            options,
            ring,
            cursor,
            tracks,
            ready,
            packets: 0,
            arrivals: None,
        })
    }

    /// The stream's session description.
    pub fn session(&self) -> &sdp::Session {
        &self.session
    }

    /// Packets taken from the ring so far.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// How the newest sender report of a track relates its clock to the wall clock of its source;
    /// `None` before one came, and before the first frame.
    pub fn reference(&self, track: usize) -> Option<Reference> {
        let track = self.tracks.get(track)?;
        let (report, newest) = (track.report?, track.newest?);
        // The report's timestamp is extended by the frame that it is nearest to.
        let step = report.rtp.wrapping_sub(newest as u32) as i32;
        Some(Reference { time: newest.wrapping_add(i64::from(step)), ntp: report.ntp })
    }

    /// When the first packet taken from the ring came in, on the engine's clock.
    pub fn first_arrival(&self) -> Option<Duration> {
        self.arrivals.map(|(first, _)| first)
    }

    /// Arms one wake-up by [`ReaderOptions::wake`] for when something comes. Returns false, and arms
    /// nothing, when [`next`](FrameReader::next) has to be called first: it may have something.
    ///
    /// A wake-up does not promise a whole frame: call `next` with no patience, then park again.
    pub fn park(&self) -> bool {
        self.ready.is_empty() && self.ring.park(self.cursor)
    }

    /// Takes the lists of a frame that is not needed any more, for the next ones, so that in the steady state no memory
    /// is allocated. It leaves the frame empty. Optional.
    pub fn recycle(&mut self, frame: &mut Frame) {
        if let Some(track) = self.tracks.get_mut(frame.track) {
            track.depacketizer.recycle(&mut frame.data);
        }
    }

    /// The next frame, if one has been put together already: [`next`](FrameReader::next) without a look at the ring or the
    /// clock. `None` says only that `next` has to be called.
    #[inline]
    pub fn next_ready(&mut self) -> Option<Frame> {
        self.ready.pop_front()
    }

    /// The next frame, waiting for it up to `timeout`. With a `timeout` of zero it does not wait at
    /// all.
    pub fn next(&mut self, timeout: Duration) -> Next {
        if let Some(frame) = self.next_ready() {
            return Next::Frame(frame);
        }
        let deadline = Instant::now().checked_add(timeout);
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Next::Frame(frame);
            }
            let lost = self.take();
            if lost > 0 {
                self.begin_anew();
                return Next::Lagged(lost);
            }
            if !self.ready.is_empty() {
                continue;
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            match wait(&mut self.ring, self.cursor, left) {
                Wait::Ready => {}
                Wait::TimedOut => return Next::TimedOut,
                Wait::Ended => match self.flush() {
                    Some(frame) => return Next::Frame(frame),
                    None => return Next::Ended,
                },
            }
        }
    }

    /// What follows a hole is put together afresh. The clocks go on: frames behind it are later than
    /// those before, also when their timestamps have wrapped.
    fn begin_anew(&mut self) {
        let fresh = track_readers(&self.session, self.options.from_key);
        for (track, fresh) in self.tracks.iter_mut().zip(fresh) {
            track.depacketizer = fresh.depacketizer;
            track.awaits_key = fresh.awaits_key;
        }
    }

    /// Takes a batch of packets from the ring; returns how many were overwritten before.
    fn take(&mut self) -> u64 {
        let newest = self.ring.newest_key();
        let view = self.ring.view(self.cursor);
        if view.lost() > 0 {
            let resume = newest.unwrap_or(0).max(view.start());
            let lost = resume - self.cursor;
            self.cursor = resume;
            return lost;
        }
        let mut end = self.cursor;
        for (position, packet) in view.iter().take(BATCH) {
            end = position + 1;
            let index = usize::from(packet.track);
            if packet.kind != Kind::Rtp {
                let report = rtcp::parse(packet.data()).ok().and_then(|all| all.sender_report());
                if let (Some(report), Some(track)) = (report, self.tracks.get_mut(index)) {
                    track.report = Some(report);
                }
                continue;
            }
            if self.options.track.is_some_and(|only| only != index) {
                continue;
            }
            self.packets += 1;
            let (_, newest) = self.arrivals.get_or_insert((packet.arrival, packet.arrival));
            *newest = packet.arrival;
            let Some(track) = self.tracks.get_mut(index) else { continue };
            track.depacketizer.push(packet.clone());
            while let Some(frame) = track.pop(index, packet.arrival) {
                self.ready.push_back(frame);
            }
        }
        self.cursor = end;
        0
    }

    /// What the depacketizers still hold when no packet will come any more.
    fn flush(&mut self) -> Option<Frame> {
        for (index, track) in self.tracks.iter_mut().enumerate() {
            let arrival = self.arrivals.map_or(Duration::ZERO, |(_, newest)| newest);
            track.depacketizer.flush();
            while let Some(frame) = track.pop(index, arrival) {
                self.ready.push_back(frame);
            }
        }
        self.ready.pop_front()
    }
}

impl TrackReader {
    /// The next finished frame, of the track with this index, that is not held back.
    fn pop(&mut self, index: usize, arrival: Duration) -> Option<Frame> {
        loop {
            let data = self.depacketizer.pop()?;
            let time = self.extender.extend(data.timestamp);
            self.newest = Some(time);
            self.awaits_key &= !data.key;
            if !self.awaits_key {
                return Some(Frame { track: index, time, arrival, data });
            }
        }
    }
}

/// [`ring::Reader::wait`], but it neither spins nor sleeps when no time is left. `None` waits for
/// ever.
pub(super) fn wait(ring: &mut ring::Reader<Packet>, cursor: u64, left: Option<Duration>) -> Wait {
    if left != Some(Duration::ZERO) {
        return ring.wait(cursor, left);
    }
    // The end first, then the head: what was published before the end must not be missed.
    let ended = ring.is_ended();
    match ring.head() > cursor {
        true => Wait::Ready,
        false if ended => Wait::Ended,
        false => Wait::TimedOut,
    }
}

fn track_readers(session: &sdp::Session, from_key: bool) -> Vec<TrackReader> {
    let reader = |media| TrackReader {
        depacketizer: Depacketizer::new(media),
        extender: Extender::default(),
        report: None,
        newest: None,
        awaits_key: from_key && Codec::of(media).has_key_frames(),
    };
    session.media.iter().map(reader).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::{Span, ring};

    fn packet(sequence: u8, timestamp: u32) -> Packet {
        let mut bytes = vec![0x80, 0x80, 0, sequence];
        bytes.extend(timestamp.to_be_bytes());
        bytes.extend([0, 0, 0, 7, 1, 2, 3]);
        Packet::new(Span::from_vec(bytes), Kind::Rtp, 0, Duration::from_millis(sequence.into()))
    }

    #[test]
    fn a_report_is_placed_on_the_extended_clock_of_the_frames() {
        let text = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n";
        let session = sdp::Session::parse(text.as_bytes()).expect("a session");
        let mut producer = ring(64, 1);
        let mut reader = FrameReader::new(&producer.subscriber(), session).expect("a place");
        let mut publish = |packet| producer.publish(packet).map(drop).expect("room");
        publish(packet(1, u32::MAX - 159));
        publish(packet(2, 0));
        let report = SenderReport { ssrc: 7, ntp: 42 << 32, rtp: 80, packets: 2, octets: 6 };
        let report = Span::from_vec(rtcp::sender_report(&report, &[], "x"));
        publish(Packet::new(report, Kind::Rtcp, 0, Duration::ZERO));
        assert_eq!(reader.reference(0), None);
        for _ in 0..2 {
            assert!(matches!(reader.next(Duration::ZERO), Next::Frame(_)));
        }
        // The clock wrapped between the frames.
        let time = (1 << 32) + 80;
        assert_eq!(reader.reference(0), Some(Reference { time, ntp: 42 << 32 }));
        assert_eq!(reader.reference(1), None);
        assert_eq!(reader.first_arrival(), Some(Duration::from_millis(1)));
    }

    #[test]
    fn time_goes_on_behind_a_hole() {
        let text = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n";
        let session = sdp::Session::parse(text.as_bytes()).expect("a session");
        let mut producer = ring(64, 1);
        let mut reader = FrameReader::new(&producer.subscriber(), session).expect("a place");
        let mut publish = |packet| producer.publish(packet).map(drop).expect("room");
        publish(packet(1, u32::MAX - 159));
        publish(packet(2, 0));
        let mut newest = None;
        while let Next::Frame(frame) = reader.next(Duration::ZERO) {
            newest = Some(frame.time);
        }
        assert_eq!(newest, Some(1 << 32));
        (3..=200).for_each(|n| publish(packet(n, u32::from(n) * 160)));
        assert!(matches!(reader.next(Duration::MAX), Next::Lagged(_)));
        let Next::Frame(frame) = reader.next(Duration::MAX) else { panic!("no frame") };
        assert!(frame.time > 1 << 32, "{}", frame.time);
    }
}
