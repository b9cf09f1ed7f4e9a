//! What the engine counts.

use std::ffi::{CStr, c_char};

use rillcast::engine::{Figures, StreamFigures};
use rillcast::relay::{ChildFigures, TrackFigures};
use rillcast::stats::Cause;

use crate::args::{self, Out, OutSized, Versioned};
use crate::boundary::guard_done;
use crate::engine::{rill_engine, running};
use crate::failure::Failure;
use crate::status::rill_status;

/// Causes that rill_stream_figures.dropped has room for.
pub const RILL_CAUSES: usize = 16;

/// Figures of an engine. Begin with rill_engine_figures_init().
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rill_engine_figures {
    /// Bytes of this struct, as the program was compiled; set by the init function.
    pub struct_size: usize,
    /// Name of the I/O backend.
    pub backend: [c_char; 32],
    /// Whether runs of packets go out by segmentation offload (GSO), or why not.
    pub gso: [c_char; 128],
    /// RTSP connections open now.
    pub connections: u64,
    /// Streams, those that ended lately not included.
    pub streams: u64,
    /// Processor time that the engine has used so far, on all its threads, in ns.
    pub cpu_ns: u64,
    /// Why it is this backend, in words.
    pub backend_reason: [c_char; 256],
}

/// Figures of a stream, in packets (RTP and RTCP alike). received = published + consumed + all that is
/// dropped, at all times. Begin with rill_stream_figures_init().
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rill_stream_figures {
    /// Bytes of this struct, as the program was compiled; set by the init function.
    pub struct_size: usize,
    /// Its path, cut off when it is longer.
    pub path: [c_char; 256],
    /// Where it comes from.
    pub from: [c_char; 256],
    /// Packets that came in, those that the kernel dropped included.
    pub received: u64,
    /// Packets that were passed on.
    pub published: u64,
    /// RTCP packets that ended here as they should.
    pub consumed: u64,
    /// Packets dropped, by cause; rill_cause_name() names the causes.
    pub dropped: [u64; RILL_CAUSES],
    /// Tracks.
    pub tracks: u64,
    /// Children now.
    pub children: u64,
    /// Packets that children had been sent when they left.
    pub sent_to_former_children: u64,
    /// Packets that children had lost when they left: too slow, or refused by the kernel.
    pub lost_by_former_children: u64,
}

/// Figures of a track. Begin with rill_track_figures_init().
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rill_track_figures {
    /// Bytes of this struct, as the program was compiled; set by the init function.
    pub struct_size: usize,
    /// Name of the encoding, as in `a=rtpmap`.
    pub codec: [c_char; 32],
    /// Ticks of an RTP timestamp in a second.
    pub clock_rate: u32,
    /// Synchronisation source; 0 before the first packet.
    pub ssrc: u32,
    /// RTP packets that were accepted.
    pub packets: u64,
    /// Their bytes, headers included.
    pub bytes: u64,
    /// Frames begun.
    pub frames: u64,
    /// Frames at which a decoder can begin.
    pub key_frames: u64,
    /// Sequence numbers that never came.
    pub lost: u64,
    /// Variation of the packets' spacing (RFC 3550 section A.8), in ns.
    pub jitter_ns: u64,
}

/// Figures of a child, in packets of the stream from where it began. offered = sent + unwanted +
/// too_slow + refused + waiting, at all times. Begin with rill_child_figures_init().
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rill_child_figures {
    /// Bytes of this struct, as the program was compiled; set by the init function.
    pub struct_size: usize,
    /// Its number; 0 when it is a player that came by RTSP.
    pub child: u64,
    /// 1 for one that is reached by a connection, 0 for one that is sent datagrams.
    pub tcp: i32,
    /// Whether it is playing: 0 when it is paused.
    pub playing: i32,
    /// Packets of the stream since it began.
    pub offered: u64,
    /// Handed to the kernel for it.
    pub sent: u64,
    /// Of tracks that it did not ask for, or while it was paused.
    pub unwanted: u64,
    /// Skipped because it could not take them in time.
    pub too_slow: u64,
    /// Refused by the kernel: unreachable, or the send buffer was full.
    pub refused: u64,
    /// Not yet sent: what it lags behind.
    pub waiting: u64,
}

