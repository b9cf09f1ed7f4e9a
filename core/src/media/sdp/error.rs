//! Why a description was refused.

use std::fmt;

use super::limits::{MAX_ATTRIBUTES, MAX_FORMATS, MAX_LINE, MAX_MEDIA, MAX_SIZE};

/// Why a description was refused. Lines are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Longer than [`MAX_SIZE`].
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// A line longer than [`MAX_LINE`].
    LongLine {
        /// Which line.
        line: usize,
    },
    /// No line `v=0`.
    NoVersion,
    /// More than [`MAX_MEDIA`] media.
    TooManyMedia {
        /// The line of the first one too many.
        line: usize,
    },
    /// More than [`MAX_ATTRIBUTES`] attributes in the session or in one media.
    TooManyAttributes {
        /// The line of the first one too many.
        line: usize,
    },
    /// More than [`MAX_FORMATS`] payload types in one media.
    TooManyFormats {
        /// How many there are.
        count: usize,
    },
    /// A line that cannot be understood.
    Syntax(String),
    /// An RTP media without a payload type that is a number from 0 to 127.
    PayloadType {
        /// The formats of the `m=` line.
        formats: String,
    },
    /// Not one RTP media.
    NoMedia,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unusable session description: ")?;
        match self {
            Error::TooLong { length } => {
                write!(f, "{length} bytes are more than the {MAX_SIZE} allowed")
            }
            Error::LongLine { line } => write!(f, "line {line} is longer than {MAX_LINE} bytes"),
            Error::NoVersion => write!(f, "it has no line v=0, so this is not SDP"),
            Error::TooManyMedia { line } => {
                write!(f, "line {line} is the m= line past the {MAX_MEDIA} allowed")
            }
            Error::TooManyAttributes { line } => write!(
                f,
                "line {line} is the a= line past the {MAX_ATTRIBUTES} allowed in one section"
            ),
            Error::TooManyFormats { count } => {
                write!(f, "an m= line names {count} payload types, {MAX_FORMATS} are allowed")
            }
            Error::Syntax(reason) => write!(f, "{reason}"),
            Error::PayloadType { formats } => {
                write!(f, "an m= line has {formats:?} where an RTP payload type (0 to 127) belongs")
            }
            Error::NoMedia => write!(f, "it describes no RTP media (no m= line with RTP/AVP)"),
        }
    }
}

impl std::error::Error for Error {}
