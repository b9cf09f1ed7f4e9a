//! What lies behind a reader's handle: one thread at a time takes from it, any may free it.

use std::ffi::CString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rillcast::media::rtp;
use rillcast::relay::{FrameReader, Kind, Next, NextPackets, Packet, PacketReader, ReaderOptions};
use rillcast::ring::Wake;

use crate::args::{self, Out};
use crate::config::start_of;
use crate::engine::Bell;
use crate::failure::Failure;
use crate::frame::{
    Framing, Lender, RILL_FRAME_BEGIN, RILL_FRAME_DAMAGED, RILL_FRAME_END, RILL_FRAME_RTCP,
    rill_frame,
};
use crate::handle;
use crate::slot::{Lent, Slots, Sole, Tenant, Vacancy};
use crate::status::rill_status;
use crate::track::Described;

use super::rill_reader;
use super::settings::{rill_format, rill_reader_config};

static READERS: Slots<Seat> = Slots::new(0x54, "reader");

/// Frames that a reader may be allowed to hold.
const MAX_FRAMES: u32 = 4096;
/// Packets handed over at once.
const RUN: usize = 64;
/// How long one wait may last, so that a waiting thread sees that the reader was freed.
const SLICE: Duration = Duration::from_millis(100);

/// Where a reader is while C has a handle of it, or a call uses it.
#[derive(Default)]
struct Seat(Option<Reader>);

impl Tenant for Seat {
    type Own = Option<Desk>;

    fn slots() -> &'static Slots<Seat> {
        &READERS
    }

    fn leave(vacancy: Vacancy<Seat>) {
        drop(vacancy);
    }
}

/// What any thread may look at of a reader.
pub(super) struct Reader {
    pub(super) bell: Arc<Bell>,
    pub(super) freed: AtomicBool,
    pub(super) tracks: Vec<Described>,
    pub(super) sdp: CString,
}

/// What one thread at a time works with.
pub(super) struct Desk {
    pub(super) reading: Reading,
    pub(super) lender: Lender,
}

pub(super) enum Reading {
    Frames(Box<FrameReader>, Framing),
    Packets(Box<PacketReader>),
}

/// What one wait came to.
pub(super) enum Found {
    /// A frame was lent out.
    Frame,
    Lagged(u64),
    TimedOut,
    Ended,
}

impl Reader {
    /// A handle of a new one, for C. Waits for the stream to come as long as `config` says.
    pub(super) fn open(
        engine: &rillcast::engine::Engine,
        path: &str,
        config: &rill_reader_config,
    ) -> Result<u64, Failure> {
        const ANNEX_B: i32 = rill_format::RILL_FORMAT_ANNEX_B as i32;
        const AVCC: i32 = rill_format::RILL_FORMAT_AVCC as i32;
        const RTP: i32 = rill_format::RILL_FORMAT_RTP as i32;
        if !(1..=MAX_FRAMES).contains(&config.max_frames) {
            let text =
                format!("config->max_frames is {}, not 1 to {MAX_FRAMES}", config.max_frames);
            return Err(Failure::argument(text));
        }
        let start = start_of(config.start, "config->start")?;
        let bell = Arc::new(Bell::default());
        let options = ReaderOptions {
            start,
            track: usize::try_from(config.track).ok(),
            from_key: start == rillcast::relay::Start::KeyFrame,
            wake: bell.clone(),
        };
        let patience = Duration::from_millis(config.wait_ms.into());
        let frames = |framing, options| {
            let reader = engine.reader_with(path, patience, options)?;
            Ok::<_, Failure>(Reading::Frames(Box::new(reader), framing))
        };
        let reading = match config.format {
            ANNEX_B => frames(Framing::AnnexB, options)?,
            AVCC => frames(Framing::Avcc, options)?,
            RTP => {
                let reader = engine.packet_reader(path, patience, options)?;
                Reading::Packets(Box::new(reader))
            }
            other => {
                let text = format!("config->format is {other}, which is no rill_format");
                return Err(Failure::argument(text));
            }
        };
        let (session, framing) = match &reading {
            Reading::Frames(reader, framing) => (reader.session(), *framing),
            Reading::Packets(reader) => (reader.session(), Framing::AnnexB),
        };
        let tracks = session.media.iter().map(|media| Described::new(media, framing)).collect();
        let sdp = CString::new(session.to_string()).unwrap_or_default();
        let freed = AtomicBool::new(false);
        let mut vacancy = Vacancy::<Seat>::any()?;
        vacancy.body().0 = Some(Reader { bell, freed, tracks, sdp });
        *vacancy.own() = Some(Desk { reading, lender: Lender::new(config.max_frames) });
        Ok(vacancy.lend())
    }

