//! Frames that C has borrowed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rillcast::media::Payload;
use rillcast::relay::{self, Packet};

use crate::args::Out;
use crate::boundary::guard_done;
use crate::failure::Failure;
use crate::handle::Table;
use crate::status::rill_status;

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

static FRAMES: Table<Body> = Table::new(0x53, "frame");

/// What a frame handed to C stands on. It is used again for the reader's next frames, so that none is
/// allocated in the steady state.
#[derive(Default)]
pub(crate) struct Body {
    content: Content,
    /// Into the buffers and lists that `content` holds, which do not move while it is here.
    spans: Vec<rill_span>,
    /// Where it comes from, while it is out.
    home: Option<Arc<Home>>,
}

#[derive(Default)]
enum Content {
    #[default]
    None,
    Frame(relay::Frame),
    Packets(Vec<Packet>),
}

/// How NAL units are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    AnnexB,
    Avcc,
}

/// What a reader knows of the frames that are out.
pub(crate) struct Home {
    limit: usize,
    held: AtomicUsize,
    spare: Mutex<Vec<Arc<Body>>>,
}

impl Home {
    pub(crate) fn new(limit: usize) -> Home {
        Home { limit, held: AtomicUsize::new(0), spare: Mutex::default() }
    }

    /// Counts one more frame as held, and finds something to keep it in.
    pub(crate) fn claim(self: &Arc<Home>) -> Result<Claim, Failure> {
        self.count()?;
        let body = self.spare().pop();
        Ok(Claim { home: self.clone(), body, lent: false })
    }

    /// Counts one more frame as held.
    fn count(&self) -> Result<(), Failure> {
        // Relaxed: it is a count; nothing else is read by it.
        if self.held.fetch_add(1, Ordering::Relaxed) >= self.limit {
            self.held.fetch_sub(1, Ordering::Relaxed);
            let text = format!("all {} frames of the reader are held; release some", self.limit);
            return Err(Failure::new(rill_status::RILL_ERROR_FRAMES_HELD, text));
        }
        Ok(())
    }

    /// One frame less is held. Relaxed, as above.
    fn give_back(&self) {
        self.held.fetch_sub(1, Ordering::Relaxed);
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Body>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to hold one frame; given back when dropped, unless a frame was lent out under it: then
/// that frame's release gives it back.
pub(crate) struct Claim {
    home: Arc<Home>,
    /// What a frame before was kept in.
    body: Option<Arc<Body>>,
    lent: bool,
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.lent {
            self.home.give_back();
            self.home.spare().extend(self.body.take());
        }
    }
}

impl Claim {
    /// Lends a frame out.
    pub(crate) fn frame(
        self,
        frame: relay::Frame,
        framing: Framing,
        clock_rate: u32,
    ) -> Result<rill_frame, Failure> {
        let flags = (RILL_FRAME_KEY * u32::from(frame.data.key))
            | (RILL_FRAME_DAMAGED * u32::from(frame.data.damaged))
            | match &frame.data.payload {
                Payload::H264(unit) if unit.parameter_sets_changed => RILL_FRAME_NEW_PARAMETERS,
                _ => 0,
            };
        let seen = rill_frame {
            time: frame.time,
            arrival_ns: u64::try_from(frame.arrival.as_nanos()).unwrap_or(u64::MAX),
            clock_rate,
            track: u32::try_from(frame.track).unwrap_or(u32::MAX),
            flags,
            lost: u32::try_from(frame.data.lost).unwrap_or(u32::MAX),
            ..rill_frame::EMPTY
        };
        self.lend(seen, Content::Frame(frame), |content, spans| {
            let Content::Frame(frame) = content else { return };
            // `for_each`, as `extend` would go through these nested iterators one `next` at a time.
            let mut add = |bytes: &[u8]| spans.push(span(bytes));
            match (&frame.data.payload, framing) {
                (Payload::H264(unit), Framing::AnnexB) => unit.annex_b().for_each(&mut add),
                (Payload::H264(unit), Framing::Avcc) => unit.avcc().for_each(&mut add),
                (Payload::Aac(slices) | Payload::Opaque(slices), _) => {
                    slices.iter().for_each(|slice| add(slice.bytes()));
                }
            }
        })
    }

