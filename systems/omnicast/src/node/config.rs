//! What a node is told at its start.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rillcast::engine::Transport;
use rillcast::engine::rustls::ClientConfig;

use crate::uscp::Credentials;

/// What a node is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Host and port of each proxy server, at least one. The node turns to the first that is there, and to
    /// the next one when that is away.
    pub proxies: Vec<String>,
    /// Whom it trusts to be the proxy server; `None`: USCP without TLS.
    pub tls: Option<Arc<ClientConfig>>,
    /// Its account.
    pub credentials: Credentials,
    /// Make the account first.
    pub subscribe: bool,
    /// What it wants to receive.
    pub channel: String,
    /// Where it serves others by RTSP; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The address at which others reach it; `None`: the one that its connection to the proxy server
    /// comes from.
    pub host: Option<IpAddr>,
    /// How many nodes it serves.
    pub capacity: Capacity,
    /// How it takes the stream.
    pub transport: Transport,
    /// Players on this machine need no ticket.
    pub local_players: bool,
}

/// How many others a node serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// So many.
    Fixed(u32),
    /// As many as it can by the paper's rule (section 4.3.1): reckoned when it has come, and while it runs.
    Reckoned {
        /// What may be sent to others.
        uplink: Uplink,
        /// Bits a second of the stream; `None`: as they are counted.
        bitrate: Option<u64>,
    },
}

impl Capacity {
    /// Whether it serves nobody, whatever comes.
    pub(super) fn is_none(self) -> bool {
        self == Capacity::Fixed(0)
    }

    /// How many it serves at most, if that is known.
    pub(super) fn most(self) -> Option<u32> {
        match self {
            Capacity::Fixed(children) => Some(children),
            Capacity::Reckoned { .. } => None,
        }
    }
}

/// What may be sent to other nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uplink {
    /// So many bits a second.
    Known(u64),
    /// What a [test](super::pluggable::uplink_test) finds when the stream has begun; until then the node serves nobody.
    Tested,
}
