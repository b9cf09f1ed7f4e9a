//! Session descriptions (SDP, RFC 8866 and its forerunner RFC 4566), read and written.
//!
//! [`Session::parse`] takes what publishers, cameras and hand-written files really contain and
//! brings it into one shape; `Display` (`to_string`) writes it. What the relay does not know, it
//! keeps, so that any payload passes through. Between the two stand the changes a relay makes:
//! [`Session::for_players`], [`Session::for_announce`], [`Session::for_rtp`],
//! [`Session::offer_retransmission`].
//!
//! # What is forgiven
//!
//! Text before `v=0` (ffmpeg prints `SDP:` there), bare LF or CR, NUL at the end, bytes that are
//! not UTF-8, lines that are not `x=…`, a broken or missing `o=`, `s=`, `t=` or `b=`, repeated
//! spaces, upper or lower case in names, spaces around the parameters of `fmtp`, a missing
//! `rtpmap`, `fmtp` before `rtpmap`. Media that are not RTP are left out and named in
//! [`Session::ignored`].

pub mod base64;
mod clean;
mod control;
mod error;
mod fmtp;
mod limits;
mod media;
mod parameter_sets;
mod parse;
mod payload_types;
mod relay;
mod retransmission;
mod session;
mod write;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use fmtp::Fmtp;
pub use limits::{MAX_ATTRIBUTES, MAX_FORMATS, MAX_LINE, MAX_MEDIA, MAX_SIZE};
pub use media::{Direction, Format, Kind, Media, Protocol};
pub use session::{Attribute, Bandwidth, Connection, Origin, Session};
