//! Media made in this process: packetised here, relayed like any other stream.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, SystemTime};

use crate::media::{aac, h264, rtcp, rtp, sdp};
use crate::relay::{CNAME, Kind, PREFIX, Packet, canonical_channel, prefix};
use crate::ring::{Filling, Pool};

use super::asking::KeyFrameWishes;
use super::command::{Command, Commands, StreamId};
use super::error::Error;

/// Buffers of a source: 32 MiB, of which the stream's history takes what it needs.
const CHUNKS: usize = 128;
/// Lists of packets that wait to be filled again, at most.
const SPARE: usize = 16;
/// Bytes of an RTP payload: with its header 1,212, which passes every path of today.
const MAX_PAYLOAD: usize = 1200;
/// How often a track sends a sender report.
const REPORTS: Duration = Duration::from_secs(1);

/// The stream is gone: the engine has stopped or ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stream that the source fed is gone")
    }
}

impl std::error::Error for Closed {}

/// Feeds a stream with H.264 access units and AAC frames. Dropping it ends the stream.
///
/// Times are positions in the stream, the same clock for all tracks; the first unit's need not be 0.
/// A call waits when the engine is more than a thousand units behind.
pub struct Source {
    commands: Commands,
    stream: StreamId,
    wishes: Arc<KeyFrameWishes>,
    tracks: Vec<Track>,
    buffers: Buffers,
    /// NTP time of stream time 0, fixed by the first unit.
    epoch: Option<SystemTime>,
}

struct Track {
    packetizer: Packetizer,
    clock: Clock,
    count: Count,
}

/// How stream time becomes RTP time.
struct Clock {
    rate: u32,
    /// RTP timestamp of stream time 0.
    base: u32,
    ssrc: u32,
    next_report: Duration,
}

/// What a sender report says was sent.
#[derive(Default)]
struct Count {
    packets: u32,
    octets: u32,
}

enum Packetizer {
    H264(h264::Packetizer),
    Aac(aac::Packetizer),
}

/// Packets under construction, in buffers that the ring will refer to.
pub(super) struct Buffers {
    pool: Pool,
    filling: Option<Filling>,
    packets: Vec<Packet>,
    dropped: u64,
    /// Lists that the engine is done with come back this way, to be filled again.
    spare: (SyncSender<Vec<Packet>>, Receiver<Vec<Packet>>),
}

impl Buffers {
    pub(super) fn new() -> Buffers {
        Buffers {
            pool: Pool::new(Pool::CHUNK_SIZE, CHUNKS),
            filling: None,
            packets: Vec::new(),
            dropped: 0,
            spare: sync_channel(SPARE),
        }
    }

    /// Packets that were added and not handed over.
    pub(super) fn pending(&self) -> usize {
        self.packets.len()
    }

    /// Hands what was added to the engine.
    pub(super) fn hand_over(
        &mut self,
        commands: &Commands,
        stream: StreamId,
    ) -> Result<(), Closed> {
        if self.packets.is_empty() && self.dropped == 0 {
            return Ok(());
        }
        let fresh = self.spare.1.try_recv().unwrap_or_default();
        let packets = std::mem::replace(&mut self.packets, fresh);
        let dropped = std::mem::take(&mut self.dropped);
        let spare = self.spare.0.clone();
        commands.send(Command::Feed { stream, packets, dropped, spare }).map_err(|_| Closed)
    }

    /// Gathers one packet behind its interleaved header.
    pub(super) fn add(&mut self, gather: &[&[u8]], kind: Kind, track: u8) -> usize {
        let length: usize = gather.iter().map(|part| part.len()).sum();
        if self.filling.as_ref().is_none_or(|filling| filling.remaining() < PREFIX + length) {
            self.filling = self.pool.take();
        }
        match self.write(gather, length, kind, track) {
            Some(packet) => self.packets.push(packet),
            None => self.dropped += 1,
        }
        length
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
}

impl Source {
    pub(super) fn new(
        commands: Commands,
        path: String,
        session: sdp::Session,
    ) -> Result<Source, Error> {
        let tracks: Vec<Track> = session.media.iter().map(Track::new).collect::<Result<_, _>>()?;
        let wishes = Arc::new(KeyFrameWishes::new(tracks.len()));
        let told = wishes.clone();
        let stream =
            commands.ask(|reply| Command::Source { path, session, wishes: told, reply })?;
        Ok(Source { commands, stream, wishes, tracks, buffers: Buffers::new(), epoch: None })
    }

