//! Where the reports of UDP children come from.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::io::Token;

/// The connections of UDP children by the addresses from which their reports come, and the other way
/// round, so that a child that leaves costs the same however many there are.
#[derive(Default)]
pub(super) struct Reporters {
    connections: HashMap<SocketAddr, Token>,
    addresses: HashMap<Token, Vec<SocketAddr>>,
}

impl Reporters {
    /// What comes from these addresses is of the child of this connection, from now on.
    pub(super) fn add(&mut self, token: Token, addresses: impl IntoIterator<Item = SocketAddr>) {
        let known = self.addresses.entry(token).or_default();
        for address in addresses {
            self.connections.insert(address, token);
            known.push(address);
        }
    }

    /// Whose reports come from this address.
    pub(super) fn get(&self, from: &SocketAddr) -> Option<Token> {
        self.connections.get(from).copied()
    }

    /// The child of this connection has gone.
    pub(super) fn remove(&mut self, token: Token) {
        for address in self.addresses.remove(&token).into_iter().flatten() {
            // Another child may have come to the address since.
            if self.connections.get(&address) == Some(&token) {
                self.connections.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_takes_its_own_addresses_along_and_no_others() {
        let (first, second) = (Token::new(1, 1), Token::new(2, 1));
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let mut reporters = Reporters::default();
        reporters.add(first, [address(1), address(2)]);
        reporters.add(second, [address(2), address(3)]);
        reporters.remove(first);
        let known = |port| reporters.get(&address(port));
        assert_eq!([known(1), known(2), known(3)], [None, Some(second), Some(second)]);
        reporters.remove(second);
        assert!(reporters.connections.is_empty() && reporters.addresses.is_empty());
    }
}
