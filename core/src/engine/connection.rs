//! One RTSP connection: its bytes in and out. What they mean is decided elsewhere.

use std::net::SocketAddr;
use std::time::Duration;

use crate::io::Token;
use crate::ring::Filling;

use super::role::Role;
use super::shards::ShardId;
use super::wire::Wire;

/// Where a connection's bytes come in.
pub(super) enum Input {
    /// Requests, and reports of receivers: the bytes of a message that is not whole yet.
    Control(Vec<u8>),
    /// Media: read into a buffer of the stream's pool, from which packets are split off in place.
    Media(Filling),
}

impl Default for Input {
    fn default() -> Input {
        Input::Control(Vec::new())
    }
}

/// One RTSP connection.
pub(super) struct Connection {
    pub(super) token: Token,
    pub(super) peer: SocketAddr,
    pub(super) role: Role,
    pub(super) input: Input,
    pub(super) wire: Wire,
    /// The fan-out thread that writes to it, if one does.
    pub(super) writer: Option<ShardId>,
    /// Its share of the engine's turn was used: its input is looked at again in the next one.
    pub(super) postponed: bool,
    /// Close when nothing is pending any more.
    pub(super) closing: Option<String>,
    pub(super) opened: Duration,
}

impl Connection {
    pub(super) fn new(token: Token, peer: SocketAddr, role: Role, now: Duration) -> Connection {
        Connection {
            token,
            peer,
            role,
            input: Input::default(),
            wire: Wire::new(token),
            writer: None,
            postponed: false,
            closing: None,
            opened: now,
        }
    }

    /// Whether more of its input is not to be looked at now.
    pub(super) fn is_waiting(&self) -> bool {
        self.postponed || self.role.is_waiting()
    }
}
