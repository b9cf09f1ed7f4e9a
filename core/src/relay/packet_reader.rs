//! The packets of a stream, for a program that sends or keeps them itself.

use std::time::{Duration, Instant};

use crate::media::sdp;
use crate::ring::{self, Subscriber, TooManyReaders, Wait};

use super::packet::{Kind, Packet};
use super::reader::{ReaderOptions, wait};

/// What [`PacketReader::next`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextPackets {
    /// So many packets were appended, at least one.
    Packets(usize),
    /// The reader was too slow: so many packets were overwritten before it came to them. It goes on
    /// at the newest key frame.
    Lagged(u64),
    /// Nothing came in time.
    TimedOut,
    /// The stream is over, and everything has been read.
    Ended,
}

/// Reads a stream packet by packet, as they come: the packets of a frame before the frame is whole.
pub struct PacketReader {
    session: sdp::Session,
    options: ReaderOptions,
    ring: ring::Reader<Packet>,
    cursor: u64,
}

impl PacketReader {
    /// A reader of the ring behind `subscriber`, whose tracks `session` describes.
    ///
    /// # Errors
    ///
    /// When the ring has no place for another reader.
    pub fn new(
        subscriber: &Subscriber<Packet>,
        session: sdp::Session,
        options: ReaderOptions,
    ) -> Result<PacketReader, TooManyReaders> {
        let ring = subscriber.subscribe(options.wake.clone())?;
        let cursor = options.beginning(&ring);
        Ok(PacketReader { session, options, ring, cursor })
    }

    /// The stream's session description.
    pub fn session(&self) -> &sdp::Session {
        &self.session
    }

    /// As [`FrameReader::park`](super::FrameReader::park).
    pub fn park(&self) -> bool {
        self.ring.park(self.cursor)
    }

    /// Appends up to `limit` packets to `out`, all of one track, kind and frame, in the order in which
    /// they came; waits up to `timeout` for the first. With a `timeout` of zero it does not wait.
    ///
    /// A packet stays valid as long as it lives; what that costs is that the buffer it lies in cannot
    /// be used again.
    pub fn next(&mut self, timeout: Duration, limit: usize, out: &mut Vec<Packet>) -> NextPackets {
        let deadline = Instant::now().checked_add(timeout);
        loop {
            match self.take(limit.max(1), out) {
                NextPackets::TimedOut => {}
                found => return found,
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            match wait(&mut self.ring, self.cursor, left) {
                Wait::Ready => {}
                Wait::TimedOut => return NextPackets::TimedOut,
                Wait::Ended => return NextPackets::Ended,
            }
        }
    }

    /// What is there; `TimedOut` when that is nothing.
    fn take(&mut self, limit: usize, out: &mut Vec<Packet>) -> NextPackets {
        let newest = self.ring.newest_key();
        let view = self.ring.view(self.cursor);
        if view.lost() > 0 {
            let resume = newest.unwrap_or(0).max(view.start());
            let lost = resume.saturating_sub(self.cursor);
            self.cursor = resume;
            return NextPackets::Lagged(lost);
        }
        let before = out.len();
        let mut run: Option<(u8, Kind)> = None;
        for (position, packet) in view.iter() {
            let wanted = self.options.track.is_none_or(|only| only == usize::from(packet.track));
            if wanted {
                let this = (packet.track, packet.kind);
                if *run.get_or_insert(this) != this || (packet.start && out.len() > before) {
                    break;
                }
                out.push(packet.clone());
            }
            self.cursor = position + 1;
            if wanted && (packet.end || out.len() - before >= limit) {
                break;
            }
        }
        match out.len() - before {
            0 => NextPackets::TimedOut,
            count => NextPackets::Packets(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::{Span, ring};

    const SDP: &str = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
        m=audio 0 RTP/AVP 0\r\nm=audio 0 RTP/AVP 0\r\n";

    fn packet(track: u8, end: bool) -> Packet {
        let bytes = Span::from_vec(vec![0x80; 12]);
        let mut packet = Packet::new(bytes, Kind::Rtp, track, Duration::ZERO);
        packet.end = end;
        packet
    }

    #[test]
    fn a_run_is_of_one_track_and_one_frame() {
        let session = sdp::Session::parse(SDP.as_bytes()).expect("a session");
        let mut producer = ring(64, 2);
        let subscriber = producer.subscriber();
        let mut all = PacketReader::new(&subscriber, session.clone(), ReaderOptions::default())
            .expect("room");
        let second = ReaderOptions { track: Some(1), ..ReaderOptions::default() };
        let mut second = PacketReader::new(&subscriber, session, second).expect("room");
        let publish = [(0, false), (0, false), (0, true), (0, true), (1, true), (0, false)];
        for (track, end) in publish {
            producer.publish(packet(track, end)).expect("room");
        }
        let mut out = Vec::new();
        let mut next = |reader: &mut PacketReader, limit| {
            out.clear();
            let found = reader.next(Duration::ZERO, limit, &mut out);
            (found, out.first().map(|packet| packet.track))
        };
        use NextPackets::{Ended, Packets, TimedOut};
        assert_eq!(next(&mut all, 2), (Packets(2), Some(0)));
        assert_eq!(next(&mut all, 2), (Packets(1), Some(0)));
        assert_eq!(next(&mut all, 9), (Packets(1), Some(0)));
        assert_eq!(next(&mut all, 9), (Packets(1), Some(1)));
        assert_eq!(next(&mut all, 9), (Packets(1), Some(0)));
        assert_eq!(next(&mut all, 9), (TimedOut, None));
        assert_eq!(next(&mut second, 9), (Packets(1), Some(1)));
        assert_eq!(next(&mut second, 9), (TimedOut, None));
        drop(producer);
        assert_eq!(next(&mut all, 9), (Ended, None));
    }
}
