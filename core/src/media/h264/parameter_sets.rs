//! The parameter sets of a stream, from SDP and in band, by id.

use super::nal;
use super::rbsp::unescape;
use crate::media::bits::BitReader;
use h264_reader::nal::sps::{FrameMbsFlags, PicOrderCntType, SeqParameterSet};
use std::collections::BTreeMap;

/// Longest parameter set that is kept. A PPS with an explicit slice group map for the largest
/// picture of level 5.2 stays below.
const MAX_BYTES: usize = 16 * 1024;
/// Bytes of all sets together: room for any real stream's, and too little to work on for long.
const MAX_TOTAL: usize = 2 * MAX_BYTES;

/// What storing a NAL unit changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Not a parameter set, or not a readable one: nothing stored.
    None,
    /// The same bytes are stored under this id already.
    Same,
    /// The first under its id, or different from the one it replaced.
    New,
}

/// Sequence and picture parameter sets by their ids (H.264 7.4.2.1.1, 7.4.2.2), at most 32 and 256.
#[derive(Clone, Debug, Default)]
pub struct ParameterSets {
    sequence: BTreeMap<u8, Sequence>,
    picture: BTreeMap<u8, Picture>,
    /// Id of the sequence parameter set of the newest picture, or of the newest such set.
    active: Option<u8>,
}

#[derive(Clone, Debug)]
struct Sequence {
    nal: Box<[u8]>,
    /// `None` when the library parser refuses it: it is passed on nevertheless.
    parsed: Option<SequenceInfo>,
}

#[derive(Clone, Debug)]
struct Picture {
    nal: Box<[u8]>,
    info: PictureInfo,
}

/// What is needed of a sequence parameter set.
#[derive(Clone, Debug)]
pub(super) struct SequenceInfo {
    pub(super) log2_max_frame_num: u32,
    pub(super) frame_mbs_only: bool,
    pub(super) separate_colour_planes: bool,
    pub(super) order_count: OrderCount,
    dimensions: Option<(u32, u32)>,
}

/// `pic_order_cnt_type` and what a slice header carries for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OrderCount {
    Lsb { bits: u32 },
    Deltas,
    None,
}

/// What is needed of a picture parameter set.
#[derive(Clone, Copy, Debug)]
pub(super) struct PictureInfo {
    pub(super) sequence_id: u8,
    pub(super) order_present: bool,
}

impl ParameterSets {
    /// No parameter set.
    pub fn new() -> ParameterSets {
        ParameterSets::default()
    }

    /// Those of an SDP `sprop-parameter-sets` (already decoded from base64); others are ignored.
    pub fn from_nals<'a>(nals: impl IntoIterator<Item = &'a [u8]>) -> ParameterSets {
        let mut sets = ParameterSets::new();
        for nal in nals {
            sets.store(nal);
        }
        sets
    }

    /// Stores a parameter set NAL unit (header byte first, no start code) under its id, replacing
    /// the earlier one.
    pub fn store(&mut self, nal: &[u8]) -> Change {
        let nal = trim_zeros(nal);
        if self.nals().map(<[u8]>::len).sum::<usize>() + nal.len() > MAX_TOTAL && !self.holds(nal) {
            return Change::None;
        }
        match nal.first().map(|&header| nal::unit_type(header)) {
            Some(nal::SPS) if nal.len() <= MAX_BYTES => self.store_sequence(nal),
            Some(nal::PPS) if nal.len() <= MAX_BYTES => self.store_picture(nal),
            _ => Change::None,
        }
    }

    /// Whether a set is there as it is.
    fn holds(&self, nal: &[u8]) -> bool {
        self.nals().any(|known| known == nal)
    }

    fn store_sequence(&mut self, nal: &[u8]) -> Change {
        let Some(id) = sequence_id(nal) else { return Change::None };
        self.active = Some(id);
        if self.sequence.get(&id).is_some_and(|old| *old.nal == *nal) {
            return Change::Same;
        }
        let parsed = SequenceInfo::parse(nal);
        self.sequence.insert(id, Sequence { nal: nal.into(), parsed });
        Change::New
    }

    fn store_picture(&mut self, nal: &[u8]) -> Change {
        let Some((id, info)) = PictureInfo::parse(nal) else { return Change::None };
        if self.picture.get(&id).is_some_and(|old| *old.nal == *nal) {
            return Change::Same;
        }
        self.picture.insert(id, Picture { nal: nal.into(), info });
        Change::New
    }

    /// Notes that a picture uses this picture parameter set, whose sequence is the active one then.
    pub(super) fn activate(&mut self, picture_id: u32) {
        if let Some((picture, _)) = self.of_picture(picture_id) {
            self.active = Some(picture.sequence_id);
        }
    }

    /// The picture parameter set with this id and the sequence parameter set it names.
    pub(super) fn of_picture(&self, picture_id: u32) -> Option<(PictureInfo, &SequenceInfo)> {
        let picture = self.picture.get(&u8::try_from(picture_id).ok()?)?;
        let sequence = self.sequence.get(&picture.info.sequence_id)?;
        Some((picture.info, sequence.parsed.as_ref()?))
    }

    /// All sequence parameter sets, then all picture parameter sets, each in the order of the ids.
    pub fn nals(&self) -> impl Iterator<Item = &[u8]> {
        self.sequence_sets().chain(self.picture_sets())
    }

    /// The sequence parameter sets as NAL units.
    pub fn sequence_sets(&self) -> impl Iterator<Item = &[u8]> {
        self.sequence.values().map(|set| &*set.nal)
    }

    /// The picture parameter sets as NAL units.
    pub fn picture_sets(&self) -> impl Iterator<Item = &[u8]> {
        self.picture.values().map(|set| &*set.nal)
    }

    /// Whether there is at least one of each kind, so that a decoder can be set up.
    pub fn is_complete(&self) -> bool {
        !self.sequence.is_empty() && !self.picture.is_empty()
    }

    /// Width and height in pixels after cropping, as the active sequence parameter set has them;
    /// `None` when there is none or it cannot be read.
    pub fn resolution(&self) -> Option<(u32, u32)> {
        self.sequence.get(&self.active?)?.parsed.as_ref()?.dimensions
    }

    /// `profile_idc`, constraint flags and `level_idc` of the active sequence parameter set: the
    /// three bytes that SDP writes in hexadecimal as `profile-level-id` (RFC 6184 8.1).
    pub fn profile_level_id(&self) -> Option<[u8; 3]> {
        profile_level_id(&self.sequence.get(&self.active?)?.nal)
    }
}