// SAFETY: numbers only, the first of which is its size.
unsafe impl Versioned for rill_engine_figures {
    const FIRST: usize = 184;
}
// SAFETY: as above.
unsafe impl Versioned for rill_stream_figures {
    const FIRST: usize = 704;
}
// SAFETY: as above.
unsafe impl Versioned for rill_track_figures {
    const FIRST: usize = 96;
}
// SAFETY: as above.
unsafe impl Versioned for rill_child_figures {
    const FIRST: usize = 72;
}

fn engine_figures(figures: &Figures) -> rill_engine_figures {
    rill_engine_figures {
        struct_size: size_of::<rill_engine_figures>(),
        backend: text(figures.backend),
        gso: text(&figures.gso),
        connections: figures.connections as u64,
        streams: figures.streams.iter().filter(|stream| !stream.ended).count() as u64,
        cpu_ns: u64::try_from(figures.cpu.as_nanos()).unwrap_or(u64::MAX),
        backend_reason: text(&figures.backend_reason),
    }
}

fn stream_figures(figures: &StreamFigures) -> rill_stream_figures {
    let mut dropped = [0; RILL_CAUSES];
    for (cause, count) in Cause::ALL.into_iter().zip(&mut dropped) {
        *count = figures.ledger.dropped(cause);
    }
    rill_stream_figures {
        struct_size: size_of::<rill_stream_figures>(),
        path: text(&figures.path),
        from: text(&figures.from),
        received: figures.ledger.received,
        published: figures.ledger.published,
        consumed: figures.ledger.consumed,
        dropped,
        tracks: figures.tracks.len() as u64,
        children: figures.children.len() as u64,
        sent_to_former_children: figures.former_children.sent,
        lost_by_former_children: figures.former_children.lost(),
    }
}

fn track_figures(figures: &TrackFigures) -> rill_track_figures {
    rill_track_figures {
        struct_size: size_of::<rill_track_figures>(),
        codec: text(&figures.codec),
        clock_rate: figures.clock_rate,
        ssrc: figures.ssrc.unwrap_or(0),
        packets: figures.packets,
        bytes: figures.bytes,
        frames: figures.frames,
        key_frames: figures.key_frames,
        lost: figures.lost,
        jitter_ns: u64::try_from(figures.jitter.as_nanos()).unwrap_or(u64::MAX),
    }
}

pub(crate) fn child_figures(figures: &ChildFigures) -> rill_child_figures {
    rill_child_figures {
        struct_size: size_of::<rill_child_figures>(),
        child: figures.tag,
        tcp: i32::from(figures.transport == "tcp"),
        playing: i32::from(figures.playing),
        offered: figures.ledger.offered,
        sent: figures.ledger.sent,
        unwanted: figures.ledger.unwanted,
        too_slow: figures.ledger.too_slow,
        refused: figures.ledger.refused,
        waiting: figures.ledger.waiting,
    }
}

/// A text in an array, cut off at a character that fits whole, with a zero byte behind.
fn text<const N: usize>(text: &str) -> [c_char; N] {
    let mut array = [0; N];
    let end = text.floor_char_boundary(N.saturating_sub(1));
    for (to, from) in array.iter_mut().zip(text.bytes().take(end)) {
        *to = from as c_char;
    }
    array
}

/// Zeroes figures and sets their size. `size`: sizeof(rill_engine_figures). Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_engine_figures_init(
    figures: *mut rill_engine_figures,
    size: usize,
) -> rill_status {
    // SAFETY: the caller's: writable for `size` bytes.
    guard_done(|| unsafe { OutSized::init_zero(figures, size) })
}

/// Zeroes figures and sets their size. `size`: sizeof(rill_stream_figures). Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_stream_figures_init(
    figures: *mut rill_stream_figures,
    size: usize,
) -> rill_status {
    // SAFETY: the caller's.
    guard_done(|| unsafe { OutSized::init_zero(figures, size) })
}

/// Zeroes figures and sets their size. `size`: sizeof(rill_track_figures). Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_track_figures_init(
    figures: *mut rill_track_figures,
    size: usize,
) -> rill_status {
    // SAFETY: the caller's.
    guard_done(|| unsafe { OutSized::init_zero(figures, size) })
}

