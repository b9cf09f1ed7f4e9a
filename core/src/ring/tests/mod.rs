//! Tests of the ring.
//!
//! The [`scenarios`] run twice: under loom (`tests/loom`), with tiny constants and every
//! interleaving and every value that the memory model allows, and on real threads with large
//! constants, which is what the sanitizers watch (`tests/sanitize`).

mod harness;
#[cfg(not(rill_ring_alone))]
mod oracle;
#[cfg(not(rill_loom))]
mod pool;
mod scenarios;
#[cfg(not(rill_loom))]
mod single;
