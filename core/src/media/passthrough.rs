//! Frames of payloads that are not read: the payloads of the packets that carried them.

use std::collections::VecDeque;
use std::ops::Range;

use super::Slice;
use super::codec::{Codec, Framing, inspect};
use super::spare::Spare;

/// Most packets of one frame.
pub const MAX_PACKETS: usize = 65_536;
/// Most payload bytes of one frame.
pub const MAX_BYTES: usize = 16 << 20;
/// Finished frames kept until they are taken.
const MAX_READY: usize = 1024;

/// A frame of a payload that is not read.
#[derive(Clone, Debug)]
pub struct Opaque<P> {
    /// RTP timestamp.
    pub timestamp: u32,
    /// Whether a decoder may start here, as far as [`inspect`] knows.
    pub key: bool,
    /// A packet of it was, or may have been, lost, or it went over the limits.
    pub damaged: bool,
    /// The payloads of its packets, in order.
    pub payloads: Vec<Slice<P>>,
}

/// Puts packets together to frames by marker bit and timestamp.
///
/// Takes the packets of one SSRC in the order of their sequence numbers, each once, and is told of
/// gaps. After each [`push`](Self::push) or [`flush`](Self::flush), [`pop`](Self::pop) until it
/// gives `None`.
#[derive(Debug)]
pub struct Depacketizer<P> {
    codec: Codec,
    open: Option<Opaque<P>>,
    bytes: usize,
    ready: VecDeque<Opaque<P>>,
    spare: Spare<Slice<P>>,
    /// Packets are missing before the next one.
    after_gap: bool,
}

impl<P: AsRef<[u8]> + Clone> Depacketizer<P> {
    /// A depacketizer at the beginning of a stream.
    pub fn new(codec: Codec) -> Depacketizer<P> {
        Depacketizer {
            codec,
            open: None,
            bytes: 0,
            ready: VecDeque::new(),
            spare: Spare::new(),
            after_gap: false,
        }
    }

    /// Tells that packets are missing before the one that is pushed next.
    pub fn gap(&mut self) {
        // A packet that is a frame leaves no other one damaged.
        if self.codec.framing() == Framing::Marker {
            self.after_gap = true;
            if let Some(open) = &mut self.open {
                open.damaged = true;
            }
        }
    }

    /// Takes the next packet: where its payload lies in it (padding and header extension taken
    /// off), its RTP timestamp and its marker bit.
    pub fn push(&mut self, packet: P, payload: Range<usize>, timestamp: u32, marker: bool) {
        let Some(slice) = Slice::new(packet, payload) else { return };
        if self.open.as_ref().is_some_and(|open| open.timestamp != timestamp) {
            self.finish();
        }
        let damaged = std::mem::take(&mut self.after_gap);
        let open = self.open.get_or_insert_with(|| {
            let key = !self.codec.has_key_frames();
            Opaque { timestamp, key, damaged, payloads: self.spare.take() }
        });
        open.key |= inspect(self.codec, &slice).key;
        if open.payloads.len() < MAX_PACKETS && self.bytes + slice.len() <= MAX_BYTES {
            self.bytes += slice.len();
            // Padding alone, as some senders use it to probe, is not part of a frame.
            if !slice.is_empty() {
                open.payloads.push(slice);
            }
        } else {
            open.damaged = true;
        }
        if marker || self.codec.framing() == Framing::Packet {
            self.finish();
        }
    }

    /// The next finished frame.
    pub fn pop(&mut self) -> Option<Opaque<P>> {
        self.ready.pop_front()
    }

    /// Takes the payloads of a frame that is not needed any more: the next ones use their memory.
    pub fn recycle(&mut self, payloads: &mut Vec<Slice<P>>) {
        self.spare.keep(std::mem::take(payloads));
    }

    /// The stream ends, or starts anew: what is there comes out.
    pub fn flush(&mut self) {
        self.finish();
        self.after_gap = false;
    }

