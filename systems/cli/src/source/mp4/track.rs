//! The tracks of an MP4 file that can be published, and what their samples look like.

use mp4_atom::{Codec, Moov, Trak};

use super::index::Sample;
use super::timeline::Timeline;
use crate::source::Track;

/// MPEG-4 audio (ISO/IEC 14496-1 table 5), which is AAC in all files met, and AAC LC of MPEG-2.
const AAC_OBJECT_TYPES: [u8; 2] = [0x40, 0x67];

/// How the bytes of a sample are to be read.
#[derive(Clone, Debug)]
pub(super) enum Format {
    /// NAL units behind lengths of this many bytes; parameter sets that the samples may lack.
    H264 { length_size: usize, parameter_sets: Vec<Vec<u8>> },
    /// One AAC frame.
    Aac,
}

/// A track chosen for publishing.
#[derive(Debug)]
pub(super) struct Chosen {
    /// Its number in the file.
    pub(super) id: u32,
    pub(super) format: Format,
    pub(super) timeline: Timeline,
    pub(super) samples: Vec<Sample>,
    /// The next sample to send.
    pub(super) next: usize,
    /// The first sample of each round.
    pub(super) first: usize,
}

/// A track that can be published, before its samples are known.
pub(super) struct Candidate<'a> {
    pub(super) track: &'a Trak,
    pub(super) description: Track,
    pub(super) format: Format,
}

/// The first H.264 track and the first AAC track, in this order.
pub(super) fn choose(movie: &Moov) -> (Option<Candidate<'_>>, Option<Candidate<'_>>) {
    let video = movie.trak.iter().find_map(h264);
    let audio = movie.trak.iter().find_map(aac);
    (video, audio)
}

/// The names of all codecs in the file, for telling the user what is there instead of H.264.
pub(super) fn codec_names(movie: &Moov) -> Vec<String> {
    movie.trak.iter().flat_map(codecs).map(name).collect()
}

/// Tracks of pictures and sound that are not among those that are sent, for telling the user.
pub(super) fn left_out(movie: &Moov, sent: &[u32]) -> Vec<String> {
    let kind = |track: &Trak| match track.mdia.hdlr.handler.as_ref() {
        b"vide" => Some("video"),
        b"soun" => Some("audio"),
        // Time codes, chapters, hints: nothing that is missed in a live stream.
        _ => None,
    };
    let others = movie.trak.iter().filter(|track| !sent.contains(&track.tkhd.track_id));
    let describe = |track| {
        let codec = codecs(track).first().map_or("of an unknown codec".into(), name);
        Some(format!("{} track {} ({codec})", kind(track)?, track.tkhd.track_id))
    };
    others.filter_map(describe).collect()
}

fn codecs(track: &Trak) -> &[Codec] {
    &track.mdia.minf.stbl.stsd.codecs
}

fn name(codec: &Codec) -> String {
    match codec {
        Codec::Hev1(_) | Codec::Hvc1(_) => "H.265".into(),
        Codec::Av01(_) => "AV1".into(),
        Codec::Vp08(_) => "VP8".into(),
        Codec::Vp09(_) => "VP9".into(),
        Codec::Mp4a(entry) => match entry.esds.es_desc.dec_config.object_type_indication {
            // MPEG-2 and MPEG-1 audio, of which files have the third layer.
            0x69 | 0x6b => "MP3".into(),
            _ => "AAC".into(),
        },
        Codec::Ac3(_) => "AC-3".into(),
        Codec::Eac3(_) => "E-AC-3".into(),
        Codec::Unknown(kind, _) => format!("`{kind}`"),
        // The other variants are named after their four-character codes or the codec itself.
        other => {
            let text = format!("{other:?}");
            text.split(['(', ' ']).next().unwrap_or_default().to_owned()
        }
    }
}

fn h264(track: &Trak) -> Option<Candidate<'_>> {
    // Samples of further descriptions (another resolution later on) have their parameter sets in
    // the samples of most files; only the first is looked at.
    let avcc = match codecs(track).first()? {
        Codec::Avc1(entry) => &entry.avcc,
        Codec::Avc3(entry) => &entry.avcc,
        _ => return None,
    };
    let sets = avcc.sequence_parameter_sets.iter().chain(&avcc.picture_parameter_sets);
    let parameter_sets: Vec<Vec<u8>> = sets.filter(|set| !set.is_empty()).cloned().collect();
    let length_size = usize::from(avcc.length_size).clamp(1, 4);
    Some(Candidate {
        track,
        description: Track::H264 { parameter_sets: parameter_sets.clone() },
        format: Format::H264 { length_size, parameter_sets },
    })
}

fn aac(track: &Trak) -> Option<Candidate<'_>> {
    let Codec::Mp4a(entry) = codecs(track).first()? else { return None };
    let decoder = &entry.esds.es_desc.dec_config;
    if !AAC_OBJECT_TYPES.contains(&decoder.object_type_indication) {
        return None;
    }
    let config = decoder.dec_specific.as_ref()?.raw.clone();
    rillcast::media::aac::Config::parse(&config).ok()?;
    Some(Candidate { track, description: Track::Aac { config }, format: Format::Aac })
}
