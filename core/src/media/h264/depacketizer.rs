//! From RTP packets to access units (RFC 6184 7).

use super::access_unit::AccessUnit;
use super::assembler::{Assembler, Counters, Limits};
use super::deinterleave::{Deinterleaver, Interleaving, Released, Waiting};
use super::fragment::{Outcome, Reassembly};
use super::parameter_sets::ParameterSets;
use super::payload::{self, Aggregation, Fragment, Payload};
use crate::media::Slice;
use std::ops::Range;

/// How to read a stream.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Bounds of one access unit.
    pub limits: Limits,
    /// For packetization mode 2.
    pub interleaving: Interleaving,
    /// Those of the SDP (`sprop-parameter-sets`).
    pub parameter_sets: ParameterSets,
}

/// Puts access units together.
///
/// Takes the packets of one SSRC in the order of their sequence numbers, each once, and is told of
/// gaps. After each [`push`](Self::push) or [`flush`](Self::flush), [`pop`](Self::pop) until it
/// gives `None`.
///
/// # What ends an access unit
/// The packet with the marker bit, or the first packet of another timestamp. A marker on NAL units
/// without a picture ends nothing, and a sender found to set it within a picture is from then on
/// read by timestamps alone. An interleaved stream with an interleaving depth over 0 always is.
///
/// # What is damaged
/// Every access unit of which something is, or may be, missing: after a gap that is the open one
/// and, unless it shows that it begins with its very first packet, the next. A NAL unit with a
/// missing fragment is dropped whole. An access unit of which nothing is left does not come out;
/// the next one's [`lost`](AccessUnit::lost) tells of it.
#[derive(Debug)]
pub struct Depacketizer<P> {
    assembler: Assembler<P>,
    fragments: Reassembly<P>,
    deinterleaver: Deinterleaver<P>,
    scratch: Vec<Slice<P>>,
    /// The fragmented NAL unit whose rest may be coming in is counted as incomplete already.
    counted: bool,
    /// Something was lost: jumps of DON are holes.
    holes: bool,
}

impl<P: AsRef<[u8]> + Clone> Depacketizer<P> {
    /// A depacketizer at the beginning of a stream.
    pub fn new(options: Options) -> Depacketizer<P> {
        Depacketizer {
            assembler: Assembler::new(options.limits, options.parameter_sets),
            fragments: Reassembly::new(),
            deinterleaver: Deinterleaver::new(options.interleaving),
            scratch: Vec::new(),
            counted: false,
            holes: false,
        }
    }

    /// Tells that `packets` packets are missing before the one that is pushed next.
    pub fn gap(&mut self, packets: u32) {
        if packets == 0 {
            return;
        }
        self.assembler.counters.lost_packets += u64::from(packets);
        self.holes = true;
        if self.deinterleaver.is_in_use() {
            self.assembler.lost_somewhere(packets);
            self.deinterleaver.lost();
        } else {
            self.assembler.gap(packets);
        }
        self.drop_fragments();
    }

    /// Takes the next packet: where its payload lies in it (padding and header extension taken
    /// off), its RTP timestamp and its marker bit.
    pub fn push(&mut self, packet: P, payload: Range<usize>, timestamp: u32, marker: bool) {
        let bytes = packet.as_ref().get(payload.clone()).unwrap_or_default();
        let parsed = payload::parse(bytes);
        let continues = match &parsed {
            Ok(Payload::Fragment(fu)) => self.fragments.accepts(fu, timestamp),
            _ => false,
        };
        if !continues {
            self.drop_fragments();
        }
        let context = Context { packet: &packet, base: payload.start, timestamp, marker };
        match parsed {
            Ok(Payload::Single) => {
                self.enter(timestamp, bytes.first().copied());
                self.add_direct(&context, 0..bytes.len());
                self.assembler_marker(&context);
            }
            Ok(Payload::Aggregation(units)) if units.is_interleaved() => {
                self.push_interleaved(&context, units);
            }
            Ok(Payload::Aggregation(units)) => self.push_aggregation(&context, bytes, units),
            Ok(Payload::Fragment(fu)) => self.push_fragment(&context, &fu),
            Ok(Payload::Reserved) => {
                self.assembler.counters.reserved += 1;
                self.assembler_marker(&context);
            }
            Err(payload::Malformed) => {
                self.assembler.counters.malformed += 1;
                self.holes = true;
                self.enter(timestamp, None);
                self.assembler.damage();
                self.assembler_marker(&context);
            }
        }
    }

    /// The next finished access unit.
    pub fn pop(&mut self) -> Option<AccessUnit<P>> {
        self.assembler.pop()
    }

    /// Takes the lists of an access unit that is not needed any more, for the next ones, and leaves it empty.
    pub fn recycle(&mut self, unit: &mut AccessUnit<P>) {
        self.assembler.recycle(unit);
    }

    /// The stream ends, or starts anew with other sequence numbers: what is there comes out.
    pub fn flush(&mut self) {
        self.drop_fragments();
        self.release(true);
        self.assembler.flush();
        self.deinterleaver.restart();
        self.counted = false;
        self.holes = false;
    }

    /// The parameter sets that hold after the packets taken so far.
    pub fn parameter_sets(&self) -> &ParameterSets {
        &self.assembler.sets
    }

    /// What was dropped so far, and why.
    pub fn counters(&self) -> Counters {
        self.assembler.counters
    }