    fn finish(&mut self) {
        self.bytes = 0;
        let Some(frame) = self.open.take() else { return };
        if !frame.payloads.is_empty() {
            if self.ready.len() >= MAX_READY {
                self.ready.pop_front();
            }
            self.ready.push_back(frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIDEO: Codec = Codec::Other(Framing::Marker);
    const AUDIO: Codec = Codec::Other(Framing::Packet);

    fn push(depacketizer: &mut Depacketizer<Vec<u8>>, byte: u8, timestamp: u32, marker: bool) {
        depacketizer.push(vec![0, byte], 1..2, timestamp, marker);
    }

    fn drain(depacketizer: &mut Depacketizer<Vec<u8>>) -> Vec<(u32, Vec<u8>, bool)> {
        std::iter::from_fn(|| depacketizer.pop())
            .map(|frame| {
                let bytes = frame.payloads.iter().flat_map(|slice| slice.to_vec()).collect();
                (frame.timestamp, bytes, frame.damaged)
            })
            .collect()
    }

    #[test]
    fn marker_ends_a_frame_at_once() {
        let mut depacketizer = Depacketizer::new(VIDEO);
        push(&mut depacketizer, 1, 10, false);
        assert!(drain(&mut depacketizer).is_empty());
        push(&mut depacketizer, 2, 10, true);
        assert_eq!(drain(&mut depacketizer), [(10, vec![1, 2], false)]);
    }

    #[test]
    fn other_timestamp_ends_a_frame_whose_marker_is_missing() {
        let mut depacketizer = Depacketizer::new(VIDEO);
        push(&mut depacketizer, 1, 10, false);
        push(&mut depacketizer, 2, 20, false);
        assert_eq!(drain(&mut depacketizer), [(10, vec![1], false)]);
        depacketizer.flush();
        assert_eq!(drain(&mut depacketizer), [(20, vec![2], false)]);
    }

    #[test]
    fn talkspurt_marker_does_not_end_anything_in_audio() {
        let mut depacketizer = Depacketizer::new(AUDIO);
        push(&mut depacketizer, 1, 10, true);
        push(&mut depacketizer, 2, 20, false);
        depacketizer.gap();
        push(&mut depacketizer, 3, 20, false);
        assert_eq!(
            drain(&mut depacketizer),
            [(10, vec![1], false), (20, vec![2], false), (20, vec![3], false)]
        );
    }

    #[test]
    fn gap_damages_the_frames_on_both_its_sides_and_no_other() {
        let mut depacketizer = Depacketizer::new(VIDEO);
        push(&mut depacketizer, 1, 10, false);
        depacketizer.gap();
        push(&mut depacketizer, 2, 20, true);
        push(&mut depacketizer, 3, 30, true);
        assert_eq!(
            drain(&mut depacketizer),
            [(10, vec![1], true), (20, vec![2], true), (30, vec![3], false)]
        );
    }

    #[test]
    fn gap_within_a_frame_damages_it_and_not_the_next() {
        let mut depacketizer = Depacketizer::new(VIDEO);
        push(&mut depacketizer, 1, 10, false);
        depacketizer.gap();
        push(&mut depacketizer, 2, 10, true);
        push(&mut depacketizer, 3, 20, true);
        assert_eq!(drain(&mut depacketizer), [(10, vec![1, 2], true), (20, vec![3], false)]);
    }

    #[test]
    fn h265_frames_are_key_by_their_pictures() {
        let mut depacketizer = Depacketizer::new(Codec::H265);
        for (kind, timestamp) in [(19u8, 1), (1, 2)] {
            depacketizer.push(vec![kind << 1, 1, 0], 0..3, timestamp, true);
        }
        let keys: Vec<_> = std::iter::from_fn(|| depacketizer.pop()).map(|f| f.key).collect();
        assert_eq!(keys, [true, false]);
    }

    #[test]
    fn frame_over_the_limit_is_damaged_and_bounded() {
        let mut depacketizer = Depacketizer::new(VIDEO);
        let packet = std::sync::Arc::<[u8]>::from(vec![0u8; 60_000]);
        for _ in 0..300 {
            depacketizer.push(packet.clone(), 0..60_000, 1, false);
        }
        depacketizer.flush();
        let frame = depacketizer.pop().unwrap();
        assert!(frame.damaged);
        assert_eq!(frame.payloads.len(), MAX_BYTES / 60_000);
    }
}
