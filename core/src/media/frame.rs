//! What a depacketizer gives: a frame as slices of the packets that carried it.

use std::ops::{Deref, Range};

use super::h264;

/// Some of the bytes of a packet, kept alive by the packet itself: no copy is made.
///
/// `P` is whatever holds the packet: a reference-counted buffer in the engine, a `Vec<u8>` or a
/// `&[u8]` in tests.
#[derive(Clone, Debug)]
pub struct Slice<P> {
    packet: P,
    range: Range<usize>,
}

impl<P: AsRef<[u8]>> Slice<P> {
    /// The bytes `range` of `packet`. `None` when they do not lie within the packet.
    pub fn new(packet: P, range: Range<usize>) -> Option<Self> {
        packet.as_ref().get(range.clone())?;
        Some(Slice { packet, range })
    }

    /// The bytes, as long as the packet holder gives the same bytes each time (else empty).
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.packet.as_ref().get(self.range.clone()).unwrap_or_default()
    }

    /// The packet of which these are bytes.
    pub fn packet(&self) -> &P {
        &self.packet
    }

    /// Where in the packet the bytes lie.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }
}

impl<P: AsRef<[u8]>> Deref for Slice<P> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes()
    }
}

impl<P: AsRef<[u8]>> AsRef<[u8]> for Slice<P> {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

/// One frame of one track: an H.264 access unit, one AAC access unit, or the packets of a payload
/// that is passed through.
#[derive(Clone, Debug)]
pub struct Frame<P> {
    /// RTP timestamp, in ticks of the track's clock rate. See
    /// [`rtp::timestamp::Extender`](crate::media::rtp::timestamp::Extender) for one that does not wrap.
    pub timestamp: u32,
    /// Whether a decoder may start here.
    pub key: bool,
    /// Whether something of this frame is missing: a packet was lost inside it or at its edges.
    pub damaged: bool,
    /// Packets lost within this frame or between it and the one before. When not 0, frames that
    /// this one refers to may be missing.
    pub lost: u64,
    /// The frame itself.
    pub payload: Payload<P>,
}

/// The bytes of a [`Frame`].
#[derive(Clone, Debug)]
pub enum Payload<P> {
    /// An H.264 access unit.
    H264(h264::AccessUnit<P>),
    /// An AAC access unit, whole: one slice, or more when it came in fragments.
    Aac(Vec<Slice<P>>),
    /// The payloads of the frame's packets, in order, of a codec that is not read.
    Opaque(Vec<Slice<P>>),
}

impl<P: AsRef<[u8]>> Frame<P> {
    /// Lets go of the packets, and keeps the memory of the lists they were in for
    /// [`Depacketizer::recycle`](super::Depacketizer::recycle).
    pub fn clear(&mut self) {
        match &mut self.payload {
            Payload::H264(unit) => unit.clear(),
            Payload::Aac(slices) | Payload::Opaque(slices) => slices.clear(),
        }
    }
}

impl<P: AsRef<[u8]>> Payload<P> {
    /// Number of bytes, without start codes or lengths between NAL units.
    pub fn size(&self) -> usize {
        match self {
            Payload::H264(unit) => unit.size(),
            Payload::Aac(slices) | Payload::Opaque(slices) => {
                slices.iter().map(|slice| slice.len()).sum()
            }
        }
    }
}