    /// The handle means nothing from now on; whoever waits with the reader comes back soon.
    pub(super) fn take_back(reader: *const rill_reader) -> Result<(), Failure> {
        let seat = Lent::<Seat>::take_back(handle::number(reader))?;
        if let Seat(Some(reader)) = &*seat {
            // Relaxed: it only ends a wait.
            reader.freed.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Does something with the reader of a handle, which stays until that is done.
    pub(super) fn with<T>(
        reader: *const rill_reader,
        work: impl FnOnce(&Reader) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        match &*Lent::<Seat>::of(handle::number(reader))? {
            Seat(Some(reader)) => work(reader),
            Seat(None) => Err(Reader::absent()),
        }
    }

    /// Works with the reader of a handle; RILL_ERROR_BUSY while another thread does.
    #[inline]
    pub(super) fn at_desk<T>(
        reader: *const rill_reader,
        work: impl FnOnce(&Reader, &mut Desk) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        match Sole::<Seat>::of(handle::number(reader))?.parts() {
            (Seat(Some(reader)), Some(desk)) => work(reader, desk),
            _ => Err(Reader::absent()),
        }
    }

    /// Cannot be: none is lent without a reader.
    #[cold]
    fn absent() -> Failure {
        Failure::new(rill_status::RILL_ERROR_HANDLE, "there is no reader")
    }

    #[inline]
    fn find(
        &self,
        desk: &mut Desk,
        patience: impl Fn() -> Duration,
        out: &Out<rill_frame>,
    ) -> Result<Found, Failure> {
        let mut claim = desk.lender.claim()?;
        match &mut desk.reading {
            Reading::Frames(reader, framing) => {
                claim.recycle(reader);
                let found = match reader
                    .next_ready()
                    .map_or_else(|| reader.next(patience()), Next::Frame)
                {
                    Next::Frame(frame) => {
                        let rate = self.tracks.get(frame.track).map_or(0, Described::clock_rate);
                        claim.frame(frame, *framing, rate, out);
                        return Ok(Found::Frame);
                    }
                    Next::Lagged(packets) => Found::Lagged(packets),
                    Next::TimedOut => Found::TimedOut,
                    Next::Ended => Found::Ended,
                };
                claim.put_back();
                Ok(found)
            }
            Reading::Packets(reader) => {
                let mut packets = claim.list();
                let found = match reader.next(patience(), RUN, &mut packets) {
                    NextPackets::Packets(_) => {
                        let seen = self.describe(&packets);
                        claim.packets(packets, seen, out);
                        return Ok(Found::Frame);
                    }
                    NextPackets::Lagged(packets) => Found::Lagged(packets),
                    NextPackets::TimedOut => Found::TimedOut,
                    NextPackets::Ended => Found::Ended,
                };
                claim.put_back_with(packets);
                Ok(found)
            }
        }
    }

    fn describe(&self, packets: &[Packet]) -> rill_frame {
        let (Some(first), Some(last)) = (packets.first(), packets.last()) else {
            return rill_frame::EMPTY;
        };
        let media = first.kind == Kind::Rtp;
        let header = rtp::parse(first.data()).ok().filter(|_| media);
        let flag = |set: bool, flag: u32| if set { flag } else { 0 };
        let track = usize::from(first.track);
        rill_frame {
            time: header.map_or(0, |header| header.timestamp.into()),
            arrival_ns: u64::try_from(last.arrival.as_nanos()).unwrap_or(u64::MAX),
            clock_rate: self.tracks.get(track).map_or(0, Described::clock_rate),
            track: first.track.into(),
            flags: flag(first.start, RILL_FRAME_BEGIN)
                | flag(last.end, RILL_FRAME_END)
                | flag(!media, RILL_FRAME_RTCP)
                | flag(packets.iter().any(|packet| packet.gap), RILL_FRAME_DAMAGED),
            ..rill_frame::EMPTY
        }
    }

    /// Makes the descriptor readable for what comes next, after nothing was found.
    pub(super) fn arm(&self, reading: &Reading) {
        let Some(fd) = self.bell.fd() else { return };
        fd.reset();
        let parked = match reading {
            Reading::Frames(reader, _) => reader.park(),
            Reading::Packets(reader) => reader.park(),
        };
        if !parked {
            fd.wake();
        }
    }

    /// Lends the next frame out, to `out`.
    #[inline]
    pub(super) fn next(
        &self,
        desk: &mut Desk,
        timeout_ms: i64,
        out: &Out<rill_frame>,
    ) -> Result<Found, Failure> {
        let first = || args::patience(timeout_ms).map_or(SLICE, |patience| patience.min(SLICE));
        match self.find(desk, first, out)? {
            Found::TimedOut => self.wait(desk, args::patience(timeout_ms), out),
            found => Ok(found),
        }
    }

    /// Goes on waiting after the first slice.
    #[cold]
    fn wait(
        &self,
        desk: &mut Desk,
        patience: Option<Duration>,
        out: &Out<rill_frame>,
    ) -> Result<Found, Failure> {
        // The clock is not looked at before the first slice is over: so long it has been waited then.
        let mut left = patience.map(|patience| patience.saturating_sub(SLICE));
        let deadline = match left {
            Some(left) if !left.is_zero() => Instant::now().checked_add(left),
            _ => None,
        };
        loop {
            if left.is_some_and(|left| left.is_zero()) {
                self.arm(&desk.reading);
                return Ok(Found::TimedOut);
            }
            if self.freed.load(Ordering::Relaxed) {
                let text = "the reader was freed while it was waiting";
                return Err(Failure::new(rill_status::RILL_ERROR_HANDLE, text));
            }
            match self.find(desk, || left.unwrap_or(SLICE).min(SLICE), out)? {
                Found::TimedOut => {}
                found => return Ok(found),
            }
            left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        }
    }
}
