//! A node as it is written down, for the proxy server that comes after this one.

use crate::NodeId;

/// A node, and from whom it receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// From whom it receives; `None`: it waits for a place.
    pub server: Option<NodeId>,
    /// Whose it is.
    pub user: String,
    /// Where it serves others, if it does.
    pub url: Option<String>,
    /// How many it can serve.
    pub capacity: u32,
    /// When it joined, in seconds on the clock of [`Now::time`](super::Now::time).
    pub joined: u64,
}

/// What has become of a node, to be written down before anybody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The channel.
    pub channel: String,
    /// The term of office in which it happened.
    pub term: Term,
    /// Which node.
    pub node: NodeId,
    /// How it is with it now; `None`: it is not in the tree any more.
    pub entry: Option<Entry>,
}

/// Numbers the times for which one proxy server after the other places the nodes of a channel: each term is
/// larger than the one before, and one proxy server's alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(pub i64);
