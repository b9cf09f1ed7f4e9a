//! What can be wrong with a source.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::failure::Failure;

/// Why a source cannot be opened or read on.
#[derive(Debug)]
pub(crate) enum Error {
    /// The file cannot be opened.
    Open { path: PathBuf, error: io::Error },
    /// Neither an MP4 file nor an H.264 byte stream.
    Unknown { path: PathBuf },
    /// An MP4 file that cannot be used, and why.
    Mp4 { path: PathBuf, reason: Mp4Reason },
    /// Raw H.264 that ends before a picture and its parameter sets.
    NoPicture,
    /// Raw H.264 that is none.
    ByteStream(rillcast::media::h264::annex_b::Error),
    /// Reading failed half way.
    Read(io::Error),
    /// The encoder of the test picture.
    Encoder(openh264::Error),
    /// Options of the test source that cannot be.
    Test(String),
}

/// What is wrong with an MP4 file.
#[derive(Debug)]
pub(crate) enum Mp4Reason {
    /// No `moov` box: cut off while it was written, or no movie.
    NoMovie,
    /// Its boxes contradict each other, or the file ends within them.
    Damaged(String),
    /// No H.264 track; what there is instead.
    NoVideo { codecs: Vec<String> },
    /// More than can be held.
    TooLarge(&'static str),
}

impl Error {
    /// A damaged MP4 file, with what was found.
    pub(crate) fn damaged(path: &std::path::Path, what: impl Into<String>) -> Error {
        Error::Mp4 { path: path.to_owned(), reason: Mp4Reason::Damaged(what.into()) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Open { path, error } => {
                write!(f, "cannot open {}: {error}", path.display())?;
                if path.extension().is_none() && error.kind() == io::ErrorKind::NotFound {
                    f.write_str(" (a SOURCE is `test`, a file, or `-` for standard input)")?;
                }
                Ok(())
            }
            Error::Unknown { path } => write!(
                f,
                "{} is neither an MP4 file nor raw H.264 (Annex B byte stream)",
                path.display()
            ),
            Error::Mp4 { path, reason } => write!(f, "{}: {reason}", path.display()),
            Error::NoPicture => f.write_str(
                "the raw H.264 ends before the first picture with its parameter sets (SPS, PPS)",
            ),
            Error::ByteStream(error) => error.fmt(f),
            Error::Read(error) => write!(f, "cannot read on: {error}"),
            Error::Encoder(error) => write!(f, "the H.264 encoder failed: {error}"),
            Error::Test(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for Mp4Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mp4Reason::NoMovie => {
                f.write_str("the MP4 file has no `moov` box (was it cut off while being written?)")
            }
            Mp4Reason::Damaged(what) => write!(f, "the MP4 file is damaged: {what}"),
            Mp4Reason::NoVideo { codecs } if codecs.is_empty() => {
                f.write_str("the MP4 file has no H.264 track")
            }
            Mp4Reason::NoVideo { codecs } => write!(
                f,
                "the MP4 file has no H.264 track, only {} (convert it: ffmpeg -i FILE -c:v libx264 \
                 -c:a aac OUT.mp4)",
                codecs.join(", ")
            ),
            Mp4Reason::TooLarge(what) => write!(f, "the MP4 file has too large {what}"),
        }
    }
}

impl std::error::Error for Error {}

/// A source that cannot be opened is the user's to mend.
impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::Read(_) | Error::Encoder(_) => Failure::runtime(error.to_string()),
            _ => Failure::usage(error.to_string()),
        }
    }
}
