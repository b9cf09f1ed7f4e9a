//! The file that `-o` names: a byte stream of H.264, or MP4.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use rillcast::media::h264::{AccessUnit, ParameterSets, nal};
use rillcast::media::{Payload, sdp};
use rillcast::relay::{Frame, Packet, Reference};

use super::mp4;
use super::mp4_tracks::Mp4Sink;

/// Bytes written to the file at once.
const BUFFER: usize = 1 << 20;

/// The file that a stream is kept in.
pub(crate) enum Sink {
    /// H.264 annex B; other tracks are left out.
    AnnexB(AnnexB),
    /// H.264 and AAC.
    Mp4(Box<Mp4Sink<BufWriter<File>>>),
}

/// The form of the file, by the end of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// `.264`, `.h264`.
    AnnexB,
    /// `.mp4`.
    Mp4,
}

/// Why the stream cannot be kept.
#[derive(Debug)]
pub(crate) enum Error {
    /// The file cannot be written.
    Io(io::Error),
    /// The MP4 file cannot take it.
    Mp4(mp4::Error),
    /// The stream has nothing that this kind of file can hold.
    NothingToKeep(Format),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io(error) => write!(f, "the output file cannot be written: {error}"),
            Error::Mp4(error) => error.fmt(f),
            Error::NothingToKeep(Format::AnnexB) => {
                f.write_str("the stream has no H.264 video, which is all that a .264 file can hold")
            }
            Error::NothingToKeep(Format::Mp4) => f.write_str(
                "the stream has neither H.264 video nor AAC audio, which is what an .mp4 file can hold here",
            ),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::Io(error)
    }
}

impl From<mp4::Error> for Error {
    fn from(error: mp4::Error) -> Error {
        Error::Mp4(error)
    }
}

impl Format {
    /// What the file's name asks for; None for another ending.
    pub(crate) fn of(path: &Path) -> Option<Format> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "264" | "h264" | "avc" => Some(Format::AnnexB),
            "mp4" | "m4v" | "m4a" | "mov" => Some(Format::Mp4),
            _ => None,
        }
    }
}

impl Sink {
    /// Creates the file for a stream that `session` describes, which must have something to keep.
    pub(crate) fn create(
        path: &Path,
        format: Format,
        session: &sdp::Session,
    ) -> Result<Sink, Error> {
        let kept = session.media.iter().any(|media| match format {
            Format::AnnexB => super::is_h264(media),
            Format::Mp4 => super::is_h264(media) || super::is_aac(media),
        });
        if !kept {
            return Err(Error::NothingToKeep(format));
        }
        let file = BufWriter::with_capacity(BUFFER, File::create(path)?);
        Ok(match format {
            Format::AnnexB => Sink::AnnexB(AnnexB::new(file, session)),
            Format::Mp4 => Sink::Mp4(Box::new(Mp4Sink::new(file, session)?)),
        })
    }

    /// Keeps one frame.
    pub(crate) fn write(&mut self, frame: &Frame) -> Result<(), Error> {
        match self {
            Sink::AnnexB(sink) => sink.write(frame),
            Sink::Mp4(sink) => sink.write(frame),
        }
    }

    /// Takes note of how a track's clock and the source's wall clock go together.
    pub(crate) fn synchronise(&mut self, track: usize, reference: Reference) {
        match self {
            // A byte stream knows no time.
            Sink::AnnexB(_) => {}
            Sink::Mp4(sink) => sink.synchronise(track, reference),
        }
    }

    /// Writes what is left and closes the file.
    pub(crate) fn finish(self) -> Result<(), Error> {
        match self {
            Sink::AnnexB(mut sink) => Ok(sink.out.flush()?),
            Sink::Mp4(sink) => sink.finish(),
        }
    }
}

/// Writes the first H.264 track as a byte stream.
pub(crate) struct AnnexB {
    out: BufWriter<File>,
    track: Option<usize>,
    /// Parameter sets of the session description, until they are written or found in band.
    out_of_band: Option<ParameterSets>,
}

impl AnnexB {
    fn new(out: BufWriter<File>, session: &sdp::Session) -> AnnexB {
        let track = session.media.iter().position(super::is_h264);
        let sets = track.and_then(|track| session.media.get(track)).map(super::parameter_sets);
        AnnexB { out, track, out_of_band: sets }
    }

    fn write(&mut self, frame: &Frame) -> Result<(), Error> {
        let Payload::H264(unit) = &frame.data.payload else { return Ok(()) };
        if self.track != Some(frame.track) {
            return Ok(());
        }
        if let Some(sets) = self.out_of_band.take()
            && !has_parameter_sets(unit)
        {
            for set in sets.nals() {
                self.out.write_all(&[0, 0, 0, 1])?;
                self.out.write_all(set)?;
            }
        }
        for piece in unit.annex_b() {
            self.out.write_all(piece)?;
        }
        Ok(())
    }
}

/// Whether the access unit brings a sequence and a picture parameter set itself.
pub(crate) fn has_parameter_sets(unit: &AccessUnit<Packet>) -> bool {
    let has = |kind| unit.nals().any(|nal| nal.unit_type() == kind);
    has(nal::SPS) && has(nal::PPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_the_format() {
        for (name, format) in [
            ("clip.264", Some(Format::AnnexB)),
            ("a/clip.H264", Some(Format::AnnexB)),
            ("clip.mp4", Some(Format::Mp4)),
            ("clip.mkv", None),
            ("mp4", None),
        ] {
            assert_eq!(Format::of(Path::new(name)), format, "{name}");
        }
    }

    #[test]
    fn a_stream_without_anything_to_keep_is_refused() {
        let text = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n";
        let session = sdp::Session::parse(text.as_bytes()).expect("a session");
        for format in [Format::AnnexB, Format::Mp4] {
            let refused = Sink::create(Path::new("/nonexistent/x"), format, &session);
            assert!(matches!(refused, Err(Error::NothingToKeep(_))));
        }
    }
}
