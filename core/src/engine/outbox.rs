//! The way of packets from a source in this process to the engine.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use crate::media::sdp;
use crate::relay::{Kind, PREFIX, Packet, canonical_channel, prefix};
use crate::ring::Filling;

use super::command::{Command, Commands, StreamId};
use super::error::Error;
use super::supply::Supply;

/// Lists of packets that wait to be filled again, at most.
const SPARE: usize = 16;

/// Why a source did not take all that it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PushError {
    /// The session description has fewer tracks.
    NoTrack(usize),
    /// More bytes than an RTP packet can have on any transport.
    TooLong(usize),
    /// So many packets found no buffer, were dropped, and are counted
    /// ([`Cause::PoolSpent`](crate::stats::Cause::PoolSpent)): readers, or receivers that are behind, hold all
    /// buffers that the engine allows the source. The next call may succeed.
    NoRoom(u64),
    /// The stream was ended, by [`Engine::end`](super::Engine::end) say.
    Ended,
    /// The engine has stopped.
    Stopped,
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
            PushError::NoRoom(packets) => write!(
                f,
                "{packets} packets were dropped: readers or slow receivers hold all buffers of the source"
            ),
            PushError::Ended => f.write_str("the stream that the source fed has ended"),
            PushError::Stopped => Error::Stopped.fmt(f),
        }
    }
}

impl std::error::Error for PushError {}

/// Packets under construction, in buffers that the ring will refer to.
pub(super) struct Outbox {
    commands: Commands,
    stream: StreamId,
    supply: Arc<Supply>,
    filling: Option<Filling>,
    packets: Vec<Packet>,
    /// Packets to be counted as dropped.
    dropped: u64,
    /// Packets that found no buffer since the last [`flush`](Outbox::flush).
    refused: u64,
    /// Lists that the engine is done with come back this way, to be filled again.
    spare: (SyncSender<Vec<Packet>>, Receiver<Vec<Packet>>),
}

impl Outbox {
    /// Makes the stream at `path`.
    pub(super) fn open(
        commands: Commands,
        path: String,
        session: sdp::Session,
    ) -> Result<Outbox, Error> {
        let supply = Arc::new(Supply::new(session.media.len()));
        let shared = supply.clone();
        let stream =
            commands.ask(|reply| Command::Source { path, session, supply: shared, reply })?;
        Ok(Outbox {
            commands,
            stream,
            supply,
            filling: None,
            packets: Vec::new(),
            dropped: 0,
            refused: 0,
            spare: sync_channel(SPARE),
        })
    }

    /// An error when the stream is over; then nothing is kept for it.
    pub(super) fn check(&mut self) -> Result<(), PushError> {
        self.supply.check().inspect_err(|_| {
            self.filling = None;
            self.packets = Vec::new();
        })
    }

    /// Whether a key frame of a track is wished for; true once for each wish.
    pub(super) fn key_frame_wanted(&self, track: usize) -> bool {
        self.supply.wishes.take(track)
    }

    /// Packets that were added and not handed over.
    pub(super) fn pending(&self) -> usize {
        self.packets.len()
    }

    /// Counts a packet that could not be made.
    pub(super) fn count_drop(&mut self) {
        self.dropped += 1;
    }

    /// Gathers one packet behind its interleaved header; returns its length.
    pub(super) fn add(&mut self, gather: &[&[u8]], kind: Kind, track: u8) -> usize {
        let length: usize = gather.iter().map(|part| part.len()).sum();
        if self.filling.as_ref().is_none_or(|filling| filling.remaining() < PREFIX + length) {
            self.filling = None;
            self.filling = self.refill();
        }
        match self.write(gather, length, kind, track) {
            Some(packet) => self.packets.push(packet),
            None => {
                self.dropped += 1;
                self.refused += 1;
            }
        }
        length
    }

    /// A buffer: when there is none, the stream gives up its oldest packets for one.
    fn refill(&mut self) -> Option<Filling> {
        // One that was not to be had is not asked for again before the next flush.
        if self.refused > 0 {
            return None;
        }
        self.supply.take().or_else(|| {
            // What is gathered can be given up only when the engine has it.
            self.send().ok()?;
            let stream = self.stream;
            self.commands.ask(|reply| Command::Room { stream, reply }).ok().flatten()
        })
    }

    fn write(&mut self, gather: &[&[u8]], length: usize, kind: Kind, track: u8) -> Option<Packet> {
        let filling = self.filling.as_mut()?;
        let room = filling.unfilled().get_mut(..PREFIX + length)?;
        let (head, mut rest) = room.split_at_mut_checked(PREFIX)?;
        head.copy_from_slice(&prefix(canonical_channel(track, kind), length));
        for part in gather {
            let (here, behind) = rest.split_at_mut_checked(part.len())?;
            here.copy_from_slice(part);
            rest = behind;
        }
        filling.advance(PREFIX + length);
        let framed = filling.split(PREFIX + length)?;
        // The engine's clock is not this thread's: the engine stamps what it takes in.
        Packet::framed(framed, kind, track, Duration::ZERO)
    }

    /// Hands what was added to the engine.
    pub(super) fn send(&mut self) -> Result<(), PushError> {
        self.check()?;
        if self.packets.is_empty() && self.dropped == 0 {
            return Ok(());
        }
        let fresh = self.spare.1.try_recv().unwrap_or_default();
        let packets = std::mem::replace(&mut self.packets, fresh);
        let dropped = std::mem::take(&mut self.dropped);
        let (stream, spare) = (self.stream, self.spare.0.clone());
        let feed = Command::Feed { stream, packets, dropped, spare };
        self.commands.send(feed).map_err(|_| PushError::Stopped)
    }

    /// As [`send`](Outbox::send), and tells of what found no buffer since the last time.
    pub(super) fn flush(&mut self) -> Result<(), PushError> {
        let sent = self.send();
        let refused = std::mem::take(&mut self.refused);
        sent?;
        match refused {
            0 => Ok(()),
            packets => Err(PushError::NoRoom(packets)),
        }
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        // Both fail only when the stream is over already.
        let _ = self.send();
        let _ = self.commands.send(Command::EndSource(self.stream));
    }
}
