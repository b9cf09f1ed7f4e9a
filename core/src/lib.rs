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
//! Under `--cfg rill_ring_alone` the ring is all there is, and builds in seconds: for the models
//! (`tests/loom`, which adds `--cfg rill_loom`) and the sanitizers (`tests/sanitize`).

#[cfg(not(rill_ring_alone))]
pub mod engine;
#[cfg(not(rill_ring_alone))]
pub mod io;
#[cfg(not(rill_ring_alone))]
pub mod media;
#[cfg(not(rill_ring_alone))]
pub mod relay;
pub mod ring;
#[cfg(not(rill_ring_alone))]
pub mod rtsp;
#[cfg(not(rill_ring_alone))]
pub mod stats;
mod sync;

// The snippets of the guides are compiled with the documentation's examples.
#[cfg(all(doctest, not(rill_ring_alone)))]
#[doc = include_str!("../../README.md")]
struct Readme;
#[cfg(all(doctest, not(rill_ring_alone)))]
#[doc = include_str!("../../docs/rust-api.md")]
struct RustApi;
