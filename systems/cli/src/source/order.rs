//! When pictures of a raw H.264 stream are shown, relative to when they are decoded.
//!
//! A byte stream has no times, only an order of decoding. With B-frames another order is shown:
//! the picture order count tells it (H.264 8.2.1). Type 0, which all encoders that reorder use, is
//! followed; the types 1 and 2 are taken as shown in decoding order.

use h264_reader::Context;
use h264_reader::nal::pps::PicParameterSet;
use h264_reader::nal::slice::{
    DecRefPicMarking, FieldPic, MemoryManagementControlOperation, PicOrderCountLsb, SliceHeader,
};
use h264_reader::nal::sps::{PicOrderCntType, SeqParameterSet};
use h264_reader::nal::{Nal, RefNal};
use rillcast::media::h264::nal;

/// Offsets beyond this many half frames are not reordering (level limits allow 16 frames): pictures
/// are missing, and decoding order is shown until the next IDR picture.
const MAX_OFFSET: i64 = 64;

/// Place of a picture in time, counted in half frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// How long it lasts: 2 for a frame, 1 for a field.
    pub(super) length: u64,
    /// Presentation minus decoding.
    pub(super) offset: i64,
}

/// Follows the picture order counts of a stream.
#[derive(Default)]
pub(super) struct Order {
    context: Context,
    /// Consecutive frames differ by 1 in their counts, as some encoders have it, and not by 2.
    single_step: bool,
    /// Half frames decoded since the last IDR picture.
    decoded: i64,
    /// Most and least significant part of the count of the last reference picture.
    previous: (i64, i64),
    lost: bool,
}

/// What a picture's first slice says.
struct Picture {
    order_count: Option<i64>,
    is_field: bool,
}

impl Order {
    /// An order at the beginning of a stream, of which `pictures` come first: they show by how much
    /// the counts of consecutive frames differ.
    pub(super) fn new<'a, I>(pictures: impl Iterator<Item = I>) -> Order
    where
        I: Iterator<Item = &'a [u8]>,
    {
        let mut probe = Order::default();
        let single_step = pictures
            .filter_map(|nals| probe.picture(nals))
            .any(|picture| !picture.is_field && picture.order_count.is_some_and(|c| c % 2 != 0));
        Order { single_step, ..Order::default() }
    }

    /// Takes the NAL units of the next access unit in decoding order.
    pub(super) fn place<'a>(&mut self, nals: impl Iterator<Item = &'a [u8]>) -> Place {
        let picture = self.picture(nals);
        let length = if picture.as_ref().is_some_and(|picture| picture.is_field) { 1 } else { 2 };
        let shown = picture
            .and_then(|picture| picture.order_count)
            .map_or(self.decoded, |count| if self.single_step { count * 2 } else { count });
        let offset = shown.saturating_sub(self.decoded);
        self.lost |= offset.abs() > MAX_OFFSET;
        self.decoded = self.decoded.saturating_add(length as i64);
        Place { length, offset: if self.lost { 0 } else { offset } }
    }

    /// Pictures a second, as the newest sequence parameter set has them.
    pub(super) fn fps(&self) -> Option<f64> {
        self.context.sps().last()?.fps().filter(|fps| (0.1..=1_000.0).contains(fps))
    }

    fn picture<'a>(&mut self, nals: impl Iterator<Item = &'a [u8]>) -> Option<Picture> {
        let mut picture = None;
        for part in nals.filter(|part| !part.is_empty()) {
            let kind = part.first().map_or(0, |&header| nal::unit_type(header));
            let bits = || RefNal::new(part, &[], true);
            match kind {
                nal::SPS => {
                    if let Ok(set) = SeqParameterSet::from_bits(bits().rbsp_bits()) {
                        self.context.put_seq_param_set(set);
                    }
                }
                nal::PPS => {
                    if let Ok(set) = PicParameterSet::from_bits(&self.context, bits().rbsp_bits()) {
                        self.context.put_pic_param_set(set);
                    }
                }
                kind if picture.is_none() && nal::has_slice_header(kind) => {
                    picture = self.slice(&bits(), kind == nal::IDR);
                }
                _ => {}
            }
        }
        picture
    }

    fn slice(&mut self, slice: &RefNal<'_>, is_idr: bool) -> Option<Picture> {
        if is_idr {
            self.decoded = 0;
            self.previous = (0, 0);
            self.lost = false;
        }
        let head = slice.header().ok()?;
        let (header, sequence, _) =
            SliceHeader::from_bits(&self.context, &mut slice.rbsp_bits(), head, None).ok()?;
        let is_field = header.field_pic != FieldPic::Frame;
        let bits = match sequence.pic_order_cnt {
            PicOrderCntType::TypeZero { log2_max_pic_order_cnt_lsb_minus4 } => {
                u32::from(log2_max_pic_order_cnt_lsb_minus4).saturating_add(4).min(16)
            }
            _ => return Some(Picture { order_count: None, is_field }),
        };
        let lsb = i64::from(match header.pic_order_cnt_lsb.as_ref()? {
            PicOrderCountLsb::Frame(lsb) => *lsb,
            PicOrderCountLsb::FieldsAbsolute { pic_order_cnt_lsb, .. } => *pic_order_cnt_lsb,
            PicOrderCountLsb::FieldsDelta(_) => return None,
        });
        let msb = most_significant(self.previous, lsb, 1 << bits);
        if head.nal_ref_idc() != 0 {
            self.previous = (msb, lsb);
        }
        if forgets_all(&header) {
            // Memory management operation 5: counting begins again after this picture.
            self.previous = (0, 0);
            self.lost = true;
        }
        Some(Picture { order_count: Some(msb.saturating_add(lsb)), is_field })
    }
}

/// `PicOrderCntMsb` (H.264 8.2.1.1): the counter of `range` has wrapped when the least significant
/// part jumps by more than half of it.
fn most_significant((msb, previous): (i64, i64), lsb: i64, range: i64) -> i64 {
    if lsb < previous && previous - lsb >= range / 2 {
        msb.saturating_add(range)
    } else if lsb > previous && lsb - previous > range / 2 {
        msb.saturating_sub(range)
    } else {
        msb
    }
}

fn forgets_all(header: &SliceHeader) -> bool {
    match &header.dec_ref_pic_marking {
        Some(DecRefPicMarking::Adaptive(operations)) => operations
            .iter()
            .any(|one| matches!(one, MemoryManagementControlOperation::AllRefPicturesUnused)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_wraps_both_ways() {
        assert_eq!(most_significant((0, 60), 2, 64), 64);
        assert_eq!(most_significant((64, 2), 60, 64), 0);
        assert_eq!(most_significant((64, 30), 32, 64), 64);
    }
}
