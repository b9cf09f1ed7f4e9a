//! From RTP packets to AAC access units (RFC 3640 3.2).

use super::deinterleave::Deinterleaver;
use super::format::Format;
use super::headers::{self, Malformed, UnitHeader};
use crate::media::Slice;
use crate::media::spare::Spare;
use std::collections::VecDeque;
use std::ops::Range;

/// Most bytes of an access unit that comes in fragments.
const MAX_BYTES: usize = 1 << 20;
/// Most fragments of one.
const MAX_FRAGMENTS: usize = 4096;
/// Finished access units kept until they are taken.
const MAX_READY: usize = 1024;
/// Access units over which a stream is taken to interleave when it does not tell.
const UNANNOUNCED_DISPLACEMENT: u32 = 64;

/// One AAC access unit ("frame"), whole, as slices of packets: one slice, or more when it came in
/// fragments.
#[derive(Clone, Debug)]
pub struct AccessUnit<P> {
    /// RTP timestamp of its first sample.
    pub timestamp: u32,
    /// Something was lost directly before it.
    pub after_loss: bool,
    /// Its bytes, without an ADTS header.
    pub slices: Vec<Slice<P>>,
}

impl<P: AsRef<[u8]>> AccessUnit<P> {
    /// Number of bytes.
    pub fn size(&self) -> usize {
        self.slices.iter().map(|slice| slice.len()).sum()
    }

    /// A copy of its bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.size());
        self.slices.iter().for_each(|slice| bytes.extend_from_slice(slice));
        bytes
    }
}

/// What was met that was not as it should be, counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets missing, as told by [`Depacketizer::gap`].
    pub lost_packets: u64,
    /// Payloads that do not hold what their headers say.
    pub malformed: u64,
    /// Fragmented access units dropped because a fragment was missing.
    pub incomplete: u64,
    /// Interleaved access units dropped because their turn had gone by, or that came twice.
    pub too_late: u64,
    /// Finished access units dropped because nobody took them.
    pub not_taken: u64,
}

/// Takes access units out of packets: several of a packet, or one of several packets; interleaved
/// ones are put in order.
///
/// Takes the packets of one SSRC in the order of their sequence numbers, each once, and is told of
/// gaps. After each [`push`](Self::push) or [`flush`](Self::flush), [`pop`](Self::pop) until it
/// gives `None`. What comes out is whole: an access unit with a missing fragment is dropped.
#[derive(Debug)]
pub struct Depacketizer<P> {
    format: Format,
    duration: u32,
    headers: Vec<UnitHeader>,
    partial: Option<Partial<P>>,
    /// After a gap, until a marker: where only markers tell fragments apart, these may be the rest of
    /// an access unit.
    resynchronising: bool,
    /// Fragments that only marker bits tell apart have been seen.
    fragments_by_marker: bool,
    deinterleaver: Option<Deinterleaver<P>>,
    ready: VecDeque<AccessUnit<P>>,
    /// Lists of access units that are not needed any more.
    spare: Spare<Slice<P>>,
    after_loss: bool,
    counters: Counters,
}

/// An access unit whose fragments are coming in.
#[derive(Debug)]
struct Partial<P> {
    timestamp: u32,
    /// Size of the whole, when it is known.
    size: Option<usize>,
    collected: usize,
    slices: Vec<Slice<P>>,
}

impl<P: AsRef<[u8]> + Clone> Depacketizer<P> {
    /// A depacketizer for a stream with these parameters and this RTP clock rate in Hz.
    pub fn new(format: Format, clock_rate: u32) -> Depacketizer<P> {
        let duration = format.duration(clock_rate);
        let deinterleaver =
            format.max_displacement.map(|ticks| Deinterleaver::new(ticks, duration));
        Depacketizer {
            format,
            duration,
            headers: Vec::new(),
            partial: None,
            resynchronising: false,
            fragments_by_marker: false,
            deinterleaver,
            ready: VecDeque::new(),
            spare: Spare::new(),
            after_loss: false,
            counters: Counters::default(),
        }
    }

    /// Tells that `packets` packets are missing before the one that is pushed next.
    pub fn gap(&mut self, packets: u32) {
        if packets > 0 {
            self.counters.lost_packets += u64::from(packets);
            self.after_loss = true;
            self.drop_partial();
            self.resynchronising = true;
        }
    }

    /// Takes the next packet: where its payload lies in it, its RTP timestamp and its marker bit.
    pub fn push(&mut self, packet: P, payload: Range<usize>, timestamp: u32, marker: bool) {
        let bytes = packet.as_ref().get(payload.clone()).unwrap_or_default();
        let mut headers = std::mem::take(&mut self.headers);
        let result = headers::read(bytes, &self.format, &mut headers).and_then(|data| {
            let data = payload.start + data.start..payload.start + data.end;
            self.take(&packet, data, &headers, timestamp, marker)
        });
        self.headers = headers;
        if result == Err(Malformed) {
            self.counters.malformed += 1;
            self.after_loss = true;
            self.drop_partial();
        }
    }

