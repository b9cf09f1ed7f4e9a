//! What the operator sets.

use std::time::Duration;

use crate::proxy::pluggable::topology::{Config, Kind};

/// Bounds and times of a [`TopologyConfiguration`](super::TopologyConfiguration).
#[derive(Clone, Debug)]
pub struct Settings {
    /// The channels.
    pub channels: Vec<ChannelSettings>,
    /// Which algorithm places the nodes.
    pub topology: Kind,
    /// What the algorithm keeps to.
    pub bounds: Config,
    /// Most children that a node is given, whatever it says that it can serve.
    pub max_capacity: u32,
    /// Most nodes of one user.
    pub nodes_per_user: usize,
    /// How long a ticket counts, in seconds.
    pub ticket_lifetime: u64,
    /// How often the proxy wants to hear of a node.
    pub keepalive: Duration,
    /// How long a node stays in the tree whose connection was lost.
    pub grace: Duration,
    /// For how long after a start anew nobody is let in who was not there before: else newcomers would have the
    /// places of those that are about to come back.
    pub reserved: Duration,
    /// For how long after the start nodes of before may wait for their server nodes; and how long a proxy server
    /// that takes a shared tree over waits for its nodes.
    pub settling: Duration,
}

impl Default for Settings {
    /// No channel; the default algorithm, at most 1,000 children a node, 100 nodes a user, tickets for ten
    /// minutes, a keep-alive each 10 s, 15 s to come back, no newcomers for 5 s, 30 s to settle.
    fn default() -> Settings {
        Settings {
            channels: Vec::new(),
            topology: Kind::default(),
            bounds: Config::default(),
            max_capacity: 1000,
            nodes_per_user: 100,
            ticket_lifetime: 600,
            keepalive: Duration::from_secs(10),
            grace: Duration::from_secs(15),
            // A node waits no longer until it tries again than the proxy server has been away.
            reserved: Duration::from_secs(5),
            settling: Duration::from_secs(30),
        }
    }
}

/// A channel, and the streaming server that it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelSettings {
    /// Its name, which is also its path at the nodes.
    pub name: String,
    /// Where the first nodes take it from.
    pub url: String,
    /// How many nodes may take it there.
    pub capacity: u32,
}
