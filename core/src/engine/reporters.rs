//! The UDP ports that players have named, and what comes from there.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;

use crate::io::Token;

/// The connections of those who are sent to over UDP, by the addresses that they have named for it: no address is
/// two connections' at once, or one could have its packets sent to where the other receives. What comes from an
/// address (reports, and what opens the way through a NAT) is of its holder. Kept the other way round, too, so that
/// one that leaves costs the same however many there are.
#[derive(Default)]
pub(super) struct Reporters {
    holders: HashMap<SocketAddr, Token>,
    /// By track. The two addresses may be one (RFC 5761), and those of another track, too.
    held: HashMap<Token, Vec<(usize, [SocketAddr; 2])>>,
}

impl Reporters {
    /// Whether a connection may hold an address: nobody else does.
    pub(super) fn is_free(&self, token: Token, address: &SocketAddr) -> bool {
        self.get(address).is_none_or(|holder| holder == token)
    }

    /// A track of this connection's goes to these addresses, and no longer to those it had. False, and nothing is
    /// changed, when another connection holds one of them.
    pub(super) fn hold(&mut self, token: Token, track: usize, addresses: [SocketAddr; 2]) -> bool {
        if !addresses.iter().all(|address| self.is_free(token, address)) {
            return false;
        }
        self.let_go(token, track);
        self.holders.extend(addresses.map(|address| (address, token)));
        self.held.entry(token).or_default().push((track, addresses));
        true
    }

    /// Who holds this address.
    pub(super) fn get(&self, from: &SocketAddr) -> Option<Token> {
        self.holders.get(from).copied()
    }

    /// A track of this connection's has ended.
    pub(super) fn let_go(&mut self, token: Token, track: usize) {
        let Entry::Occupied(mut held) = self.held.entry(token) else { return };
        let former: Vec<_> = held.get_mut().extract_if(.., |(of, _)| *of == track).collect();
        for address in former.into_iter().flat_map(|(_, addresses)| addresses) {
            // Another of its tracks may go there as well.
            if !held.get().iter().any(|(_, others)| others.contains(&address)) {
                self.holders.remove(&address);
            }
        }
        if held.get().is_empty() {
            held.remove();
        }
    }

    /// The connection is gone, or what it played.
    pub(super) fn remove(&mut self, token: Token) {
        for (_, addresses) in self.held.remove(&token).into_iter().flatten() {
            for address in addresses {
                self.holders.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> (Token, Token) {
        (Token::new(1, 1), Token::new(2, 1))
    }

    fn addresses(ports: [u16; 2]) -> [SocketAddr; 2] {
        ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
    }

    fn holders<const N: usize>(reporters: &Reporters, ports: [u16; N]) -> [Option<Token>; N] {
        ports.map(|port| reporters.get(&SocketAddr::from(([127, 0, 0, 1], port))))
    }

    #[test]
    fn what_one_holds_nobody_else_gets_before_it_leaves() {
        let (first, second) = tokens();
        let mut reporters = Reporters::default();
        assert!(reporters.hold(first, 0, addresses([1, 2])));
        for ports in [[1, 3], [3, 1], [2, 3], [3, 2], [2, 1]] {
            assert!(!reporters.hold(second, 0, addresses(ports)), "{ports:?}");
        }
        assert_eq!(holders(&reporters, [1, 2, 3]), [Some(first), Some(first), None]);
        // Who has been refused takes nothing along.
        reporters.remove(second);
        assert_eq!(holders(&reporters, [1, 2]), [Some(first); 2]);
        reporters.remove(first);
        assert!(reporters.hold(second, 0, addresses([2, 1])));
        reporters.remove(second);
        assert!(reporters.holders.is_empty() && reporters.held.is_empty());
    }

    #[test]
    fn one_that_is_set_up_anew_keeps_its_ports_or_gives_them_back() {
        let (first, second) = tokens();
        let mut reporters = Reporters::default();
        assert!(reporters.hold(first, 0, addresses([1, 2])));
        assert!(reporters.hold(first, 0, addresses([1, 2])));
        assert!(reporters.hold(first, 0, addresses([2, 3])));
        assert_eq!(holders(&reporters, [1, 2, 3]), [None, Some(first), Some(first)]);
        assert!(reporters.hold(second, 0, addresses([1, 1])));
        assert!(!reporters.hold(first, 0, addresses([1, 2])));
        assert_eq!(holders(&reporters, [1, 2, 3]), [Some(second), Some(first), Some(first)]);
    }

    #[test]
    fn tracks_at_one_address_hold_it_until_the_last_of_them_ends() {
        let (first, _) = tokens();
        let mut reporters = Reporters::default();
        assert!(reporters.hold(first, 0, addresses([1, 1])));
        assert!(reporters.hold(first, 1, addresses([1, 2])));
        reporters.let_go(first, 0);
        reporters.let_go(first, 7);
        assert_eq!(holders(&reporters, [1, 2]), [Some(first); 2]);
        reporters.let_go(first, 1);
        assert!(reporters.holders.is_empty() && reporters.held.is_empty());
    }
}
