//! An access unit: the NAL units of one picture, as slices of the packets they came in.

use super::{nal, sei};
use crate::media::Slice;

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// One access unit (H.264 3.1): all NAL units of one picture, in decoding order.
///
/// The payload bytes stay in the packets. What the packets do not hold is kept beside them: start
/// codes, AVCC lengths, and the header bytes of NAL units that came in fragments.
#[derive(Clone, Debug)]
pub struct AccessUnit<P> {
    /// RTP timestamp, 90 kHz.
    pub timestamp: u32,
    /// Whether decoding can start here: an IDR picture, or a recovery point.
    pub key: bool,
    /// Set when decoding started here is right only after so many frames (in decoding order):
    /// `recovery_frame_cnt` of a recovery point SEI message (H.264 D.2.8).
    pub recovery: Option<u32>,
    /// Whether NAL units of this access unit are, or may be, missing. What is there is whole.
    pub damaged: bool,
    /// Packets lost within this access unit or between it and the one before. When not 0, pictures
    /// that this one refers to may be missing.
    pub lost: u32,
    /// Whether a parameter set in this access unit is new or differs from the one it replaces.
    pub parameter_sets_changed: bool,
    units: Vec<Unit>,
    parts: Vec<Slice<P>>,
    size: usize,
    picture: bool,
}

/// What an access unit is kept in.
pub(super) type Lists<P> = (Vec<Unit>, Vec<Slice<P>>);

/// Where a NAL unit lies among the parts of its access unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    first: u32,
    count: u32,
    length: u32,
    header: u8,
    /// Start code, then the header byte: the latter is used only when `fragmented`.
    annex_b: [u8; 5],
    /// Length, then the header byte likewise.
    avcc: [u8; 5],
    /// The header byte is in no part: the NAL unit came in fragmentation units.
    fragmented: bool,
}

impl Unit {
    fn lead<'a>(&self, bytes: &'a [u8; 5]) -> &'a [u8] {
        if self.fragmented { bytes } else { &bytes[..4] }
    }
}

impl<P: AsRef<[u8]>> AccessUnit<P> {
    /// One to be filled, in lists that are empty.
    pub(super) fn new((units, parts): Lists<P>, timestamp: u32) -> AccessUnit<P> {
        AccessUnit {
            timestamp,
            key: false,
            recovery: None,
            damaged: false,
            lost: 0,
            parameter_sets_changed: false,
            units,
            parts,
            size: 0,
            picture: false,
        }
    }

    /// Lets go of the packets. What is left says nothing, but its lists have their memory.
    pub(in crate::media) fn clear(&mut self) {
        self.units.clear();
        self.parts.clear();
        self.size = 0;
    }

    /// Its lists, for another one. What is left says nothing.
    pub(super) fn take_lists(&mut self) -> Lists<P> {
        self.size = 0;
        (std::mem::take(&mut self.units), std::mem::take(&mut self.parts))
    }

    /// Appends a NAL unit: its header byte, when no part holds it, and its parts (drained).
    pub(super) fn append(&mut self, fragmented: Option<u8>, parts: &mut Vec<Slice<P>>) {
        let Some(header) = fragmented.or_else(|| parts.first()?.bytes().first().copied()) else {
            return;
        };
        let bytes = parts.iter().map(|part| part.len()).sum::<usize>();
        let length = bytes + usize::from(fragmented.is_some());
        let [a, b, c, d] = START_CODE;
        let [e, f, g, h] = (length as u32).to_be_bytes();
        self.units.push(Unit {
            first: self.parts.len() as u32,
            count: parts.len() as u32,
            length: length as u32,
            header,
            annex_b: [a, b, c, d, header],
            avcc: [e, f, g, h, header],
            fragmented: fragmented.is_some(),
        });
        self.parts.append(parts);
        self.size += length;
        self.picture |= nal::is_vcl(nal::unit_type(header));
    }

