//! H.264 over RTP (RFC 6184), in both directions, and its other forms: byte streams (annex B) and
//! MP4 samples (AVCC).
//!
//! | from | to | by |
//! |---|---|---|
//! | RTP packets | [`AccessUnit`]: slices of the packets | [`Depacketizer`] |
//! | [`AccessUnit`] | byte stream, MP4 sample | [`AccessUnit::annex_b`], [`AccessUnit::avcc`] |
//! | byte stream | NAL units of one access unit | [`annex_b::Splitter`], [`annex_b::nals`] |
//! | MP4 sample | NAL units | [`avcc::nals`] |
//! | NAL units of one access unit | RTP packets | [`Packetizer`] |
//!
//! A relay that passes packets on as they are needs none of these, only [`inspect`].
//!
//! All payload structures are read: single NAL unit, STAP-A, STAP-B, MTAP16, MTAP24, FU-A, FU-B,
//! whatever packetization mode was announced. Packets are written in the non-interleaved mode.

mod access_unit;
pub mod annex_b;
mod assembler;
pub mod avcc;
mod boundary;
mod deinterleave;
mod depacketizer;
mod fragment;
mod inspect;
pub mod nal;
mod packetizer;
mod parameter_sets;
mod payload;
mod rbsp;
pub mod sei;
mod slice_header;

pub use access_unit::{AccessUnit, Nal};
pub use assembler::{Counters, Limits};
pub use boundary::Boundary;
pub use deinterleave::Interleaving;
pub use depacketizer::{Depacketizer, Options};
pub use inspect::{Inspect, first_mb_in_slice, inspect, parameter_sets};
pub use packetizer::{DEFAULT_MAX_PAYLOAD, Packetizer};
pub use parameter_sets::{Change, ParameterSets, profile_level_id};

#[cfg(test)]
mod tests;
