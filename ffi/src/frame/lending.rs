//! How frames are lent out, and come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rillcast::media::Payload;
use rillcast::relay::{self, FrameReader, Packet};

use crate::args::Out;
use crate::failure::Failure;
use crate::slot::{Chain, Lent, Returned, Slots, Tenant, Vacancy};
use crate::status::rill_status;

use super::{RILL_FRAME_DAMAGED, RILL_FRAME_KEY, RILL_FRAME_NEW_PARAMETERS, rill_frame, rill_span};

static FRAMES: Slots<Body> = Slots::new(0x53, "frame");

/// What a frame handed to C stands on. It is used again for the reader's next frames, so that none is
/// allocated in the steady state.
#[derive(Default)]
pub(super) struct Body {
    content: Content,
    /// Into the buffers and lists that `content` holds, which do not move while it is here.
    spans: Vec<rill_span>,
    /// Where it comes from, and goes back to. Of a second reference, where the first comes from.
    home: Option<Arc<Home>>,
    /// Its number was taken back while somebody still had a reference: see [`Home::held`].
    lingers: AtomicBool,
}

#[derive(Default)]
enum Content {
    #[default]
    None,
    Frame(relay::Frame),
    Packets(Vec<Packet>),
    /// A second reference to a frame.
    Again(Lent<Body>),
}

impl Tenant for Body {
    type Own = ();

    fn slots() -> &'static Slots<Body> {
        &FRAMES
    }

    fn leave(mut vacancy: Vacancy<Body>) {
        let body = vacancy.body();
        match &mut body.content {
            Content::Packets(packets) => packets.clear(),
            Content::Frame(frame) => frame.data.clear(),
            // Its slot was anybody's, and is again.
            Content::None | Content::Again(_) => return,
        }
        let Some(home) = &body.home else { return };
        if std::mem::take(body.lingers.get_mut()) {
            home.lingering.fetch_sub(1, Ordering::Relaxed);
        }
        let returned: *const Returned<Body> = &home.returned;
        // SAFETY: the slot itself keeps its home alive until it is in there, and nothing of it is touched after that.
        unsafe { (*returned).push(vacancy) };
    }
}

/// How NAL units are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    AnnexB,
    Avcc,
}

/// What frames know of their reader. Its slots, which keep it alive, are in use for it alone until the reader is freed.
///
/// Those that are held are not counted one by one, as that would take two more atomic steps for each frame: what was lent is
/// counted by the reader alone, what came back by the step that puts it into the chain.
struct Home {
    limit: u32,
    /// Frames lent out since the beginning. Written by the reader alone; it wraps.
    lent: AtomicU32,
    /// Second references that are out.
    seconds: AtomicU32,
    /// Frames that were released and have not come back, since somebody has another reference.
    lingering: AtomicU32,
    returned: Returned<Body>,
}

impl Home {
    /// Numbers that lead to its frames.
    fn held(&self) -> u32 {
        // Relaxed: they are counts; nothing else is read by them. None is below 0 for longer than a moment.
        let lent = self.lent.load(Ordering::Relaxed).wrapping_sub(self.returned.added());
        let seconds = self.seconds.load(Ordering::Relaxed);
        let held = lent.wrapping_add(seconds);
        held.wrapping_sub(self.lingering.load(Ordering::Relaxed))
    }

    fn spent(&self) -> Failure {
        let text = format!("all {} frames of the reader are held; release some", self.limit);
        Failure::new(rill_status::RILL_ERROR_FRAMES_HELD, text)
    }
}

/// Slots of a reader that are in use by turns, so that those that have come back are fetched for several frames at once.
const TURNS: u32 = 8;

/// A reader's side: lends frames out, in slots that those before have come back in.
pub(crate) struct Lender {
    home: Arc<Home>,
    spare: Chain<Body>,
    /// Slots that were made for it.
    made: u32,
}

impl Lender {
    pub(crate) fn new(limit: u32) -> Lender {
        let (lent, seconds, lingering) = Default::default();
        let home = Home { limit, lent, seconds, lingering, returned: Returned::default() };
        Lender { home: Arc::new(home), spare: Chain::default(), made: 0 }
    }

    /// Finds something to keep one more frame in.
    #[inline]
    pub(crate) fn claim(&mut self) -> Result<Claim<'_>, Failure> {
        if self.home.held() >= self.home.limit {
            return Err(self.home.spent());
        }
        let slot = match self.spare.pop() {
            Some(slot) => slot,
            None if self.made < TURNS => self.make()?,
            None => {
                self.spare = self.home.returned.take();
                self.spare.pop().map_or_else(|| self.make(), Ok)?
            }
        };
        Ok(Claim { lender: self, slot })
    }

    #[cold]
    fn make(&mut self) -> Result<Vacancy<Body>, Failure> {
        let mut slot = Vacancy::<Body>::any()?;
        self.made = self.made.saturating_add(1);
        slot.body().home = Some(self.home.clone());
        Ok(slot)
    }
}

impl Drop for Lender {
    fn drop(&mut self) {
        // What is out still is dropped when it comes back.
        drop(self.home.returned.close());
    }
}

/// The right to hold one frame, and the slot for it.
pub(crate) struct Claim<'a> {
    lender: &'a mut Lender,
    slot: Vacancy<Body>,
}

