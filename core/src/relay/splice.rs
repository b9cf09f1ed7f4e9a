//! Where one source of a track ends and the next begins.
//!
//! A publisher that comes back begins anew: other SSRC, other sequence numbers, other timestamps. The
//! stream goes on all the same: the headers of the new source's packets are rewritten once, where they
//! lie, before anybody reads them, so that to its children nothing has changed but that a moment is
//! missing.

use std::time::Duration;

use crate::media::rtcp::SenderReport;
use crate::media::rtp;
use crate::stats::Cause;

/// A source that is not of this stream's own choosing (plain RTP from anywhere) is taken for a new one
/// only when the present one has been silent for so long.
const SILENCE: Duration = Duration::from_millis(500);

/// A source that is back under its SSRC goes on with its old numbers when its clock is no further from
/// where it should be than so many seconds, and its sequence numbers are not behind.
const SAME_CLOCK: u32 = 60;

/// How the present source of a track relates to what the children see.
#[derive(Debug, Default)]
pub(super) struct Splice {
    /// SSRC of the source whose packets are taken.
    source: Option<u32>,
    /// SSRC of the one before: what of it still comes in is too late.
    former: Option<u32>,
    /// The source is expected to change.
    expected: bool,
    /// The one that is expected is not the present one, even if it bears its SSRC.
    other: bool,
    /// SSRC of another source that is there, and has sent nothing yet with which a decoder could
    /// begin.
    awaited: Option<u32>,
    shift: Option<Shift>,
    /// Payload types of the source, and what the stream calls them.
    payload_types: Vec<(u8, u8)>,
}

/// What is put in place of a source's SSRC, and added to its numbers.
#[derive(Clone, Copy, Debug)]
struct Shift {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
}

/// Where the stream's own numbering goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Onward {
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
}

/// What is to be known of a packet besides its bytes.
pub(super) struct Arrival<'a> {
    /// For how long the present source has said nothing.
    pub(super) silent: Duration,
    /// Whether whoever sends here has been let in by name, or the present source has left.
    pub(super) chosen: bool,
    /// Where the stream's numbering goes on; `None` before its first packet.
    pub(super) onward: Option<Onward>,
    /// Ticks of the track's clock in a second.
    pub(super) clock_rate: u32,
    /// Payload types that the stream has names for.
    pub(super) payload_types: &'a [u8],
    /// Whether a decoder can begin with a payload.
    pub(super) begins: &'a dyn Fn(&[u8]) -> bool,
}

impl Splice {
    /// The next source to be heard is the track's, with these names for its payload types. `other`: it is
    /// not the present one, which may have come back under its SSRC.
    pub(super) fn expect(&mut self, payload_types: Vec<(u8, u8)>, other: bool) {
        self.expected = true;
        self.other = other;
        self.payload_types = payload_types;
    }

    /// Whether a packet is one of the present source's, and no other source is expected.
    pub(super) fn is_settled(&self, packet: &[u8]) -> bool {
        !self.expected && self.is_source_of(packet)
    }

    /// Whether a packet bears the SSRC of the present source.
    pub(super) fn is_source_of(&self, packet: &[u8]) -> bool {
        let ssrc = packet.first_chunk::<{ rtp::HEADER_LEN }>();
        let ssrc =
            ssrc.map(|header| u32::from_be_bytes([header[8], header[9], header[10], header[11]]));
        ssrc.is_some() && ssrc == self.source
    }

    /// Renumbers an RTP packet in place, if it is of the present source, or the first of the next one.
    /// What is of neither keeps an SSRC that is not the stream's. True when the source has changed with it.
    pub(super) fn apply(&mut self, packet: &mut [u8], arrival: Arrival<'_>) -> bool {
        // Whoever counts what is no RTP will see what is wrong with it.
        let Ok(header) = rtp::parse(packet) else { return false };
        let same = self.source == Some(header.ssrc);
        let back = same && self.expected && !self.other && self.goes_on(&header, &arrival);
        let changes = !same || (self.expected && !back);
        if back {
            self.expected = false;
        }
        if changes {
            let silent = arrival.silent >= SILENCE;
            let late = self.former == Some(header.ssrc) && !self.expected && !silent;
            let welcome = self.source.is_none() || self.expected || arrival.chosen || silent;
            if late {
                disown(packet, &header, &arrival);
            }
            if late || !welcome || !self.names(header.payload_type, arrival.payload_types) {
                return false;
            }
            let payload = packet.get(header.payload.clone()).unwrap_or_default();
            let waits = self.source.is_some() && !(arrival.begins)(payload);
            self.awaited = waits.then_some(header.ssrc);
            if waits {
                disown(packet, &header, &arrival);
                return false;
            }
            self.former = self.source.replace(header.ssrc);
            self.expected = false;
            self.shift = arrival.onward.map(|onward| Shift {
                ssrc: onward.ssrc,
                sequence: onward.sequence.wrapping_sub(header.sequence),
                timestamp: onward.timestamp.wrapping_sub(header.timestamp),
            });
        }
        if let Some(shift) = &self.shift {
            rtp::set_ssrc(packet, shift.ssrc);
            rtp::set_sequence(packet, header.sequence.wrapping_add(shift.sequence));
            rtp::set_timestamp(packet, header.timestamp.wrapping_add(shift.timestamp));
        }
        if let Some(ours) = self.ours(header.payload_type) {
            rtp::set_payload_type(packet, ours);
        }
        changes
    }

