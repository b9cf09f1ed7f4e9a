//! The payload structures of RFC 6184 5.2, read from the bytes of one RTP payload.

use super::nal;
use std::ops::Range;

/// What one RTP payload carries.
#[derive(Clone, Debug)]
pub(super) enum Payload<'a> {
    /// A single NAL unit (5.6): the whole payload.
    Single,
    /// STAP or MTAP (5.7).
    Aggregation(Aggregation<'a>),
    /// FU-A or FU-B (5.8).
    Fragment(Fragment),
    /// A type that a receiver must ignore (table 3): 0, 30, 31.
    Reserved,
}

/// A fragmentation unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fragment {
    /// Header byte of the fragmented NAL unit, put together from FU indicator and FU header.
    pub(super) header: u8,
    pub(super) start: bool,
    pub(super) end: bool,
    /// Decoding order number: an FU-B has it.
    pub(super) don: Option<u16>,
    /// Where the fragment's bytes lie in the payload; may be empty.
    pub(super) data: Range<usize>,
}

/// The payload is cut off before the structure it announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Reads the payload's structure.
pub(super) fn parse(payload: &[u8]) -> Result<Payload<'_>, Malformed> {
    let &first = payload.first().ok_or(Malformed)?;
    match nal::unit_type(first) {
        kind if nal::is_carried(kind) => Ok(Payload::Single),
        nal::STAP_A => Ok(Payload::Aggregation(Aggregation {
            payload,
            position: 1,
            don: None,
            multi_time: false,
            offset_bytes: 0,
        })),
        kind @ (nal::STAP_B | nal::MTAP16 | nal::MTAP24) => {
            let don = read_u16(payload, 1).ok_or(Malformed)?;
            Ok(Payload::Aggregation(Aggregation {
                payload,
                position: 3,
                don: Some(don),
                multi_time: kind != nal::STAP_B,
                offset_bytes: match kind {
                    nal::MTAP16 => 2,
                    nal::MTAP24 => 3,
                    _ => 0,
                },
            }))
        }
        kind @ (nal::FU_A | nal::FU_B) => {
            let &fu = payload.get(1).ok_or(Malformed)?;
            let (don, data) = if kind == nal::FU_B {
                (Some(read_u16(payload, 2).ok_or(Malformed)?), 4)
            } else {
                (None, 2)
            };
            // FUs do not nest, and reserved types are not to be fragmented.
            if !nal::is_carried(nal::unit_type(fu)) {
                return Err(Malformed);
            }
            Ok(Payload::Fragment(Fragment {
                header: first & 0xe0 | fu & 0x1f,
                start: fu & 0x80 != 0,
                end: fu & 0x40 != 0,
                don,
                data: data..payload.len(),
            }))
        }
        _ => Ok(Payload::Reserved),
    }
}

/// The NAL units of an aggregation packet, in the order in which they stand there.
#[derive(Clone, Debug)]
pub(super) struct Aggregation<'a> {
    payload: &'a [u8],
    position: usize,
    /// DON of the next unit (STAP-B) or the base (MTAP).
    don: Option<u16>,
    multi_time: bool,
    offset_bytes: usize,
}

/// One NAL unit of an aggregation packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Aggregated {
    /// Where it lies in the payload; never empty.
    pub(super) data: Range<usize>,
    pub(super) don: Option<u16>,
    /// To be added to the packet's RTP timestamp.
    pub(super) timestamp_offset: u32,
}

impl Aggregation<'_> {
    /// Whether the NAL units have decoding order numbers.
    pub(super) fn is_interleaved(&self) -> bool {
        self.don.is_some()
    }

    /// The next NAL unit; `Malformed` once when the rest does not hold what its size field says.
    fn read(&mut self) -> Result<Option<Aggregated>, Malformed> {
        loop {
            if self.position >= self.payload.len() {
                return Ok(None);
            }
            let size = usize::from(read_u16(self.payload, self.position).ok_or(Malformed)?);
            let mut position = self.position + 2;
            let mut don = self.don;
            let mut timestamp_offset = 0;
            if self.multi_time {
                let &difference = self.payload.get(position).ok_or(Malformed)?;
                don = don.map(|base| base.wrapping_add(u16::from(difference)));
                let offset = position + 1..position + 1 + self.offset_bytes;
                for &byte in self.payload.get(offset.clone()).ok_or(Malformed)? {
                    timestamp_offset = timestamp_offset << 8 | u32::from(byte);
                }
                position = offset.end;
            } else {
                self.don = self.don.map(|don| don.wrapping_add(1));
            }
            let data = position..position + size;
            self.payload.get(data.clone()).ok_or(Malformed)?;
            self.position = data.end;
            // Some senders fill packets up with zeros, which read as units of size 0.
            if size > 0 {
                return Ok(Some(Aggregated { data, don, timestamp_offset }));
            }
        }
    }
}

impl Iterator for Aggregation<'_> {
    type Item = Result<Aggregated, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let unit = self.read().transpose();
        if matches!(unit, Some(Err(Malformed))) {
            self.position = self.payload.len();
        }
        unit
    }
}

fn read_u16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}