impl Claim<'_> {
    /// Nothing came.
    pub(crate) fn put_back(self) {
        self.lender.spare.push(self.slot);
    }

    /// Gives the reader the lists of the frame that was released, for the next one.
    #[inline]
    pub(crate) fn recycle(&mut self, reader: &mut FrameReader) {
        if let Content::Frame(frame) = &mut self.slot.body().content {
            reader.recycle(frame);
        }
    }

    /// Lends a frame out.
    #[inline]
    pub(crate) fn frame(
        mut self,
        frame: relay::Frame,
        framing: Framing,
        clock_rate: u32,
        out: &Out<rill_frame>,
    ) {
        let body = self.slot.body();
        // Over the frame before, of which nothing but empty lists is left.
        match &mut body.content {
            Content::Frame(before) => *before = frame,
            other => *other = Content::Frame(frame),
        }
        let Content::Frame(frame) = &body.content else { return };
        let spans = &mut body.spans;
        spans.clear();
        let mut flags = (RILL_FRAME_KEY * u32::from(frame.data.key))
            | (RILL_FRAME_DAMAGED * u32::from(frame.data.damaged));
        let size = match &frame.data.payload {
            Payload::H264(unit) => {
                match framing {
                    Framing::AnnexB => unit.list_annex_b(spans, span),
                    Framing::Avcc => unit.list_avcc(spans, span),
                }
                flags |= RILL_FRAME_NEW_PARAMETERS * u32::from(unit.parameter_sets_changed);
                // A start code or a length before each.
                unit.size() + 4 * unit.len()
            }
            Payload::Aac(slices) | Payload::Opaque(slices) => {
                spans.extend(slices.iter().map(|slice| span(slice.bytes())));
                size(spans)
            }
        };
        let seen = rill_frame {
            spans: spans.as_ptr(),
            span_count: spans.len(),
            size,
            time: frame.time,
            arrival_ns: u64::try_from(frame.arrival.as_nanos()).unwrap_or(u64::MAX),
            clock_rate,
            track: u32::try_from(frame.track).unwrap_or(u32::MAX),
            flags,
            lost: u32::try_from(frame.data.lost).unwrap_or(u32::MAX),
            owner: 0,
            reserved: [0; 3],
        };
        self.lend(seen, out);
    }

    /// A list for packets, with memory from before.
    pub(crate) fn list(&mut self) -> Vec<Packet> {
        match &mut self.slot.body().content {
            Content::Packets(list) => std::mem::take(list),
            _ => Vec::new(),
        }
    }

    /// Lends packets out; `seen` says what is to be said of them.
    pub(crate) fn packets(
        mut self,
        packets: Vec<Packet>,
        mut seen: rill_frame,
        out: &Out<rill_frame>,
    ) {
        let body = self.slot.body();
        body.spans.clear();
        body.spans.extend(packets.iter().map(|packet| span(packet.data())));
        body.content = Content::Packets(packets);
        seen.spans = body.spans.as_ptr();
        seen.span_count = body.spans.len();
        seen.size = size(&body.spans);
        self.lend(seen, out);
    }

    /// Takes a list for packets back unused.
    pub(crate) fn put_back_with(mut self, list: Vec<Packet>) {
        self.slot.body().content = Content::Packets(list);
        self.put_back();
    }

    #[inline]
    fn lend(self, seen: rill_frame, out: &Out<rill_frame>) {
        let lent = &self.lender.home.lent;
        // Relaxed, as in `held`.
        lent.store(lent.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        out.set(rill_frame { owner: self.slot.lend(), ..seen });
    }
}

fn span(bytes: &[u8]) -> rill_span {
    rill_span { data: bytes.as_ptr(), size: bytes.len() }
}

/// Bytes of all of them together.
pub(super) fn size(spans: &[rill_span]) -> usize {
    spans.iter().map(|span| span.size).sum()
}

impl Body {
    /// What the frame with this number stands on. It stays as long as what is returned lives.
    pub(super) fn of(owner: u64) -> Result<Lent<Body>, Failure> {
        let body = Lent::<Body>::of(owner)?;
        Ok(match &body.content {
            Content::Again(first) => first.clone(),
            _ => body,
        })
    }

    pub(super) fn spans(&self) -> &[rill_span] {
        &self.spans
    }

    /// A number for one more reference to a frame, which counts as one more that is held.
    pub(super) fn again(first: Lent<Body>) -> Result<u64, Failure> {
        let mut slot = Vacancy::<Body>::any()?;
        if let Some(home) = &first.home {
            // Relaxed: it is a count, as in `held`.
            home.seconds.fetch_add(1, Ordering::Relaxed);
            if home.held() > home.limit {
                home.seconds.fetch_sub(1, Ordering::Relaxed);
                return Err(home.spent());
            }
        }
        let body = slot.body();
        body.home = first.home.clone();
        body.content = Content::Again(first);
        Ok(slot.lend())
    }

    /// Takes back what was lent out under this number.
    #[inline]
    pub(super) fn take_back(owner: u64) -> Result<(), Failure> {
        let body = Lent::<Body>::take_back(owner)?;
        let Some(home) = &body.home else { return Ok(()) };
        // Relaxed: counts, as in `held`. Who clears the flag has the slot to himself, after all have left it.
        if let Content::Again(_) = &body.content {
            home.seconds.fetch_sub(1, Ordering::Relaxed);
        } else if !body.is_last() {
            home.lingering.fetch_add(1, Ordering::Relaxed);
            body.lingers.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}
