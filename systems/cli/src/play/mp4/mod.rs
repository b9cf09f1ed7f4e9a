//! Writes H.264 and AAC into an MP4 file (ISO/IEC 14496-12, -14 and -15).
//!
//! Samples go to the disk as they come; the index (`moov`) is kept in memory, about 40 bytes a
//! sample, and written at the end. That order is what makes exact decode times possible: RTP carries
//! presentation times only, and how far B-frames make decoding run ahead of presentation is known
//! when the last sample is in (see [`timing`]). The price is that a file whose writer was killed
//! has no index; [`Writer::finish`] must be reached.

mod boxes;
mod timing;

#[cfg(test)]
mod tests;

use std::io::{self, Seek, SeekFrom, Write};
use std::time::Duration;

/// Samples a track may hold: 38 hours of 30 frames a second. It bounds the index in memory.
pub(crate) const MAX_SAMPLES: usize = 4 << 20;

/// Sample descriptions a track may hold. A stream that changes its parameter sets more often than
/// this is not one that a file can describe usefully.
pub(crate) const MAX_DESCRIPTIONS: usize = 1 << 10;

/// How a decoder is to be set up for the samples that refer to it: an entry of `stsd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Description {
    /// `avc1`: parameter sets are here and not in the samples.
    Avc { sps: Vec<Vec<u8>>, pps: Vec<Vec<u8>>, picture: Picture },
    /// `mp4a` with an AudioSpecificConfig (ISO/IEC 14496-3).
    Aac { config: Vec<u8>, channels: u16, sample_rate: u32 },
}

/// What the file says of a picture besides its parameter sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    /// In pixels, after cropping.
    pub(crate) width: u16,
    pub(crate) height: u16,
    /// Only of the High profiles (14496-15 section 5.3.3.1.2).
    pub(crate) high: Option<High>,
}

/// What `avcC` repeats of a High profile's sequence parameter set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct High {
    pub(crate) chroma_format_idc: u8,
    pub(crate) luma_bits: u8,
    pub(crate) chroma_bits: u8,
}

/// One access unit in the file.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Presentation time in units of the track's time scale.
    pts: i64,
    /// When it came, in nanoseconds on a clock that all tracks share.
    arrival: i64,
    size: u32,
    key: bool,
}

/// A run of samples that lie next to each other in the file and share a description.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    offset: u64,
    samples: u32,
    /// From 1, as in the file.
    description: u32,
}

#[derive(Debug)]
struct Track {
    /// Units per second of `pts`.
    timescale: u32,
    descriptions: Vec<Description>,
    samples: Vec<Sample>,
    chunks: Vec<Chunk>,
    /// Where the next sample must lie to join the newest chunk.
    chunk_end: u64,
    /// A presentation time, and the same moment in nanoseconds on the source's wall clock.
    reference: Option<(i64, i64)>,
}

/// An MP4 file being written.
#[derive(Debug)]
pub(crate) struct Writer<W: Write + Seek> {
    out: W,
    position: u64,
    /// Where the 64-bit size of `mdat` lies.
    mdat_size_at: u64,
    tracks: Vec<Track>,
}

/// What keeps a sample out of the file.
#[derive(Debug)]
pub(crate) enum Error {
    /// The file could not be written.
    Io(io::Error),
    /// The index would grow beyond [`MAX_SAMPLES`].
    TooManySamples,
    /// The parameter sets changed more than [`MAX_DESCRIPTIONS`] times.
    TooManyDescriptions,
    /// A sample came before its track was described, or is larger than 4 GiB.
    Unwritable,
    /// The index could not be put into boxes.
    Index(mp4_atom::Error),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Io(error) => write!(f, "the MP4 file cannot be written: {error}"),
            Error::TooManySamples => write!(
                f,
                "the MP4 file is full: it holds {MAX_SAMPLES} samples of one track (write .h264, or end the recording sooner)"
            ),
            Error::TooManyDescriptions => write!(
                f,
                "the stream changed its parameter sets more than {MAX_DESCRIPTIONS} times, which an MP4 file cannot describe (write .h264)"
            ),
            Error::Unwritable => f.write_str("an access unit cannot be stored in an MP4 file"),
            Error::Index(error) => write!(f, "the MP4 file's index cannot be written: {error}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::Io(error)
    }
}