    /// Whether a packet of the present source is about where the source should be by now: near on its
    /// clock, and with a sequence number that has not been there. One that has begun anew under its
    /// old SSRC would be taken for its own past otherwise.
    fn goes_on(&self, header: &rtp::Header, arrival: &Arrival<'_>) -> bool {
        let Some(onward) = arrival.onward else { return false };
        let shift = |of: fn(&Shift) -> u32| self.shift.as_ref().map_or(0, of);
        let timestamp = header.timestamp.wrapping_add(shift(|shift| shift.timestamp));
        let sequence = header.sequence.wrapping_add(shift(|shift| shift.sequence.into()) as u16);
        let distance = (timestamp.wrapping_sub(onward.timestamp) as i32).unsigned_abs();
        let near = distance <= arrival.clock_rate.saturating_mul(SAME_CLOCK);
        near && sequence.wrapping_sub(onward.sequence) as i16 >= 0
    }

    /// What the stream calls a payload type of the source.
    fn ours(&self, payload_type: u8) -> Option<u8> {
        let known = self.payload_types.iter().find(|(theirs, _)| *theirs == payload_type);
        known.map(|(_, ours)| *ours)
    }

    fn names(&self, payload_type: u8, of_stream: &[u8]) -> bool {
        let ours = self.ours(payload_type);
        ours.is_some() || self.payload_types.is_empty() && of_stream.contains(&payload_type)
    }

    /// Why a packet that bears another SSRC than the stream's is not taken; `None` when nobody
    /// renumbers here.
    pub(super) fn refusal(&self) -> Option<Cause> {
        self.source?;
        Some(if self.awaited.is_some() { Cause::AwaitingKey } else { Cause::Stranger })
    }

    /// Another source is there, and has sent nothing yet with which a decoder could begin.
    pub(super) fn wait_for(&mut self, ssrc: u32) {
        self.awaited = Some(ssrc);
    }

    /// SSRC of another source that is there, and is awaited to send a key frame.
    pub(super) fn awaited(&self) -> Option<u32> {
        self.awaited
    }

    /// A sender report of the present source in the stream's numbers; `None` for another source's.
    pub(super) fn report(&self, report: SenderReport) -> Option<SenderReport> {
        match (self.source, &self.shift) {
            (Some(source), _) if source != report.ssrc => None,
            (_, Some(shift)) => {
                let rtp = report.rtp.wrapping_add(shift.timestamp);
                Some(SenderReport { ssrc: shift.ssrc, rtp, ..report })
            }
            (_, None) => Some(report),
        }
    }

    /// What the present source calls a packet of the stream's.
    pub(super) fn theirs(&self, ssrc: u32, sequence: u16, timestamp: u32) -> Option<rtp::Mark> {
        let Some(shift) = &self.shift else { return Some(rtp::Mark { ssrc, sequence, timestamp }) };
        Some(rtp::Mark {
            ssrc: self.source?,
            sequence: sequence.wrapping_sub(shift.sequence),
            timestamp: timestamp.wrapping_sub(shift.timestamp),
        })
    }

    /// Whether the numbers are being rewritten.
    pub(super) fn renumbers(&self) -> bool {
        self.shift.is_some()
    }

    /// Whether every packet of the present source passes as it is.
    pub(super) fn is_plain(&self) -> bool {
        self.shift.is_none() && !self.expected && self.payload_types.is_empty()
    }

    /// SSRC of the present source, and what to add to its extended sequence numbers to get the
    /// stream's: for reports back to it.
    pub(super) fn source(&self) -> Option<(u32, u16)> {
        Some((self.source?, self.shift.map_or(0, |shift| shift.sequence)))
    }
}