    /// Sends one H.264 access unit: its NAL units without start codes, in decoding order, to be
    /// shown at `time`.
    ///
    /// # Errors
    ///
    /// [`Closed`] when the stream is gone. A track that is not there or not H.264 takes nothing.
    pub fn write_h264(
        &mut self,
        track: usize,
        nals: &[&[u8]],
        time: Duration,
    ) -> Result<(), Closed> {
        self.report_if_due(track, time);
        let buffers = &mut self.buffers;
        if let Some(Track { packetizer: Packetizer::H264(packetizer), clock, count }) =
            self.tracks.get_mut(track)
        {
            packetizer.packetize(nals, clock.timestamp(time), |gather| {
                count.add(buffers.add(gather, Kind::Rtp, number(track)));
            });
        }
        self.hand_over()
    }

    /// Sends one AAC access unit (without ADTS header) that begins at `time`. One that RTP cannot
    /// carry (empty, or over 8,191 bytes) is counted as dropped.
    ///
    /// # Errors
    ///
    /// [`Closed`] when the stream is gone. A track that is not there or not AAC takes nothing.
    pub fn write_aac(&mut self, track: usize, unit: &[u8], time: Duration) -> Result<(), Closed> {
        self.report_if_due(track, time);
        let buffers = &mut self.buffers;
        if let Some(Track { packetizer: Packetizer::Aac(packetizer), clock, count }) =
            self.tracks.get_mut(track)
        {
            let made = packetizer.packetize(&[unit], clock.timestamp(time), 0, |gather| {
                count.add(buffers.add(gather, Kind::Rtp, number(track)));
            });
            if made.is_err() {
                buffers.dropped += 1;
            }
        }
        self.hand_over()
    }

    /// Whether a key frame of a track is wished for, by a player that has lost something or has to wait
    /// for one: then the next access unit should be one, if the encoder can be told so. True once for
    /// each wish, and at most twice a second.
    pub fn key_frame_wanted(&self, track: usize) -> bool {
        self.wishes.take(track)
    }

    /// Puts a sender report in front of what follows, when one is due.
    fn report_if_due(&mut self, track: usize, time: Duration) {
        let epoch = *self.epoch.get_or_insert_with(|| {
            let now = SystemTime::now();
            now.checked_sub(time).unwrap_or(now)
        });
        let Some(Track { clock, count, .. }) = self.tracks.get_mut(track) else { return };
        if time < clock.next_report {
            return;
        }
        clock.next_report = time + REPORTS;
        let report = rtcp::SenderReport {
            ssrc: clock.ssrc,
            ntp: rtcp::ntp::from_system_time(epoch + time),
            rtp: clock.timestamp(time),
            packets: count.packets,
            octets: count.octets,
        };
        let compound = rtcp::sender_report(&report, &[], CNAME);
        self.buffers.add(&[&compound], Kind::Rtcp, number(track));
    }

    /// Hands what was packetised to the engine.
    fn hand_over(&mut self) -> Result<(), Closed> {
        self.buffers.hand_over(&self.commands, self.stream)
    }
}

impl Track {
    fn new(media: &sdp::Media) -> Result<Track, Error> {
        let unfit = |what: &str| Error::Session(format!("{what} cannot be packetised here"));
        let random = super::random::seed()
            .map_err(|source| Error::Io { doing: "choose a random SSRC", source })?;
        let [a, b, c, d, e, f, g, h, i, j, ..] = random;
        let ssrc = u32::from_be_bytes([a, b, c, d]);
        let base = u32::from_be_bytes([e, f, g, h]);
        // RFC 3550 §5.1: random first values make known-plaintext attacks harder.
        let sequence = u16::from_be_bytes([i, j]);
        let format = &media.format;
        let kind = format.payload_type;
        let packetizer = if format.is("H264") {
            Packetizer::H264(h264::Packetizer::new(kind, ssrc, sequence, MAX_PAYLOAD))
        } else if format.is("MPEG4-GENERIC") {
            let mode = aac::Mode::HighBitRate;
            Packetizer::Aac(aac::Packetizer::new(mode, kind, ssrc, sequence, MAX_PAYLOAD))
        } else {
            return Err(unfit(&format.encoding));
        };
        let next_report = Duration::ZERO;
        let clock = Clock { rate: format.clock_rate, base, ssrc, next_report };
        Ok(Track { packetizer, clock, count: Count::default() })
    }
}

impl Clock {
    fn timestamp(&self, time: Duration) -> u32 {
        let ticks = time.as_nanos() * u128::from(self.rate) / 1_000_000_000;
        // RTP timestamps wrap (RFC 3550 §5.1).
        self.base.wrapping_add(ticks as u32)
    }
}

impl Count {
    fn add(&mut self, bytes: usize) {
        self.packets = self.packets.wrapping_add(1);
        let payload = bytes.saturating_sub(rtp::HEADER_LEN);
        self.octets = self.octets.wrapping_add(payload as u32);
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        // An engine that has stopped has ended the stream already.
        let _ = self.commands.send(Command::EndSource(self.stream));
    }
}

fn number(track: usize) -> u8 {
    u8::try_from(track).unwrap_or(u8::MAX)
}
