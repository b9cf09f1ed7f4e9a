//! Readers: whole frames, or packets, for a program that shows, keeps or forwards them.

use std::ffi::{CString, c_char};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use rillcast::media::rtp;
use rillcast::relay::{FrameReader, Kind, Next, NextPackets, Packet, PacketReader, ReaderOptions};
use rillcast::ring::Wake;

use crate::args::{self, Out, OutSized, Versioned};
use crate::boundary::{guard, guard_done};
use crate::config::{rill_start, start_of};
use crate::engine::{Bell, rill_engine, running};
use crate::failure::Failure;
use crate::frame::{
    Framing, Home, RILL_FRAME_BEGIN, RILL_FRAME_DAMAGED, RILL_FRAME_END, RILL_FRAME_RTCP,
    rill_frame,
};
use crate::handle::{self, Table};
use crate::status::rill_status;
use crate::track::{Described, rill_track};

/// What a reader gives.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rill_format {
    /// Whole frames; H.264 with start codes (annex B).
    RILL_FORMAT_ANNEX_B = 0,
    /// Whole frames; H.264 with 4-byte lengths, as in MP4.
    RILL_FORMAT_AVCC = 1,
    /// RTP packets as they come, without waiting for the frame to be whole: of one track and one frame
    /// at a time. Sender reports are among them.
    RILL_FORMAT_RTP = 2,
}

