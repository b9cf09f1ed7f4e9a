//! De-interleaving: from transmission order to decoding order by DON (RFC 6184 5.5, 7.2).

use super::nal;
use crate::media::Slice;
use std::collections::BTreeMap;

/// Most NAL units held back, whatever the stream announces.
const MAX_UNITS: usize = 1024;
/// Most bytes held back.
const MAX_BYTES: usize = 16 << 20;

/// How far an interleaved stream (packetization mode 2) departs from decoding order: parameters of
/// its SDP (RFC 6184 8.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interleaving {
    /// `sprop-interleaving-depth`: how many VCL NAL units may come before one that they follow in
    /// decoding order. 0 when absent: transmission order is decoding order.
    pub depth: u16,
    /// `sprop-max-don-diff`: greatest distance in DON between a NAL unit and an earlier sent one.
    pub max_don_diff: Option<u16>,
}

/// A whole NAL unit that waits for its turn.
#[derive(Clone, Debug)]
pub(super) struct Waiting<P> {
    pub(super) timestamp: u32,
    pub(super) header: u8,
    /// The header byte is in no part.
    pub(super) fragmented: bool,
    pub(super) parts: Vec<Slice<P>>,
    /// It ends its packet, and the packet has the marker bit.
    pub(super) marker: bool,
    /// NAL units that go before it may be missing.
    pub(super) suspect: bool,
}

/// A NAL unit that comes out.
#[derive(Debug)]
pub(super) struct Released<P> {
    pub(super) unit: Waiting<P>,
    /// DON does not go on from the one before it, which after a loss tells that some are missing.
    pub(super) jump: bool,
}

/// A NAL unit that precedes in decoding order what came out already.
#[derive(Debug)]
pub(super) struct TooLate;

/// The de-interleaving buffer.
#[derive(Debug)]
pub(super) struct Deinterleaver<P> {
    parameters: Interleaving,
    /// By AbsDON (8.1), then by order of arrival.
    waiting: BTreeMap<(i64, u64), Waiting<P>>,
    bytes: usize,
    pictures: usize,
    arrivals: u64,
    /// DON and AbsDON of the newest NAL unit in transmission order.
    newest: Option<(u16, i64)>,
    /// AbsDON of the last one that came out.
    released: Option<i64>,
    /// NAL units of equal DON were seen, so that DON does not tell every loss.
    repeats: bool,
    /// The next one to come in is suspect.
    suspect: bool,
}

impl<P: AsRef<[u8]>> Deinterleaver<P> {
    pub(super) fn new(parameters: Interleaving) -> Deinterleaver<P> {
        Deinterleaver {
            parameters,
            waiting: BTreeMap::new(),
            bytes: 0,
            pictures: 0,
            arrivals: 0,
            newest: None,
            released: None,
            repeats: false,
            suspect: false,
        }
    }

    /// Packets were lost: where DON cannot tell what they held, everything that they may have
    /// preceded is suspect.
    pub(super) fn lost(&mut self) {
        if self.repeats {
            self.waiting.values_mut().for_each(|unit| unit.suspect = true);
            self.suspect = true;
        }
    }

    /// Whether the stream is interleaved, as far as was seen.
    pub(super) fn is_in_use(&self) -> bool {
        self.newest.is_some()
    }

    /// Whether NAL units may come in another order than that of the packets.
    pub(super) fn reorders(&self) -> bool {
        self.parameters.depth > 0
    }

    pub(super) fn push(&mut self, don: u16, mut unit: Waiting<P>) -> Result<(), TooLate> {
        let order = match self.newest {
            // don_diff (5.5): the shorter way round the circle.
            Some((last, order)) => order + i64::from(don.wrapping_sub(last) as i16),
            None => i64::from(don),
        };
        self.repeats |= self.newest.is_some_and(|(last, _)| last == don);
        self.newest = Some((don, order));
        if self.released.is_some_and(|released| order < released) {
            return Err(TooLate);
        }
        unit.suspect |= std::mem::take(&mut self.suspect);
        self.bytes += unit.size();
        self.pictures += usize::from(unit.is_vcl());
        self.arrivals += 1;
        self.waiting.insert((order, self.arrivals), unit);
        Ok(())
    }

    /// The next NAL unit whose turn it is (7.2.2).
    pub(super) fn pop(&mut self) -> Option<Released<P>> {
        let full = self.pictures > usize::from(self.parameters.depth)
            || self.waiting.len() > MAX_UNITS
            || self.bytes > MAX_BYTES;
        let far = || {
            let (first, _) = self.waiting.keys().next()?;
            let (last, _) = self.waiting.keys().next_back()?;
            Some(last - first > i64::from(self.parameters.max_don_diff?))
        };
        if full || far() == Some(true) { self.take_first() } else { None }
    }

    /// The next NAL unit, its turn or not: no more will come.
    pub(super) fn take_first(&mut self) -> Option<Released<P>> {
        let ((order, _), unit) = self.waiting.pop_first()?;
        self.bytes -= unit.size();
        self.pictures -= usize::from(unit.is_vcl());
        let jump = self.released.is_some_and(|released| order > released + 1);
        self.released = Some(order);
        Some(Released { unit, jump })
    }

    /// Forgets the numbering: the stream starts anew.
    pub(super) fn restart(&mut self) {
        self.newest = None;
        self.released = None;
        self.repeats = false;
    }
}

impl<P: AsRef<[u8]>> Waiting<P> {
    fn size(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    fn is_vcl(&self) -> bool {
        nal::is_vcl(nal::unit_type(self.header))
    }
}