    /// Lends packets out; `seen` says what is to be said of them.
    pub(crate) fn packets(
        self,
        packets: Vec<Packet>,
        seen: rill_frame,
    ) -> Result<rill_frame, Failure> {
        self.lend(seen, Content::Packets(packets), |content, spans| {
            let Content::Packets(packets) = content else { return };
            spans.extend(packets.iter().map(|packet| span(packet.data())));
        })
    }

    /// A frame that was released, for its memory.
    pub(crate) fn released(&mut self) -> Option<relay::Frame> {
        let body = self.body.as_mut().and_then(Arc::get_mut)?;
        match std::mem::take(&mut body.content) {
            Content::Frame(frame) => Some(frame),
            other => {
                body.content = other;
                None
            }
        }
    }

    /// A list for packets, with memory from before.
    pub(crate) fn list(&mut self) -> Vec<Packet> {
        let body = self.body.as_mut().and_then(Arc::get_mut);
        match body.map(|body| &mut body.content) {
            Some(Content::Packets(list)) => std::mem::take(list),
            _ => Vec::new(),
        }
    }

    /// Takes such a list back unused.
    pub(crate) fn keep(&mut self, list: Vec<Packet>) {
        if let Some(body) = self.body.as_mut().and_then(Arc::get_mut) {
            body.content = Content::Packets(list);
        }
    }

    fn lend(
        mut self,
        mut seen: rill_frame,
        content: Content,
        list: impl FnOnce(&Content, &mut Vec<rill_span>),
    ) -> Result<rill_frame, Failure> {
        let mut body = self.body.take().unwrap_or_default();
        if Arc::get_mut(&mut body).is_none() {
            // Cannot be: spare bodies have no other owner.
            body = Arc::default();
        }
        if let Some(body) = Arc::get_mut(&mut body) {
            body.content = content;
            body.home = Some(self.home.clone());
            list(&body.content, &mut body.spans);
            seen.size = body.spans.iter().map(|span| span.size).sum();
        }
        seen.spans = body.spans.as_ptr();
        seen.span_count = body.spans.len();
        seen.owner = FRAMES.insert(body)?;
        // From here on the frame is what counts as held.
        self.lent = true;
        Ok(seen)
    }
}

fn span(bytes: &[u8]) -> rill_span {
    rill_span { data: bytes.as_ptr(), size: bytes.len() }
}

/// Takes back what was lent out under this number.
fn take_back(owner: u64) -> Result<(), Failure> {
    let mut body = FRAMES.remove(owner)?;
    let Some(last) = Arc::get_mut(&mut body) else {
        // Another reference is held.
        if let Some(home) = &body.home {
            home.give_back();
        }
        return Ok(());
    };
    if let Some(home) = last.home.take() {
        home.give_back();
        last.spans.clear();
        match &mut last.content {
            Content::Packets(packets) => packets.clear(),
            Content::Frame(frame) => frame.data.clear(),
            Content::None => {}
        }
        let mut spare = home.spare();
        if spare.len() < home.limit {
            spare.push(body);
        }
    }
    Ok(())
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
            owner => take_back(owner),
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
        let body = FRAMES.get(second.owner)?;
        if let Some(home) = &body.home {
            home.count()?;
            match FRAMES.insert(body.clone()) {
                Ok(owner) => second.owner = owner,
                Err(failure) => {
                    home.give_back();
                    return Err(failure);
                }
            }
            out.set(second);
        }
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
        let body = FRAMES.get(unsafe { read(frame) }?.owner)?;
        let needed: usize = body.spans.iter().map(|span| span.size).sum();
        if buffer.is_null() || size < needed {
            let text = format!("the frame has {needed} bytes, the buffer has room for {size}");
            return Err(Failure::argument(text));
        }
        let mut at = buffer;
        for span in &body.spans {
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