/// How a reader reads. Fill it by rill_reader_config_init().
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rill_reader_config {
    /// Bytes of this struct, as the program was compiled; set by the init function.
    pub struct_size: usize,
    /// A number of rill_format.
    pub format: i32,
    /// Where it begins: a number of rill_start. From a key frame, frames before the first one are held
    /// back.
    pub start: i32,
    /// Index of the only track to be read; all of them when negative.
    pub track: i32,
    /// Frames that may be held at once, 1 to 4,096.
    pub max_frames: u32,
    /// How long rill_reader_new() waits for the stream to come, in ms: 0 does not wait. By default
    /// 10,000.
    pub wait_ms: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: numbers only, the first of which is its size.
unsafe impl Versioned for rill_reader_config {
    const FIRST: usize = 32;
}

impl Default for rill_reader_config {
    fn default() -> rill_reader_config {
        rill_reader_config {
            struct_size: size_of::<rill_reader_config>(),
            format: rill_format::RILL_FORMAT_ANNEX_B as i32,
            start: rill_start::RILL_START_KEY_FRAME as i32,
            track: -1,
            max_frames: 64,
            wait_ms: 10_000,
            reserved: 0,
        }
    }
}

/// Fills a reader's configuration with the defaults: all tracks, annex B, from the newest key frame on.
///
/// @param config  where they go
/// @param size    sizeof(rill_reader_config)
/// @return RILL_OK, or RILL_ERROR_ARGUMENT
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_reader_config_init(
    config: *mut rill_reader_config,
    size: usize,
) -> rill_status {
    // SAFETY: the caller's: writable for `size` bytes.
    guard_done(|| unsafe { OutSized::init(config, size, &rill_reader_config::default()) })
}

/// A reader of one stream: a handle, not to be followed.
///
/// For one thread at a time; which one may change. A reader that another thread is using answers
/// RILL_ERROR_BUSY. It never slows the engine or other readers down.
pub struct rill_reader {
    _private: (),
}

static READERS: Table<Reader> = Table::new(0x54, "reader");

/// Frames that a reader may be allowed to hold.
const MAX_FRAMES: u32 = 4096;
/// Packets handed over at once.
const RUN: usize = 64;
/// How long one wait may last, so that a waiting thread sees that the reader was freed.
const SLICE: Duration = Duration::from_millis(100);

struct Reader {
    source: Mutex<Reading>,
    bell: Arc<Bell>,
    home: Arc<Home>,
    freed: AtomicBool,
    tracks: Vec<Described>,
    sdp: CString,
}

enum Reading {
    Frames(Box<FrameReader>, Framing),
    Packets(Box<PacketReader>),
}

/// What one wait came to.
enum Found {
    Frame(rill_frame),
    Lagged(u64),
    TimedOut,
    Ended,
}

impl Reader {
    fn of(reader: *const rill_reader) -> Result<Arc<Reader>, Failure> {
        READERS.get(handle::number(reader))
    }

    fn lock(&self) -> Result<MutexGuard<'_, Reading>, Failure> {
        match self.source.try_lock() {
            Ok(guard) => Ok(guard),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => Err(Failure::busy("the reader")),
        }
    }

    fn find(&self, reading: &mut Reading, patience: Duration) -> Result<Found, Failure> {
        let claim = self.home.claim()?;
        match reading {
            Reading::Frames(reader, framing) => Ok(match reader.next(patience) {
                Next::Frame(frame) => {
                    let rate = self.tracks.get(frame.track).map_or(0, Described::clock_rate);
                    Found::Frame(claim.frame(frame, *framing, rate)?)
                }
                Next::Lagged(packets) => Found::Lagged(packets),
                Next::TimedOut => Found::TimedOut,
                Next::Ended => Found::Ended,
            }),
            Reading::Packets(reader) => {
                let mut packets = claim.list();
                Ok(match reader.next(patience, RUN, &mut packets) {
                    NextPackets::Packets(_) => {
                        let seen = self.describe(&packets);
                        Found::Frame(claim.packets(packets, seen)?)
                    }
                    NextPackets::Lagged(packets) => Found::Lagged(packets),
                    NextPackets::TimedOut => Found::TimedOut,
                    NextPackets::Ended => Found::Ended,
                })
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
    fn arm(&self, reading: &Reading) {
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

    fn next(&self, patience: Option<Duration>) -> Result<Found, Failure> {
        let mut reading = self.lock()?;
        let deadline = patience.and_then(|patience| Instant::now().checked_add(patience));
        let mut slice = patience.map_or(SLICE, |patience| patience.min(SLICE));
        loop {
            if self.freed.load(Ordering::Relaxed) {
                let text = "the reader was freed while it was waiting";
                return Err(Failure::new(rill_status::RILL_ERROR_HANDLE, text));
            }
            match self.find(&mut reading, slice)? {
                Found::TimedOut => {}
                found => return Ok(found),
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) || patience == Some(Duration::ZERO) {
                self.arm(&reading);
                return Ok(Found::TimedOut);
            }
            slice = left.unwrap_or(SLICE).min(SLICE);
        }
    }
}

/// Makes a reader of the stream at `path`; waits for the stream to come as long as `config` says.
/// Thread-safe.
///
/// @param engine  a running engine
/// @param path    the stream's path
/// @param config  how to read; NULL for the defaults
/// @param out     the reader; to be freed by rill_reader_free()
/// @return RILL_OK; RILL_ERROR_NO_STREAM when it did not come in time; RILL_ERROR_NO_TRACK;
///         RILL_ERROR_TOO_MANY when the stream has no place for another reader; RILL_ERROR_STOPPED
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_reader_new(
    engine: *mut rill_engine,
    path: *const c_char,
    config: *const rill_reader_config,
    out: *mut *mut rill_reader,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::claim(out, "out") }?;
        // SAFETY: the caller's.
        let path = unsafe { args::text(path, "path") }?;
        // SAFETY: the caller's.
        let config = unsafe { args::config(config, rill_reader_config::default(), "config") }?;
        let engine = running(engine)?;
        out.set(handle::pointer(READERS.insert(Arc::new(open(&engine, path, &config)?))?));
        Ok(())
    })
}

fn open(
    engine: &rillcast::engine::Engine,
    path: &str,
    config: &rill_reader_config,
) -> Result<Reader, Failure> {
    const ANNEX_B: i32 = rill_format::RILL_FORMAT_ANNEX_B as i32;
    const AVCC: i32 = rill_format::RILL_FORMAT_AVCC as i32;
    const RTP: i32 = rill_format::RILL_FORMAT_RTP as i32;
    if !(1..=MAX_FRAMES).contains(&config.max_frames) {
        let text = format!("config->max_frames is {}, not 1 to {MAX_FRAMES}", config.max_frames);
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
    let home = Arc::new(Home::new(config.max_frames as usize));
    let freed = AtomicBool::new(false);
    Ok(Reader { source: Mutex::new(reading), bell, home, freed, tracks, sdp })
}

/// Frees a reader. Frames that were read from it stay valid until they are released. Thread-safe: a
/// thread that waits in rill_reader_next() comes back within 100 ms, with RILL_ERROR_HANDLE.
///
/// @param reader  the reader; NULL does nothing
/// @return RILL_OK; RILL_ERROR_HANDLE when it was freed before
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_reader_free(reader: *mut rill_reader) -> rill_status {
    guard_done(|| {
        if reader.is_null() {
            return Ok(());
        }
        // Relaxed: it only ends a wait.
        READERS.remove(handle::number(reader))?.freed.store(true, Ordering::Relaxed);
        Ok(())
    })
}

/// The next frame, or run of packets. For one thread at a time.
///
/// @param timeout_ms  how long to wait, in ms; 0 does not wait, a negative number waits for ever
/// @param out         the frame; to be given back by rill_frame_release(). Not written but with RILL_OK,
///                    and with RILL_LAGGED, when `lost` is set and nothing has to be given back
/// @return RILL_OK; RILL_AGAIN when nothing came in time; RILL_LAGGED; RILL_END;
///         RILL_ERROR_FRAMES_HELD; RILL_ERROR_BUSY
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_reader_next(
    reader: *mut rill_reader,
    timeout_ms: i64,
    out: *mut rill_frame,
) -> rill_status {
    guard(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::claim(out, "out") }?;
        Ok(match Reader::of(reader)?.next(args::patience(timeout_ms))? {
            Found::Frame(frame) => {
                out.set(frame);
                rill_status::RILL_OK
            }
            Found::Lagged(packets) => {
                let lost = u32::try_from(packets).unwrap_or(u32::MAX);
                out.set(rill_frame { lost, ..rill_frame::EMPTY });
                rill_status::RILL_LAGGED
            }
            Found::TimedOut => rill_status::RILL_AGAIN,
            Found::Ended => rill_status::RILL_END,
        })
    })
}

