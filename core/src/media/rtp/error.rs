//! Why a datagram is not an RTP packet.

use std::fmt;

/// Why a datagram is not an RTP packet. Lengths are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Shorter than the fixed header.
    Short {
        /// Length of the datagram.
        length: usize,
    },
    /// Not version 2.
    Version {
        /// The version found.
        version: u8,
    },
    /// The list of contributing sources runs past the end.
    CsrcList {
        /// Length that header and list need.
        needed: usize,
        /// Length of the datagram.
        length: usize,
    },
    /// The header extension runs past the end.
    Extension {
        /// Length that header, list and extension need.
        needed: usize,
        /// Length of the datagram.
        length: usize,
    },
    /// The padding count is 0 or more than what follows the header.
    Padding {
        /// The count in the last byte.
        padding: u8,
        /// Bytes behind the header.
        available: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Short { length } => {
                write!(f, "not RTP: {length} bytes are fewer than the 12 of a header")
            }
            Error::Version { version } => write!(f, "not RTP: version {version} instead of 2"),
            Error::CsrcList { needed, length } => write!(
                f,
                "broken RTP packet: its CSRC list ends at byte {needed}, the packet at {length}"
            ),
            Error::Extension { needed, length } => write!(
                f,
                "broken RTP packet: its header extension ends at byte {needed}, the packet at {length}"
            ),
            Error::Padding { padding, available } => write!(
                f,
                "broken RTP packet: it claims {padding} bytes of padding, {available} follow the header"
            ),
        }
    }
}

impl std::error::Error for Error {}
