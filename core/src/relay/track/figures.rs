//! What is counted of a track.

use std::time::Duration;

use super::Track;

impl Track {
    pub(in crate::relay) fn figures(&self) -> TrackFigures {
        TrackFigures {
            kind: self.kind.to_string(),
            codec: self.encoding.clone(),
            clock_rate: self.clock_rate,
            ssrc: self.ssrc,
            packets: self.packets,
            bytes: self.bytes,
            frames: self.frames,
            key_frames: self.key_frames,
            key_frames_asked: self.key_wish.asked(),
            lost: u64::try_from(self.reception.lost()).unwrap_or(0),
            repaired: self.inbox.repaired(),
            jitter: self.reception.jitter_time(),
        }
    }
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
    /// How often the source was asked for one (PLI, RFC 4585 §6.3.1).
    pub key_frames_asked: u64,
    /// Sequence numbers that never came.
    pub lost: u64,
    /// Packets that came only when the source was asked to send them again.
    pub repaired: u64,
    /// Variation of the packets' spacing (RFC 3550 §A.8).
    pub jitter: Duration,
}