/// A file descriptor that is readable while rill_reader_next() may have something, for epoll, poll or
/// any event loop: when it is, call that with no patience until it returns RILL_AGAIN. It stays readable
/// after the end. Do not read or close it: it is the reader's, and closed when that is freed. For one
/// thread at a time.
///
/// @param fd  the descriptor
/// @return RILL_OK; RILL_ERROR_SYSTEM when the process is out of descriptors; RILL_ERROR_BUSY
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_reader_fd(reader: *mut rill_reader, fd: *mut i32) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::claim(fd, "fd") }?;
        let reader = Reader::of(reader)?;
        let reading = reader.lock()?;
        let fd = reader.bell.open()?.as_raw_fd();
        reader.arm(&reading);
        out.set(fd);
        Ok(())
    })
}

/// Number of tracks of the stream. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_reader_track_count(
    reader: *const rill_reader,
    out: *mut usize,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::claim(out, "out") }?;
        out.set(Reader::of(reader)?.tracks.len());
        Ok(())
    })
}

/// What a track is, as the session description has it when the reader is made. Thread-safe.
///
/// @param track  its index, from 0
/// @param out    what it is; begin with rill_track_init()
/// @return RILL_OK; RILL_ERROR_NO_TRACK
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_reader_track(
    reader: *const rill_reader,
    track: usize,
    out: *mut rill_track,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { OutSized::claim(out, "out") }?;
        let reader = Reader::of(reader)?;
        out.set(&reader.tracks.get(track).ok_or_else(|| no_track(track))?.to_c());
        Ok(())
    })
}

/// Zeroes a track's struct and sets its size.
///
/// @param track  the struct
/// @param size   sizeof(rill_track)
/// @return RILL_OK, or RILL_ERROR_ARGUMENT
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_track_init(track: *mut rill_track, size: usize) -> rill_status {
    // SAFETY: the caller's: writable for `size` bytes.
    guard_done(|| unsafe { OutSized::init(track, size, &rill_track::EMPTY) })
}

/// The stream's session description (SDP), as it was when the reader was made. The text is valid until
/// the reader is freed. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_reader_sdp(
    reader: *const rill_reader,
    out: *mut *const c_char,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::claim(out, "out") }?;
        out.set(Reader::of(reader)?.sdp.as_ptr());
        Ok(())
    })
}

/// A moment on a track's own clock and on the wall clock of its source, by the newest sender report
/// (RFC 3550 section 6.4.1). It is what keeps sound and picture together: each track counts time from
/// an origin of its own. For one thread at a time.
///
/// @param track  its index
/// @param time   as rill_frame.time
/// @param ntp    the same moment as an NTP time: seconds since 1900, 32.32 bits
/// @return RILL_OK; RILL_AGAIN while no report or no frame has come; RILL_ERROR_NO_TRACK;
///         RILL_ERROR_UNSUPPORTED with RILL_FORMAT_RTP, where the reports are among the packets
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_reader_clock(
    reader: *mut rill_reader,
    track: usize,
    time: *mut i64,
    ntp: *mut u64,
) -> rill_status {
    guard(|| {
        // SAFETY: the caller's, both.
        let (time, ntp) = unsafe { (Out::claim(time, "time")?, Out::claim(ntp, "ntp")?) };
        let reader = Reader::of(reader)?;
        if track >= reader.tracks.len() {
            return Err(no_track(track));
        }
        let reading = reader.lock()?;
        let Reading::Frames(frames, _) = &*reading else {
            let text = "the reports are among the packets of a reader with RILL_FORMAT_RTP";
            return Err(Failure::new(rill_status::RILL_ERROR_UNSUPPORTED, text));
        };
        let Some(reference) = frames.reference(track) else { return Ok(rill_status::RILL_AGAIN) };
        time.set(reference.time);
        ntp.set(reference.ntp);
        Ok(rill_status::RILL_OK)
    })
}

pub(crate) fn no_track(track: usize) -> Failure {
    let text = format!("the stream has no track {track} (the first is 0)");
    Failure::new(rill_status::RILL_ERROR_NO_TRACK, text)
}
