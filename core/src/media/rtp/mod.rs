//! RTP packets (RFC 3550 §5.1): the header read, written and changed in place.
//!
//! The way through the relay needs offsets only, so [`parse`] gives the fields and the *range* of
//! the payload, and the setters change a packet where it lies.

mod error;
pub mod reception;
pub mod sequence;
pub mod timestamp;

#[cfg(test)]
mod tests;

use std::ops::Range;

pub use error::Error;

/// Length in bytes of a header without CSRC list and extension.
pub const HEADER_LEN: usize = 12;

/// The fields of an RTP header that the relay uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The marker bit; its meaning depends on the payload format.
    pub marker: bool,
    /// Payload type, 0..=127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in ticks of the payload's clock rate.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Where in the packet the payload lies: behind CSRC list and extension, before the padding.
    /// May be empty.
    pub payload: Range<usize>,
}

/// Which packet of a source is meant: by its number and, since numbers come again, by its timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Synchronisation source.
    pub ssrc: u32,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in ticks of the payload's clock rate.
    pub timestamp: u32,
}

/// Reads the header of an RTP packet.
///
/// # Errors
///
/// When the packet is shorter than its header, CSRC list, extension and padding say, or is not of
/// version 2.
pub fn parse(packet: &[u8]) -> Result<Header, Error> {
    let &[first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3, ..] = packet else {
        return Err(Error::Short { length: packet.len() });
    };
    let version = first >> 6;
    if version != 2 {
        return Err(Error::Version { version });
    }

    let mut start = HEADER_LEN + 4 * usize::from(first & 0x0f);
    if start > packet.len() {
        return Err(Error::CsrcList { needed: start, length: packet.len() });
    }
    if first & 0x10 != 0 {
        start = extension_end(packet, start)?;
    }
    let mut end = packet.len();
    if first & 0x20 != 0 {
        let padding = packet.last().copied().unwrap_or(0);
        end = match packet.len().checked_sub(usize::from(padding)) {
            Some(end) if padding > 0 && end >= start => end,
            _ => return Err(Error::Padding { padding, available: packet.len() - start }),
        };
    }

    Ok(Header {
        marker: second & 0x80 != 0,
        payload_type: second & 0x7f,
        sequence: u16::from_be_bytes([s0, s1]),
        timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
        ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
        payload: start..end,
    })
}

/// Where the header extension (RFC 3550 §5.3.1) that starts at `start` ends.
fn extension_end(packet: &[u8], start: usize) -> Result<usize, Error> {
    let short = |needed| Error::Extension { needed, length: packet.len() };
    let words = match packet.get(start..start + 4) {
        Some(&[_, _, high, low]) => u16::from_be_bytes([high, low]),
        _ => return Err(short(start + 4)),
    };
    let end = start + 4 + 4 * usize::from(words);
    if end > packet.len() { Err(short(end)) } else { Ok(end) }
}

/// Whether a datagram of a port that carries both is RTCP: its second byte is one of the packet
/// types 192 to 223 (RFC 5761 §4).
pub fn is_rtcp(packet: &[u8]) -> bool {
    matches!(packet, [first, 192..=223, ..] if first >> 6 == 2)
}

/// The sequence number. `None` for what is shorter than a header.
pub fn sequence(packet: &[u8]) -> Option<u16> {
    let header = packet.first_chunk::<HEADER_LEN>()?;
    Some(u16::from_be_bytes([header[2], header[3]]))
}

/// Changes the sequence number. Does nothing to a packet shorter than a header, as all setters.
pub fn set_sequence(packet: &mut [u8], sequence: u16) {
    if let Some(header) = packet.first_chunk_mut::<HEADER_LEN>() {
        header[2..4].copy_from_slice(&sequence.to_be_bytes());
    }
}

/// Changes the timestamp.
pub fn set_timestamp(packet: &mut [u8], timestamp: u32) {
    if let Some(header) = packet.first_chunk_mut::<HEADER_LEN>() {
        header[4..8].copy_from_slice(&timestamp.to_be_bytes());
    }
}

/// Changes the synchronisation source.
pub fn set_ssrc(packet: &mut [u8], ssrc: u32) {
    if let Some(header) = packet.first_chunk_mut::<HEADER_LEN>() {
        header[8..12].copy_from_slice(&ssrc.to_be_bytes());
    }
}

/// Changes the payload type; its highest bit is ignored.
pub fn set_payload_type(packet: &mut [u8], payload_type: u8) {
    if let Some(header) = packet.first_chunk_mut::<HEADER_LEN>() {
        header[1] = (header[1] & 0x80) | (payload_type & 0x7f);
    }
}

/// Says that there is no padding behind the payload.
pub fn clear_padding(packet: &mut [u8]) {
    if let Some(header) = packet.first_chunk_mut::<HEADER_LEN>() {
        header[0] &= !0x20;
    }
}

/// Changes the marker bit.
pub fn set_marker(packet: &mut [u8], marker: bool) {
    if let Some(header) = packet.first_chunk_mut::<HEADER_LEN>() {
        header[1] = (header[1] & 0x7f) | (u8::from(marker) << 7);
    }
}

/// Writes a header without padding, CSRC list and extension. `payload` of `header` is not looked at.
pub fn write_header(out: &mut [u8; HEADER_LEN], header: &Header) {
    out[0] = 2 << 6;
    out[1] = (u8::from(header.marker) << 7) | (header.payload_type & 0x7f);
    out[2..4].copy_from_slice(&header.sequence.to_be_bytes());
    out[4..8].copy_from_slice(&header.timestamp.to_be_bytes());
    out[8..12].copy_from_slice(&header.ssrc.to_be_bytes());
}
