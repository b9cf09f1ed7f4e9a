//! What can be wrong with the bytes of a message.

use super::Status;
use super::limits::*;
use std::fmt;

/// Why bytes are not an RTSP message. The connection cannot go on after it, because the end of
/// the broken message is unknown: a server answers with [`status`](Error::status) and closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// The sequence number, when it stood before the fault.
    pub cseq: Option<u32>,
}

/// The fault itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Neither a message, nor an interleaved frame, nor a blank line begins here.
    NotRtsp {
        /// The first byte.
        byte: u8,
    },
    /// The first line is neither a request line nor a status line.
    StartLine {
        /// The line, shortened.
        line: String,
    },
    /// The first line is longer than [`MAX_START_LINE`].
    StartLineTooLong,
    /// A header line has no name, no colon or a name that is no token.
    HeaderLine {
        /// The line, shortened.
        line: String,
    },
    /// A header line is longer than [`MAX_HEADER_LINE`].
    HeaderLineTooLong,
    /// More than [`MAX_HEADERS`] header fields.
    TooManyHeaders,
    /// Start line and headers are larger than [`MAX_HEAD`].
    HeadTooLarge,
    /// `Content-Length` is no number, or there are two different ones.
    ContentLength {
        /// The value, shortened.
        value: String,
    },
    /// The body is larger than [`MAX_BODY`].
    BodyTooLarge {
        /// The length it was said to have, in bytes.
        length: u64,
    },
}

impl Error {
    pub(super) fn new(kind: ErrorKind) -> Error {
        Error { kind, cseq: None }
    }

    /// The status that a server answers with.
    pub fn status(&self) -> Status {
        match self.kind {
            ErrorKind::StartLineTooLong => Status::REQUEST_URI_TOO_LARGE,
            ErrorKind::HeadTooLarge | ErrorKind::BodyTooLarge { .. } => {
                Status::REQUEST_ENTITY_TOO_LARGE
            }
            _ => Status::BAD_REQUEST,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ErrorKind::NotRtsp { byte } => write!(
                f,
                "byte 0x{byte:02x} begins neither an RTSP message nor an interleaved frame; \
                 the peer does not speak RTSP, or the framing was lost"
            ),
            ErrorKind::StartLine { line } => {
                write!(f, "\"{line}\" is neither an RTSP request line nor a status line")
            }
            ErrorKind::StartLineTooLong => {
                write!(f, "the first line of a message is longer than {MAX_START_LINE} bytes")
            }
            ErrorKind::HeaderLine { line } => write!(f, "\"{line}\" is no header field"),
            ErrorKind::HeaderLineTooLong => {
                write!(f, "a header line is longer than {MAX_HEADER_LINE} bytes")
            }
            ErrorKind::TooManyHeaders => {
                write!(f, "a message has more than {MAX_HEADERS} header fields")
            }
            ErrorKind::HeadTooLarge => {
                write!(f, "the header of a message is larger than {MAX_HEAD} bytes")
            }
            ErrorKind::ContentLength { value } => {
                write!(f, "Content-Length \"{value}\" is not one number")
            }
            ErrorKind::BodyTooLarge { length } => {
                write!(f, "a body of {length} bytes is larger than the {MAX_BODY} allowed")
            }
        }
    }
}

impl std::error::Error for Error {}
