//! AAC over RTP (RFC 3640, `mpeg4-generic`), in both directions; its configuration
//! ([`Config`]) and its byte stream form ([`adts`]).
//!
//! Streams are read as their fmtp parameters ([`Format`]) describe them: modes AAC-hbr, AAC-lbr and
//! generic, several access units in a packet, fragments, interleaving. The packetizer writes
//! AAC-hbr and AAC-lbr without interleaving.

pub mod adts;
mod config;
mod deinterleave;
mod depacketizer;
mod format;
mod headers;
mod packetizer;

pub use config::{AAC_LC, AAC_MAIN, Config, ConfigError, ER_AAC_ELD, ER_AAC_LD, PS, SBR};
pub use depacketizer::{AccessUnit, Counters, Depacketizer};
pub use format::{Format, FormatError};
pub use packetizer::{BadSize, Mode, Packetizer};

#[cfg(test)]
mod tests;
