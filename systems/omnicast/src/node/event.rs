//! What a node tells its user.

use std::fmt;
use std::time::Instant;

use serde::Serialize;

use crate::NodeId;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The proxy server has said from whom to take the stream.
    Placed {
        /// What the proxy server calls this node.
        node: NodeId,
        /// Whom to take it from.
        server: NodeId,
        /// Where, without the ticket.
        url: String,
        /// How far away from the streaming server this node is.
        hops: u32,
        /// How many standbys there are.
        standbys: usize,
    },
    /// The server node that was named first has answered: the stream is about to come. What the paper calls
    /// connection latency (section 4.2.2) is these times and that to the first frame.
    Connected {
        /// When the node turned to the proxy server.
        #[serde(skip)]
        began: Instant,
        /// How long it took until the proxy server had named a server node, in milliseconds.
        uscp_ms: f64,
        /// How long it took from there until that one had answered PLAY, in milliseconds.
        rtsp_ms: f64,
    },
    /// The stream comes.
    Receiving {
        /// Whom from.
        server: NodeId,
        /// Where, without the ticket.
        url: String,
    },
    /// The stream does not come from there any more.
    ServerLost {
        /// Whom from.
        server: NodeId,
        /// Why, as a sentence for people.
        reason: String,
    },
    /// The stream comes from elsewhere from now on; its children have not noticed.
    Switched {
        /// Whom it came from.
        from: NodeId,
        /// Whom it comes from.
        to: NodeId,
        /// Where, without the ticket.
        url: String,
        /// Why, as a sentence for people.
        reason: String,
        /// The longest time without a new packet, in milliseconds.
        gap_ms: f64,
        /// Packets that the new server had kept for this node.
        replayed: u64,
        /// Packets that came from both, of which one was dropped.
        duplicates: u64,
        /// Packets that came from neither.
        missing: u64,
    },
    /// There is no connection to the proxy server. The stream goes on meanwhile.
    ProxyLost {
        /// Why, as a sentence for people.
        reason: String,
    },
    /// So many others this node can serve from now on, as the proxy server is told.
    Capacity {
        /// How many.
        children: u32,
        /// Bits a second that may be sent to them, if that was what it was reckoned from.
        uplink: Option<u64>,
        /// Bits a second of the stream, in the same way.
        bitrate: Option<u64>,
    },
    /// A node or a player takes the stream here.
    ChildStarted {
        /// Its address.
        peer: String,
    },
    /// A node or a player does not take the stream here any more.
    ChildEnded {
        /// Its address.
        peer: String,
        /// Why, as a sentence for people.
        reason: String,
    },
    /// Somebody wanted the stream and was refused.
    ChildRefused {
        /// His address.
        peer: String,
        /// Why, as a sentence for people.
        reason: String,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Placed { node, server, url, hops, standbys } => write!(
                f,
                "node {node}: to take the stream from {server} at {url}, hop {hops}, {standbys} standbys"
            ),
            Event::Connected { uscp_ms, rtsp_ms, .. } => {
                write!(f, "connected: USCP {uscp_ms:.1} ms, RTSP {rtsp_ms:.1} ms")
            }
            Event::Receiving { server, url } => {
                write!(f, "the stream comes from {server} at {url}")
            }
            Event::ServerLost { server, reason } => {
                write!(f, "the stream does not come from {server} any more: {reason}")
            }
            Event::Switched { from, to, url, reason, gap_ms, replayed, missing, .. } => write!(
                f,
                "the stream comes from {to} at {url}, no longer from {from}: {reason}; pause {gap_ms:.1} ms, \
                 {replayed} packets replayed, {missing} missing"
            ),
            Event::ProxyLost { reason } => write!(f, "no connection to the proxy server: {reason}"),
            Event::Capacity { children, uplink: Some(uplink), bitrate: Some(bitrate) } => write!(
                f,
                "can serve {children} others: {uplink} bit/s of uplink, {bitrate} of the stream"
            ),
            Event::Capacity { children, .. } => write!(f, "can serve {children} others"),
            Event::ChildStarted { peer } => write!(f, "{peer} takes the stream here"),
            Event::ChildEnded { peer, reason } => {
                write!(f, "{peer} does not take the stream here any more: {reason}")
            }
            Event::ChildRefused { peer, reason } => write!(f, "{peer} was refused: {reason}"),
        }
    }
}