/// Makes a packet that is not taken none of the stream's: it may bear the very SSRC that the stream has.
fn disown(packet: &mut [u8], header: &rtp::Header, arrival: &Arrival<'_>) {
    if arrival.onward.is_some_and(|onward| onward.ssrc == header.ssrc) {
        rtp::set_ssrc(packet, !header.ssrc);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(ssrc: u32, sequence: u16, timestamp: u32) -> [u8; rtp::HEADER_LEN] {
        let mut packet = [0; rtp::HEADER_LEN];
        let (marker, payload_type, payload) = (false, 97, 0..0);
        let header = rtp::Header { marker, payload_type, sequence, timestamp, ssrc, payload };
        rtp::write_header(&mut packet, &header);
        packet
    }

    const ONWARD: Onward = Onward { ssrc: 7, sequence: u16::MAX, timestamp: u32::MAX - 9 };

    fn arrival(chosen: bool) -> Arrival<'static> {
        let (silent, onward) = (Duration::ZERO, Some(ONWARD));
        let (clock_rate, payload_types) = (90_000, &[96, 97]);
        Arrival { silent, chosen, onward, clock_rate, payload_types, begins: &|_| true }
    }

    /// The first source was 7; another is expected.
    fn second_source() -> Splice {
        let mut splice = Splice::default();
        let first = Arrival { onward: None, ..arrival(true) };
        assert!(splice.apply(&mut packet(7, 1, 1), first));
        splice.expect(vec![(97, 96)], false);
        splice
    }

    #[test]
    fn the_first_source_passes_unchanged() {
        let (mut splice, mut first) = (Splice::default(), packet(7, 1, 1));
        splice.apply(&mut first, Arrival { onward: None, ..arrival(false) });
        assert_eq!(first, packet(7, 1, 1));
        assert_eq!(splice.source(), Some((7, 0)));
    }

    #[test]
    fn a_later_source_goes_on_with_the_numbers_of_the_stream_across_their_wrap() {
        let mut splice = second_source();
        let mut first = packet(8, 500, 1000);
        assert!(splice.apply(&mut first, arrival(false)));
        let header = rtp::parse(&first).unwrap();
        assert_eq!((header.ssrc, header.sequence, header.timestamp), (7, u16::MAX, u32::MAX - 9));
        assert_eq!(header.payload_type, 96);
        let mut next = packet(8, 501, 1010);
        assert!(!splice.apply(&mut next, arrival(false)));
        let header = rtp::parse(&next).unwrap();
        assert_eq!((header.sequence, header.timestamp), (0, 0));
        let report = SenderReport { ssrc: 8, ntp: 5, rtp: 1010, packets: 1, octets: 1 };
        let ours = splice.report(report).unwrap();
        assert_eq!((ours.ssrc, ours.rtp, ours.ntp), (7, 0, 5));
        assert_eq!(splice.report(SenderReport { ssrc: 9, ..report }), None);
    }

    #[test]
    fn a_later_source_goes_on_with_something_to_decode_and_leaves_no_hole_before_it() {
        let mut splice = second_source();
        let mut early = packet(8, 500, 1000);
        assert!(!splice.apply(&mut early, Arrival { begins: &|_| false, ..arrival(true) }));
        assert_eq!(early, packet(8, 500, 1000));
        assert_eq!(splice.refusal(), Some(Cause::AwaitingKey));
        let mut key = packet(8, 501, 1000);
        assert!(splice.apply(&mut key, arrival(true)));
        assert_eq!(rtp::parse(&key).unwrap().sequence, ONWARD.sequence);
    }

    #[test]
    fn what_is_left_of_the_former_source_is_refused() {
        let mut splice = second_source();
        splice.apply(&mut packet(8, 500, 1000), arrival(true));
        let mut late = packet(7, 2, 2);
        assert!(!splice.apply(&mut late, arrival(true)));
        // Its SSRC is that of the stream: it must not pass for one of the present source.
        assert_eq!(late, packet(!7, 2, 2));
        assert_eq!(splice.source(), Some((8, ONWARD.sequence.wrapping_sub(500))));
    }

    #[test]
    fn a_source_that_is_back_with_its_own_clock_goes_on_with_its_own_numbers() {
        let mut splice = second_source();
        let mut again = packet(7, 900, ONWARD.timestamp.wrapping_add(90_000));
        assert!(!splice.apply(&mut again, arrival(true)));
        let header = rtp::parse(&again).unwrap();
        assert_eq!((header.sequence, header.payload_type), (900, 96));
    }

    #[test]
    fn a_source_that_is_back_under_its_ssrc_with_another_clock_is_another_source() {
        let mut splice = second_source();
        let mut first = packet(7, 500, ONWARD.timestamp.wrapping_add(1 << 30));
        assert!(splice.apply(&mut first, arrival(true)));
        let header = rtp::parse(&first).unwrap();
        assert_eq!((header.sequence, header.timestamp), (ONWARD.sequence, ONWARD.timestamp));
    }

    #[test]
    fn a_packet_of_no_known_payload_type_changes_nothing() {
        let mut splice = Splice::default();
        splice.apply(&mut packet(7, 1, 1), Arrival { onward: None, ..arrival(false) });
        let other = Arrival { payload_types: &[96], ..arrival(true) };
        assert!(!splice.apply(&mut packet(8, 1, 1), other));
        assert_eq!(splice.source(), Some((7, 0)));
    }

    #[test]
    fn a_stranger_is_refused_while_the_source_is_heard() {
        let mut splice = Splice::default();
        assert_eq!(splice.refusal(), None);
        splice.apply(&mut packet(7, 1, 1), Arrival { onward: None, ..arrival(false) });
        let mut other = packet(8, 1, 1);
        assert!(!splice.apply(&mut other, arrival(false)));
        assert_eq!(splice.refusal(), Some(Cause::Stranger));
        assert!(splice.apply(&mut other, Arrival { silent: SILENCE, ..arrival(false) }));
    }

    #[test]
    fn what_is_no_rtp_is_left_alone() {
        let mut splice = second_source();
        for mut bytes in [vec![], vec![0x80; 11], vec![0; 40]] {
            let before = bytes.clone();
            assert!(!splice.apply(&mut bytes, arrival(true)));
            assert_eq!(bytes, before);
        }
    }
}
