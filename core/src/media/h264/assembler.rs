//! From NAL units in decoding order to access units: where they end, what is missing.

use super::access_unit::{AccessUnit, Unit};
use super::parameter_sets::{Change, ParameterSets};
use super::slice_header::SliceHeader;
use super::{nal, sei};
use crate::media::Slice;
use crate::media::spare::Spare;
use std::collections::VecDeque;

/// What one access unit may hold at most; what goes over it is dropped and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all NAL units together.
    pub bytes: usize,
    /// NAL units.
    pub nals: usize,
    /// Packets, or parts of packets.
    pub parts: usize,
}

impl Default for Limits {
    /// 16 MiB, 4096 NAL units, 65,536 parts.
    fn default() -> Limits {
        Limits { bytes: 16 << 20, nals: 4096, parts: 65_536 }
    }
}

/// What was met that was not as it should be, counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets missing, as told by [`Depacketizer::gap`](super::Depacketizer::gap).
    pub lost_packets: u64,
    /// Payloads, or ends of aggregation packets, that could not be read.
    pub malformed: u64,
    /// Payloads and NAL units of types that a receiver must ignore.
    pub reserved: u64,
    /// Fragmented NAL units dropped because a fragment was missing.
    pub incomplete: u64,
    /// NAL units dropped because a sender marked them as broken (F bit).
    pub forbidden: u64,
    /// NAL units dropped because they went over the limits.
    pub too_large: u64,
    /// Interleaved NAL units dropped because later ones had been given out.
    pub too_late: u64,
    /// Finished access units dropped because nobody took them.
    pub not_taken: u64,
    /// Access units that came out damaged.
    pub damaged: u64,
}

/// Finished access units kept until they are taken.
const MAX_READY: usize = 256;

#[derive(Debug)]
pub(super) struct Assembler<P> {
    pub(super) limits: Limits,
    pub(super) sets: ParameterSets,
    pub(super) counters: Counters,
    open: Option<AccessUnit<P>>,
    ready: VecDeque<AccessUnit<P>>,
    /// Lists of access units that are not needed any more.
    spare: (Spare<Unit>, Spare<Slice<P>>),
    /// Packets lost since the last access unit was finished, at least 1 when anything was.
    lost: u32,
    /// Packets lost directly before the NAL unit that comes next.
    gap: u32,
    /// No slice was seen yet: the stream may have been joined in the middle of a picture.
    joining: bool,
    /// Timestamp of the access unit finished last, if a marker ended it.
    marked: Option<u32>,
    /// Whether all access units so far ended with a marker; `None` before the first.
    markers_reliable: Option<bool>,
    /// The marker was seen before the end of an access unit: "decoders MUST NOT rely on this
    /// property" (RFC 6184 5.1). From then on timestamps alone end access units.
    distrusts_marker: bool,
}

impl<P: AsRef<[u8]>> Assembler<P> {
    pub(super) fn new(limits: Limits, sets: ParameterSets) -> Assembler<P> {
        Assembler {
            limits,
            sets,
            counters: Counters::default(),
            open: None,
            ready: VecDeque::new(),
            spare: (Spare::new(), Spare::new()),
            lost: 0,
            gap: 0,
            joining: true,
            marked: None,
            markers_reliable: None,
            distrusts_marker: false,
        }
    }

    /// Packets are missing before the NAL unit that comes next in decoding order.
    pub(super) fn gap(&mut self, packets: u32) {
        self.lost = self.lost.saturating_add(packets);
        self.gap = self.gap.saturating_add(packets);
    }

    /// Something is missing, if only a packet that was unusable; it will show where.
    pub(super) fn lost_somewhere(&mut self, packets: u32) {
        self.lost = self.lost.saturating_add(packets).max(1);
    }

    /// Something of the open access unit could not be kept.
    pub(super) fn damage(&mut self) {
        self.lost = self.lost.max(1);
        if let Some(unit) = &mut self.open {
            unit.damaged = true;
        }
    }

    /// Makes the access unit of this timestamp the open one, before its NAL units are added.
    /// `first` is the header byte of the NAL unit that comes next, when it is whole.
    pub(super) fn enter(&mut self, timestamp: u32, first: Option<u8>) {
        let gap = std::mem::take(&mut self.gap);
        // A delimiter or sequence parameter set begins an access unit: none of it is lost.
        let first = first.map(nal::unit_type);
        let mut whole = gap == 0 || matches!(first, Some(nal::DELIMITER | nal::SPS));
        if self.open.as_ref().is_some_and(|open| open.timestamp != timestamp) {
            if gap > 0 {
                // The end of the old one is missing. Was that the one packet that is lost?
                whole |= gap == 1 && self.markers_reliable == Some(true);
                self.damage();
            }
            self.end_by_timestamp(timestamp, gap);
        }
        match &mut self.open {
            Some(open) => open.damaged |= gap > 0,
            None => {
                let lists = (self.spare.0.take(), self.spare.1.take());
                let open = self.open.insert(AccessUnit::new(lists, timestamp));
                open.damaged = !whole;
            }
        }
    }