/// Zeroes figures and sets their size. `size`: sizeof(rill_child_figures). Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_child_figures_init(
    figures: *mut rill_child_figures,
    size: usize,
) -> rill_status {
    // SAFETY: the caller's.
    guard_done(|| unsafe { OutSized::init_zero(figures, size) })
}

/// Figures of the engine. Thread-safe.
///
/// @return RILL_OK; RILL_ERROR_STOPPED
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_engine_get_figures(
    engine: *mut rill_engine,
    out: *mut rill_engine_figures,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { OutSized::claim(out, "out") }?;
        out.set(&engine_figures(&running(engine)?.figures()?));
        Ok(())
    })
}

/// Figures of all streams, those among them that have ended and whose players are about to leave. Thread-safe.
///
/// @param out       an array, all of whose elements were initialised alike; may be NULL when `capacity`
///                  is 0
/// @param capacity  elements that it has room for
/// @param count     how many streams there are, which may be more
/// @return RILL_OK; RILL_ERROR_STOPPED
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_stream_list(
    engine: *mut rill_engine,
    out: *mut rill_stream_figures,
    capacity: usize,
    count: *mut usize,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let count = unsafe { Out::claim(count, "count") }?;
        let all = running(engine)?.figures()?.streams;
        // SAFETY: the caller's.
        unsafe { args::fill(out, capacity, all.iter().map(stream_figures)) }?;
        count.set(all.len());
        Ok(())
    })
}

/// Figures of the stream at `path`. Thread-safe.
///
/// @return RILL_OK; RILL_ERROR_NO_STREAM; RILL_ERROR_STOPPED
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_stream_get_figures(
    engine: *mut rill_engine,
    path: *const c_char,
    out: *mut rill_stream_figures,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { OutSized::claim(out, "out") }?;
        // SAFETY: the caller's.
        out.set(&stream_figures(&unsafe { stream(engine, path) }?));
        Ok(())
    })
}

/// Figures of a track of the stream at `path`. Thread-safe.
///
/// @param track  its index, from 0
/// @return RILL_OK; RILL_ERROR_NO_STREAM; RILL_ERROR_NO_TRACK; RILL_ERROR_STOPPED
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_track_get_figures(
    engine: *mut rill_engine,
    path: *const c_char,
    track: usize,
    out: *mut rill_track_figures,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { OutSized::claim(out, "out") }?;
        // SAFETY: the caller's.
        let stream = unsafe { stream(engine, path) }?;
        out.set(&track_figures(stream.tracks.get(track).ok_or_else(|| Failure::no_track(track))?));
        Ok(())
    })
}

/// # Safety
///
/// `path`: NULL or a text.
pub(crate) unsafe fn stream(
    engine: *const rill_engine,
    path: *const c_char,
) -> Result<StreamFigures, Failure> {
    let engine = running(engine)?;
    // SAFETY: the caller's.
    let path = unsafe { args::text(path, "path") }?.trim_matches('/');
    let streams = engine.figures()?.streams.into_iter().filter(|stream| stream.path == path);
    // One that is over stays until its players have left; another may have begun at its path.
    streams.min_by_key(|stream| stream.ended).ok_or_else(|| {
        Failure::new(rill_status::RILL_ERROR_NO_STREAM, format!("there is no stream at {path}"))
    })
}

/// The name of a cause by which packets are dropped, such as "kernel_buffer", or NULL when there is none
/// of this number: rill_stream_figures.dropped has them in the same order. The text is static.
/// Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn rill_cause_name(cause: usize) -> *const c_char {
    let name: Option<&CStr> = Cause::ALL.get(cause).map(|cause| match cause {
        Cause::KernelBuffer => c"kernel_buffer",
        Cause::Truncated => c"truncated",
        Cause::Malformed => c"malformed",
        Cause::PayloadType => c"payload_type",
        Cause::Stranger => c"stranger",
        Cause::Channel => c"channel",
        Cause::Duplicate => c"duplicate",
        Cause::AwaitingKey => c"awaiting_key",
        Cause::PoolSpent => c"pool_spent",
        Cause::RingFull => c"ring_full",
    });
    name.map_or(std::ptr::null(), CStr::as_ptr)
}
