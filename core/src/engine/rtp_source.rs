//! RTP that this process has received, or made, by itself.

use crate::media::{rtp, sdp};
use crate::relay::Kind;

use super::command::Commands;
use super::error::Error;
use super::outbox::{Outbox, PushError};

/// Packets that are gathered at most before they are handed over.
const BATCH: usize = 256;

/// Feeds a stream with RTP packets: for a program that has sockets of its own, and for tests.
/// Dropping it ends the stream.
///
/// A packet is copied once, into a buffer of the stream, as the kernel would do it; nothing is
/// allocated per packet in the steady state. A call waits when the engine is more than a thousand
/// batches behind.
pub struct RtpSource {
    tracks: usize,
    outbox: Outbox,
}

impl RtpSource {
    pub(super) fn new(
        commands: Commands,
        path: String,
        session: sdp::Session,
    ) -> Result<RtpSource, Error> {
        let tracks = session.media.len();
        Ok(RtpSource { tracks, outbox: Outbox::open(commands, path, session)? })
    }

    /// Adds a packet of a track to the batch: RTP, or RTCP, told apart by their second byte (RFC 5761).
    /// Nothing is sent before [`flush`](RtpSource::flush), but when the batch is large.
    ///
    /// What is not RTP by its header is counted in the ledger, as what comes from a socket is.
    ///
    /// # Errors
    ///
    /// [`PushError::NoTrack`], [`PushError::TooLong`]; [`PushError::Ended`] and [`PushError::Stopped`] when the stream
    /// is gone.
    pub fn push(&mut self, track: usize, packet: &[u8]) -> Result<(), PushError> {
        if track >= self.tracks {
            return Err(PushError::NoTrack(track));
        }
        if packet.len() > usize::from(u16::MAX) {
            return Err(PushError::TooLong(packet.len()));
        }
        let number = u8::try_from(track).map_err(|_| PushError::NoTrack(track))?;
        let kind = if rtp::is_rtcp(packet) { Kind::Rtcp } else { Kind::Rtp };
        self.outbox.check()?;
        self.outbox.add(&[packet], kind, number);
        if self.outbox.pending() >= BATCH {
            self.outbox.send()?;
        }
        Ok(())
    }

    /// Whether a key frame of a track is wished for: to be asked of whoever sends the packets (PLI,
    /// RFC 4585 §6.3.1). True once for each wish, and at most twice a second.
    pub fn key_frame_wanted(&self, track: usize) -> bool {
        self.outbox.key_frame_wanted(track)
    }

    /// Hands the batch to the engine, which sends it on at once.
    ///
    /// # Errors
    ///
    /// [`PushError::Ended`] and [`PushError::Stopped`] when the stream is gone; [`PushError::NoRoom`] when packets
    /// added since the last call found no buffer.
    pub fn flush(&mut self) -> Result<(), PushError> {
        self.outbox.flush()
    }
}
