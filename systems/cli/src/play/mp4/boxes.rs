//! The boxes around the samples.

use super::timing::{Timing, decode_times, runs};
use super::{Description, Track};
use mp4_atom::{
    Audio, Avc1, Avcc, AvccExt, Co64, Codec, Ctts, CttsEntry, Dinf, Dref, DrefEntry, Edts, Elst,
    ElstEntry, Encode, Ftyp, Hdlr, Mdhd, Mdia, Minf, Moov, Mp4a, Mvhd, Smhd, Stbl, Stsc, StscEntry,
    Stsd, Stss, Stsz, StszSamples, Stts, SttsEntry, Tkhd, Trak, Url, Visual, Vmhd, esds,
};

/// Units per second of the movie header and of the edit lists' segment durations.
const MOVIE_TIMESCALE: u32 = 90_000;

/// The file's first box.
pub(super) fn head() -> mp4_atom::Result<Vec<u8>> {
    let mut out = Vec::new();
    Ftyp {
        major_brand: b"isom".into(),
        minor_version: 0x200,
        compatible_brands: vec![b"isom".into(), b"iso2".into(), b"avc1".into(), b"mp41".into()],
    }
    .encode(&mut out)?;
    Ok(out)
}

/// The index of the whole file.
pub(super) fn moov(tracks: &[Track]) -> mp4_atom::Result<Vec<u8>> {
    let referenced =
        tracks.iter().all(|track| track.samples.is_empty() || track.reference.is_some());
    let timed: Vec<(&Track, Timing, i64)> = tracks
        .iter()
        .filter_map(|track| {
            let pts: Vec<i64> = track.samples.iter().map(|sample| sample.pts).collect();
            let timing = decode_times(&pts)?;
            let begins = match track.reference.filter(|_| referenced) {
                Some((pts, wall)) => {
                    wall.saturating_add(nanos(track, timing.first_pts.saturating_sub(pts)))
                }
                None => begins(track, &timing),
            };
            Some((track, timing, begins))
        })
        .collect();
    let earliest = timed.iter().map(|(_, _, begins)| *begins).min().unwrap_or(0);

    let traks: Vec<Trak> = timed
        .iter()
        .zip(1u32..)
        .map(|((track, timing, begins), id)| {
            let late = scale(begins.saturating_sub(earliest).unsigned_abs(), 1_000_000_000);
            trak(id, track, timing, late)
        })
        .collect();
    let mut out = Vec::new();
    Moov {
        mvhd: Mvhd {
            timescale: MOVIE_TIMESCALE,
            duration: traks.iter().map(|trak| trak.tkhd.duration).max().unwrap_or(0),
            rate: 1.into(),
            volume: 1.into(),
            next_track_id: traks.len() as u32 + 1,
            ..Mvhd::default()
        },
        trak: traks,
        ..Moov::default()
    }
    .encode(&mut out)?;
    Ok(out)
}

/// A time of the track's clock in nanoseconds.
fn nanos(track: &Track, time: i64) -> i64 {
    let nanos = i128::from(time) * 1_000_000_000 / i128::from(track.timescale);
    i64::try_from(nanos).unwrap_or(if time < 0 { i64::MIN } else { i64::MAX })
}

/// When the track's earliest sample is to be presented, in nanoseconds on the clock of the arrivals.
///
/// Each track counts time from an origin of its own; what they share is when samples came. A live
/// source sends each sample when it is to be decoded, so arrival and decode time differ by a constant
/// plus whatever held the sample up: the smallest difference of all samples is the constant. Samples
/// that came late in a body, such as the beginning that a server had kept for new players, do no harm.
fn begins(track: &Track, timing: &Timing) -> i64 {
    let delay = i64::from(timing.delay);
    let offset = track
        .samples
        .iter()
        .zip(&timing.sorted)
        .map(|(sample, time)| {
            sample.arrival.saturating_sub(nanos(track, time.saturating_sub(delay)))
        })
        .min()
        .unwrap_or(0);
    offset.saturating_add(nanos(track, timing.first_pts))
}

/// `time` of a clock of `timescale` units a second, in the movie's units.
fn scale(time: u64, timescale: u32) -> u64 {
    (u128::from(time) * u128::from(MOVIE_TIMESCALE) / u128::from(timescale.max(1))) as u64
}

