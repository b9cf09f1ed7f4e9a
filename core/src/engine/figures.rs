//! What the engine counts, as a snapshot.

use crate::relay::{ChildFigures, TrackFigures};
use crate::stats::Ledger;

/// Everything that is counted, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Name of the I/O backend.
    pub backend: &'static str,
    /// Whether runs of packets go out by segmentation offload, or why not.
    pub gso: String,
    /// RTSP connections open now.
    pub connections: usize,
    /// RTSP connections that were closed at once, because there were as many as allowed.
    pub refused_connections: u64,
    /// Times that a connection has brought what is no RTSP, or larger than it may be.
    pub bad_requests: u64,
    /// Interleaved frames of connections that neither played nor published.
    pub stray_frames: u64,
    /// The streams, with those that are over while their children are still given the end.
    pub streams: Vec<StreamFigures>,
}

/// Figures of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamFigures {
    /// Its path.
    pub path: String,
    /// Where it comes from.
    pub from: String,
    /// Whether it is over.
    pub ended: bool,
    /// Packets in, and what became of them.
    pub ledger: Ledger,
    /// Its tracks.
    pub tracks: Vec<TrackFigures>,
    /// Its children.
    pub children: Vec<ChildFigures>,
    /// Packets that children had been sent when they left.
    pub sent_to_former_children: u64,
    /// Packets that children had lost when they left (too slow, or refused by the kernel).
    pub lost_by_former_children: u64,
}

impl StreamFigures {
    /// Whether every packet in, and every packet offered to each child, is accounted for.
    pub fn balances(&self) -> bool {
        self.ledger.balances() && self.children.iter().all(|child| child.ledger.balances())
    }
}