    fn take(
        &mut self,
        packet: &P,
        data: Range<usize>,
        headers: &[UnitHeader],
        timestamp: u32,
        marker: bool,
    ) -> Result<(), Malformed> {
        let slice = |range| Slice::new(packet.clone(), range).ok_or(Malformed);
        let constant = self.format.constant_size.map(|size| size as usize);
        let size = headers.first().and_then(|header| header.size).or(constant);
        if headers.len() <= 1 && size.is_none_or(|size| size > data.len()) {
            return self.take_fragment(slice(data)?, size, timestamp, marker);
        }
        self.drop_partial();
        if headers.is_empty() {
            // Constant size without headers: as many as there are.
            let size = size.filter(|&size| size > 0).ok_or(Malformed)?;
            let starts = data.clone().step_by(size).filter(|start| start + size <= data.end);
            for (index, start) in (0..).zip(starts) {
                let unit = slice(start..start + size)?;
                self.give_one(timestamp.wrapping_add(self.duration.wrapping_mul(index)), unit);
            }
            return Ok(());
        }
        self.note_interleaving(headers);
        let mut start = data.start;
        for header in headers {
            let size = header.size.or(constant).ok_or(Malformed)?;
            let end = start.checked_add(size).filter(|&end| end <= data.end).ok_or(Malformed)?;
            let by_index = self.duration.wrapping_mul(header.index);
            let offset = header.timestamp_offset.unwrap_or(by_index);
            if size > 0 {
                self.give_one(timestamp.wrapping_add(offset), slice(start..end)?);
            }
            start = end;
        }
        Ok(())
    }

    /// A packet with a part of an access unit, or with a whole one whose size nothing tells.
    fn take_fragment(
        &mut self,
        slice: Slice<P>,
        size: Option<usize>,
        timestamp: u32,
        marker: bool,
    ) -> Result<(), Malformed> {
        let fits = |partial: &Partial<P>| partial.timestamp == timestamp && partial.size == size;
        if !self.partial.as_ref().is_some_and(fits) {
            self.drop_partial();
        }
        if size.is_none() {
            self.fragments_by_marker |= !marker;
            let cut = self.resynchronising;
            self.resynchronising &= !marker;
            if cut && self.fragments_by_marker {
                return Ok(());
            }
        }
        let partial = self.partial.get_or_insert_with(|| Partial {
            timestamp,
            size,
            collected: 0,
            slices: self.spare.take(),
        });
        partial.collected = partial.collected.saturating_add(slice.len());
        partial.slices.push(slice);
        if partial.collected > size.unwrap_or(MAX_BYTES).min(MAX_BYTES)
            || partial.slices.len() > MAX_FRAGMENTS
        {
            return Err(Malformed);
        }
        let whole = match size {
            Some(size) => partial.collected == size,
            None => marker,
        };
        if whole {
            if let Some(partial) = self.partial.take() {
                self.give(timestamp, partial.slices);
            }
        } else if marker {
            self.drop_partial();
        }
        Ok(())
    }

    /// Some senders interleave without announcing `maxDisplacement`.
    fn note_interleaving(&mut self, headers: &[UnitHeader]) {
        let consecutive = headers.iter().zip(0..).all(|(header, index)| header.index == index);
        if !consecutive && self.deinterleaver.is_none() {
            let displacement = self.duration.saturating_mul(UNANNOUNCED_DISPLACEMENT);
            self.deinterleaver = Some(Deinterleaver::new(displacement, self.duration));
        }
    }

    /// As [`give`](Self::give), of one slice.
    fn give_one(&mut self, timestamp: u32, slice: Slice<P>) {
        let mut slices = self.spare.take();
        slices.push(slice);
        self.give(timestamp, slices);
    }

    /// Lets a whole access unit out, or into the de-interleaving buffer.
    fn give(&mut self, timestamp: u32, slices: Vec<Slice<P>>) {
        let after_loss = std::mem::take(&mut self.after_loss);
        let unit = AccessUnit { timestamp, after_loss, slices };
        match &mut self.deinterleaver {
            Some(deinterleaver) => {
                self.counters.too_late += u64::from(deinterleaver.push(unit).is_err());
                self.release(false);
            }
            None => self.make_ready(unit),
        }
    }

    fn release(&mut self, all: bool) {
        while let Some(unit) = self.deinterleaver.as_mut().and_then(|buffer| buffer.pop(all)) {
            self.make_ready(unit);
        }
    }

    fn make_ready(&mut self, unit: AccessUnit<P>) {
        if self.ready.len() == MAX_READY {
            self.ready.pop_front();
            self.counters.not_taken += 1;
        }
        self.ready.push_back(unit);
    }

    fn drop_partial(&mut self) {
        if self.partial.take().is_some() {
            self.counters.incomplete += 1;
            self.after_loss = true;
        }
    }

    /// The next access unit.
    pub fn pop(&mut self) -> Option<AccessUnit<P>> {
        self.ready.pop_front()
    }

    /// Takes the slices of an access unit that is not needed any more: the next ones use their memory.
    pub fn recycle(&mut self, slices: &mut Vec<Slice<P>>) {
        self.spare.keep(std::mem::take(slices));
    }

    /// The stream ends, or starts anew with other sequence numbers: what is there comes out.
    pub fn flush(&mut self) {
        self.drop_partial();
        self.release(true);
        if let Some(deinterleaver) = &mut self.deinterleaver {
            deinterleaver.restart();
        }
        self.after_loss = false;
        self.resynchronising = false;
    }

    /// The parameters of the stream.
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// What was dropped so far, and why.
    pub fn counters(&self) -> Counters {
        self.counters
    }
}