impl<W: Write + Seek> Writer<W> {
    /// Begins the file: `ftyp` and the head of `mdat`.
    pub(crate) fn new(mut out: W) -> Result<Writer<W>, Error> {
        let head = boxes::head().map_err(Error::Index)?;
        out.write_all(&head)?;
        let mdat_at = head.len() as u64;
        // A size of 1 says that the true size follows the type in 64 bits (14496-12 section 4.2).
        out.write_all(&1u32.to_be_bytes())?;
        out.write_all(b"mdat")?;
        out.write_all(&16u64.to_be_bytes())?;
        Ok(Writer { out, position: mdat_at + 16, mdat_size_at: mdat_at + 8, tracks: Vec::new() })
    }

    /// Adds a track whose presentation times count `timescale` units a second; returns its index.
    pub(crate) fn add_track(&mut self, timescale: u32) -> usize {
        self.tracks.push(Track {
            timescale: timescale.max(1),
            descriptions: Vec::new(),
            samples: Vec::new(),
            chunks: Vec::new(),
            chunk_end: 0,
            reference: None,
        });
        self.tracks.len() - 1
    }

    /// Sets what the following samples of `track` need to be decoded. Saying the same again costs
    /// nothing; something new begins a new sample description.
    pub(crate) fn describe(&mut self, track: usize, description: Description) -> Result<(), Error> {
        let track = self.tracks.get_mut(track).ok_or(Error::Unwritable)?;
        if track.descriptions.last() == Some(&description) {
            return Ok(());
        }
        if track.descriptions.len() >= MAX_DESCRIPTIONS {
            return Err(Error::TooManyDescriptions);
        }
        track.descriptions.push(description);
        Ok(())
    }

    /// Appends one access unit, given in pieces, in decoding order. `pts` is its presentation time
    /// in the track's time scale; any origin, the same for all samples of the track. `arrival`, when
    /// it came, is on a clock that all tracks share and puts the tracks together
    /// where [`synchronise`](Self::synchronise) does not.
    pub(crate) fn write<'a>(
        &mut self,
        track: usize,
        pts: i64,
        arrival: Duration,
        key: bool,
        data: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), Error> {
        let track = self.tracks.get_mut(track).ok_or(Error::Unwritable)?;
        let description = track.descriptions.len() as u32;
        if description == 0 {
            return Err(Error::Unwritable);
        }
        if track.samples.len() >= MAX_SAMPLES {
            return Err(Error::TooManySamples);
        }
        let offset = self.position;
        for piece in data {
            self.out.write_all(piece)?;
            self.position += piece.len() as u64;
        }
        let size = u32::try_from(self.position - offset).map_err(|_| Error::Unwritable)?;
        let arrival = i64::try_from(arrival.as_nanos()).unwrap_or(i64::MAX);
        track.samples.push(Sample { pts, arrival, size, key });
        match track.chunks.last_mut() {
            Some(chunk) if track.chunk_end == offset && chunk.description == description => {
                chunk.samples += 1;
            }
            _ => track.chunks.push(Chunk { offset, samples: 1, description }),
        }
        track.chunk_end = self.position;
        Ok(())
    }

    /// Says which moment of the source's wall clock, in nanoseconds since any origin that all tracks
    /// share, the presentation time `pts` is. The first one said counts. When every track has one, it
    /// is what puts them together; else the arrivals are.
    pub(crate) fn synchronise(&mut self, track: usize, pts: i64, wall: i64) {
        if let Some(track) = self.tracks.get_mut(track) {
            track.reference.get_or_insert((pts, wall));
        }
    }

    /// How many samples the track has.
    pub(crate) fn samples(&self, track: usize) -> usize {
        self.tracks.get(track).map_or(0, |track| track.samples.len())
    }

    /// Writes the index and ends the file. Tracks without samples are left out.
    pub(crate) fn finish(mut self) -> Result<W, Error> {
        let index = boxes::moov(&self.tracks).map_err(Error::Index)?;
        self.out.write_all(&index)?;
        // mdat begins eight bytes before its 64-bit size.
        let size = self.position - (self.mdat_size_at - 8);
        self.out.seek(SeekFrom::Start(self.mdat_size_at))?;
        self.out.write_all(&size.to_be_bytes())?;
        self.out.flush()?;
        Ok(self.out)
    }
}
