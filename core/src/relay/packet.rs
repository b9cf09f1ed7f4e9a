//! What a stream's ring carries: one RTP or RTCP packet, never copied again.

use std::time::Duration;

use crate::ring::Span;

/// Bytes of the RTSP interleaved header: `$`, channel, length (RFC 2326 §10.12).
pub const PREFIX: usize = 4;

/// Whether a packet is media or a report about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An RTP packet.
    Rtp,
    /// An RTCP compound packet that goes through to the children (sender reports, BYE).
    Rtcp,
}

/// One packet of one track, immutable once it is in the ring.
///
/// Cloning counts a reference on the buffer; the bytes stay valid as long as any clone lives.
#[derive(Clone, Debug)]
pub struct Packet {
    wire: Span,
    prefix: [u8; PREFIX],
    headroom: bool,
    /// Media or report.
    pub kind: Kind,
    /// Index of the track in the stream's session description.
    pub track: u8,
    /// First packet of a frame (access unit), as far as the sequence numbers in hand tell.
    pub start: bool,
    /// Last packet of a frame: marker bit, or a payload that is always a frame of its own.
    pub end: bool,
    /// Packets are missing right before this one.
    pub gap: bool,
    /// When it came in, on the engine's clock.
    pub arrival: Duration,
}

impl Packet {
    /// A packet whose bytes are the whole of `data`, as a UDP read gives it.
    pub fn new(data: Span, kind: Kind, track: u8, arrival: Duration) -> Packet {
        let prefix = prefix(canonical_channel(track, kind), data.len());
        Packet {
            wire: data,
            prefix,
            headroom: false,
            kind,
            track,
            start: false,
            end: false,
            gap: false,
            arrival,
        }
    }

    /// A packet that lies behind [`PREFIX`] bytes of headroom in `framed`, which hold
    /// [`prefix`]`(`[`canonical_channel`]`(track, kind), length)`: an interleaved frame goes on to
    /// interleaved children as the one slice it came as.
    ///
    /// `None` if `framed` is shorter than its headroom or the headroom holds something else.
    pub fn framed(framed: Span, kind: Kind, track: u8, arrival: Duration) -> Option<Packet> {
        let length = framed.len().checked_sub(PREFIX)?;
        let prefix = prefix(canonical_channel(track, kind), length);
        if framed.get(..PREFIX)? != prefix {
            return None;
        }
        Some(Packet {
            wire: framed,
            prefix,
            headroom: true,
            kind,
            track,
            start: false,
            end: false,
            gap: false,
            arrival,
        })
    }

    /// The RTP or RTCP packet, header first.
    #[inline]
    pub fn data(&self) -> &[u8] {
        if self.headroom { self.wire.get(PREFIX..).unwrap_or(&[]) } else { &self.wire }
    }

    /// The interleaved header with the stream's own channel numbers.
    pub fn prefix(&self) -> &[u8; PREFIX] {
        &self.prefix
    }

    /// Header and packet as one slice, where they lie side by side in the buffer.
    pub fn framed_slice(&self) -> Option<&[u8]> {
        self.headroom.then_some(&*self.wire)
    }
}

impl AsRef<[u8]> for Packet {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.data()
    }
}

/// The interleaved channel that a track has where nothing else was negotiated: 0 and 1 for RTP and
/// RTCP of the first track, 2 and 3 of the second, as every client in the field asks for them.
pub fn canonical_channel(track: u8, kind: Kind) -> u8 {
    track.wrapping_mul(2).wrapping_add(u8::from(kind == Kind::Rtcp))
}

/// The interleaved header of a packet of `length` bytes (at most 65,535: the field's size).
pub fn prefix(channel: u8, length: usize) -> [u8; PREFIX] {
    let [high, low] = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    [b'$', channel, high, low]
}
