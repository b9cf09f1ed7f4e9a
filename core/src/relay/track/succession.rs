//! Where a track's source changes: whose packets are taken, and under which numbers.

use std::time::Duration;

use crate::media::codec::{self, Codec};
use crate::media::rtp;
use crate::media::sdp;

use super::super::splice::{Arrival, Onward};
use super::{Frame, Track};

impl Track {
    /// Makes an RTP packet that has just come in, and is to be given to
    /// [`receive`](Track::receive) next, one of this track's, if it is of a source that the track
    /// takes. `chosen`: whoever sends here was let in by name.
    pub(in crate::relay) fn splice(&mut self, packet: &mut [u8], chosen: bool, now: Duration) {
        let silent = now.saturating_sub(self.last_arrival);
        let begins = |payload: &[u8]| {
            let inspect = codec::inspect(self.codec, payload);
            inspect.begins && (inspect.key || inspect.parameter_sets)
        };
        let settled = self.splice.is_settled(packet);
        let arrival = Arrival {
            silent,
            chosen: chosen || self.left,
            onward: if settled { None } else { self.onward(silent) },
            clock_rate: self.clock_rate,
            payload_types: &self.payload_types,
            begins: &begins,
        };
        if self.splice.apply(packet, arrival) {
            self.forget_report();
            self.frame = Frame::default();
            if let Ok(header) = rtp::parse(packet) {
                self.inbox.begin(header.ssrc, header.sequence);
            }
        }
    }

    /// Whether a packet of a source described like this is one with which a decoder could begin.
    pub(in crate::relay) fn could_begin_with(&self, packet: &[u8], theirs: &sdp::Media) -> bool {
        let Ok(header) = rtp::parse(packet) else { return false };
        let payload = packet.get(header.payload).unwrap_or_default();
        let inspect = codec::inspect(self.codec, payload);
        theirs.format.payload_type == header.payload_type
            && inspect.begins
            && (inspect.key || inspect.parameter_sets)
    }

    /// Makes a packet none of this track's: it is of a source that is to take over, but not yet.
    pub(in crate::relay) fn disown(&mut self, packet: &mut [u8]) {
        let Ok(header) = rtp::parse(packet) else { return };
        self.splice.wait_for(header.ssrc);
        if self.ssrc == Some(header.ssrc) {
            rtp::set_ssrc(packet, !header.ssrc);
        }
    }

    /// Whether a packet is one of the present source's, which needs no change.
    pub(in crate::relay) fn takes_as_it_is(&self, packet: &[u8]) -> bool {
        self.splice.is_plain() && self.splice.is_source_of(packet)
    }

    /// Whether a packet could be the first of another source.
    pub(in crate::relay) fn may_change_with(&self, packet: &[u8]) -> bool {
        !self.splice.is_settled(packet)
    }

    /// Where the numbering goes on after a source that has been silent for so long.
    fn onward(&self, silent: Duration) -> Option<Onward> {
        let (next, newest) = self.next_point()?;
        // A frame that was never ended lacks something: no receiver is to take it for whole.
        let hole = u16::from(self.frame.timestamp.is_some() && !self.frame.ended);
        let ticks = silent.as_nanos() * u128::from(self.clock_rate) / 1_000_000_000;
        Some(Onward {
            ssrc: self.ssrc?,
            sequence: next.wrapping_add(hole),
            timestamp: newest.wrapping_add((ticks as u32).max(1)),
        })
    }

    /// Whether a source described like this can go on where the present one has stopped, without the
    /// children being told anything.
    pub(in crate::relay) fn resumes(&self, ours: &sdp::Media, theirs: &sdp::Media) -> bool {
        let (a, b) = (&ours.format, &theirs.format);
        let same = ours.kind == theirs.kind
            && a.is(&b.encoding)
            && (a.clock_rate, a.channels) == (b.clock_rate, b.channels);
        // Parameter sets that are told by the description only would reach no child any more.
        let decodable = match self.codec {
            Codec::H264 => {
                let sets = b.parameter_sets();
                sets.is_empty() || sets == a.parameter_sets()
            }
            // Parameters that say the same in another order, or more than is needed.
            Codec::Aac => codec::aac_format(ours) == codec::aac_format(theirs),
            _ => a.fmtp == b.fmtp,
        };
        same && decodable
    }

    /// The next source to be heard is described like this. `other`: it is not the present one come back.
    pub(in crate::relay) fn expect(&mut self, theirs: &sdp::Media, other: bool) {
        let formats = super::payload_types(theirs).into_iter();
        self.splice.expect(formats.zip(self.payload_types.iter().copied()).collect(), other);
        self.resuming = true;
        self.left = false;
    }

    /// Whether a sequence number lies ahead of all that have come: a source that is back may begin with
    /// what it has sent before.
    pub(super) fn is_news(&self, sequence: u16) -> bool {
        let behind = |highest: u64| (highest as u16).wrapping_sub(sequence);
        self.sequence.highest().is_none_or(|highest| behind(highest) >= 0x8000)
    }
}