    fn push_aggregation(&mut self, context: &Context<'_, P>, bytes: &[u8], units: Aggregation<'_>) {
        let mut entered = false;
        for unit in units {
            let first = unit.as_ref().ok().and_then(|unit| bytes.get(unit.data.start).copied());
            if !std::mem::replace(&mut entered, true) {
                self.enter(context.timestamp, first);
            }
            match unit {
                Ok(unit) => self.add_direct(context, unit.data),
                Err(payload::Malformed) => {
                    self.assembler.counters.malformed += 1;
                    self.assembler.damage();
                }
            }
        }
        self.assembler_marker(context);
    }

    fn push_interleaved(&mut self, context: &Context<'_, P>, units: Aggregation<'_>) {
        let mut units = units.peekable();
        while let Some(unit) = units.next() {
            let last = units.peek().is_none();
            let Ok(unit) = unit else {
                self.assembler.counters.malformed += 1;
                self.hole_in_transmission();
                break;
            };
            let parts: Vec<_> = context.slice(unit.data).into_iter().collect();
            let header = parts.first().and_then(|part| part.bytes().first().copied());
            let (Some(header), Some(don)) = (header, unit.don) else { continue };
            let timestamp = context.timestamp.wrapping_add(unit.timestamp_offset);
            let marker = context.marker && last;
            let suspect = false;
            self.wait(
                don,
                Waiting { timestamp, header, fragmented: false, parts, marker, suspect },
            );
        }
    }

    fn push_fragment(&mut self, context: &Context<'_, P>, fu: &Fragment) {
        let Some(slice) = context.slice(fu.data.clone()) else { return };
        let interleaved = fu.don.is_some()
            || self.fragments.is_interleaved()
            || !fu.start && self.deinterleaver.is_in_use();
        if !interleaved {
            self.enter(context.timestamp, fu.start.then_some(fu.header));
        }
        match self.fragments.add(fu, context.timestamp, slice, &self.assembler.limits) {
            Outcome::Open => self.counted = false,
            Outcome::Whole { header, don: None } => {
                self.assembler.add(Some(header), self.fragments.parts());
            }
            Outcome::Whole { header, don: Some(don) } => {
                let parts = std::mem::take(self.fragments.parts());
                let Context { timestamp, marker, .. } = *context;
                let suspect = false;
                self.wait(
                    don,
                    Waiting { timestamp, header, fragmented: true, parts, marker, suspect },
                );
            }
            Outcome::Orphan => {
                if !std::mem::replace(&mut self.counted, true) {
                    self.assembler.counters.incomplete += 1;
                }
                self.dropped(interleaved);
            }
            Outcome::TooLarge => {
                self.assembler.counters.too_large += 1;
                self.counted = true;
                self.dropped(interleaved);
            }
        }
        if !interleaved {
            if context.marker {
                // A marker before the last fragment: whatever was to follow is not there.
                self.drop_fragments();
            }
            self.assembler_marker(context);
        }
    }

    /// Drops a NAL unit of which a fragment is missing.
    fn drop_fragments(&mut self) {
        let interleaved = self.fragments.is_interleaved();
        if self.fragments.abort() {
            self.assembler.counters.incomplete += 1;
            self.counted = true;
            self.dropped(interleaved);
        }
    }

    fn dropped(&mut self, interleaved: bool) {
        if interleaved {
            self.hole_in_transmission();
        } else {
            self.holes = true;
            self.assembler.damage();
        }
    }

    /// NAL units are missing that may belong anywhere in decoding order.
    fn hole_in_transmission(&mut self) {
        self.holes = true;
        self.assembler.lost_somewhere(0);
        self.deinterleaver.lost();
    }

    /// Before NAL units without a decoding order number: those that have one go first.
    fn enter(&mut self, timestamp: u32, first: Option<u8>) {
        self.release(true);
        self.assembler.enter(timestamp, first);
    }

    fn add_direct(&mut self, context: &Context<'_, P>, range: Range<usize>) {
        self.scratch.extend(context.slice(range));
        self.assembler.add(None, &mut self.scratch);
    }

    fn wait(&mut self, don: u16, unit: Waiting<P>) {
        if self.deinterleaver.push(don, unit).is_err() {
            self.assembler.counters.too_late += 1;
            self.holes = true;
            self.assembler.damage();
        }
        self.release(false);
    }

    /// Passes on the NAL units whose turn it is, or all.
    fn release(&mut self, all: bool) {
        loop {
            let next = if all { self.deinterleaver.take_first() } else { self.deinterleaver.pop() };
            let Some(Released { mut unit, jump }) = next else { return };
            if unit.suspect || jump && self.holes {
                self.assembler.gap(1);
            }
            self.assembler.enter(unit.timestamp, Some(unit.header));
            self.assembler.add(unit.fragmented.then_some(unit.header), &mut unit.parts);
            if unit.marker && !self.deinterleaver.reorders() {
                self.assembler.marker(unit.timestamp);
            }
        }
    }

    fn assembler_marker(&mut self, context: &Context<'_, P>) {
        if context.marker {
            self.assembler.marker(context.timestamp);
        }
    }
}

/// The packet that is being taken.
struct Context<'a, P> {
    packet: &'a P,
    /// Where its payload begins.
    base: usize,
    timestamp: u32,
    marker: bool,
}

impl<P: AsRef<[u8]> + Clone> Context<'_, P> {
    /// A range of the payload.
    fn slice(&self, range: Range<usize>) -> Option<Slice<P>> {
        let range = self.base.checked_add(range.start)?..self.base.checked_add(range.end)?;
        Slice::new(self.packet.clone(), range)
    }
}
