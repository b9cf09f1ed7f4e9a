//! A stream: its tracks, its ring, its children, and who gets what next. No I/O: packets come in by
//! [`Stream::ingest`], and go out through [`Egress`], which the engine implements over its sockets
//! and a test over a `Vec`.
//!
//! ```text
//!  splice: a source that has come back goes on where the last one ended         (splice.rs)
//!    ▼
//!  ingest ─▶ inbox: what came by UDP ahead of a missing packet waits            (inbox.rs)
//!    ▼
//!  ring ─▶ fan ─┬─▶ UDP groups: runs of equal packets × every member   (fan.rs, udp.rs)
//!    │          ├─▶ TCP groups: one slice list per frame × every member        (tcp.rs)
//!    │          └─▶ hear: what a UDP child asks for once more    (resend.rs, retransmission.rs)
//!    ├─▶ more fans on other threads, for other children                  (notes.rs)
//!    └─▶ FrameReader, PacketReader on any other thread          (reader.rs, packet_reader.rs)
//! ```
//!
//! A child is a number: its cursor in the ring. A child that is *live* has the fan's own cursor and
//! shares each send with its group; one that is behind (it has just come, or its connection is slow)
//! has a cursor of its own until it has caught up. Nobody waits for anybody.

#![forbid(unsafe_code)]

mod child;
mod egress;
mod fan;
mod inbox;
mod key_wish;
mod notes;
mod packet;
mod packet_reader;
mod reader;
mod recycle;
mod resend;
mod retransmission;
mod splice;
mod stream;
mod table;
mod tcp;
mod track;
mod udp;

#[cfg(test)]
mod tests;

pub use child::{ChildFigures, ChildKey, ChildLimits, Start, Target, Transport};
pub use egress::{ConnId, Egress, PairId, Rest, Written};
pub use fan::Fan;
pub use packet::{Kind, PREFIX, Packet, canonical_channel, prefix};
pub use packet_reader::{NextPackets, PacketReader};
pub use reader::{Frame, FrameReader, Next, ReaderOptions, Reference};
pub use stream::{
    Continuation, Incompatible, Limits, MAX_BACKLOG, OtherPackets, PlayPoint, Stream,
};
pub use tcp::Layout;
pub(crate) use track::CNAME;
pub use track::{Overlap, Track, TrackFigures};
