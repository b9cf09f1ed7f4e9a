//! One track of a stream: what its packets say, and where its frames begin and end.

use std::time::Duration;

use crate::media::codec::{self, Codec, Framing, Inspect};
use crate::media::h264::{self, ParameterSets};
use crate::media::rtcp::{self, SenderReport};
use crate::media::rtp;
use crate::media::rtp::reception::Reception;
use crate::media::rtp::sequence::{Class, Sequence};
use crate::media::sdp;
use crate::ring::Span;
use crate::stats::Cause;

use super::inbox::Inbox;
use super::packet::{Kind, Packet};
use super::resend::History;
use super::splice::{Arrival, Onward, Splice};

/// The canonical name under which reports to sources are sent.
const CNAME: &str = "rillcast";

/// One track of a stream.
pub struct Track {
    number: u8,
    codec: Codec,
    kind: sdp::Kind,
    encoding: String,
    clock_rate: u32,
    /// Payload types of the session description, the track's own first.
    payload_types: Vec<u8>,
    /// H.264 parameter sets, from the session description and in band.
    parameter_sets: ParameterSets,
    /// There are some that the description does not have.
    learned: bool,
    ssrc: Option<u32>,
    sequence: Sequence,
    frame: Frame,
    report: Option<(SenderReport, Packet)>,
    /// The source has said BYE, and has sent nothing since.
    left: bool,
    /// Its next source may repeat what has come already.
    resuming: bool,
    packets: u64,
    bytes: u64,
    frames: u64,
    key_frames: u64,
    reception: Reception,
    last_timestamp: u32,
    last_arrival: Duration,
    splice: Splice,
    pub(super) inbox: Inbox,
    pub(super) resend: History,
}

/// The frame that is coming in.
#[derive(Default)]
struct Frame {
    timestamp: Option<u32>,
    /// Where in the ring it begins.
    position: u64,
    /// Its last packet has come.
    ended: bool,
    /// Its beginning has not: no decoder is to begin with it.
    headless: bool,
    key: bool,
}

impl Track {
    pub(super) fn new(number: u8, media: &sdp::Media) -> Track {
        let sets = media.format.parameter_sets();
        Track {
            number,
            codec: Codec::of(media),
            kind: media.kind,
            encoding: media.format.encoding.clone(),
            clock_rate: media.format.clock_rate,
            payload_types: media.formats().map(|format| format.payload_type).collect(),
            parameter_sets: ParameterSets::from_nals(sets.iter().map(Vec::as_slice)),
            learned: false,
            ssrc: None,
            sequence: Sequence::default(),
            frame: Frame::default(),
            report: None,
            left: false,
            resuming: false,
            packets: 0,
            bytes: 0,
            frames: 0,
            key_frames: 0,
            reception: Reception::new(media.format.clock_rate),
            last_timestamp: 0,
            last_arrival: Duration::ZERO,
            splice: Splice::default(),
            inbox: Inbox::default(),
            resend: History::default(),
        }
    }

    /// Whether a decoder can begin only at certain frames.
    pub(super) fn has_key_frames(&self) -> bool {
        self.codec.has_key_frames()
    }

    /// The synchronisation source, once a packet has come.
    pub fn ssrc(&self) -> Option<u32> {
        self.ssrc
    }

    /// Whether the source has said BYE, and has sent nothing since.
    pub(super) fn has_left(&self) -> bool {
        self.left
    }

