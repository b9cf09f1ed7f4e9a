//! What the proxy server tells its operator.

use std::fmt;
use std::sync::mpsc::SyncSender;

use serde::Serialize;

use crate::NodeId;
use crate::uscp::ReStreamingConnection;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A node was let in, or has come back.
    NodeJoined {
        /// Which.
        node: NodeId,
        /// Whose it is.
        user: String,
        /// What it receives.
        channel: String,
        /// Where it comes from.
        peer: String,
        /// From whom it receives.
        server: NodeId,
        /// How far it is away from the streaming server.
        hops: u32,
    },
    /// A node has another server node.
    NodeMoved {
        /// Which.
        node: NodeId,
        /// From whom it receives.
        server: NodeId,
        /// How far it is away from the streaming server.
        hops: u32,
    },
    /// The connection of a node was lost; it stays in the tree for a while.
    NodeLost {
        /// Which.
        node: NodeId,
        /// Why, as a sentence for people.
        reason: String,
    },
    /// A node is no longer in the tree.
    NodeLeft {
        /// Which.
        node: NodeId,
        /// Why, as a sentence for people.
        reason: String,
    },
    /// This proxy server places the nodes of a channel from now on, of those that share its tree.
    ChannelOpened {
        /// Which.
        channel: String,
        /// So many nodes are in the tree already.
        nodes: usize,
    },
    /// This proxy server does not place the nodes of a channel any more.
    ChannelClosed {
        /// Which.
        channel: String,
        /// Why, as a sentence for people.
        reason: String,
    },
    /// A request was refused.
    RequestRefused {
        /// Where it came from.
        peer: String,
        /// The code that was answered.
        code: &'static str,
        /// The text that was answered.
        reason: String,
    },
    /// There were too many connections.
    ConnectionsRefused {
        /// So many were closed since this was last told.
        connections: u64,
    },
}

impl Event {
    pub(super) fn moved(connection: &ReStreamingConnection) -> Event {
        let server = &connection.server;
        let hops = server.hops.saturating_add(1);
        Event::NodeMoved { node: connection.node, server: server.id, hops }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::NodeJoined { node, user, channel, peer, server, hops } => {
                write!(
                    f,
                    "node {node} of {user} at {peer} takes {channel} from {server}, hop {hops}"
                )
            }
            Event::NodeMoved { node, server, hops } => {
                write!(f, "node {node} takes the stream from {server} now, hop {hops}")
            }
            Event::NodeLost { node, reason } => {
                write!(f, "the connection of node {node} is lost: {reason}")
            }
            Event::NodeLeft { node, reason } => write!(f, "node {node} has left: {reason}"),
            Event::ChannelOpened { channel, nodes } => {
                write!(f, "this proxy server places the nodes of {channel} now, {nodes} of before")
            }
            Event::ChannelClosed { channel, reason } => {
                write!(f, "this proxy server does not place the nodes of {channel} now: {reason}")
            }
            Event::RequestRefused { peer, code, reason } => {
                write!(f, "a request of {peer} was refused: {reason} ({code})")
            }
            Event::ConnectionsRefused { connections } => {
                write!(f, "{connections} connections too many were closed")
            }
        }
    }
}

/// Where events go. When nobody takes them, the newest are lost.
#[derive(Clone, Debug)]
pub(crate) struct Events(pub(super) SyncSender<Event>);

impl Events {
    pub(crate) fn tell(&self, event: Event) {
        // Lost when the queue is full, or nobody listens any more.
        let _ = self.0.try_send(event);
    }
}
