//! What goes into a topology and what comes out of it: plain data.

use std::time::Duration;

use super::NodeId;

/// What the proxy server knows of a node when it adds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeFacts {
    /// How many children it can serve: its *service capacity* (section 3.4.2 of the paper). 0 for a
    /// node that only watches.
    pub capacity: u32,
    /// When it joined, on the caller's clock: any fixed beginning will do.
    pub joined_at: Duration,
    /// Whose it is, as a number of the caller's; `None`: nobody's who has others. What several nodes of
    /// one owner say against a server node counts once.
    pub owner: Option<u64>,
}

/// Where a node hangs: the contents of a `ReStreamingConnection`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Whom the node receives from: its *server node*, or a streaming server.
    pub server: NodeId,
    /// How many links the node is away from the streaming server: 1 for its direct children.
    pub hops: u16,
    /// Whom to turn to when the server node is gone, best first. None of them is the server node or
    /// receives, however indirectly, from this node; and if any number of nodes turn to their standbys
    /// at the same time, no circle comes about.
    pub standbys: Vec<NodeId>,
}

/// The bounds of a topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The longest way from a streaming server to a node, in links.
    pub max_hops: u16,
    /// How many standbys each node is told of: at most [`Config::MAX_STANDBYS`].
    pub standbys: usize,
}

impl Config {
    /// The most standbys that a node can have: so many it can be told of.
    pub const MAX_STANDBYS: usize = crate::uscp::MAX_STANDBYS;
}

impl Default for Config {
    /// 32 hops; two standbys.
    fn default() -> Config {
        Config { max_hops: 32, standbys: 2 }
    }
}

/// A topology in figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// All nodes, streaming servers among them.
    pub nodes: usize,
    /// Those of them that receive nothing: no server node was found, or their server node is such a one.
    pub unfed: usize,
    /// The most hops that any node is away from a streaming server.
    pub depth: u16,
    /// The hops of all fed nodes together: divided by their number it is the mean.
    pub hops: u64,
}
