//! Putting a fragmented NAL unit together (RFC 6184 5.8).

use super::assembler::Limits;
use super::{nal, payload};
use crate::media::Slice;

/// The NAL unit whose fragments are coming in.
#[derive(Debug)]
pub(super) struct Reassembly<P> {
    open: Option<Open>,
    parts: Vec<Slice<P>>,
    bytes: usize,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    header: u8,
    don: Option<u16>,
    timestamp: u32,
}

/// What became of a fragment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// More are to come.
    Open,
    /// The NAL unit is whole: its header byte and decoding order number; its parts are in
    /// [`Reassembly::parts`].
    Whole { header: u8, don: Option<u16> },
    /// Its beginning was not received: to be dropped.
    Orphan,
    /// The NAL unit goes over the limit and was dropped.
    TooLarge,
}

impl<P: AsRef<[u8]>> Reassembly<P> {
    pub(super) fn new() -> Reassembly<P> {
        Reassembly { open: None, parts: Vec::new(), bytes: 0 }
    }

    /// The parts of the NAL unit, without its header byte.
    pub(super) fn parts(&mut self) -> &mut Vec<Slice<P>> {
        &mut self.parts
    }

    /// Drops an unfinished NAL unit; tells whether there was one.
    pub(super) fn abort(&mut self) -> bool {
        self.parts.clear();
        self.bytes = 0;
        self.open.take().is_some()
    }

    /// Whether this fragment continues the unfinished NAL unit.
    pub(super) fn accepts(&self, fu: &payload::Fragment, timestamp: u32) -> bool {
        // Only the first fragment has a DON. NRI and F may differ: they may be changed on the way.
        let fits = |open: Open| {
            open.timestamp == timestamp && nal::unit_type(open.header) == nal::unit_type(fu.header)
        };
        !fu.start && fu.don.is_none() && self.open.is_some_and(fits)
    }

    /// Whether the unfinished NAL unit has a decoding order number.
    pub(super) fn is_interleaved(&self) -> bool {
        self.open.is_some_and(|open| open.don.is_some())
    }

    /// Adds a fragment. One that the unfinished NAL unit does not [accept](Self::accepts) must come
    /// after [`abort`](Self::abort).
    pub(super) fn add(
        &mut self,
        fu: &payload::Fragment,
        timestamp: u32,
        slice: Slice<P>,
        limits: &Limits,
    ) -> Outcome {
        if fu.start {
            self.open = Some(Open { header: fu.header, don: fu.don, timestamp });
            self.parts.clear();
            self.bytes = 1;
        }
        let Some(open) = &mut self.open else { return Outcome::Orphan };
        // Any fragment may say that the NAL unit is known to be broken.
        open.header |= fu.header & 0x80;
        let Open { header, don, .. } = *open;
        // Fragments may be empty; these carry nothing to keep.
        if !slice.is_empty() {
            self.bytes = self.bytes.saturating_add(slice.len());
            self.parts.push(slice);
        }
        if self.bytes > limits.bytes || self.parts.len() > limits.parts {
            self.abort();
            return Outcome::TooLarge;
        }
        if fu.end {
            self.open = None;
            self.bytes = 0;
            Outcome::Whole { header, don }
        } else {
            Outcome::Open
        }
    }
}
