//! From the packets of any track to its frames.

use super::codec::{Codec, aac_format};
use super::reorder::{DEFAULT_WINDOW, Item, Pushed, Reorder};
use super::{Frame, Payload, aac, h264, passthrough, rtp, sdp};

/// Puts the frames of one track together, whatever it is coded in.
///
/// Packets go in as they arrive, in any order; frames come out in decoding order. After each
/// [`push`](Self::push) or [`flush`](Self::flush), [`pop`](Self::pop) until it gives `None`.
///
/// `P` holds a packet, header first, and is cloned for each slice of it: take something that is
/// cheap to clone.
#[derive(Debug)]
pub struct Depacketizer<P> {
    payload_type: u8,
    reorder: Reorder<P>,
    payloads: Payloads<P>,
    /// Packets lost that no frame has told of yet.
    lost: u64,
    counters: Counters,
}

#[derive(Debug)]
enum Payloads<P> {
    H264(Box<h264::Depacketizer<P>>),
    Aac(Box<aac::Depacketizer<P>>),
    Opaque(passthrough::Depacketizer<P>),
}

/// What became of the packets pushed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// All that were pushed.
    pub packets: u64,
    /// Never came, as far as sequence numbers tell.
    pub lost: u64,
    /// Dropped: not RTP.
    pub malformed: u64,
    /// Dropped: came after their turn, or a second time.
    pub late: u64,
    /// Dropped: of another payload type than the track's.
    pub other_payload_type: u64,
    /// Times that the source started anew.
    pub restarts: u64,
}

impl<P: AsRef<[u8]> + Clone> Depacketizer<P> {
    /// For the first payload type of a media, with the usual reorder window.
    pub fn new(media: &sdp::Media) -> Depacketizer<P> {
        Self::with_window(media, DEFAULT_WINDOW)
    }

    /// With a window of as many packets (see [`Reorder::new`]); 0 where packets cannot overtake
    /// each other.
    pub fn with_window(media: &sdp::Media, window: usize) -> Depacketizer<P> {
        Depacketizer {
            payload_type: media.format.payload_type,
            reorder: Reorder::new(window),
            payloads: Payloads::of(media),
            lost: 0,
            counters: Counters::default(),
        }
    }

    /// Takes a packet.
    pub fn push(&mut self, packet: P) {
        self.counters.packets += 1;
        let Ok(header) = rtp::parse(packet.as_ref()) else {
            self.counters.malformed += 1;
            return;
        };
        match self.reorder.push(header, packet) {
            Pushed::Accepted => self.take_ordered(),
            Pushed::Duplicate | Pushed::Late => self.counters.late += 1,
            Pushed::Suspect => {}
        }
    }

    /// The next finished frame.
    pub fn pop(&mut self) -> Option<Frame<P>> {
        let mut frame = match &mut self.payloads {
            Payloads::H264(depacketizer) => depacketizer.pop().map(Frame::from)?,
            Payloads::Aac(depacketizer) => depacketizer.pop().map(Frame::from)?,
            Payloads::Opaque(depacketizer) => depacketizer.pop().map(Frame::from)?,
        };
        if !matches!(self.payloads, Payloads::H264(_)) {
            frame.lost = std::mem::take(&mut self.lost);
        }
        Some(frame)
    }

    /// Takes the lists of a frame that is not needed any more, for the next ones, so that in the steady state no memory
    /// is allocated. It lets go of the frame's packets, and leaves it empty.
    pub fn recycle(&mut self, frame: &mut Frame<P>) {
        match (&mut self.payloads, &mut frame.payload) {
            (Payloads::H264(depacketizer), Payload::H264(unit)) => depacketizer.recycle(unit),
            (Payloads::Aac(depacketizer), Payload::Aac(slices)) => depacketizer.recycle(slices),
            (Payloads::Opaque(depacketizer), Payload::Opaque(slices)) => {
                depacketizer.recycle(slices);
            }
            // Of another track: it is of no use here.
            _ => {}
        }
    }

    /// Nothing more will come: what is there comes out, whole or not.
    pub fn flush(&mut self) {
        self.reorder.flush();
        self.take_ordered();
        self.payloads.flush();
    }

