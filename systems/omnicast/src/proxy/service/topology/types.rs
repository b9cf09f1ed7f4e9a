//! What comes into the topology configuration and what goes out.

use std::time::Duration;

use crate::uscp::ReStreamingConnection;

/// A moment, on both clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    /// Since any fixed beginning; among proxy servers that share a tree, since 1970 as near as their clocks
    /// agree.
    pub time: Duration,
    /// Seconds since 1970.
    pub date: u64,
}

/// Names a session: a connection over which a node has logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub u64);

/// A node that wants in, and may.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Its session.
    pub session: SessionId,
    /// Whose node it is.
    pub user: String,
    /// The channel that it wants.
    pub channel: String,
    /// Host and port at which it serves others.
    pub service: Option<(String, u16)>,
    /// The ticket that it has from before.
    pub resume: Option<String>,
}

/// Something that a session has to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Its node has another server node or other standbys from now on.
    Reassign {
        /// Which session.
        session: SessionId,
        /// What it is told.
        connection: Box<ReStreamingConnection>,
        /// Whether the server node is another.
        moved: bool,
    },
    /// A child says that its node is gone: it is told once more what it was told last, and is gone indeed
    /// when it does not confirm that soon.
    Probe {
        /// Which session.
        session: SessionId,
        /// What it is told.
        connection: Box<ReStreamingConnection>,
    },
    /// Its node has logged in over another connection.
    Replaced(SessionId),
    /// Another proxy server places its node from now on.
    Closed(SessionId),
}