    /// Makes an RTP packet that has just come in, and is to be given to
    /// [`receive`](Track::receive) next, one of this track's, if it is of a source that the track
    /// takes. `chosen`: whoever sends here was let in by name.
    pub(super) fn splice(&mut self, packet: &mut [u8], chosen: bool, now: Duration) {
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
            self.report = None;
            self.frame = Frame::default();
            if let Ok(header) = rtp::parse(packet) {
                self.inbox.begin(header.ssrc, header.sequence);
            }
        }
    }

    /// Whether a packet is one of the present source's, which needs no change.
    pub(super) fn takes_as_it_is(&self, packet: &[u8]) -> bool {
        self.splice.is_plain() && self.splice.is_source_of(packet)
    }

    /// Whether a packet could be the first of another source.
    pub(super) fn may_change_with(&self, packet: &[u8]) -> bool {
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
    pub(super) fn resumes(&self, ours: &sdp::Media, theirs: &sdp::Media) -> bool {
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
            _ => a.fmtp == b.fmtp,
        };
        same && decodable
    }

    /// The next source to be heard is described like this.
    pub(super) fn expect(&mut self, theirs: &sdp::Media) {
        let formats = theirs.formats().map(|format| format.payload_type);
        self.splice.expect(formats.zip(self.payload_types.iter().copied()).collect());
        self.resuming = true;
        self.left = false;
    }

    /// Reads an RTP packet and writes into it where in its frame it stands; tells what is in it.
    pub(super) fn receive(&mut self, packet: &mut Packet) -> Result<Inspect, Cause> {
        let header = rtp::parse(packet.data()).map_err(|_| Cause::Malformed)?;
        if self.ssrc.is_some_and(|ssrc| ssrc != header.ssrc)
            && let Some(cause) = self.splice.refusal()
        {
            return Err(cause);
        }
        if !self.payload_types.contains(&header.payload_type) {
            return Err(Cause::PayloadType);
        }
        if self.resuming && !self.is_news(header.sequence) {
            return Err(Cause::Duplicate);
        }
        self.resuming = false;
        let payload = packet.data().get(header.payload).unwrap_or(&[]);
        let mut inspect = match self.payload_types.first() {
            Some(main) if *main == header.payload_type => codec::inspect(self.codec, payload),
            _ => Inspect::default(),
        };
        let place = if self.ssrc.is_none_or(|ssrc| ssrc == header.ssrc) {
            self.ssrc = Some(header.ssrc);
            self.sequence.receive(header.sequence)
        } else {
            self.ssrc = Some(header.ssrc);
            self.frame = Frame::default();
            self.report = None;
            self.sequence.restart_at(header.sequence)
        };
        self.reception.receive(place, header.timestamp, packet.arrival);
        if place.class == Class::Duplicate {
            return Err(Cause::Duplicate);
        }
        packet.gap = matches!(place.class, Class::Gap(_) | Class::Restart);
        self.last_arrival = packet.arrival;
        self.left = false;
        self.packets += 1;
        self.bytes += packet.data().len() as u64;
        packet.end = header.marker || self.codec.framing() == Framing::Packet;
        // A late packet belongs to a frame that has been told already.
        if place.class != Class::Late {
            packet.start = self.frame.ended || self.frame.timestamp != Some(header.timestamp);
            if packet.start {
                self.frames += 1;
                let headless = !inspect.begins;
                self.frame =
                    Frame { timestamp: Some(header.timestamp), headless, ..Frame::default() };
            }
            self.frame.ended = packet.end;
            self.last_timestamp = header.timestamp;
        }
        inspect.key &= place.class != Class::Late && !self.frame.headless;
        Ok(inspect)
    }

    /// Whether a sequence number lies ahead of all that have come: a source that is back may begin with
    /// what it has sent before.
    fn is_news(&self, sequence: u16) -> bool {
        let behind = |highest: u64| (highest as u16).wrapping_sub(sequence);
        self.sequence.highest().is_none_or(|highest| behind(highest) >= 0x8000)
    }

    /// Stores the H.264 parameter sets in a packet.
    pub(super) fn learn(&mut self, packet: &Packet) {
        if self.codec != Codec::H264 {
            return;
        }
        let Ok(header) = rtp::parse(packet.data()) else { return };
        let payload = packet.data().get(header.payload).unwrap_or_default();
        for nal in h264::parameter_sets(payload) {
            self.learned |= self.parameter_sets.store(nal) == h264::Change::New;
        }
    }

    /// Writes parameter sets that are new into the track's description, so that those who come later
    /// decode with them. Done when it is asked for: a source may change its sets with every packet.
    pub(super) fn describe(&mut self, session: &mut sdp::Session) {
        let media = session.media.get_mut(usize::from(self.number));
        if let Some(media) = media.filter(|_| std::mem::take(&mut self.learned)) {
            let sets: Vec<&[u8]> = self.parameter_sets.nals().collect();
            media.format.set_parameter_sets(&sets);
            session.origin.version = session.origin.version.wrapping_add(1);
        }
    }

    /// Takes note of where a packet stands in the ring. When it makes its frame one at which a
    /// decoder may begin, returns where that frame begins.
    pub(super) fn published(
        &mut self,
        position: u64,
        sequence: u16,
        start: bool,
        key: bool,
    ) -> Option<u64> {
        self.resend.note(sequence, position);
        if start {
            self.frame.position = position;
        }
        if !key || !self.has_key_frames() || self.frame.key || self.frame.timestamp.is_none() {
            return None;
        }
        self.frame.key = true;
        self.key_frames += 1;
        Some(self.frame.position)
    }

    /// Reads an RTCP packet; true when it goes through to the children.
    pub(super) fn receive_report(&mut self, packet: &mut Packet) -> Result<bool, Cause> {
        let compound = rtcp::parse(packet.data()).map_err(|_| Cause::Malformed)?;
        let source = self.splice.source().map(|(ssrc, _)| ssrc).or(self.ssrc);
        if let Some(mut leaving) = compound.bye() {
            self.left |= source.is_some_and(|source| leaving.any(|ssrc| ssrc == source));
            return Ok(false);
        }
        let Some(theirs) = compound.sender_report() else { return Ok(false) };
        let Some(report) = self.splice.report(theirs) else { return Ok(false) };
        if self.report.as_ref().is_some_and(|(last, _)| *last == report) {
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
        self.report = Some((report, kept));
        Ok(true)
    }

    /// The receiver report that is due to the source, from `reporter`.
    pub(super) fn receiver_report(&mut self, reporter: u32, now: Duration) -> Option<Vec<u8>> {
        let (ssrc, shift) = self.splice.source().or(self.ssrc.map(|ssrc| (ssrc, 0)))?;
        let mut block = self.reception.report(ssrc, now);
        block.highest_sequence = block.highest_sequence.wrapping_sub(shift.into());
        Some(rtcp::receiver_report(reporter, &[block], CNAME))
    }

    /// The newest sender report, as it came.
    pub(super) fn last_report(&self) -> Option<&Packet> {
        self.report.as_ref().map(|(_, packet)| packet)
    }

    /// Where a packet that came as a datagram stands in the order of its track: SSRC and sequence
    /// number; `None` when it is of no source that the track takes.
    pub(super) fn place_of(&self, packet: &Packet) -> Option<(u32, u16)> {
        let header = rtp::parse(packet.data()).ok()?;
        let strange = self.ssrc.is_some_and(|ssrc| ssrc != header.ssrc);
        (!strange || self.splice.refusal().is_none()).then_some((header.ssrc, header.sequence))
    }

    /// What is to be asked of the source now: packets that are missing (RFC 4585 §6.2.1).
    pub(super) fn request(&mut self, reporter: u32, now: Duration) -> Option<Vec<u8>> {
        let (ssrc, shift) = self.splice.source().or(self.ssrc.map(|ssrc| (ssrc, 0)))?;
        let mut missing = self.inbox.requests(now);
        missing.iter_mut().for_each(|sequence| *sequence = sequence.wrapping_sub(shift));
        (!missing.is_empty()).then(|| rtcp::nack(reporter, ssrc, &missing, CNAME))
    }

    /// Sequence number and timestamp of a packet.
    pub(super) fn point_of(&self, packet: &Packet) -> Option<(u16, u32)> {
        let header = rtp::parse(packet.data()).ok()?;
        Some((header.sequence, header.timestamp))
    }

    /// What the next packet's sequence number will be, and the newest timestamp.
    pub(super) fn next_point(&self) -> Option<(u16, u32)> {
        let highest = self.sequence.highest()?;
        Some(((highest as u16).wrapping_add(1), self.last_timestamp))
    }

    pub(super) fn figures(&self) -> TrackFigures {
        TrackFigures {
            kind: self.kind.to_string(),
            codec: self.encoding.clone(),
            clock_rate: self.clock_rate,
            ssrc: self.ssrc,
            packets: self.packets,
            bytes: self.bytes,
            frames: self.frames,
            key_frames: self.key_frames,
            lost: u64::try_from(self.reception.lost()).unwrap_or(0),
            repaired: self.inbox.repaired(),
            jitter: self.reception.jitter_time(),
        }
    }
}

/// Brings the timestamps of all tracks to the moment at which the first one's begins, as `RTP-Info`
/// means them: by the sender reports, for tracks that have had one.
pub(super) fn align(
    tracks: &[Track],
    mut points: Vec<Option<(u16, u32)>>,
) -> Vec<Option<(u16, u32)>> {
    let reported = |track: &Track| track.report.as_ref().map(|(report, _)| *report);
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

/// What is told of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackFigures {
    /// `video`, `audio` …
    pub kind: String,
    /// Name of the encoding, as in `a=rtpmap`.
    pub codec: String,
    /// Ticks of an RTP timestamp in a second.
    pub clock_rate: u32,
    /// Synchronisation source, once a packet has come.
    pub ssrc: Option<u32>,
    /// RTP packets that were accepted.
    pub packets: u64,
    /// Their bytes, headers included.
    pub bytes: u64,
    /// Frames begun.
    pub frames: u64,
    /// Frames at which a decoder can begin.
    pub key_frames: u64,
    /// Sequence numbers that never came.
    pub lost: u64,
    /// Packets that came only when the source was asked to send them again.
    pub repaired: u64,
    /// Variation of the packets' spacing (RFC 3550 §A.8).
    pub jitter: Duration,
}
