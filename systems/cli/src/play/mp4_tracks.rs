//! A stream's H.264 and AAC tracks as tracks of an MP4 file.

use std::io::{Seek, Write};

use rillcast::media::h264::{AccessUnit, ParameterSets, nal};
use rillcast::media::{Payload, sdp};
use rillcast::relay::{Frame, Packet, Reference};

use super::mp4::{self, Description, High, Picture};
use super::sink::Error;

/// `nal_unit_type` of filler data (H.264 table 7-1).
const FILLER: u8 = 12;

/// What of a stream goes into which track of the file.
pub(crate) struct Mp4Sink<W: Write + Seek> {
    writer: mp4::Writer<W>,
    /// By track of the session; None is left out.
    tracks: Vec<Option<Track>>,
}

struct Track {
    /// Index in the file.
    index: usize,
    kind: Kind,
}

enum Kind {
    /// With the parameter sets in force.
    H264(ParameterSets),
    Aac,
}

impl<W: Write + Seek> Mp4Sink<W> {
    /// Begins the file.
    pub(crate) fn new(out: W, session: &sdp::Session) -> Result<Mp4Sink<W>, Error> {
        let mut writer = mp4::Writer::new(out)?;
        let mut tracks = Vec::new();
        for media in &session.media {
            tracks.push(Track::new(&mut writer, media)?);
        }
        Ok(Mp4Sink { writer, tracks })
    }

    /// Adds one frame. Video begins with a key frame and its parameter sets; what comes before is
    /// left out.
    pub(crate) fn write(&mut self, frame: &Frame) -> Result<(), Error> {
        let Some(Some(track)) = self.tracks.get_mut(frame.track) else { return Ok(()) };
        let index = track.index;
        match (&mut track.kind, &frame.data.payload) {
            (Kind::H264(sets), Payload::H264(unit)) => {
                let changed = store(sets, unit);
                let empty = self.writer.samples(index) == 0;
                if empty && !(unit.key && sets.is_complete()) {
                    return Ok(());
                }
                if changed || empty {
                    self.writer.describe(index, describe(sets))?;
                }
                let lengths: Vec<[u8; 4]> =
                    coded(unit).map(|nal| (nal.len() as u32).to_be_bytes()).collect();
                let pieces = coded(unit)
                    .zip(&lengths)
                    .flat_map(|(nal, length)| std::iter::once(&length[..]).chain(nal.slices()));
                self.writer.write(index, frame.time, frame.arrival, unit.key, pieces)?;
            }
            (Kind::Aac, Payload::Aac(unit)) => {
                let pieces = unit.iter().map(|slice| slice.bytes());
                self.writer.write(index, frame.time, frame.arrival, true, pieces)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes note of how a track's clock and the source's wall clock go together.
    pub(crate) fn synchronise(&mut self, track: usize, reference: Reference) {
        let Some(Some(track)) = self.tracks.get(track) else { return };
        // Seconds since 1900 in 32.32 bits: in nanoseconds they fill 62 bits.
        let wall = (u128::from(reference.ntp) * 1_000_000_000) >> 32;
        let wall = i64::try_from(wall).unwrap_or(i64::MAX);
        self.writer.synchronise(track.index, reference.time, wall);
    }

    /// Writes the index.
    pub(crate) fn finish(self) -> Result<(), Error> {
        self.writer.finish()?;
        Ok(())
    }
}

impl Track {
    fn new<W: Write + Seek>(
        writer: &mut mp4::Writer<W>,
        media: &sdp::Media,
    ) -> Result<Option<Track>, Error> {
        if super::is_h264(media) {
            let index = writer.add_track(media.format.clock_rate);
            return Ok(Some(Track { index, kind: Kind::H264(super::parameter_sets(media)) }));
        }
        let config = media.format.aac_config().filter(|_| super::is_aac(media));
        let Some(config) = config else { return Ok(None) };
        let index = writer.add_track(media.format.clock_rate);
        writer.describe(
            index,
            Description::Aac {
                channels: media.format.channels.unwrap_or(2),
                sample_rate: media.format.clock_rate,
                config,
            },
        )?;
        Ok(Some(Track { index, kind: Kind::Aac }))
    }
}

/// Takes the access unit's parameter sets in; whether that changed something.
fn store(sets: &mut ParameterSets, unit: &AccessUnit<Packet>) -> bool {
    let mut changed = false;
    for nal in unit.nals().filter(|nal| matches!(nal.unit_type(), nal::SPS | nal::PPS)) {
        changed |= sets.store(&nal.to_vec()) == rillcast::media::h264::Change::New;
    }
    changed
}

/// The NAL units that belong into a sample: parameter sets are in the sample description, and
/// delimiters and filler say nothing in a file.
fn coded<'a>(
    unit: &'a AccessUnit<Packet>,
) -> impl Iterator<Item = rillcast::media::h264::Nal<'a, Packet>> {
    unit.nals()
        .filter(|nal| !matches!(nal.unit_type(), nal::SPS | nal::PPS | nal::DELIMITER | FILLER))
}

fn describe(sets: &ParameterSets) -> Description {
    let (width, height) = sets.resolution().unwrap_or((0, 0));
    let fits = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX);
    Description::Avc {
        sps: sets.sequence_sets().map(<[u8]>::to_vec).collect(),
        pps: sets.picture_sets().map(<[u8]>::to_vec).collect(),
        picture: Picture {
            width: fits(width),
            height: fits(height),
            high: sets.sequence_sets().next().and_then(high),
        },
    }
}

/// What `avcC` repeats of a sequence parameter set of a High profile.
fn high(sps: &[u8]) -> Option<High> {
    use h264_reader::nal::sps::{ChromaFormat, SeqParameterSet};
    let rbsp = h264_reader::rbsp::decode_nal(sps).ok()?;
    let bits = h264_reader::rbsp::BitReader::new(rbsp.as_ref());
    let sps = SeqParameterSet::from_bits(bits).ok()?;
    if !sps.profile_idc.has_chroma_info() {
        return None;
    }
    let chroma = &sps.chroma_info;
    Some(High {
        chroma_format_idc: match chroma.chroma_format {
            ChromaFormat::Monochrome => 0,
            ChromaFormat::YUV420 => 1,
            ChromaFormat::YUV422 => 2,
            ChromaFormat::YUV444 => 3,
            ChromaFormat::Invalid(_) => return None,
        },
        luma_bits: chroma.bit_depth_luma_minus8 + 8,
        chroma_bits: chroma.bit_depth_chroma_minus8 + 8,
    })
}