    /// The H.264 parameter sets that hold after the packets taken so far; `None` for other codecs.
    pub fn parameter_sets(&self) -> Option<&h264::ParameterSets> {
        match &self.payloads {
            Payloads::H264(depacketizer) => Some(depacketizer.parameter_sets()),
            Payloads::Aac(_) | Payloads::Opaque(_) => None,
        }
    }

    /// What became of the packets so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn take_ordered(&mut self) {
        while let Some(item) = self.reorder.pop() {
            match item {
                Item::Packet { header, packet, .. } => {
                    if header.payload_type == self.payload_type {
                        self.payloads.push(header, packet);
                    } else {
                        self.counters.other_payload_type += 1;
                    }
                }
                Item::Gap(missing) => {
                    self.lost += missing;
                    self.counters.lost += missing;
                    self.payloads.gap(missing);
                }
                Item::Restart => {
                    self.counters.restarts += 1;
                    self.payloads.flush();
                }
            }
        }
    }
}

impl<P: AsRef<[u8]> + Clone> Payloads<P> {
    fn of(media: &sdp::Media) -> Payloads<P> {
        let codec = Codec::of(media);
        let format = &media.format;
        match (codec, aac_format(media)) {
            (Codec::H264, _) => {
                let sets = format.parameter_sets();
                let sets = sets.iter().map(Vec::as_slice);
                let depth = format.fmtp.number("sprop-interleaving-depth");
                let options = h264::Options {
                    parameter_sets: h264::ParameterSets::from_nals(sets),
                    interleaving: h264::Interleaving {
                        depth: depth.and_then(|depth| depth.try_into().ok()).unwrap_or(0),
                        max_don_diff: format
                            .fmtp
                            .number("sprop-max-don-diff")
                            .and_then(|difference| difference.try_into().ok()),
                    },
                    ..h264::Options::default()
                };
                Payloads::H264(Box::new(h264::Depacketizer::new(options)))
            }
            (Codec::Aac, Some(parameters)) => {
                Payloads::Aac(Box::new(aac::Depacketizer::new(parameters, format.clock_rate)))
            }
            _ => Payloads::Opaque(passthrough::Depacketizer::new(codec)),
        }
    }

    fn push(&mut self, header: rtp::Header, packet: P) {
        let rtp::Header { payload, timestamp, marker, .. } = header;
        match self {
            Payloads::H264(depacketizer) => depacketizer.push(packet, payload, timestamp, marker),
            Payloads::Aac(depacketizer) => depacketizer.push(packet, payload, timestamp, marker),
            Payloads::Opaque(depacketizer) => depacketizer.push(packet, payload, timestamp, marker),
        }
    }

    fn gap(&mut self, missing: u64) {
        let packets = u32::try_from(missing).unwrap_or(u32::MAX);
        match self {
            Payloads::H264(depacketizer) => depacketizer.gap(packets),
            Payloads::Aac(depacketizer) => depacketizer.gap(packets),
            Payloads::Opaque(depacketizer) => depacketizer.gap(),
        }
    }

    fn flush(&mut self) {
        match self {
            Payloads::H264(depacketizer) => depacketizer.flush(),
            Payloads::Aac(depacketizer) => depacketizer.flush(),
            Payloads::Opaque(depacketizer) => depacketizer.flush(),
        }
    }
}

impl<P> From<h264::AccessUnit<P>> for Frame<P> {
    fn from(unit: h264::AccessUnit<P>) -> Self {
        Frame {
            timestamp: unit.timestamp,
            key: unit.key,
            damaged: unit.damaged,
            lost: unit.lost.into(),
            payload: Payload::H264(unit),
        }
    }
}

impl<P> From<aac::AccessUnit<P>> for Frame<P> {
    fn from(unit: aac::AccessUnit<P>) -> Self {
        // Of AAC only whole access units come out.
        Frame {
            timestamp: unit.timestamp,
            key: true,
            damaged: false,
            lost: 0,
            payload: Payload::Aac(unit.slices),
        }
    }
}

impl<P> From<passthrough::Opaque<P>> for Frame<P> {
    fn from(frame: passthrough::Opaque<P>) -> Self {
        Frame {
            timestamp: frame.timestamp,
            key: frame.key,
            damaged: frame.damaged,
            lost: 0,
            payload: Payload::Opaque(frame.payloads),
        }
    }
}

#[cfg(test)]
mod tests;
