//! The first fields of a slice header (H.264 7.3.3): those that tell pictures apart.

use super::nal;
use super::parameter_sets::{OrderCount, ParameterSets};
use super::rbsp::unescape;
use crate::media::bits::BitReader;

/// The beginning of a slice header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SliceHeader {
    header: u8,
    pub(super) first_mb: u32,
    pub(super) picture_parameter_set: u32,
    /// `None` when the parameter sets that give the fields their lengths are not known.
    picture: Option<PictureFields>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct PictureFields {
    frame_num: u32,
    /// `field_pic_flag`, `bottom_field_flag`
    field: (bool, bool),
    idr_pic_id: Option<u32>,
    order_count: (u32, i32),
    deltas: (i32, i32),
}

impl SliceHeader {
    /// Reads a slice NAL unit, header byte first; `None` for other NAL units and cut-off ones.
    pub(super) fn parse(
        mut nal: impl Iterator<Item = u8>,
        sets: &ParameterSets,
    ) -> Option<SliceHeader> {
        let header = nal.next()?;
        if !nal::has_slice_header(nal::unit_type(header)) {
            return None;
        }
        let mut bits = BitReader::new(unescape(nal));
        let first_mb = bits.ue()?;
        let _slice_type = bits.ue()?;
        let picture_parameter_set = bits.ue()?;
        let picture = picture_fields(&mut bits, header, picture_parameter_set, sets);
        Some(SliceHeader { header, first_mb, picture_parameter_set, picture })
    }

    /// Whether this slice begins a new picture after `last`: one of the conditions of H.264
    /// 7.4.1.2.4 holds. Without parameter sets what is left to judge by is the first macroblock.
    pub(super) fn begins_picture_after(&self, last: &SliceHeader) -> bool {
        let is_idr = |slice: &SliceHeader| nal::unit_type(slice.header) == nal::IDR;
        let is_reference = |slice: &SliceHeader| nal::reference(slice.header) != 0;
        if self.picture_parameter_set != last.picture_parameter_set
            || is_idr(self) != is_idr(last)
            || is_reference(self) != is_reference(last)
        {
            return true;
        }
        match (&self.picture, &last.picture) {
            (Some(this), Some(last)) => this != last,
            _ => self.first_mb == 0,
        }
    }
}

fn picture_fields<I: Iterator<Item = u8>>(
    bits: &mut BitReader<I>,
    header: u8,
    picture_parameter_set: u32,
    sets: &ParameterSets,
) -> Option<PictureFields> {
    let (pps, sps) = sets.of_picture(picture_parameter_set)?;
    if sps.separate_colour_planes {
        bits.skip(2)?;
    }
    let frame_num = bits.bits(sps.log2_max_frame_num)?;
    let field_pic = !sps.frame_mbs_only && bits.bit()?;
    let bottom = field_pic && bits.bit()?;
    let idr_pic_id = if nal::unit_type(header) == nal::IDR { Some(bits.ue()?) } else { None };
    let both_fields = pps.order_present && !field_pic;
    let mut order_count = (0, 0);
    let mut deltas = (0, 0);
    match sps.order_count {
        OrderCount::Lsb { bits: length } => {
            order_count.0 = bits.bits(length)?;
            if both_fields {
                order_count.1 = bits.se()?;
            }
        }
        OrderCount::Deltas => {
            deltas.0 = bits.se()?;
            if both_fields {
                deltas.1 = bits.se()?;
            }
        }
        OrderCount::None => {}
    }
    Some(PictureFields { frame_num, field: (field_pic, bottom), idr_pic_id, order_count, deltas })
}
