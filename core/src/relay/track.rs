//! One track of a stream: what its packets say, and where its frames begin and end.

use std::sync::Arc;
use std::time::Duration;

use crate::media::codec::{self, Codec, Framing, Inspect};
use crate::media::h264::{self, ParameterSets};
use crate::media::rtcp::SenderReport;
use crate::media::rtp;
use crate::media::rtp::reception::Reception;
use crate::media::rtp::sequence::{Class, Sequence};
use crate::media::sdp;
use crate::stats::Cause;

use super::inbox::Inbox;
use super::key_wish::KeyWish;
use super::notes::Notes;
use super::packet::Packet;
use super::splice::Splice;

mod figures;
mod overlap;
mod reports;
mod succession;

pub use figures::TrackFigures;
pub use overlap::Overlap;
pub(crate) use reports::CNAME;
pub(super) use reports::align;

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
    /// The newest report of the source.
    report: Option<SenderReport>,
    /// The source has said BYE, and has sent nothing since.
    left: bool,
    /// Its next source may repeat what has come already.
    resuming: bool,
    /// Another source that has the same packets takes over.
    overlap: Option<Overlap>,
    packets: u64,
    bytes: u64,
    frames: u64,
    key_frames: u64,
    reception: Reception,
    last_timestamp: u32,
    last_arrival: Duration,
    splice: Splice,
    pub(super) inbox: Inbox,
    /// What those who fan out have to know.
    notes: Arc<Notes>,
    key_wish: KeyWish,
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

/// The payload types that go through. What a source sends again in a stream of its own (RFC 4588) is not
/// for others.
fn payload_types(media: &sdp::Media) -> Vec<u8> {
    let others = media.alternatives.iter().filter(|format| !format.is_retransmission());
    std::iter::once(&media.format).chain(others).map(|format| format.payload_type).collect()
}

impl Track {
    pub(super) fn new(number: u8, media: &sdp::Media) -> Track {
        let (codec, sets) = (Codec::of(media), media.format.parameter_sets());
        Track {
            number,
            codec,
            kind: media.kind,
            encoding: media.format.encoding.clone(),
            clock_rate: media.format.clock_rate,
            payload_types: payload_types(media),
            parameter_sets: ParameterSets::from_nals(sets.iter().map(Vec::as_slice)),
            learned: false,
            ssrc: None,
            sequence: Sequence::default(),
            frame: Frame::default(),
            report: None,
            left: false,
            resuming: false,
            overlap: None,
            packets: 0,
            bytes: 0,
            frames: 0,
            key_frames: 0,
            reception: Reception::new(media.format.clock_rate),
            last_timestamp: 0,
            last_arrival: Duration::ZERO,
            splice: Splice::default(),
            inbox: Inbox::default(),
            notes: Notes::new(codec.has_key_frames()),
            key_wish: KeyWish::default(),
        }
    }

    /// What those who fan the track out have to know of it.
    pub(super) fn notes(&self) -> &Arc<Notes> {
        &self.notes
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

    /// Reads an RTP packet and writes into it where in its frame it stands; tells what is in it.
    pub(super) fn receive(&mut self, packet: &mut Packet) -> Result<Inspect, Cause> {
        let header = rtp::parse(packet.data()).map_err(|_| Cause::Malformed)?;
        if self.ssrc.is_some_and(|ssrc| ssrc != header.ssrc)
            && let Some(cause) = self.splice.refusal()
        {
            if cause == Cause::AwaitingKey {
                self.wish_key_frame();
            }
            return Err(cause);
        }
        if !self.payload_types.contains(&header.payload_type) {
            return Err(Cause::PayloadType);
        }
        if self.resuming && !self.is_news(header.sequence) {
            return Err(Cause::Duplicate);
        }
        if self.repeats(header.sequence) {
            return Err(Cause::Duplicate);
        }
        self.resuming = false;
        let payload = packet.data().get(header.payload).unwrap_or(&[]);
        let mut inspect = match self.payload_types.first() {
            Some(main) if *main == header.payload_type => codec::inspect(self.codec, payload),
            _ => Inspect::default(),
        };
        let highest = self.sequence.highest();
        let place = if self.ssrc == Some(header.ssrc) {
            self.sequence.receive(header.sequence)
        } else {
            self.notes.set_ssrc(header.ssrc);
            if self.ssrc.replace(header.ssrc).is_none() {
                self.sequence.receive(header.sequence)
            } else {
                self.frame = Frame::default();
                self.forget_report();
                self.sequence.restart_at(header.sequence)
            }
        };
        self.reception.receive(place, header.timestamp, packet.arrival);
        self.note_overlap(place, highest);
        if place.class == Class::Duplicate {
            return Err(Cause::Duplicate);
        }
        packet.gap = matches!(place.class, Class::Gap(_) | Class::Restart);
        if packet.gap {
            // What is missing will not come any more, and what refers to it is damaged.
            self.wish_key_frame();
        }
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

    /// RTP packets taken in so far.
    pub(super) fn rtp_packets(&self) -> u64 {
        self.packets
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
        self.notes.note(sequence, position);
        if start {
            self.frame.position = position;
        }
        if !key || !self.has_key_frames() || self.frame.key || self.frame.timestamp.is_none() {
            return None;
        }
        self.frame.key = true;
        self.key_frames += 1;
        self.key_wish.end();
        Some(self.frame.position)
    }

    /// Where a packet that came as a datagram stands in the order of its track: SSRC and sequence
    /// number; `None` when it is of no source that the track takes.
    pub(super) fn place_of(&self, packet: &Packet) -> Option<(u32, u16)> {
        let header = rtp::parse(packet.data()).ok()?;
        let strange = self.ssrc.is_some_and(|ssrc| ssrc != header.ssrc);
        (!strange || self.splice.refusal().is_none()).then_some((header.ssrc, header.sequence))
    }
}
