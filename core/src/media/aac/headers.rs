//! The AU Header Section and the Auxiliary Section before the access units (RFC 3640 3.2.1, 3.2.2).

use super::format::Format;
use crate::media::bits::BitReader;
use std::ops::Range;

/// Most access units taken from one packet.
const MAX_UNITS: usize = 512;

/// The payload does not hold what its headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// One AU-header, as far as it is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct UnitHeader {
    /// AU-size.
    pub(super) size: Option<usize>,
    /// Serial number less that of the packet's first access unit.
    pub(super) index: u32,
    /// CTS-delta, for other than the first.
    pub(super) timestamp_offset: Option<u32>,
}

/// Reads the sections; gives the headers and where the access units lie. Without an AU Header
/// Section the headers are empty.
pub(super) fn read(
    payload: &[u8],
    format: &Format,
    headers: &mut Vec<UnitHeader>,
) -> Result<Range<usize>, Malformed> {
    headers.clear();
    let mut position = 0;
    if format.has_headers() {
        let &[a, b, ..] = payload else { return Err(Malformed) };
        let bits = usize::from(u16::from_be_bytes([a, b]));
        let end = 2 + bits.div_ceil(8);
        let section = payload.get(2..end).ok_or(Malformed)?;
        read_headers(section, bits, format, headers)?;
        position = end;
    }
    if format.auxiliary_size_length > 0 {
        let rest = payload.get(position..).ok_or(Malformed)?;
        let size = BitReader::new(rest.iter().copied()).bits(format.auxiliary_size_length);
        let bits = u64::from(size.ok_or(Malformed)?) + u64::from(format.auxiliary_size_length);
        let bytes = usize::try_from(bits.div_ceil(8)).map_err(|_| Malformed)?;
        position = position.checked_add(bytes).ok_or(Malformed)?;
    }
    // "The Access Unit Data Section is never empty."
    if position >= payload.len() { Err(Malformed) } else { Ok(position..payload.len()) }
}

fn read_headers(
    section: &[u8],
    length: usize,
    format: &Format,
    headers: &mut Vec<UnitHeader>,
) -> Result<(), Malformed> {
    let mut bits = Counted { bits: BitReader::new(section.iter().copied()), left: length };
    let mut index = 0u32;
    while bits.left > 0 {
        let before = bits.left;
        let first = headers.is_empty();
        let size = bits.read(format.size_length)?;
        if first {
            // AU-Index itself says nothing that the timestamp does not.
            bits.read(format.index_length)?;
        } else {
            let delta = bits.read(format.index_delta_length)?;
            index = index.checked_add(delta).and_then(|n| n.checked_add(1)).ok_or(Malformed)?;
        }
        let cts = bits.read_flagged(format.cts_delta_length)?;
        bits.read_flagged(format.dts_delta_length)?;
        bits.read(u32::from(format.random_access_indication))?;
        bits.read(format.stream_state_length)?;
        if bits.left == before || headers.len() == MAX_UNITS {
            return Err(Malformed);
        }
        headers.push(UnitHeader {
            size: (format.size_length > 0).then_some(size as usize),
            index,
            timestamp_offset: cts.filter(|_| !first),
        });
    }
    if headers.is_empty() { Err(Malformed) } else { Ok(()) }
}

struct Counted<I> {
    bits: BitReader<I>,
    left: usize,
}

impl<I: Iterator<Item = u8>> Counted<I> {
    fn read(&mut self, n: u32) -> Result<u32, Malformed> {
        self.left = self.left.checked_sub(n as usize).ok_or(Malformed)?;
        self.bits.bits(n).ok_or(Malformed)
    }

    /// A flag, and behind it, if set, a number in two's complement.
    fn read_flagged(&mut self, n: u32) -> Result<Option<u32>, Malformed> {
        if n == 0 || self.read(1)? == 0 {
            return Ok(None);
        }
        let value = self.read(n)?;
        let unused = 32u32.saturating_sub(n);
        Ok(Some(((value << unused) as i32 >> unused) as u32))
    }
}