/// One track; `late` is how much later than the earliest track it begins, in the movie's units.
fn trak(id: u32, track: &Track, timing: &Timing, late: u64) -> Trak {
    let presented = scale(timing.presented, track.timescale);
    let (width, height) = track
        .descriptions
        .iter()
        .find_map(|description| match description {
            Description::Avc { picture, .. } => Some((picture.width, picture.height)),
            Description::Aac { .. } => None,
        })
        .unwrap_or((0, 0));
    let video = width > 0;
    // The edit list starts presentation at the earliest picture although decoding starts `delay`
    // before it, and fills the time before a track that begins later than another.
    let mut edits = Vec::new();
    if late > 0 {
        edits.push(ElstEntry { segment_duration: late, media_time: None, media_rate: 1.into() });
    }
    edits.push(ElstEntry {
        segment_duration: presented,
        media_time: Some(u64::from(timing.delay)),
        media_rate: 1.into(),
    });
    Trak {
        tkhd: Tkhd {
            track_id: id,
            duration: late.saturating_add(presented),
            enabled: true,
            in_movie: true,
            volume: if video { 0.into() } else { 1.into() },
            width: width.into(),
            height: height.into(),
            ..Tkhd::default()
        },
        edts: Some(Edts { elst: Some(Elst { entries: edits }) }),
        mdia: Mdia {
            mdhd: Mdhd {
                timescale: track.timescale,
                duration: timing.presented,
                language: "und".into(),
                ..Mdhd::default()
            },
            hdlr: Hdlr {
                handler: if video { b"vide".into() } else { b"soun".into() },
                name: "rillcast".into(),
            },
            minf: Minf {
                vmhd: video.then(Vmhd::default),
                smhd: (!video).then(Smhd::default),
                dinf: Dinf { dref: Dref { entries: vec![DrefEntry::Url(Url::default())] } },
                stbl: stbl(track, timing),
                ..Minf::default()
            },
        },
        ..Trak::default()
    }
}

fn stbl(track: &Track, timing: &Timing) -> Stbl {
    let keys: Vec<u32> =
        track.samples.iter().zip(1u32..).filter(|(sample, _)| sample.key).map(|(_, n)| n).collect();
    let mut stsc: Vec<StscEntry> = Vec::new();
    for (chunk, number) in track.chunks.iter().zip(1u32..) {
        let same = stsc.last().is_some_and(|last| {
            last.samples_per_chunk == chunk.samples
                && last.sample_description_index == chunk.description
        });
        if !same {
            stsc.push(StscEntry {
                first_chunk: number,
                samples_per_chunk: chunk.samples,
                sample_description_index: chunk.description,
            });
        }
    }
    Stbl {
        stsd: Stsd { codecs: track.descriptions.iter().map(codec).collect() },
        stts: Stts {
            entries: runs(&timing.durations)
                .into_iter()
                .map(|(sample_count, sample_delta)| SttsEntry { sample_count, sample_delta })
                .collect(),
        },
        ctts: timing.offsets.iter().any(|&offset| offset > 0).then(|| Ctts {
            entries: runs(&timing.offsets)
                .into_iter()
                .map(|(sample_count, offset)| CttsEntry {
                    sample_count,
                    sample_offset: offset.into(),
                })
                .collect(),
        }),
        // Without the box every sample is a key frame, which is right for audio.
        stss: (keys.len() < track.samples.len()).then_some(Stss { entries: keys }),
        stsc: Stsc { entries: stsc },
        stsz: Stsz {
            samples: StszSamples::Different {
                sizes: track.samples.iter().map(|sample| sample.size).collect(),
            },
        },
        co64: Some(Co64 { entries: track.chunks.iter().map(|chunk| chunk.offset).collect() }),
        ..Stbl::default()
    }
}

fn codec(description: &Description) -> Codec {
    match description {
        Description::Avc { sps, pps, picture } => {
            // Profile, constraints and level are the three bytes after the NAL header.
            let byte = |at: usize| sps.first().and_then(|sps| sps.get(at)).copied().unwrap_or(0);
            Codec::Avc1(Avc1 {
                visual: Visual {
                    data_reference_index: 1,
                    width: picture.width,
                    height: picture.height,
                    ..Visual::default()
                },
                avcc: Avcc {
                    configuration_version: 1,
                    avc_profile_indication: byte(1),
                    profile_compatibility: byte(2),
                    avc_level_indication: byte(3),
                    length_size: 4,
                    sequence_parameter_sets: sps.clone(),
                    picture_parameter_sets: pps.clone(),
                    ext: picture.high.map(|high| AvccExt {
                        chroma_format: high.chroma_format_idc,
                        bit_depth_luma: high.luma_bits,
                        bit_depth_chroma: high.chroma_bits,
                        sequence_parameter_sets_ext: Vec::new(),
                    }),
                },
                ..Avc1::default()
            })
        }
        Description::Aac { config, channels, sample_rate } => Codec::Mp4a(Mp4a {
            audio: Audio {
                data_reference_index: 1,
                channel_count: *channels,
                sample_size: 16,
                // Rates from 65,536 Hz on do not fit the field; decoders read the configuration.
                sample_rate: u16::try_from(*sample_rate).unwrap_or(0).into(),
            },
            esds: mp4_atom::Esds {
                es_desc: esds::EsDescriptor {
                    es_id: 1,
                    dec_config: esds::DecoderConfig {
                        object_type_indication: 0x40, // ISO/IEC 14496-3 audio
                        stream_type: 5,               // audio
                        dec_specific: Some(esds::DecoderSpecific {
                            raw: config.clone(),
                            ..esds::DecoderSpecific::default()
                        }),
                        ..esds::DecoderConfig::default()
                    },
                    ..esds::EsDescriptor::default()
                },
            },
            btrt: None,
            taic: None,
        }),
    }
}
