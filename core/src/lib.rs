//! Rillcast's relay engine: one RTP stream in, very many out.
//!
//! | module | what it is | does I/O |
//! |---|---|---|
//! | [`ring`] | the single-producer, many-reader ring that packets pass through, and its buffers | no |
//! | [`media`] | RTP, RTCP, SDP, H.264 (RFC 6184), AAC (RFC 3640) | no |
//! | [`rtsp`] | RTSP 1.0 messages, server and client state machines | no |
//! | [`relay`] | a stream: its tracks, its ring, its children, who gets what next | no |
//! | [`io`] | sockets behind one trait | yes |
//! | [`engine`] | the thread that joins them | yes |
//!
//! Under `--cfg rill_loom` (`tests/loom`) the ring is all there is: it is what the models are of.

#[cfg(not(rill_loom))]
pub mod engine;
#[cfg(not(rill_loom))]
pub mod io;
#[cfg(not(rill_loom))]
pub mod media;
#[cfg(not(rill_loom))]
pub mod relay;
pub mod ring;
#[cfg(not(rill_loom))]
pub mod rtsp;
#[cfg(not(rill_loom))]
pub mod stats;
mod sync;
