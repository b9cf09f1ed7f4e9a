//! Packets sent again in a stream of their own (RFC 4588), to children that have agreed to it.

use std::io::IoSlice;
use std::time::Duration;

use crate::media::rtcp::{self, SenderReport};
use crate::media::rtp::{self, HEADER_LEN};

/// Bytes of the original sequence number, in front of the payload (RFC 4588 §4).
const OSN_LEN: usize = 2;
/// How often a child is told how far its retransmissions are, while it asks for some.
const REPORTS: Duration = Duration::from_secs(5);

/// The stream of retransmissions of one track to one child.
#[derive(Clone, Debug)]
pub(super) struct Retransmission {
    payload_type: u8,
    /// Of the next packet; drawn from the SSRC, which is random, at the first.
    sequence: Option<u16>,
    /// What was sent so far.
    packets: u32,
    octets: u32,
    /// When that was last told.
    reported: Option<Duration>,
}

/// One packet on its way out again.
///
/// The header and the original sequence number are the child's own; what else the header had
/// (contributing sources, extension) and the payload are the shared bytes of the original.
pub(super) struct Repacked<'a> {
    head: [u8; HEADER_LEN],
    osn: [u8; OSN_LEN],
    rest_of_header: &'a [u8],
    payload: &'a [u8],
}

impl Repacked<'_> {
    /// The packet, to be gathered.
    pub(super) fn slices(&self) -> [IoSlice<'_>; 4] {
        [&self.head, self.rest_of_header, &self.osn, self.payload].map(IoSlice::new)
    }
}

/// The SSRC of the retransmissions of a source: as random as the source's own, and never the same.
fn ssrc_of(original: u32) -> u32 {
    original ^ 0x5254_5801
}

impl Retransmission {
    pub(super) fn new(payload_type: u8) -> Retransmission {
        Retransmission { payload_type, sequence: None, packets: 0, octets: 0, reported: None }
    }

    /// The next packet: `original` once more. `None` when it is no RTP packet.
    pub(super) fn repack<'a>(&mut self, original: &'a [u8]) -> Option<Repacked<'a>> {
        let header = rtp::parse(original).ok()?;
        let mut head = *original.first_chunk::<HEADER_LEN>()?;
        let rest_of_header = original.get(HEADER_LEN..header.payload.start)?;
        // Without its padding (RFC 4588 §4).
        let payload = original.get(header.payload)?;
        let ssrc = ssrc_of(header.ssrc);
        let sequence = self.sequence.unwrap_or(ssrc as u16);
        self.sequence = Some(sequence.wrapping_add(1));
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add((OSN_LEN + payload.len()) as u32);
        rtp::clear_padding(&mut head);
        rtp::set_payload_type(&mut head, self.payload_type);
        rtp::set_sequence(&mut head, sequence);
        rtp::set_ssrc(&mut head, ssrc);
        Some(Repacked { head, osn: header.sequence.to_be_bytes(), rest_of_header, payload })
    }

    /// The sender report that is due (RFC 4588 §6.1), made of the newest one of the original stream,
    /// whose clock is the same: retransmissions bear the timestamps of the originals.
    pub(super) fn report(&mut self, original: &[u8], now: Duration) -> Option<Vec<u8>> {
        let fresh = |last: Duration| now.saturating_sub(last) < REPORTS;
        if self.packets == 0 || self.reported.is_some_and(fresh) {
            return None;
        }
        let compound = rtcp::parse(original).ok()?;
        let theirs = compound.sender_report()?;
        let cname = compound.cname(theirs.ssrc);
        self.reported = Some(now);
        let (packets, octets) = (self.packets, self.octets);
        let ours = SenderReport { ssrc: ssrc_of(theirs.ssrc), packets, octets, ..theirs };
        Some(rtcp::sender_report(&ours, &[], cname.as_deref().unwrap_or(super::CNAME)))
    }

    /// The end of the stream, if it has begun (RFC 4588 §6.1).
    pub(super) fn bye(&mut self, original: u32) -> Option<Vec<u8>> {
        self.sequence.take().map(|_| rtcp::bye(ssrc_of(original)))
    }
}
