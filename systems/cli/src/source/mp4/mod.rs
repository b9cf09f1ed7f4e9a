//! MP4 files (ISO/IEC 14496-12, -14, -15) with H.264 and AAC, whole or fragmented.
//!
//! The description is read once; samples are read from the file as they fall due, so that a file of
//! any length takes little memory. Samples go out in decoding order with presentation times as the
//! edit lists have them. A damaged file gives an error, never a wrong guess.

mod boxes;
mod fragments;
mod index;
#[cfg(test)]
mod tests;
mod timeline;
mod track;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rillcast::media::h264::{avcc, nal};

use super::error::Mp4Reason;
use super::{Error, Source, Track, Unit};
use boxes::Boxes;
pub(super) use boxes::is_box_kind;
use index::Sample;
use timeline::Timeline;
use track::{Candidate, Chosen, Format};

/// An MP4 file as a source.
#[derive(Debug)]
pub(crate) struct Mp4Source {
    file: File,
    path: PathBuf,
    file_size: u64,
    descriptions: Vec<Track>,
    /// Pictures and sound that are not sent.
    left_out: Vec<String>,
    tracks: Vec<Chosen>,
    /// What makes the earliest decoding time 0, in nanoseconds.
    shift: i128,
    /// Length of one round.
    length: Duration,
    repeat: bool,
    /// Start of the present round.
    round: Duration,
    buffer: Vec<u8>,
}

impl Mp4Source {
    /// Reads the description of the file; with `repeat` it begins again at its end.
    ///
    /// # Errors
    /// When it is no MP4 file, is damaged, or has no H.264 track.
    pub(crate) fn new(file: File, path: &Path, repeat: bool) -> Result<Mp4Source, Error> {
        let boxes = boxes::read(&file, path)?;
        let (Some(video), audio) = track::choose(&boxes.movie) else {
            let codecs = track::codec_names(&boxes.movie);
            return Err(Error::Mp4 {
                path: path.to_owned(),
                reason: Mp4Reason::NoVideo { codecs },
            });
        };
        let mut descriptions = Vec::new();
        let mut tracks = Vec::new();
        for candidate in std::iter::once(video).chain(audio) {
            descriptions.push(candidate.description.clone());
            tracks.push(chosen(candidate, &boxes, path)?);
        }
        let sent: Vec<u32> = tracks.iter().map(|track| track.id).collect();
        let left_out = track::left_out(&boxes.movie, &sent);
        let times = || tracks.iter().filter_map(first_dts);
        let shift = times().min().map_or(0, |first| -first);
        let end = tracks.iter().filter_map(end).max().unwrap_or(0);
        Ok(Mp4Source {
            file,
            path: path.to_owned(),
            file_size: boxes.file_size,
            descriptions,
            left_out,
            tracks,
            shift,
            length: duration(end.saturating_add(shift)),
            repeat,
            round: Duration::ZERO,
            buffer: Vec::new(),
        })
    }

    /// The track whose next sample is due first, with that sample and its times.
    fn upcoming(&self) -> Option<(usize, Sample, Duration)> {
        let next = |(number, track): (usize, &Chosen)| {
            let sample = *track.samples.get(track.next)?;
            Some((number, sample, self.time(track, sample.dts)))
        };
        self.tracks.iter().enumerate().filter_map(next).min_by_key(|(_, _, dts)| *dts)
    }

    fn time(&self, track: &Chosen, media_time: i64) -> Duration {
        let time = track.timeline.nanoseconds(media_time).saturating_add(self.shift);
        self.round.saturating_add(duration(time))
    }

    /// Begins the next round; false when there is none.
    fn rewind(&mut self) -> bool {
        if !self.repeat || self.length.is_zero() {
            return false;
        }
        self.round = self.round.saturating_add(self.length);
        for track in &mut self.tracks {
            track.next = track.first;
        }
        true
    }

    fn read(&mut self, sample: &Sample) -> Result<(), Error> {
        if sample.offset.saturating_add(u64::from(sample.size)) > self.file_size {
            return Err(Error::damaged(&self.path, "it ends within its media data"));
        }
        self.buffer.resize(sample.size as usize, 0);
        self.file.read_exact_at(&mut self.buffer, sample.offset).map_err(Error::Read)
    }

