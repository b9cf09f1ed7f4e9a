//! What the targets share.

/// One packet of a packetised stream, as a fuzz input holds it: a byte of flags, the length of the
/// payload in two bytes (little-endian; the rest of the input when that is less), the payload.
///
/// Real captures are turned into this form without loss, and a mutated input still is a sequence of
/// packets, which a mutated capture file would rarely be.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    flags: u8,
    /// What lies behind the RTP header.
    pub payload: &'a [u8],
}

impl Record<'_> {
    /// The marker bit of the RTP header.
    pub fn marker(&self) -> bool {
        self.flags & 1 != 0
    }

    /// Whether the packet has another timestamp than the one before.
    pub fn new_timestamp(&self) -> bool {
        self.flags & 2 != 0
    }

    /// How many packets are missing before it.
    pub fn gap(&self) -> u32 {
        if self.flags & 4 != 0 { u32::from(self.flags >> 3) } else { 0 }
    }
}

/// The packets of an input.
pub fn records(mut input: &[u8]) -> impl Iterator<Item = Record<'_>> {
    std::iter::from_fn(move || {
        let (&[flags, low, high], rest) = input.split_first_chunk::<3>()?;
        let length = usize::from(u16::from_le_bytes([low, high])).min(rest.len());
        let (payload, rest) = rest.split_at(length);
        input = rest;
        Some(Record { flags, payload })
    })
}
