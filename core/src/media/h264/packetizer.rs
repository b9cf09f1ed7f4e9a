//! From the NAL units of an access unit to RTP packets (RFC 6184 6.3, non-interleaved mode).

use super::nal;
use crate::media::rtp;

/// Greatest RTP payload by default: with the RTP header 1,212 bytes, which passes over any path
/// with the 1,280-byte MTU that IPv6 guarantees.
pub const DEFAULT_MAX_PAYLOAD: usize = 1200;

/// Most NAL units put into one aggregation packet.
const MAX_AGGREGATED: usize = 16;

/// Makes RTP packets of access units: small NAL units share a packet (STAP-A), large ones are cut
/// into fragments (FU-A) of which all but the last have the full size, so that they can be sent
/// as one segmented datagram.
#[derive(Clone, Debug)]
pub struct Packetizer {
    payload_type: u8,
    ssrc: u32,
    sequence: u16,
    max_payload: usize,
    /// NAL units passed over because RTP cannot carry their type.
    skipped: u64,
}

impl Packetizer {
    /// A packetizer that begins with this sequence number. `max_payload` is in bytes without the
    /// RTP header and is taken as 64 at least.
    pub fn new(payload_type: u8, ssrc: u32, sequence: u16, max_payload: usize) -> Packetizer {
        // The size field of an aggregation packet has 16 bits.
        let max_payload = max_payload.clamp(64, 65_000);
        Packetizer { payload_type: payload_type & 0x7f, ssrc, sequence, max_payload, skipped: 0 }
    }

    /// The sequence number of the next packet.
    pub fn sequence(&self) -> u16 {
        self.sequence
    }

    /// NAL units passed over so far: empty ones, and those of types 0 and 24 to 31, which RTP cannot
    /// carry.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Makes the packets of one access unit, whose NAL units come without start codes, and hands
    /// each to `emit` as a list of slices: headers, and parts of `nals`. The last has the marker
    /// bit. Returns their number: 0 when no NAL unit can be carried.
    pub fn packetize(
        &mut self,
        nals: &[&[u8]],
        timestamp: u32,
        mut emit: impl FnMut(&[&[u8]]),
    ) -> usize {
        let carried = |nal: &&[u8]| {
            nal.first().is_some_and(|&header| nal::is_carried(nal::unit_type(header)))
        };
        let mut rest = nals.iter().copied().filter(carried).peekable();
        self.skipped += nals.iter().filter(|nal| !carried(nal)).count() as u64;
        let mut packets = 0;
        while let Some(first) = rest.next() {
            if first.len() > self.max_payload {
                let last = rest.peek().is_none();
                packets += self.fragment(first, timestamp, last, &mut emit);
                continue;
            }
            let mut group = Group::new(first);
            while let Some(next) = rest.peek().filter(|next| group.fits(next, self.max_payload)) {
                group.add(next);
                rest.next();
            }
            let header = self.header(timestamp, rest.peek().is_none());
            group.emit(&header, &mut emit);
            packets += 1;
        }
        packets
    }

    fn fragment(
        &mut self,
        nal: &[u8],
        timestamp: u32,
        last: bool,
        emit: &mut impl FnMut(&[&[u8]]),
    ) -> usize {
        let Some((&header, body)) = nal.split_first() else { return 0 };
        let size = self.max_payload - 2;
        let count = body.len().div_ceil(size);
        for (i, data) in body.chunks(size).enumerate() {
            let (start, end) = (i == 0, i + 1 == count);
            let indicator = header & 0xe0 | nal::FU_A;
            let fu = u8::from(start) << 7 | u8::from(end) << 6 | nal::unit_type(header);
            let rtp = self.header(timestamp, last && end);
            emit(&[&rtp, &[indicator, fu], data]);
        }
        count
    }

    fn header(&mut self, timestamp: u32, marker: bool) -> [u8; rtp::HEADER_LEN] {
        let header = rtp::Header {
            marker,
            payload_type: self.payload_type,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
            payload: 0..0,
        };
        let mut bytes = [0; rtp::HEADER_LEN];
        rtp::write_header(&mut bytes, &header);
        self.sequence = self.sequence.wrapping_add(1);
        bytes
    }
}

/// NAL units that go into one packet.
struct Group<'a> {
    nals: [&'a [u8]; MAX_AGGREGATED],
    sizes: [[u8; 2]; MAX_AGGREGATED],
    count: usize,
    /// Size as an aggregation packet.
    bytes: usize,
}

impl<'a> Group<'a> {
    fn new(first: &'a [u8]) -> Group<'a> {
        let mut group = Group { nals: [&[]; _], sizes: [[0; 2]; _], count: 0, bytes: 1 };
        group.add(first);
        group
    }

    fn fits(&self, nal: &[u8], max: usize) -> bool {
        self.count < MAX_AGGREGATED && self.bytes + 2 + nal.len() <= max
    }

    fn add(&mut self, nal: &'a [u8]) {
        let slots = self.nals.get_mut(self.count).zip(self.sizes.get_mut(self.count));
        if let Some((slot, size)) = slots {
            *slot = nal;
            *size = (nal.len() as u16).to_be_bytes();
            self.count += 1;
            self.bytes += 2 + nal.len();
        }
    }

    fn emit(&self, rtp: &[u8], emit: &mut impl FnMut(&[&[u8]])) {
        let nals = self.nals.get(..self.count).unwrap_or_default();
        if let [nal] = nals {
            return emit(&[rtp, nal]);
        }
        // RFC 6184 5.7: F is set if any is set, NRI is the greatest.
        let headers = || nals.iter().filter_map(|nal| nal.first().copied());
        let forbidden = headers().fold(0, |f, header| f | header & 0x80);
        let reference = headers().map(|header| header & 0x60).max().unwrap_or(0);
        let stap = [forbidden | reference | nal::STAP_A];
        let mut slices: [&[u8]; 2 + 2 * MAX_AGGREGATED] = [&[]; _];
        let pieces = [rtp, &stap]
            .into_iter()
            .chain(self.sizes.iter().zip(nals).flat_map(|(size, nal)| [&size[..], nal]));
        let used = slices.iter_mut().zip(pieces).map(|(slot, piece)| *slot = piece).count();
        emit(slices.get(..used).unwrap_or_default());
    }
}