    /// The NAL units in decoding order.
    pub fn nals(&self) -> impl DoubleEndedIterator<Item = Nal<'_, P>> + ExactSizeIterator {
        self.units.iter().map(|unit| {
            let range = unit.first as usize..(unit.first + unit.count) as usize;
            Nal { unit, parts: self.parts.get(range).unwrap_or_default() }
        })
    }

    /// Number of NAL units.
    pub fn len(&self) -> usize {
        self.units.len()
    }

    /// Whether there is no NAL unit in it.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// Bytes of all NAL units together, without start codes or lengths. Both
    /// [`annex_b`](Self::annex_b) and [`avcc`](Self::avcc) are longer by 4 bytes per NAL unit.
    pub fn size(&self) -> usize {
        self.size
    }

    pub(super) fn part_count(&self) -> usize {
        self.parts.len()
    }

    /// Whether it holds a picture, or only NAL units that go before or after one.
    pub fn has_picture(&self) -> bool {
        self.picture
    }

    /// The access unit as a byte stream (H.264 annex B): a 4-byte start code before each NAL unit.
    pub fn annex_b(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.pieces(|unit| unit.lead(&unit.annex_b))
    }

    /// The access unit as a sample of an MP4 file (ISO/IEC 14496-15): a 4-byte big-endian length
    /// before each NAL unit.
    pub fn avcc(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.pieces(|unit| unit.lead(&unit.avcc))
    }

    fn pieces<'a>(
        &'a self,
        lead: impl Fn(&'a Unit) -> &'a [u8] + Clone,
    ) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.units.iter().flat_map(move |unit| {
            let range = unit.first as usize..(unit.first + unit.count) as usize;
            let parts = self.parts.get(range).unwrap_or_default();
            std::iter::once(lead(unit)).chain(parts.iter().map(Slice::bytes))
        })
    }

    /// Appends to a list what `of` makes of each piece of [`annex_b`](Self::annex_b): quicker than one by one.
    #[inline]
    pub fn list_annex_b<'a, T>(&'a self, list: &mut Vec<T>, of: impl Fn(&'a [u8]) -> T) {
        self.list(list, |unit| unit.lead(&unit.annex_b), of);
    }

    /// As [`list_annex_b`](Self::list_annex_b), of the pieces of [`avcc`](Self::avcc).
    #[inline]
    pub fn list_avcc<'a, T>(&'a self, list: &mut Vec<T>, of: impl Fn(&'a [u8]) -> T) {
        self.list(list, |unit| unit.lead(&unit.avcc), of);
    }

    #[inline]
    fn list<'a, T>(
        &'a self,
        list: &mut Vec<T>,
        lead: impl Fn(&'a Unit) -> &'a [u8],
        of: impl Fn(&'a [u8]) -> T,
    ) {
        // Room for all: the lists of parts then need no look at it one by one.
        list.reserve(self.units.len() + self.parts.len());
        for unit in &self.units {
            let range = unit.first as usize..(unit.first + unit.count) as usize;
            list.push(of(lead(unit)));
            list.extend(
                self.parts.get(range).unwrap_or_default().iter().map(|part| of(part.bytes())),
            );
        }
    }

    /// Appends the byte stream to `out`.
    pub fn write_annex_b(&self, out: &mut Vec<u8>) {
        out.reserve(self.size + 4 * self.units.len());
        self.annex_b().for_each(|piece| out.extend_from_slice(piece));
    }

    /// Appends the MP4 sample to `out`.
    pub fn write_avcc(&self, out: &mut Vec<u8>) {
        out.reserve(self.size + 4 * self.units.len());
        self.avcc().for_each(|piece| out.extend_from_slice(piece));
    }

    /// The payload of the first user data SEI message (H.264 D.2.6) with this UUID.
    pub fn user_data(&self, uuid: &[u8; 16]) -> Option<Vec<u8>> {
        self.nals()
            .filter(|nal| nal.unit_type() == nal::SEI)
            .find_map(|nal| sei::find_user_data(nal.bytes(), uuid))
    }
}

/// A NAL unit within an access unit.
#[derive(Debug)]
pub struct Nal<'a, P> {
    unit: &'a Unit,
    parts: &'a [Slice<P>],
}

impl<P> Clone for Nal<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Nal<'_, P> {}

impl<'a, P: AsRef<[u8]>> Nal<'a, P> {
    /// The header byte.
    pub fn header(&self) -> u8 {
        self.unit.header
    }

    /// `nal_unit_type`, one of the constants in [`nal`](super::nal).
    pub fn unit_type(&self) -> u8 {
        nal::unit_type(self.unit.header)
    }

    /// Number of bytes, the header byte included.
    #[expect(clippy::len_without_is_empty, reason = "a NAL unit has at least its header byte")]
    pub fn len(&self) -> usize {
        self.unit.length as usize
    }

    /// Its bytes, header byte first, as slices.
    pub fn slices(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a, P> {
        // Of [start code, header] the header alone.
        let lead = self.unit.annex_b.get(4..).filter(|_| self.unit.fragmented);
        lead.into_iter().chain(self.parts.iter().map(Slice::bytes))
    }

    /// Its bytes one by one, header byte first.
    pub(super) fn bytes(&self) -> impl Iterator<Item = u8> + Clone + use<'a, P> {
        self.slices().flat_map(|slice| slice.iter().copied())
    }

    /// Its bytes when they lie in one packet.
    pub fn contiguous(&self) -> Option<&'a [u8]> {
        match self.parts {
            [part] if !self.unit.fragmented => Some(part.bytes()),
            _ => None,
        }
    }

    /// A copy of its bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        self.slices().for_each(|slice| bytes.extend_from_slice(slice));
        bytes
    }
}