    fn end_by_timestamp(&mut self, timestamp: u32, gap: u32) {
        let Some(open) = &mut self.open else { return };
        if open.has_picture() || open.damaged || open.is_empty() {
            if gap == 0 && !open.is_empty() {
                self.markers_reliable = Some(false);
            }
            self.finish();
            self.marked = None;
        } else {
            // Some senders give parameter sets a timestamp of their own: they belong to the
            // picture that follows.
            open.timestamp = timestamp;
        }
    }

    /// Adds a whole NAL unit to the open access unit; drains `parts`. `fragmented` is the header
    /// byte if that is in no part.
    pub(super) fn add(&mut self, fragmented: Option<u8>, parts: &mut Vec<Slice<P>>) {
        let header = fragmented.or_else(|| parts.first()?.bytes().first().copied());
        let (Some(open), Some(header)) = (&mut self.open, header) else {
            parts.clear();
            return;
        };
        let bytes = parts.iter().map(|part| part.len()).sum::<usize>();
        let limits = &self.limits;
        let refused = if nal::is_forbidden(header) {
            Some(&mut self.counters.forbidden)
        } else if open.len() >= limits.nals
            || open.size().saturating_add(bytes) > limits.bytes
            || open.part_count() + parts.len() > limits.parts
        {
            Some(&mut self.counters.too_large)
        } else {
            None
        };
        if let Some(counter) = refused {
            *counter += 1;
            parts.clear();
            self.damage();
            return;
        }
        if !nal::is_carried(nal::unit_type(header)) {
            self.counters.reserved += 1;
            parts.clear();
            return;
        }
        let first_slice = nal::is_vcl(nal::unit_type(header)) && !open.has_picture();
        open.append(fragmented, parts);
        self.look_at_last(first_slice);
    }

    /// Takes from the NAL unit appended last what is to be known of it.
    fn look_at_last(&mut self, first_slice: bool) {
        let Some(open) = &mut self.open else { return };
        let Some(last) = open.nals().next_back() else { return };
        match last.unit_type() {
            nal::SEI => {
                if let Some(frames) = sei::recovery_point(last.bytes()) {
                    open.key = true;
                    open.recovery = Some(frames);
                }
            }
            nal::SPS | nal::PPS => {
                let change = match last.contiguous() {
                    Some(nal) => self.sets.store(nal),
                    None => self.sets.store(&last.to_vec()),
                };
                open.parameter_sets_changed |= change == Change::New;
            }
            kind if first_slice => {
                let slice = SliceHeader::parse(last.bytes(), &self.sets);
                if kind == nal::IDR {
                    open.key = true;
                    open.recovery = None;
                }
                if let Some(slice) = slice {
                    self.sets.activate(slice.picture_parameter_set);
                    self.look_at_first_slice(slice.first_mb);
                }
            }
            _ => {}
        }
    }

    fn look_at_first_slice(&mut self, first_mb: u32) {
        let Some(open) = &mut self.open else { return };
        if first_mb != 0 && self.lost == 0 && self.marked == Some(open.timestamp) {
            // The rest of a picture whose first part a marker ended. That part is gone already.
            self.distrusts_marker = true;
            self.markers_reliable = Some(false);
            open.damaged = true;
        } else if first_mb != 0 && self.joining {
            open.damaged = true;
        }
        self.joining = false;
    }

    /// The packet with the marker bit is over.
    pub(super) fn marker(&mut self, timestamp: u32) {
        if self.distrusts_marker {
            return;
        }
        // Some senders mark parameter sets, too: these wait for their picture.
        let ended = |open: &AccessUnit<P>| {
            open.timestamp == timestamp && (open.has_picture() || open.damaged)
        };
        if self.open.as_ref().is_some_and(ended) {
            self.markers_reliable.get_or_insert(true);
            self.marked = Some(timestamp);
            self.finish();
        }
    }

    /// The stream ends, or starts anew: what is there comes out.
    pub(super) fn flush(&mut self) {
        if self.markers_reliable == Some(true) || self.gap > 0 {
            self.damage();
        }
        self.finish();
        self.lost = 0;
        self.gap = 0;
        self.joining = true;
        self.marked = None;
    }

    fn finish(&mut self) {
        let Some(mut unit) = self.open.take().filter(|unit| !unit.is_empty()) else { return };
        unit.lost = std::mem::take(&mut self.lost);
        self.counters.damaged += u64::from(unit.damaged);
        if self.ready.len() == MAX_READY {
            self.ready.pop_front();
            self.counters.not_taken += 1;
        }
        self.ready.push_back(unit);
    }

    pub(super) fn pop(&mut self) -> Option<AccessUnit<P>> {
        self.ready.pop_front()
    }

    /// Takes back an access unit, for its memory.
    pub(super) fn recycle(&mut self, unit: &mut AccessUnit<P>) {
        let (units, parts) = unit.take_lists();
        self.spare.0.keep(units);
        self.spare.1.keep(parts);
    }
}