    fn fill(&mut self, unit: &mut Unit, number: usize) -> Result<(), Error> {
        match self.tracks.get(number).map(|track| &track.format) {
            Some(Format::H264 { length_size, parameter_sets }) => {
                push_picture(unit, &self.buffer, *length_size, parameter_sets)
                    .map_err(|error| Error::damaged(&self.path, error.to_string()))?;
            }
            Some(Format::Aac) => unit.push(&self.buffer),
            None => {}
        }
        Ok(())
    }
}

impl Source for Mp4Source {
    fn tracks(&self) -> &[Track] {
        &self.descriptions
    }

    fn left_out(&self) -> &[String] {
        &self.left_out
    }

    fn due(&self) -> Option<Duration> {
        match self.upcoming() {
            Some((_, _, dts)) => Some(dts),
            None if self.repeat => Some(self.round.saturating_add(self.length)),
            None => None,
        }
    }

    fn next(&mut self, unit: &mut Unit) -> Result<bool, Error> {
        let mut rewound = false;
        loop {
            let Some((number, sample, dts)) = self.upcoming() else {
                if rewound || !self.rewind() {
                    return Ok(false);
                }
                rewound = true;
                continue;
            };
            let Some(track) = self.tracks.get_mut(number) else { return Ok(false) };
            track.next += 1;
            if sample.size == 0 {
                continue;
            }
            let shown = sample.dts.saturating_add(i64::from(sample.composition));
            let pts = self.tracks.get(number).map_or(dts, |track| self.time(track, shown));
            self.read(&sample)?;
            unit.begin(number, dts, pts);
            self.fill(unit, number)?;
            return Ok(true);
        }
    }
}

/// Cuts a sample into NAL units. Players that join late, or keep the stream without its SDP, need
/// the parameter sets in the stream, so key frames that lack them get those of the file's header.
fn push_picture(
    unit: &mut Unit,
    sample: &[u8],
    length_size: usize,
    parameter_sets: &[Vec<u8>],
) -> Result<(), avcc::Truncated> {
    let kinds = || {
        avcc::nals(sample, length_size)
            .filter_map(Result::ok)
            .filter_map(|nal| nal.first().copied().map(nal::unit_type))
    };
    let mut wanted = kinds().any(|kind| kind == nal::IDR) && !kinds().any(|kind| kind == nal::SPS);
    for part in avcc::nals(sample, length_size) {
        let part = part?;
        // An access unit delimiter stays first (H.264 7.4.1.2.3).
        let delimiter = part.first().is_some_and(|&head| nal::unit_type(head) == nal::DELIMITER);
        if wanted && !delimiter {
            parameter_sets.iter().for_each(|set| unit.push(set));
            wanted = false;
        }
        unit.push(part);
    }
    Ok(())
}

fn chosen(candidate: Candidate<'_>, boxes: &Boxes, path: &Path) -> Result<Chosen, Error> {
    let damaged = |error: index::BadTable| Error::damaged(path, error.to_string());
    let movie = &boxes.movie;
    let mut samples = index::samples(&candidate.track.mdia.minf.stbl).map_err(damaged)?;
    let id = candidate.track.tkhd.track_id;
    fragments::append(&mut samples, movie, &boxes.fragments, id).map_err(damaged)?;
    let timeline = Timeline::new(candidate.track, movie.mvhd.timescale)
        .ok_or_else(|| Error::damaged(path, "a track has no timescale"))?;
    let is_video = matches!(candidate.format, Format::H264 { .. });
    if is_video && samples.is_empty() {
        return Err(Error::damaged(path, "its H.264 track has no samples"));
    }
    let first = timeline.first_sample(&samples, is_video);
    Ok(Chosen { id, format: candidate.format, timeline, samples, next: first, first })
}

fn first_dts(track: &Chosen) -> Option<i128> {
    let sample = track.samples.get(track.first)?;
    Some(track.timeline.nanoseconds(sample.dts))
}

fn end(track: &Chosen) -> Option<i128> {
    let last = track.samples.last()?;
    Some(track.timeline.nanoseconds(last.dts.saturating_add(i64::from(last.duration))))
}

/// Nanoseconds as a duration; 0 for a negative number (a presentation time before the first
/// decoding time, which only a damaged file has).
fn duration(nanoseconds: i128) -> Duration {
    Duration::from_nanos(u64::try_from(nanoseconds.max(0)).unwrap_or(u64::MAX))
}
