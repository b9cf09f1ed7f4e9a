//! Where an access unit begins in a stream of NAL units without timestamps (H.264 7.4.1.2.3,
//! 7.4.1.2.4).

use super::nal;
use super::parameter_sets::ParameterSets;
use super::slice_header::SliceHeader;

/// Tells the first NAL unit of each access unit.
#[derive(Clone, Debug, Default)]
pub struct Boundary {
    sets: ParameterSets,
    last_slice: Option<SliceHeader>,
    /// The present access unit has its picture: what stands before pictures begins the next.
    has_picture: bool,
}

impl Boundary {
    /// A detector at the beginning of a stream.
    pub fn new() -> Boundary {
        Boundary::default()
    }

    /// Takes the next NAL unit in decoding order and tells whether an access unit begins with it.
    /// The first NAL unit of a stream is not reported as such. A [prefix](nal::PREFIX) NAL unit
    /// belongs to the slice behind it, which alone tells.
    pub fn begins_access_unit(&mut self, nal: &[u8]) -> bool {
        let Some(&header) = nal.first() else { return false };
        let kind = nal::unit_type(header);
        let begins = match kind {
            nal::DELIMITER | nal::SEI | nal::SPS | nal::PPS | 15..=18 => self.has_picture,
            _ if nal::has_slice_header(kind) => self.begins_picture(nal),
            // Partitions B and C, prefixes, ends of sequence, filler, auxiliary and extension slices.
            _ => false,
        };
        if begins {
            self.has_picture = false;
        }
        self.has_picture |= nal::is_vcl(kind);
        self.sets.store(nal);
        begins
    }

    fn begins_picture(&mut self, nal: &[u8]) -> bool {
        let Some(slice) = SliceHeader::parse(nal.iter().copied(), &self.sets) else {
            return false;
        };
        let begins = match &self.last_slice {
            Some(last) => self.has_picture && slice.begins_picture_after(last),
            None => false,
        };
        self.last_slice = Some(slice);
        begins
    }

    /// The parameter sets seen so far.
    pub fn parameter_sets(&self) -> &ParameterSets {
        &self.sets
    }
}
