//! What a track is coded in, as far as a relay must know it, and what a packet of it holds.

use super::sdp::{Kind, Media};
use super::{aac, h264, h265};

/// What a track is coded in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// H.264 (RFC 6184).
    H264,
    /// H.265 (RFC 7798). It passes through, but its key frames are known.
    H265,
    /// AAC (RFC 3640).
    Aac,
    /// Anything else: it passes through unread.
    Other(Framing),
}

/// What ends a frame of a payload that is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// The marker bit, or a packet of another timestamp: nearly all video (RFC 3551 §5).
    Marker,
    /// Each packet is a frame: nearly all audio, whose marker bit means the *beginning* of a
    /// talkspurt (RFC 3551 §4.1), and MPEG transport streams (RFC 2250 §2).
    Packet,
}

/// Audio encodings in which a frame may be spread over packets, the last of which has the marker.
const FRAGMENTED_AUDIO: [&str; 4] = ["MP4A-LATM", "MPEG4-GENERIC", "AC3", "EAC3"];

impl Codec {
    /// The codec of a media's first payload type.
    pub fn of(media: &Media) -> Codec {
        let format = &media.format;
        if media.protocol.is_secure() {
            // Nothing behind the header can be read.
            return Codec::Other(Framing::Marker);
        }
        if format.is("H264") {
            return Codec::H264;
        }
        if format.is("H265") || format.is("HEVC") {
            return Codec::H265;
        }
        if format.is("MPEG4-GENERIC") && aac_format(media).is_some() {
            return Codec::Aac;
        }
        let one_packet = format.is("MP2T")
            || media.kind == Kind::Audio && !FRAGMENTED_AUDIO.iter().any(|name| format.is(name));
        Codec::Other(if one_packet { Framing::Packet } else { Framing::Marker })
    }

    /// Whether a decoder can begin only at certain frames, and [`inspect`] knows them.
    pub fn has_key_frames(self) -> bool {
        matches!(self, Codec::H264 | Codec::H265)
    }

    /// What ends a frame on the wire.
    pub fn framing(self) -> Framing {
        match self {
            Codec::H264 | Codec::H265 => Framing::Marker,
            Codec::Aac => Framing::Packet,
            Codec::Other(framing) => framing,
        }
    }
}

/// The AAC payload format of a media, when its parameters describe one that can be read.
pub(crate) fn aac_format(media: &Media) -> Option<aac::Format> {
    let parameters: Vec<_> =
        media.format.fmtp.iter().filter_map(|(name, value)| Some((name, value?))).collect();
    aac::Format::from_parameters(parameters).ok()
}

/// What a packet holds that matters for starting a decoder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inspect {
    /// The packet belongs to an access unit at which a decoder may start: it holds, or goes on
    /// with, a slice of such a picture, or a recovery point. Packets of that access unit that come
    /// before (delimiter, parameter sets) do not tell it yet. Of codecs without key frames every
    /// packet is a start.
    pub key: bool,
    /// It holds a parameter set.
    pub parameter_sets: bool,
    /// It can be the first packet of its access unit: it is no later fragment, and, as far as that can
    /// be told, no slice but the first of a picture.
    pub begins: bool,
}

/// Looks into the payload of one packet (see [`rtp::Header::payload`](super::rtp::Header)), without
/// allocation. Of malformed payloads it tells what was readable.
pub fn inspect(codec: Codec, payload: &[u8]) -> Inspect {
    match codec {
        Codec::H264 => {
            let seen = h264::inspect(payload);
            let begins = seen.first_slice || seen.before_slices || seen.parameter_sets;
            Inspect { key: seen.key, parameter_sets: seen.parameter_sets, begins }
        }
        Codec::H265 => h265::inspect(payload),
        Codec::Aac | Codec::Other(_) => Inspect { key: true, parameter_sets: false, begins: true },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::sdp::Session;

    fn codec(media: &str) -> Codec {
        let text = format!("v=0\r\nm={media}\r\n");
        Codec::of(&Session::parse(text.as_bytes()).unwrap().media[0])
    }

    #[test]
    fn codecs_are_known_by_encoding_name_in_any_case() {
        assert_eq!(codec("video 0 RTP/AVP 96\r\na=rtpmap:96 h264/90000"), Codec::H264);
        assert_eq!(codec("video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000"), Codec::H265);
        assert_eq!(
            codec(
                "audio 0 RTP/AVP 97\r\na=rtpmap:97 mpeg4-generic/44100/1\r\n\
                 a=fmtp:97 mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3"
            ),
            Codec::Aac
        );
    }

    #[test]
    fn mpeg4_generic_that_is_not_aac_passes_through() {
        assert_eq!(
            codec(
                "audio 0 RTP/AVP 97\r\na=rtpmap:97 mpeg4-generic/8000\r\na=fmtp:97 mode=CELP-cbr"
            ),
            Codec::Other(Framing::Marker)
        );
    }

    #[test]
    fn packets_of_telephone_audio_are_frames_and_those_of_latm_are_not() {
        assert_eq!(codec("audio 0 RTP/AVP 0"), Codec::Other(Framing::Packet));
        assert_eq!(
            codec("audio 0 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2"),
            Codec::Other(Framing::Packet)
        );
        assert_eq!(
            codec("audio 0 RTP/AVP 96\r\na=rtpmap:96 MP4A-LATM/44100"),
            Codec::Other(Framing::Marker)
        );
        assert_eq!(codec("video 0 RTP/AVP 33"), Codec::Other(Framing::Packet));
        assert_eq!(codec("video 0 RTP/AVP 26"), Codec::Other(Framing::Marker));
    }

    #[test]
    fn encrypted_media_are_not_read() {
        assert_eq!(
            codec("video 0 RTP/SAVP 96\r\na=rtpmap:96 H264/90000"),
            Codec::Other(Framing::Marker)
        );
    }

    #[test]
    fn inspection_goes_by_codec() {
        let idr = [0x65, 0x88, 0x80];
        assert!(inspect(Codec::H264, &idr).key);
        assert!(!inspect(Codec::H265, &idr).key);
        assert!(inspect(Codec::Other(Framing::Packet), &idr).key);
        let sps = [0x67, 0x42, 0xc0, 0x1e];
        assert_eq!(
            inspect(Codec::H264, &sps),
            Inspect { key: false, parameter_sets: true, begins: true }
        );
    }
}
