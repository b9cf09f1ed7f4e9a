//! How frames are lent out, and come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rillcast::media::Payload;
use rillcast::relay::{self, Packet};

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
    /// Where it comes from, while it is out.
    home: Option<Arc<Home>>,
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
    fn slots() -> &'static Slots<Body> {
        &FRAMES
    }

    fn leave(mut vacancy: Vacancy<Body>) {
        let body = vacancy.body();
        body.spans.clear();
        match &mut body.content {
            Content::Packets(packets) => packets.clear(),
            Content::Frame(frame) => frame.data.clear(),
            // Its slot was anybody's, and is again.
            Content::None | Content::Again(_) => return,
        }
        if let Some(home) = body.home.take() {
            home.returned.push(vacancy);
        }
    }
}

/// How NAL units are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    AnnexB,
    Avcc,
}

/// What frames that are out know of their reader.
struct Home {
    limit: usize,
    /// Numbers that lead to its frames.
    held: AtomicUsize,
    returned: Returned<Body>,
}

impl Home {
    /// Counts one more frame as held.
    fn hold(&self) -> Result<(), Failure> {
        // Relaxed: it is a count; nothing else is read by it.
        if self.held.fetch_add(1, Ordering::Relaxed) >= self.limit {
            self.let_go();
            let text = format!("all {} frames of the reader are held; release some", self.limit);
            return Err(Failure::new(rill_status::RILL_ERROR_FRAMES_HELD, text));
        }
        Ok(())
    }

    /// One frame less is held. Relaxed, as above.
    fn let_go(&self) {
        self.held.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A reader's side: lends frames out, in slots that those before have come back in.
pub(crate) struct Lender {
    home: Arc<Home>,
    spare: Chain<Body>,
}

impl Lender {
    pub(crate) fn new(limit: usize) -> Lender {
        let home = Home { limit, held: AtomicUsize::new(0), returned: Returned::default() };
        Lender { home: Arc::new(home), spare: Chain::default() }
    }

    /// Counts one more frame as held, and finds something to keep it in.
    pub(crate) fn claim(&mut self) -> Result<Claim<'_>, Failure> {
        let slot = match self.spare.pop() {
            Some(slot) => slot,
            None => {
                self.spare = self.home.returned.take();
                self.spare.pop().map_or_else(Vacancy::any, Ok)?
            }
        };
        if let Err(failure) = self.home.hold() {
            self.spare.push(slot);
            return Err(failure);
        }
        let home = Some(self.home.clone());
        Ok(Claim { home, slot: Some(slot), spare: &mut self.spare })
    }
}

/// The right to hold one frame; given back when dropped, unless a frame was lent out under it: then
/// that frame's release gives it back.
pub(crate) struct Claim<'a> {
    /// Both are there until a frame is lent out.
    home: Option<Arc<Home>>,
    slot: Option<Vacancy<Body>>,
    spare: &'a mut Chain<Body>,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if let (Some(home), Some(slot)) = (&self.home, self.slot.take()) {
            home.let_go();
            self.spare.push(slot);
        }
    }
}

impl Claim<'_> {
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
        let body = self.slot.as_mut()?.body();
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
        match self.slot.as_mut().map(|slot| &mut slot.body().content) {
            Some(Content::Packets(list)) => std::mem::take(list),
            _ => Vec::new(),
        }
    }

    /// Takes such a list back unused.
    pub(crate) fn keep(&mut self, list: Vec<Packet>) {
        if let Some(slot) = &mut self.slot {
            slot.body().content = Content::Packets(list);
        }
    }

    fn lend(
        mut self,
        mut seen: rill_frame,
        content: Content,
        list: impl FnOnce(&Content, &mut Vec<rill_span>),
    ) -> Result<rill_frame, Failure> {
        let mut slot = self.slot.take().map_or_else(Vacancy::any, Ok)?;
        let body = slot.body();
        body.content = content;
        body.home = self.home.take();
        list(&body.content, &mut body.spans);
        seen.size = size(&body.spans);
        seen.spans = body.spans.as_ptr();
        seen.span_count = body.spans.len();
        seen.owner = slot.lend();
        Ok(seen)
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
            home.hold()?;
        }
        let body = slot.body();
        body.home = first.home.clone();
        body.content = Content::Again(first);
        Ok(slot.lend())
    }

    /// Takes back what was lent out under this number.
    pub(super) fn take_back(owner: u64) -> Result<(), Failure> {
        let body = Lent::<Body>::take_back(owner)?;
        if let Some(home) = &body.home {
            home.let_go();
        }
        Ok(())
    }
}