/// The three bytes of `profile-level-id` of a sequence parameter set NAL unit.
pub fn profile_level_id(sps: &[u8]) -> Option<[u8; 3]> {
    if nal::unit_type(*sps.first()?) != nal::SPS {
        return None;
    }
    sps.get(1..4)?.try_into().ok()
}

/// `trailing_zero_8bits` belong to the byte stream, but some senders leave them at the NAL unit.
fn trim_zeros(nal: &[u8]) -> &[u8] {
    let end = nal.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    nal.get(..end).unwrap_or_default()
}

fn sequence_id(nal: &[u8]) -> Option<u8> {
    let id = BitReader::new(unescape(nal.iter().copied().skip(1)).skip(3)).ue()?;
    u8::try_from(id).ok().filter(|&id| id < 32)
}

impl SequenceInfo {
    fn parse(nal: &[u8]) -> Option<SequenceInfo> {
        let rbsp = h264_reader::rbsp::decode_nal(nal).ok()?;
        let sps =
            SeqParameterSet::from_bits(h264_reader::rbsp::BitReader::new(rbsp.as_ref())).ok()?;
        Some(SequenceInfo {
            log2_max_frame_num: u32::from(sps.log2_max_frame_num()),
            frame_mbs_only: matches!(sps.frame_mbs_flags, FrameMbsFlags::Frames),
            separate_colour_planes: sps.chroma_info.separate_colour_plane_flag,
            order_count: match sps.pic_order_cnt {
                PicOrderCntType::TypeZero { log2_max_pic_order_cnt_lsb_minus4 } => {
                    OrderCount::Lsb { bits: u32::from(log2_max_pic_order_cnt_lsb_minus4) + 4 }
                }
                PicOrderCntType::TypeOne { delta_pic_order_always_zero_flag: false, .. } => {
                    OrderCount::Deltas
                }
                PicOrderCntType::TypeOne { .. } | PicOrderCntType::TypeTwo => OrderCount::None,
            },
            dimensions: sps.pixel_dimensions().ok(),
        })
    }
}

impl PictureInfo {
    fn parse(nal: &[u8]) -> Option<(u8, PictureInfo)> {
        let mut bits = BitReader::new(unescape(nal.iter().copied().skip(1)));
        let id = u8::try_from(bits.ue()?).ok()?;
        let sequence_id = u8::try_from(bits.ue()?).ok().filter(|&id| id < 32)?;
        let _entropy_coding_mode = bits.bit()?;
        let order_present = bits.bit()?;
        Some((id, PictureInfo { sequence_id, order_present }))
    }
}
