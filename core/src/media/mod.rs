//! RTP, RTCP, SDP, H.264 and AAC, without I/O.
//!
//! Bytes and times come in as arguments, bytes and values go out; nothing here opens a socket or
//! reads a clock, and everything that can grow has a bound.
//!
//! | module | what it is |
//! |---|---|
//! | [`rtp`] | RTP headers in place, sequence tracking, reception statistics (RFC 3550) |
//! | [`rtcp`] | reports and feedback, NTP times (RFC 3550 §6, RFC 4585) |
//! | [`sdp`] | session descriptions, in and out (RFC 8866) |
//! | [`reorder`] | puts packets in order within a bounded window and tells the gaps |
//! | [`passthrough`] | frames of payloads that are not parsed |
//! | [`codec`] | what a track is coded in, and what one packet of it holds |
//! | [`depacketizer`] | from the packets of any track to its frames |
//! | [`h265`] | where a decoder of H.265 may start (RFC 7798) |
//! | [`h264`] | H.264 over RTP (RFC 6184), as byte stream, as MP4 samples |
//! | [`aac`] | AAC over RTP (RFC 3640), AudioSpecificConfig, ADTS |
//! | [`frame`] | what a depacketizer gives: a frame as slices of packets |

#![forbid(unsafe_code)]

pub mod aac;
mod bits;
pub mod codec;
pub mod depacketizer;
pub mod frame;
pub mod h264;
pub mod h265;
pub mod passthrough;
pub mod reorder;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
mod spare;

pub use depacketizer::Depacketizer;
pub use frame::{Frame, Payload, Slice};
