//! Who gets a connection at all: the limits that hold before the first request.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::io::Token;

use super::access::network;
use super::cipher::Acceptor;
use super::worker::Worker;

/// Connections accepted before other sockets get their turn.
const AT_ONCE: usize = 64;
/// How often refusals are logged: whoever is refused can come back a thousand times a second.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Connections by the address they come from. Hosts of one IPv6 network (/64) count as one, since a
/// host can have any address of its network.
#[derive(Debug, Default)]
pub(super) struct Door {
    inside: HashMap<IpAddr, usize>,
    refused: u64,
    refused_told: u64,
    tell_next: Duration,
}

impl Door {
    /// Lets a connection in, unless as many as `limit` of its address are inside.
    fn enter(&mut self, address: IpAddr, limit: usize) -> bool {
        let inside = self.inside.get(&network(address)).copied().unwrap_or(0);
        if inside >= limit {
            return false;
        }
        self.inside.insert(network(address), inside + 1);
        true
    }

    /// A connection that was let in is gone.
    pub(super) fn leave(&mut self, address: IpAddr) {
        if let Entry::Occupied(mut inside) = self.inside.entry(network(address)) {
            *inside.get_mut() = inside.get().saturating_sub(1);
            if *inside.get() == 0 {
                inside.remove();
            }
        }
    }

    /// Connections that were not let in.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }
}

impl Worker {
    /// Somebody is at the door.
    pub(super) fn accept(&mut self, listener: Token, acceptor: Option<Arc<dyn Acceptor>>) {
        for _ in 0..AT_ONCE {
            match self.io.accept(listener) {
                Ok(Some((token, peer))) => {
                    let full = self.connections.len() >= self.config.max_connections;
                    let limit = self.config.max_connections_per_address;
                    if full || !self.door.enter(peer.ip(), limit) {
                        self.door.refused += 1;
                        self.io.close(token);
                        continue;
                    }
                    self.welcome(token, peer, acceptor.as_deref());
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(%error, "an RTSP connection cannot be accepted");
                    return;
                }
            }
        }
    }

    /// Begins a connection that was let in.
    fn welcome(&mut self, token: Token, peer: SocketAddr, acceptor: Option<&dyn Acceptor>) {
        let cipher = match acceptor.map(Acceptor::accept) {
            Some(Err(error)) => {
                tracing::warn!(%peer, %error, "refused: TLS cannot begin");
                return self.turn_off(token, peer);
            }
            Some(Ok(cipher)) => Some(cipher),
            None => None,
        };
        let Some(role) = self.server_role(cipher.is_some()) else {
            return self.turn_off(token, peer);
        };
        self.add_connection(token, peer, role);
        if let (Some(cipher), Some(connection)) = (cipher, self.connections.get_mut(&token)) {
            connection.wire.encrypt(cipher);
        }
    }

    /// Closes a connection that has not begun.
    fn turn_off(&mut self, token: Token, peer: SocketAddr) {
        self.door.leave(peer.ip());
        self.io.close(token);
    }

    /// Logs how many were refused since it was last told.
    pub(super) fn tell_refusals(&mut self, now: Duration) {
        let door = &mut self.door;
        if door.refused > door.refused_told && now >= door.tell_next {
            let connections = door.refused - door.refused_told;
            tracing::warn!(
                connections,
                "refused: as many as allowed are open, in all or of one address"
            );
            door.refused_told = door.refused;
            door.tell_next = now + TELL_EVERY;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_and_no_more() {
        let mut door = Door::default();
        let [greedy, other] = [IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2])];
        assert!(door.enter(greedy, 2) && door.enter(greedy, 2) && !door.enter(greedy, 2));
        assert!(door.enter(other, 2));
        door.leave(greedy);
        assert!(door.enter(greedy, 2) && !door.enter(greedy, 2));
        for address in [greedy, greedy, other, other] {
            door.leave(address);
        }
        assert!(door.inside.is_empty(), "who is gone is forgotten");
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let mut door = Door::default();
        let address = |text: &str| text.parse().unwrap();
        assert!(door.enter(address("2001:db8::1"), 1) && !door.enter(address("2001:db8::2"), 1));
        assert!(door.enter(address("2001:db8:0:1::1"), 1));
        assert!(door.enter(address("::ffff:192.0.2.1"), 1) && !door.enter(address("192.0.2.1"), 1));
    }
}
