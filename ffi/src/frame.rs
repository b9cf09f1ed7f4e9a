//! Frames that C has borrowed.

use crate::args::Out;
use crate::boundary::guard_done;
use crate::failure::Failure;
use crate::status::rill_status;
use lending::Body;

mod lending;

pub(crate) use lending::{Framing, Lender};

/// Some bytes: the layout of `struct iovec`, so that an array of them can be handed to writev(2),
/// sendmsg(2) or io_uring after a cast.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rill_span {
    /// The first byte.
    pub data: *const u8,
    /// Number of bytes.
    pub size: usize,
}

// SAFETY: where a span is kept, what keeps its bytes valid is kept beside it.
unsafe impl Send for rill_span {}
// SAFETY: as above; the bytes are never written.
unsafe impl Sync for rill_span {}

/// A decoder may start at this frame.
pub const RILL_FRAME_KEY: u32 = 1;
/// Packets of this frame are missing, or may be.
pub const RILL_FRAME_DAMAGED: u32 = 2;
/// A parameter set in this frame is new (H.264, whole frames).
pub const RILL_FRAME_NEW_PARAMETERS: u32 = 4;
/// The frame begins with the first of these packets (RILL_FORMAT_RTP).
pub const RILL_FRAME_BEGIN: u32 = 8;
/// The frame ends with the last of these packets (RILL_FORMAT_RTP).
pub const RILL_FRAME_END: u32 = 16;
/// The packets are RTCP: sender reports (RILL_FORMAT_RTP).
pub const RILL_FRAME_RTCP: u32 = 32;

/// A frame, or a run of packets, in the buffers in which it came in: borrowed, not copied.
///
/// The bytes stay valid until rill_frame_release(), whatever becomes of the reader, the stream and the
/// engine. A frame that is held costs the stream the buffers it lies in: release it soon, copy what you
/// want to keep for long.
///
/// Begin with zeroes (`rill_frame frame = {0};`) if it may be released before it was ever filled.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rill_frame {
    /// Its bytes, in order. RILL_FORMAT_ANNEX_B and RILL_FORMAT_AVCC: H.264 start codes or lengths are
    /// among them, and all spans one after the other are the access unit; other codecs' frames are
    /// what their payload format carries (AAC: one access unit without ADTS header).
    /// RILL_FORMAT_RTP: each span is one packet, RTP header first.
    pub spans: *const rill_span,
    /// Number of spans.
    pub span_count: usize,
    /// Bytes of all spans together.
    pub size: usize,
    /// RTP timestamp in ticks of `clock_rate`, extended so that it does not wrap. With
    /// RILL_FORMAT_RTP the timestamp of the first packet, not extended.
    pub time: i64,
    /// When its last packet came in, in ns since the engine started.
    pub arrival_ns: u64,
    /// Ticks per second of `time`.
    pub clock_rate: u32,
    /// Index of its track.
    pub track: u32,
    /// RILL_FRAME_KEY and its like.
    pub flags: u32,
    /// Packets lost within it or right before it. With RILL_LAGGED: packets passed over.
    pub lost: u32,
    /// The library's.
    pub owner: u64,
    /// 0.
    pub reserved: [u64; 3],
}

impl rill_frame {
    pub(crate) const EMPTY: rill_frame = rill_frame {
        spans: std::ptr::null(),
        span_count: 0,
        size: 0,
        time: 0,
        arrival_ns: 0,
        clock_rate: 0,
        track: 0,
        flags: 0,
        lost: 0,
        owner: 0,
        reserved: [0; 3],
    };
}

/// Gives a frame back and zeroes the struct, so that a second release does nothing. From any thread,
/// also after its reader or engine was freed.
///
/// @return RILL_OK; RILL_ERROR_HANDLE when it was released before, by a copy of the struct
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_frame_release(frame: *mut rill_frame) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's: NULL or a frame that was handed over, or zeroes.
        let out = unsafe { Out::claim(frame, "frame") }?;
        // SAFETY: claimed just now; the struct is plain data.
        let owner = unsafe { (*frame).owner };
        out.set(rill_frame::EMPTY);
        match owner {
            0 => Ok(()),
            owner => Body::take_back(owner),
        }
    })
}

/// Makes a second reference to a frame: the bytes stay valid until both are released. It counts as one
/// more that is held. From any thread.
///
/// @param frame  a frame that is held
/// @param out    the second reference; to be given back by rill_frame_release()
/// @return RILL_OK; RILL_ERROR_HANDLE when it was released; RILL_ERROR_FRAMES_HELD at the limit
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_frame_ref(
    frame: *const rill_frame,
    out: *mut rill_frame,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::claim(out, "out") }?;
        // SAFETY: the caller's: NULL or a frame that was handed over.
        let mut second = unsafe { read(frame) }?;
        second.owner = Body::again(Body::of(second.owner)?)?;
        out.set(second);
        Ok(())
    })
}

/// Copies a frame's bytes, one span after the other, to where they are contiguous. From any thread.
///
/// @param frame   a frame that is held
/// @param buffer  where they go
/// @param size    bytes of room; frame->size are needed
/// @return RILL_OK; RILL_ERROR_ARGUMENT when there is too little room; RILL_ERROR_HANDLE
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_frame_copy(
    frame: *const rill_frame,
    buffer: *mut u8,
    size: usize,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's: NULL or a frame that was handed over.
        let body = Body::of(unsafe { read(frame) }?.owner)?;
        let needed = lending::size(body.spans());
        if buffer.is_null() || size < needed {
            let text = format!("the frame has {needed} bytes, the buffer has room for {size}");
            return Err(Failure::argument(text));
        }
        let mut at = buffer;
        for span in body.spans() {
            // SAFETY: the span's bytes are kept by `body`; the caller vouches for `size` bytes at
            // `buffer`, of which no more than `needed` are written.
            unsafe { std::ptr::copy_nonoverlapping(span.data, at, span.size) };
            // SAFETY: within, or one past the end of, the caller's buffer.
            at = unsafe { at.add(span.size) };
        }
        Ok(())
    })
}

/// # Safety
///
/// NULL, or a frame struct.
unsafe fn read(frame: *const rill_frame) -> Result<rill_frame, Failure> {
    // SAFETY: the caller's; claiming only checks.
    unsafe { Out::claim(frame.cast_mut(), "frame") }?;
    // SAFETY: not NULL and aligned; the struct is plain data.
    Ok(unsafe { frame.read() })
}
