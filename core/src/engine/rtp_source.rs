//! RTP that this process has received, or made, by itself.

use std::fmt;
use std::sync::Arc;

use crate::media::{rtp, sdp};
use crate::relay::Kind;

use super::asking::KeyFrameWishes;
use super::command::{Command, Commands, StreamId};
use super::error::Error;
use super::source::{Buffers, Closed};

/// Packets that are gathered at most before they are handed over.
const BATCH: usize = 256;

/// Feeds a stream with RTP packets: for a program that has sockets of its own, and for tests.
/// Dropping it ends the stream.
///
/// A packet is copied once, into a buffer of the stream, as the kernel would do it; nothing is
/// allocated per packet in the steady state. A call waits when the engine is more than a thousand
/// batches behind.
pub struct RtpSource {
    commands: Commands,
    stream: StreamId,
    wishes: Arc<KeyFrameWishes>,
    tracks: usize,
    buffers: Buffers,
}

/// Why a packet was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushError {
    /// The session description has fewer tracks.
    NoTrack(usize),
    /// More bytes than an RTP packet can have on any transport.
    TooLong(usize),
    /// The stream is gone.
    Closed,
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PushError::NoTrack(track) => {
                write!(f, "the stream has no track {track} (the first is 0)")
            }
            PushError::TooLong(length) => {
                write!(f, "a packet of {length} bytes is longer than any RTP packet")
            }
            PushError::Closed => Closed.fmt(f),
        }
    }
}

impl std::error::Error for PushError {}

impl From<Closed> for PushError {
    fn from(_: Closed) -> PushError {
        PushError::Closed
    }
}

impl RtpSource {
    pub(super) fn new(
        commands: Commands,
        path: String,
        session: sdp::Session,
    ) -> Result<RtpSource, Error> {
        let tracks = session.media.len();
        let wishes = Arc::new(KeyFrameWishes::new(tracks));
        let told = wishes.clone();
        let stream =
            commands.ask(|reply| Command::Source { path, session, wishes: told, reply })?;
        Ok(RtpSource { commands, stream, wishes, tracks, buffers: Buffers::new() })
    }

    /// Adds a packet of a track to the batch: RTP, or RTCP, told apart by their second byte (RFC 5761).
    /// Nothing is sent before [`flush`](RtpSource::flush), but when the batch is large.
    ///
    /// What is not RTP by its header is counted in the ledger, as what comes from a socket is.
    ///
    /// # Errors
    ///
    /// When the packet cannot be added.
    pub fn push(&mut self, track: usize, packet: &[u8]) -> Result<(), PushError> {
        if track >= self.tracks {
            return Err(PushError::NoTrack(track));
        }
        if packet.len() > usize::from(u16::MAX) {
            return Err(PushError::TooLong(packet.len()));
        }
        let number = u8::try_from(track).map_err(|_| PushError::NoTrack(track))?;
        let kind = if rtp::is_rtcp(packet) { Kind::Rtcp } else { Kind::Rtp };
        self.buffers.add(&[packet], kind, number);
        if self.buffers.pending() >= BATCH {
            self.flush()?;
        }
        Ok(())
    }

    /// Whether a key frame of a track is wished for: to be asked of whoever sends the packets (PLI,
    /// RFC 4585 §6.3.1). True once for each wish, and at most twice a second.
    pub fn key_frame_wanted(&self, track: usize) -> bool {
        self.wishes.take(track)
    }

    /// Hands the batch to the engine, which sends it on at once.
    ///
    /// # Errors
    ///
    /// [`PushError::Closed`] when the engine has stopped.
    pub fn flush(&mut self) -> Result<(), PushError> {
        Ok(self.buffers.hand_over(&self.commands, self.stream)?)
    }
}

impl Drop for RtpSource {
    fn drop(&mut self) {
        // Both fail only when the engine has stopped, and has ended the stream with it.
        let _ = self.flush();
        let _ = self.commands.send(Command::EndSource(self.stream));
    }
}
