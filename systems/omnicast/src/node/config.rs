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
    /// So many nodes it can serve.
    pub capacity: u32,
    /// How it takes the stream.
    pub transport: Transport,
    /// Players on this machine need no ticket.
    pub local_players: bool,
}
