//! Why a datagram is not RTCP.

use std::fmt;

/// Why a datagram is not RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Shorter than its first packet says, or than a header of 4 bytes.
    Short {
        /// Bytes needed.
        needed: usize,
        /// Bytes there.
        length: usize,
    },
    /// Not version 2.
    Version {
        /// The version found.
        version: u8,
    },
    /// A packet type that is not one of RTCP (192 to 223).
    Type {
        /// The type found.
        kind: u8,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Short { needed, length } => {
                write!(f, "broken RTCP packet: it needs {needed} bytes and has {length}")
            }
            Error::Version { version } => write!(f, "not RTCP: version {version} instead of 2"),
            Error::Type { kind } => write!(f, "not RTCP: packet type {kind}"),
        }
    }
}

impl std::error::Error for Error {}
