//! Cheap classification of one RTP payload, for a relay that does not put access units together.

use super::payload::{self, Payload};
use super::rbsp::unescape;
use super::{nal, sei};
use crate::media::bits::BitReader;

/// What one RTP payload holds, seen through STAP, MTAP and the first fragment of an FU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inspect {
    /// The access unit of this packet is one that a decoder may start with: there is an IDR slice
    /// or a recovery point. A parameter set alone does not tell: some senders repeat them before
    /// other pictures.
    pub key: bool,
    /// A slice of an IDR picture begins here or goes on here.
    pub idr: bool,
    /// A recovery point SEI message.
    pub recovery_point: bool,
    /// A sequence or picture parameter set.
    pub parameter_sets: bool,
    /// The first slice of a picture begins here (`first_mb_in_slice` is 0).
    pub first_slice: bool,
    /// The packet begins with a NAL unit that can only stand before the slices of its access unit:
    /// delimiter, parameter set or SEI.
    pub before_slices: bool,
}

/// Classifies an RTP payload, without allocation. Malformed payloads give what was readable.
pub fn inspect(payload: &[u8]) -> Inspect {
    let mut seen = Inspect::default();
    match payload::parse(payload) {
        Ok(Payload::Single) => seen.add(payload.iter().copied(), true),
        Ok(Payload::Aggregation(units)) => {
            let mut first = true;
            for unit in units.flatten() {
                if let Some(bytes) = payload.get(unit.data) {
                    seen.add(bytes.iter().copied(), first);
                    first = false;
                }
            }
        }
        Ok(Payload::Fragment(fu)) if fu.start => {
            let bytes = payload.get(fu.data).unwrap_or_default();
            seen.add(std::iter::once(fu.header).chain(bytes.iter().copied()), true);
        }
        Ok(Payload::Fragment(fu)) if nal::unit_type(fu.header) == nal::IDR => {
            seen.idr = true;
            seen.key = true;
        }
        Ok(Payload::Fragment(_) | Payload::Reserved) | Err(_) => {}
    }
    seen
}

/// The whole parameter sets in an RTP payload: those that are not fragmented. Without allocation.
pub fn parameter_sets(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (single, units) = match payload::parse(payload) {
        Ok(Payload::Single) => (Some(payload), None),
        Ok(Payload::Aggregation(units)) => (None, Some(units)),
        _ => (None, None),
    };
    let aggregated = units.into_iter().flatten().flatten();
    let aggregated = aggregated.filter_map(move |unit| payload.get(unit.data));
    let is_set = |nal: &&[u8]| {
        nal.first().is_some_and(|&header| matches!(nal::unit_type(header), nal::SPS | nal::PPS))
    };
    single.into_iter().chain(aggregated).filter(is_set)
}

impl Inspect {
    fn add(&mut self, nal: impl Iterator<Item = u8> + Clone, first: bool) {
        let Some(header) = nal.clone().next() else { return };
        let kind = nal::unit_type(header);
        match kind {
            nal::IDR => self.idr = true,
            nal::SEI => self.recovery_point |= sei::recovery_point(nal.clone()).is_some(),
            nal::SPS | nal::PPS => self.parameter_sets = true,
            _ => {}
        }
        self.key |= self.idr || self.recovery_point;
        self.first_slice |= first_mb_in_slice(nal) == Some(0);
        self.before_slices |=
            first && matches!(kind, nal::SEI | nal::SPS | nal::PPS | nal::DELIMITER);
    }
}

/// `first_mb_in_slice` of a slice NAL unit given with its header byte; `None` for other types.
pub fn first_mb_in_slice(mut nal: impl Iterator<Item = u8>) -> Option<u32> {
    let header = nal.next()?;
    if !nal::has_slice_header(nal::unit_type(header)) {
        return None;
    }
    BitReader::new(unescape(nal)).ue()
}
