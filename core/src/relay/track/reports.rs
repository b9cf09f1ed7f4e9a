//! RTCP of a track: reports of its source, reports and requests to it, and what is known by them.

use std::time::Duration;

use crate::media::rtcp::{self, Feedback};
use crate::media::rtp;
use crate::ring::Span;
use crate::stats::Cause;

use super::super::packet::{Kind, Packet};
use super::Track;

/// The canonical name (RFC 3550 §6.5.1) in reports of our own; the same for all tracks, so that players
/// keep them together.
pub(crate) const CNAME: &str = "rillcast";

impl Track {
    /// Reads an RTCP packet; true when it goes through to the children.
    pub(in crate::relay) fn receive_report(&mut self, packet: &mut Packet) -> Result<bool, Cause> {
        let compound = rtcp::parse(packet.data()).map_err(|_| Cause::Malformed)?;
        let source = self.splice.source().map(|(ssrc, _)| ssrc).or(self.ssrc);
        if let Some(mut leaving) = compound.bye() {
            self.left |= source.is_some_and(|source| leaving.any(|ssrc| ssrc == source));
            return Ok(false);
        }
        let Some(theirs) = compound.sender_report() else { return Ok(false) };
        let Some(report) = self.splice.report(theirs) else { return Ok(false) };
        if self.report.as_ref() == Some(&report) {
            // Said again, or gone round in a circle: it ends here.
            return Ok(false);
        }
        self.reception.sender_report(&theirs, packet.arrival);
        // A copy of its own, so that one small report does not hold a whole buffer.
        let data = if self.splice.renumbers() {
            let cname = compound.cname(theirs.ssrc);
            Span::from_vec(rtcp::sender_report(&report, &[], cname.as_deref().unwrap_or(CNAME)))
        } else {
            Span::copy_from_slice(packet.data())
        };
        let kept = Packet::new(data, Kind::Rtcp, self.number, packet.arrival);
        if self.splice.renumbers() {
            *packet = kept.clone();
        }
        self.notes.set_report(Some(kept));
        self.report = Some(report);
        Ok(true)
    }

    /// What the former source has reported is not of this one.
    pub(in crate::relay) fn forget_report(&mut self) {
        if self.report.take().is_some() {
            self.notes.set_report(None);
        }
    }

    /// Takes up what those who fan out have noted: wishes for a key frame, and that children wait for one.
    pub(in crate::relay) fn hear_wishes(&mut self) {
        let (wished, awaited) = self.notes.take_wishes();
        if wished || (awaited && self.is_amid()) {
            self.wish_key_frame();
        }
    }

    /// The receiver report that is due to the source, from `reporter`.
    pub(in crate::relay) fn receiver_report(
        &mut self,
        reporter: u32,
        now: Duration,
    ) -> Option<Vec<u8>> {
        let (ssrc, shift) = self.splice.source().or(self.ssrc.map(|ssrc| (ssrc, 0)))?;
        let mut block = self.reception.report(ssrc, now);
        block.highest_sequence = block.highest_sequence.wrapping_sub(shift.into());
        Some(rtcp::receiver_report(reporter, &[block], CNAME))
    }

    /// Somebody cannot go on without a key frame. Nothing is asked for where every frame is one.
    pub(in crate::relay) fn wish_key_frame(&mut self) {
        if self.has_key_frames() {
            self.key_wish.wish();
        }
    }

    /// Whether what comes is in the midst of something, of which no key frame is to be expected.
    pub(in crate::relay) fn is_amid(&self) -> bool {
        (self.frame.ended || self.frame.headless) && !self.frame.key
    }

    /// Whether the source is to be asked for a key frame now.
    pub(in crate::relay) fn wants_key_frame(&self, now: Duration) -> bool {
        self.key_wish.is_due(now)
    }

    /// Takes the request for a key frame that is due now, if one is.
    pub(in crate::relay) fn take_key_request(&mut self, now: Duration) -> bool {
        self.key_wish.take(now)
    }

    /// Nobody can be asked for a key frame.
    pub(in crate::relay) fn forgo_key_frame(&mut self) {
        self.key_wish.end();
    }

    /// What is to be asked of the source now, in one compound packet: packets that are missing
    /// (RFC 4585 §6.2.1), a key frame (§6.3.1).
    pub(in crate::relay) fn request(&mut self, reporter: u32, now: Duration) -> Option<Vec<u8>> {
        // The very first packets may wait for others.
        let unspliced = self.ssrc.or(self.inbox.source()).map(|ssrc| (ssrc, 0));
        let (ssrc, shift) = self.splice.source().or(unspliced)?;
        let mut missing = self.inbox.requests(now);
        missing.iter_mut().for_each(|sequence| *sequence = sequence.wrapping_sub(shift));
        let nack = Feedback::Nack { media: ssrc, lost: &missing };
        let nack = (!missing.is_empty()).then_some(nack);
        // Another source that is there already is the one to give it.
        let media = self.splice.awaited().unwrap_or(ssrc);
        let pli = self.take_key_request(now).then_some(Feedback::Pli { media });
        let wanted: Vec<_> = nack.into_iter().chain(pli).collect();
        (!wanted.is_empty()).then(|| rtcp::feedback(reporter, CNAME, &wanted))
    }

    /// Sequence number and timestamp of a packet.
    pub(in crate::relay) fn point_of(&self, packet: &Packet) -> Option<(u16, u32)> {
        let header = rtp::parse(packet.data()).ok()?;
        Some((header.sequence, header.timestamp))
    }

    /// What the next packet's sequence number will be, and the newest timestamp.
    pub(in crate::relay) fn next_point(&self) -> Option<(u16, u32)> {
        let highest = self.sequence.highest()?;
        Some(((highest as u16).wrapping_add(1), self.last_timestamp))
    }
}

/// Brings the timestamps of all tracks to the moment at which the first one's begins, as `RTP-Info`
/// means them: by the sender reports, for tracks that have had one.
pub(in crate::relay) fn align(
    tracks: &[Track],
    mut points: Vec<Option<(u16, u32)>>,
) -> Vec<Option<(u16, u32)>> {
    let reported = |track: &Track| track.report;
    let moment = tracks.iter().zip(&points).find_map(|(track, point)| {
        let (_, timestamp) = (*point)?;
        reported(track)?.ntp_of(timestamp, track.clock_rate)
    });
    let Some(moment) = moment else { return points };
    for (track, point) in tracks.iter().zip(&mut points) {
        if let (Some((_, timestamp)), Some(report)) = (point, reported(track)) {
            *timestamp = report.timestamp_at(moment, track.clock_rate);
        }
    }
    points
}
