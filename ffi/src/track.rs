//! What a reader tells of its stream's tracks.

use std::ffi::{CString, c_char};

use rillcast::media::codec::Codec;
use rillcast::media::sdp;

use crate::args::Versioned;
use crate::frame::Framing;

/// What a track is coded in.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rill_codec {
    /// Anything else: it passes through; its name is in `encoding`.
    RILL_CODEC_OTHER = 0,
    /// H.264.
    RILL_CODEC_H264 = 1,
    /// H.265; it passes through.
    RILL_CODEC_H265 = 2,
    /// AAC.
    RILL_CODEC_AAC = 3,
}

/// What a track carries.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rill_media {
    /// Something else.
    RILL_MEDIA_OTHER = 0,
    /// Pictures.
    RILL_MEDIA_VIDEO = 1,
    /// Sound.
    RILL_MEDIA_AUDIO = 2,
}

/// A track. Set `struct_size` by rill_track_init() before the call that fills it. Pointers stay valid
/// until the reader is freed.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rill_track {
    /// Bytes of this struct, as the program was compiled.
    pub struct_size: usize,
    /// A number of rill_media.
    pub media: i32,
    /// A number of rill_codec.
    pub codec: i32,
    /// Ticks of an RTP timestamp in a second.
    pub clock_rate: u32,
    /// Channels of sound; 0 when unknown.
    pub channels: u32,
    /// RTP payload type.
    pub payload_type: u32,
    /// 0.
    pub reserved: u32,
    /// Name of the encoding as in `a=rtpmap`, such as "H264".
    pub encoding: *const c_char,
    /// What a decoder has to know first, as the session description has it; NULL when it has not.
    /// H.264: parameter sets with start codes, or an AVCDecoderConfigurationRecord with
    /// RILL_FORMAT_AVCC. AAC: AudioSpecificConfig. That is what libavcodec calls extradata, but for
    /// the padding.
    pub extra: *const u8,
    /// Bytes of `extra`.
    pub extra_size: usize,
}

// SAFETY: numbers and pointers only, the first of which is its size.
unsafe impl Versioned for rill_track {
    const FIRST: usize = 56;
}

impl rill_track {
    pub(crate) const EMPTY: rill_track = rill_track {
        struct_size: size_of::<rill_track>(),
        media: 0,
        codec: 0,
        clock_rate: 0,
        channels: 0,
        payload_type: 0,
        reserved: 0,
        encoding: std::ptr::null(),
        extra: std::ptr::null(),
        extra_size: 0,
    };
}

/// A track, and the texts that are told of it.
pub(crate) struct Described {
    media: rill_media,
    codec: rill_codec,
    clock_rate: u32,
    channels: u32,
    payload_type: u8,
    encoding: CString,
    extra: Vec<u8>,
}

impl Described {
    pub(crate) fn new(media: &sdp::Media, framing: Framing) -> Described {
        let format = &media.format;
        let codec = Codec::of(media);
        Described {
            media: match media.kind {
                sdp::Kind::Video => rill_media::RILL_MEDIA_VIDEO,
                sdp::Kind::Audio => rill_media::RILL_MEDIA_AUDIO,
                _ => rill_media::RILL_MEDIA_OTHER,
            },
            codec: match codec {
                Codec::H264 => rill_codec::RILL_CODEC_H264,
                Codec::H265 => rill_codec::RILL_CODEC_H265,
                Codec::Aac => rill_codec::RILL_CODEC_AAC,
                Codec::Other(_) => rill_codec::RILL_CODEC_OTHER,
            },
            clock_rate: format.clock_rate,
            channels: format.channels.unwrap_or(0).into(),
            payload_type: format.payload_type,
            encoding: CString::new(format.encoding.as_str()).unwrap_or_default(),
            extra: match (codec, framing) {
                (Codec::H264, Framing::Avcc) => avcc_record(&format.parameter_sets()),
                (Codec::H264 | Codec::H265, _) => with_start_codes(&format.parameter_sets()),
                (Codec::Aac, _) => format.aac_config().unwrap_or_default(),
                (Codec::Other(_), _) => Vec::new(),
            },
        }
    }

    pub(crate) fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    pub(crate) fn to_c(&self) -> rill_track {
        rill_track {
            media: self.media as i32,
            codec: self.codec as i32,
            clock_rate: self.clock_rate,
            channels: self.channels,
            payload_type: self.payload_type.into(),
            encoding: self.encoding.as_ptr(),
            extra: if self.extra.is_empty() { std::ptr::null() } else { self.extra.as_ptr() },
            extra_size: self.extra.len(),
            ..rill_track::EMPTY
        }
    }
}

fn with_start_codes(sets: &[Vec<u8>]) -> Vec<u8> {
    sets.iter().flat_map(|set| [0, 0, 0, 1].into_iter().chain(set.iter().copied())).collect()
}

/// AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1) without the fields that High profiles may
/// add, which no decoder needs: they repeat the sequence parameter set. Empty without parameter sets.
fn avcc_record(sets: &[Vec<u8>]) -> Vec<u8> {
    let of = |wanted: u8, limit: usize| {
        let is = move |set: &&Vec<u8>| set.first().is_some_and(|header| header & 0x1f == wanted);
        sets.iter().filter(is).filter(|set| set.len() <= usize::from(u16::MAX)).take(limit)
    };
    // The counts have 5 and 8 bits.
    let (sps, pps) = (|| of(7, 31), || of(8, 255));
    let Some([_, profile, constraints, level, ..]) = sps().next().map(Vec::as_slice) else {
        return Vec::new();
    };
    let mut record = vec![1, *profile, *constraints, *level, 0xff, 0xe0 | sps().count() as u8];
    let put = |record: &mut Vec<u8>, set: &Vec<u8>| {
        record.extend((set.len() as u16).to_be_bytes());
        record.extend(set);
    };
    sps().for_each(|set| put(&mut record, set));
    record.push(pps().count() as u8);
    pps().for_each(|set| put(&mut record, set));
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_record_holds_the_parameter_sets() {
        let sets = [vec![0x68, 9], vec![0x67, 0x42, 0xc0, 0x1e, 5]];
        let record = avcc_record(&sets);
        let expected =
            [1, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0, 5, 0x67, 0x42, 0xc0, 0x1e, 5, 1, 0, 2, 0x68, 9];
        assert_eq!(record, expected);
        assert!(avcc_record(&sets[..1]).is_empty());
        assert_eq!(with_start_codes(&sets)[..6], [0, 0, 0, 1, 0x68, 9]);
    }
}
