//! Media made in this process: packetised here, relayed like any other stream.

use std::time::{Duration, SystemTime};

use crate::media::{aac, h264, rtcp, rtp, sdp};
use crate::relay::{CNAME, Kind};

use super::command::Commands;
use super::error::Error;
use super::outbox::{Outbox, PushError};

/// Bytes of an RTP payload: with its header 1,212, which passes every path of today.
const MAX_PAYLOAD: usize = 1200;
/// How often a track sends a sender report.
const REPORTS: Duration = Duration::from_secs(1);

/// Feeds a stream with H.264 access units and AAC frames. Dropping it ends the stream.
///
/// Times are positions in the stream, the same clock for all tracks; the first unit's need not be 0.
/// A call waits when the engine is more than a thousand units behind.
pub struct Source {
    tracks: Vec<Track>,
    outbox: Outbox,
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

impl Source {
    pub(super) fn new(
        commands: Commands,
        path: String,
        session: sdp::Session,
    ) -> Result<Source, Error> {
        let tracks: Vec<Track> = session.media.iter().map(Track::new).collect::<Result<_, _>>()?;
        let outbox = Outbox::open(commands, path, session)?;
        Ok(Source { tracks, outbox, epoch: None })
    }

    /// Sends one H.264 access unit: its NAL units without start codes, in decoding order, to be
    /// shown at `time`.
    ///
    /// # Errors
    ///
    /// [`PushError::Ended`] and [`PushError::Stopped`] when the stream is gone, [`PushError::NoRoom`] when packets
    /// of it found no buffer: then the next unit should be a key frame. A track that is not there or not H.264 takes nothing.
    pub fn write_h264(
        &mut self,
        track: usize,
        nals: &[&[u8]],
        time: Duration,
    ) -> Result<(), PushError> {
        self.outbox.check()?;
        self.report_if_due(track, time);
        let outbox = &mut self.outbox;
        if let Some(Track { packetizer: Packetizer::H264(packetizer), clock, count }) =
            self.tracks.get_mut(track)
        {
            packetizer.packetize(nals, clock.timestamp(time), |gather| {
                count.add(outbox.add(gather, Kind::Rtp, number(track)));
            });
        }
        self.outbox.flush()
    }

    /// Sends one AAC access unit (without ADTS header) that begins at `time`. One that RTP cannot
    /// carry (empty, or over 8,191 bytes) is counted as dropped.
    ///
    /// # Errors
    ///
    /// [`PushError::Ended`] and [`PushError::Stopped`] when the stream is gone, [`PushError::NoRoom`] when packets
    /// of it found no buffer: then the next unit should be a key frame. A track that is not there or not AAC takes nothing.
    pub fn write_aac(
        &mut self,
        track: usize,
        unit: &[u8],
        time: Duration,
    ) -> Result<(), PushError> {
        self.outbox.check()?;
        self.report_if_due(track, time);
        let outbox = &mut self.outbox;
        if let Some(Track { packetizer: Packetizer::Aac(packetizer), clock, count }) =
            self.tracks.get_mut(track)
        {
            let made = packetizer.packetize(&[unit], clock.timestamp(time), 0, |gather| {
                count.add(outbox.add(gather, Kind::Rtp, number(track)));
            });
            if made.is_err() {
                outbox.count_drop();
            }
        }
        self.outbox.flush()
    }

    /// Whether a key frame of a track is wished for, by a player that has lost something or has to wait
    /// for one: then the next access unit should be one, if the encoder can be told so. True once for
    /// each wish, and at most twice a second.
    pub fn key_frame_wanted(&self, track: usize) -> bool {
        self.outbox.key_frame_wanted(track)
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
        self.outbox.add(&[&compound], Kind::Rtcp, number(track));
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

fn number(track: usize) -> u8 {
    u8::try_from(track).unwrap_or(u8::MAX)
}
