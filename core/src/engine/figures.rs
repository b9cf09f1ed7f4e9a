//! What the engine counts, as a snapshot.

use std::time::Duration;

use crate::relay::{ChildFigures, TrackFigures};
use crate::stats::{ChildLedger, Histogram, Ledger};

/// Everything that is counted, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Name of the I/O backend.
    pub backend: &'static str,
    /// Why it is this one, in words.
    pub backend_reason: String,
    /// Whether runs of packets go out by segmentation offload, or why not.
    pub gso: String,
    /// Processor time that the engine has used so far, on all its threads.
    pub cpu: Duration,
    /// RTSP connections open now.
    pub connections: usize,
    /// RTSP connections that were closed at once, because there were as many as allowed.
    pub refused_connections: u64,
    /// Times that a connection has brought what is no RTSP, or larger than it may be.
    pub bad_requests: u64,
    /// Interleaved frames of connections that neither played nor published.
    pub stray_frames: u64,
    /// Events that were lost because nobody took them out ([`Event::EventsLost`](super::Event::EventsLost)).
    pub events_lost: u64,
    /// The fan-out threads; none when the engine's own thread serves everybody.
    pub workers: Vec<WorkerFigures>,
    /// The streams, with those that are over while their children are still given the end.
    pub streams: Vec<StreamFigures>,
    /// The streams that are fetched on demand, whether they are there or not.
    pub on_demand: Vec<OnDemandFigures>,
    /// The streams that have a fallback, whether it stands in or not.
    pub fallbacks: Vec<FallbackFigures>,
}

/// What one fan-out thread has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkerFigures {
    /// Children that it serves now.
    pub children: usize,
    /// Packets that it has sent.
    pub packets: u64,
    /// Time that it has run on a CPU.
    pub cpu: Duration,
}

/// How it is with a stream that is fetched [on demand](super::Engine::pull_on_demand).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnDemandFigures {
    /// Its path.
    pub path: String,
    /// What is done about it now.
    pub state: OnDemandState,
}

/// What is done about a stream that is fetched on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDemandState {
    /// Nothing: nobody wants it.
    Idle,
    /// It is being fetched, for somebody who waits.
    Opening,
    /// It is there.
    Up,
    /// It could not be fetched, or was interrupted.
    Failed {
        /// Who wants it in this time is told so without another attempt.
        again_in: Duration,
    },
}

/// How it is with a stream that has a [fallback](super::Engine::set_fallback).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FallbackFigures {
    /// Its path.
    pub path: String,
    /// Path of the stream that stands in.
    pub source: String,
    /// Whether it does now.
    pub stands_in: bool,
}

/// Figures of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// What those children were offered that have left, and what became of it, added up.
    pub former_children: ChildLedger,
    /// How long packets stayed in the engine: one sample per batch, from the arrival of its oldest packet
    /// until the batch was handed to the kernel for the last live child. What a slow child waits for is
    /// in its lag instead, and what comes while there is no child is not counted.
    pub latency: Histogram,
}

impl StreamFigures {
    /// Whether every packet in, and every packet offered to each child, is accounted for.
    pub fn balances(&self) -> bool {
        self.ledger.balances()
            && self.former_children.balances()
            && self.children.iter().all(|child| child.ledger.balances())
    }

    /// The accounts of all children that there are and were, added up.
    pub fn all_children(&self) -> ChildLedger {
        let mut sum = self.former_children;
        for child in &self.children {
            sum.add(&child.ledger);
        }
        sum
    }
}
