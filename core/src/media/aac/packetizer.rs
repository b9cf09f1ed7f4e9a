//! From AAC access units to RTP packets (RFC 3640 3.3.5, 3.3.6).

use crate::media::rtp;

/// Most access units put into one packet.
const MAX_UNITS: usize = 16;

/// Which of the two modes for AAC to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// AAC-hbr: access units of up to 8191 bytes, fragmented when they do not fit into a packet.
    HighBitRate,
    /// AAC-lbr: access units of up to 63 bytes.
    LowBitRate,
}

impl Mode {
    fn max_size(self) -> usize {
        match self {
            Mode::HighBitRate => (1 << 13) - 1,
            Mode::LowBitRate => (1 << 6) - 1,
        }
    }

    /// The AU-header of an access unit in sequence: its size, and an index or delta of 0.
    fn header(self, size: usize) -> ([u8; 2], usize) {
        match self {
            Mode::HighBitRate => (((size as u16) << 3).to_be_bytes(), 2),
            Mode::LowBitRate => ([(size as u8) << 2, 0], 1),
        }
    }

    fn header_bytes(self) -> usize {
        self.header(0).1
    }
}

/// An access unit that the mode cannot carry: empty or too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSize {
    /// Its size in bytes.
    pub size: usize,
    /// The greatest size that the mode can carry.
    pub max: usize,
}

impl std::fmt::Display for BadSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let BadSize { size, max } = self;
        write!(f, "an AAC access unit of {size} bytes cannot be sent: 1 to {max} bytes can")
    }
}

impl std::error::Error for BadSize {}

/// Makes RTP packets of AAC access units.
#[derive(Clone, Debug)]
pub struct Packetizer {
    mode: Mode,
    payload_type: u8,
    ssrc: u32,
    sequence: u16,
    max_payload: usize,
}

impl Packetizer {
    /// A packetizer that begins with this sequence number. `max_payload` is in bytes without the
    /// RTP header and is taken as 128 at least.
    pub fn new(
        mode: Mode,
        payload_type: u8,
        ssrc: u32,
        sequence: u16,
        max_payload: usize,
    ) -> Packetizer {
        Packetizer { mode, payload_type, ssrc, sequence, max_payload: max_payload.max(128) }
    }

    /// The sequence number of the next packet.
    pub fn sequence(&self) -> u16 {
        self.sequence
    }

    /// Makes the packets of consecutive access units, of which the first begins at `timestamp` and
    /// each lasts `duration` ticks. As many as fit share a packet; one that does not fit alone is
    /// fragmented. Each packet is handed to `emit` as a list of slices: headers, and the access
    /// units. Returns the number of packets. For the least delay, give one access unit at a time.
    ///
    /// # Errors
    /// An access unit that the mode cannot carry; no packet is made then.
    pub fn packetize(
        &mut self,
        units: &[&[u8]],
        timestamp: u32,
        duration: u32,
        mut emit: impl FnMut(&[&[u8]]),
    ) -> Result<usize, BadSize> {
        let max = self.mode.max_size();
        if let Some(bad) = units.iter().find(|unit| unit.is_empty() || unit.len() > max) {
            return Err(BadSize { size: bad.len(), max });
        }
        let mut rest = units;
        let mut time = timestamp;
        let mut packets = 0;
        while let [first, ..] = rest {
            let count = self.fitting(rest);
            if count == 0 {
                packets += self.fragment(first, time, &mut emit);
                rest = rest.get(1..).unwrap_or_default();
                time = time.wrapping_add(duration);
                continue;
            }
            let (group, others) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            self.aggregate(group, time, &mut emit);
            packets += 1;
            rest = others;
            time = time.wrapping_add(duration.wrapping_mul(count as u32));
        }
        Ok(packets)
    }

    /// How many of the access units share the next packet; 0 when the first does not fit.
    fn fitting(&self, units: &[&[u8]]) -> usize {
        let mut bytes = 2;
        let fits = |unit: &&&[u8]| {
            bytes += self.mode.header_bytes() + unit.len();
            bytes <= self.max_payload
        };
        units.iter().take(MAX_UNITS).take_while(fits).count()
    }

    fn aggregate(&mut self, units: &[&[u8]], timestamp: u32, emit: &mut impl FnMut(&[&[u8]])) {
        let rtp = self.header(timestamp, true);
        let mut section = [0; 2 + 2 * MAX_UNITS];
        let headers = units.iter().flat_map(|unit| {
            let (header, bytes) = self.mode.header(unit.len());
            header.into_iter().take(bytes)
        });
        let bits = (units.len() * self.mode.header_bytes() * 8) as u16;
        let bytes = bits.to_be_bytes().into_iter().chain(headers);
        let used = section.iter_mut().zip(bytes).map(|(slot, byte)| *slot = byte).count();
        let mut slices: [&[u8]; 2 + MAX_UNITS] = [&[]; _];
        let pieces = [&rtp[..], section.get(..used).unwrap_or_default()];
        let pieces = pieces.into_iter().chain(units.iter().copied());
        let used = slices.iter_mut().zip(pieces).map(|(slot, piece)| *slot = piece).count();
        emit(slices.get(..used).unwrap_or_default());
    }

    /// 3.2.3.1: all fragments have the timestamp and the size of the whole, the last the marker.
    fn fragment(&mut self, unit: &[u8], timestamp: u32, emit: &mut impl FnMut(&[&[u8]])) -> usize {
        let (header, bytes) = self.mode.header(unit.len());
        let length = ((bytes * 8) as u16).to_be_bytes();
        let size = self.max_payload - 2 - bytes;
        let count = unit.len().div_ceil(size);
        for (i, data) in unit.chunks(size).enumerate() {
            let rtp = self.header(timestamp, i + 1 == count);
            emit(&[&rtp, &length, header.get(..bytes).unwrap_or_default(), data]);
        }
        count
    }

    fn header(&mut self, timestamp: u32, marker: bool) -> [u8; rtp::HEADER_LEN] {
        let mut bytes = [0; rtp::HEADER_LEN];
        let header = rtp::Header {
            marker,
            payload_type: self.payload_type,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
            payload: 0..0,
        };
        rtp::write_header(&mut bytes, &header);
        self.sequence = self.sequence.wrapping_add(1);
        bytes
    }
}
