//! Packets of a track become frames.

use std::time::{Duration, SystemTime};

use md5::{Digest, Md5};
use rillcast::media::{h264, rtp};
use rillcast_bench::omnicast::Seen;

use crate::load::Flow;
use crate::source::clock;

/// One track.
pub(super) struct Track {
    pub(super) is_h264: bool,
    flow: Flow,
    open: Option<Open>,
    /// So many of the packets that came again have been told of.
    told_twice: u64,
}

/// A frame whose last packet has not come yet.
struct Open {
    time: u32,
    first: u16,
    packets: u32,
    key: bool,
    bytes: u64,
    captured: Option<SystemTime>,
    digest: Md5,
}

/// A frame whose last packet has come.
pub(super) struct Frame {
    /// Without the time.
    pub(super) seen: Seen,
    pub(super) bytes: u64,
    /// When the picture was made, if it carries the test picture's clock.
    pub(super) captured: Option<SystemTime>,
}

impl Track {
    pub(super) fn new(is_h264: bool) -> Track {
        Track { is_h264, flow: Flow::default(), open: None, told_twice: 0 }
    }

    /// Takes a packet; the frame that it ends.
    pub(super) fn packet(&mut self, number: usize, packet: &[u8]) -> Option<Frame> {
        let header = rtp::parse(packet).ok()?;
        let payload = packet.get(header.payload.clone()).unwrap_or_default();
        let (sequence, timestamp) = (header.sequence, header.timestamp);
        let before = self.flow.duplicates();
        let progress = self.flow.packet(sequence, timestamp, header.marker, packet.len());
        if self.flow.duplicates() > before {
            // It belongs to no frame any more; the next line tells of it.
            return None;
        }
        if self.open.as_ref().is_some_and(|open| open.time != timestamp) {
            self.open = None;
        }
        let is_h264 = self.is_h264;
        let open = self.open.get_or_insert_with(|| Open {
            time: timestamp,
            first: sequence,
            packets: 0,
            // Of what is no video, each frame can be the first.
            key: !is_h264,
            bytes: 0,
            captured: None,
            digest: Md5::new(),
        });
        open.packets += 1;
        open.bytes += packet.len() as u64;
        open.digest.update(packet);
        if is_h264 {
            open.key |= h264::inspect(payload).key;
            if progress.head && open.captured.is_none() {
                open.captured = clock::find(payload).map(|stamp| stamp.captured);
            }
        }
        let ended = progress.ended?;
        let open = self.open.take()?;
        let twice = self.flow.duplicates() - self.told_twice;
        self.told_twice += twice;
        Some(Frame {
            seen: Seen {
                track: number,
                time: open.time,
                first: open.first,
                packets: open.packets,
                key: open.key,
                whole: ended.whole,
                twice,
                arrival: Duration::ZERO,
                digest: u128::from_be_bytes(open.digest.finalize().into()),
            },
            bytes: open.bytes,
            captured: open.captured,
        })
    }

    /// Frames whose last packet came.
    pub(super) fn frames(&self) -> u64 {
        self.flow.frames()
    }

    /// Packets that are missing.
    pub(super) fn lost(&self) -> u64 {
        self.flow.lost()
    }

    /// Packets that came more than once.
    pub(super) fn twice(&self) -> u64 {
        self.flow.duplicates()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u16, timestamp: u32, marker: bool) -> Vec<u8> {
        let header =
            rtp::Header { marker, payload_type: 96, sequence, timestamp, ssrc: 1, payload: 0..0 };
        let mut bytes = [0; rtp::HEADER_LEN];
        rtp::write_header(&mut bytes, &header);
        // An IDR slice.
        [bytes.as_slice(), &[0x65, 0x88, 0x84, 0]].concat()
    }

    #[test]
    fn a_frame_is_known_by_its_numbers_and_its_bytes() {
        let mut track = Track::new(true);
        assert!(track.packet(0, &packet(65_535, 90, false)).is_none());
        let frame = track.packet(0, &packet(0, 90, true)).expect("its last packet");
        let bytes = [packet(65_535, 90, false), packet(0, 90, true)].concat();
        let digest = u128::from_be_bytes(Md5::digest(bytes).into());
        let Seen { first, packets, key, whole, .. } = frame.seen;
        assert_eq!((first, packets, key, whole), (65_535, 2, true, true));
        assert_eq!((frame.seen.digest, frame.seen.next(), frame.bytes), (digest, 1, 32));
        // One is missing.
        let frame = track.packet(0, &packet(2, 180, true)).expect("its only packet");
        assert!(!frame.seen.whole);
        assert_eq!((track.frames(), track.lost(), track.twice()), (2, 1, 0));
        // One comes again: the next line tells of it.
        assert!(track.packet(0, &packet(2, 180, true)).is_none());
        let frame = track.packet(0, &packet(3, 270, true)).expect("its only packet");
        assert_eq!((frame.seen.twice, frame.seen.whole, track.twice()), (1, true, 1));
    }
}
