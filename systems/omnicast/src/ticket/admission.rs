//! Letting in who shows a ticket: once, and from one address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Checker, Error};
use crate::NodeId;

/// Nodes that are remembered; beyond that nobody is let in who is not among them.
const MAX_HOLDERS: usize = 65_536;
/// Sessions of a node at once: the one that it has, and one that is to take its place, since the end of the
/// other may be found out later.
const SESSIONS: u32 = 2;

/// What is wanted by somebody who should have a ticket for it.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// From which server node: the one that is asked.
    pub server: NodeId,
    /// Which channel.
    pub channel: &'a str,
    /// What stands behind the URL.
    pub query: Option<&'a str>,
    /// Where he comes from.
    pub address: IpAddr,
    /// The time, in seconds since 1970.
    pub now: u64,
}

impl<'a> Wanted<'a> {
    /// The ticket behind the URL, whatever it is worth.
    pub fn ticket(&self) -> Option<&'a str> {
        self.query?.split('&').find_map(|part| part.strip_prefix("ticket="))
    }
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no ticket.
    Missing,
    /// It is none that counts.
    Ticket(Error),
    /// It is for another server node or channel.
    ForAnother,
    /// It was shown from elsewhere before.
    Stolen,
    /// Its node is here as often as it may be.
    InUse,
    /// Too many nodes are here.
    Crowded,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Missing => f.write_str("it has no ticket"),
            Refusal::Ticket(error) => error.fmt(f),
            Refusal::ForAnother => f.write_str("the ticket is for another node or channel"),
            Refusal::Stolen => f.write_str("the ticket was shown from another address before"),
            Refusal::InUse => f.write_str("the node of the ticket has its sessions already"),
            Refusal::Crowded => f.write_str("too many tickets are in use"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Lets in who shows a ticket. It counts from the address from which its node has shown one first, and for two
/// sessions at once. To be shared by all who ask; it blocks nobody for long.
#[derive(Clone, Debug, Default)]
pub struct Admission(Arc<Mutex<HashMap<NodeId, Holder>>>);

/// A node that has shown a ticket.
#[derive(Clone, Copy, Debug)]
struct Holder {
    address: IpAddr,
    /// When its last ticket is worth nothing any more.
    expiry: u64,
    sessions: u32,
}

/// Somebody who was let in is in until this is dropped.
#[derive(Debug)]
pub struct Pass {
    admission: Admission,
    node: NodeId,
}

impl Admission {
    /// Lets somebody in, or not.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, checker: &Checker, wanted: Wanted<'_>) -> Result<Pass, Refusal> {
        let text = wanted.ticket().ok_or(Refusal::Missing)?;
        let ticket = checker.check(text, wanted.now).map_err(Refusal::Ticket)?;
        if ticket.server != wanted.server || ticket.channel != wanted.channel {
            return Err(Refusal::ForAnother);
        }
        let address = wanted.address.to_canonical();
        let mut holders = self.holders();
        if holders.len() >= MAX_HOLDERS {
            holders.retain(|_, holder| holder.sessions > 0 || holder.expiry > wanted.now);
        }
        let is_full = holders.len() >= MAX_HOLDERS;
        let new = Holder { address, expiry: ticket.expiry, sessions: 0 };
        let holder = match holders.entry(ticket.node) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if is_full => return Err(Refusal::Crowded),
            Entry::Vacant(free) => free.insert(new),
        };
        // A node whose address has changed is given a newer ticket when it logs in from there.
        let counts = holder.expiry > wanted.now;
        if counts && holder.address != address && ticket.expiry <= holder.expiry {
            return Err(Refusal::Stolen);
        }
        if holder.sessions >= SESSIONS {
            return Err(Refusal::InUse);
        }
        let expiry = holder.expiry.max(ticket.expiry);
        *holder = Holder { address, expiry, sessions: holder.sessions.saturating_add(1) };
        Ok(Pass { admission: self.clone(), node: ticket.node })
    }

    fn holders(&self) -> MutexGuard<'_, HashMap<NodeId, Holder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(holder) = self.admission.holders().get_mut(&self.node) {
            holder.sessions = holder.sessions.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticket::{Signer, Ticket};

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const CHILD: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 5));

    /// A proxy server, and a server node that it knows as 4.
    struct Bench {
        signer: Signer,
        checker: Checker,
        admission: Admission,
    }

    impl Bench {
        fn new() -> Bench {
            let signer = Signer::read(&Signer::generate().unwrap()).unwrap();
            let checker = Checker::new(&signer.public_key()).unwrap();
            Bench { signer, checker, admission: Admission::default() }
        }

        fn ticket(&self, node: u64, server: u64, channel: &str, expiry: u64) -> String {
            let (node, server) = (NodeId(node), NodeId(server));
            let (user, channel) = ("alice".to_owned(), channel.to_owned());
            let ticket = Ticket { node, server, expiry, user, channel };
            format!("x=1&ticket={}", self.signer.sign(&ticket).unwrap())
        }

        fn admit(&self, query: &str, address: IpAddr, now: u64) -> Result<Pass, Refusal> {
            let (server, channel, query) = (NodeId(4), "live", Some(query));
            self.admission.admit(&self.checker, Wanted { server, channel, query, address, now })
        }
    }

    #[test]
    fn only_with_a_ticket_for_this_server_node() {
        let bench = Bench::new();
        let refused = |query: &str, now| bench.admit(query, CHILD, now).unwrap_err();
        let good = bench.ticket(17, 4, "live", 100);
        assert!(bench.admit(&good, CHILD, 99).is_ok());
        assert_eq!(refused("", 0), Refusal::Missing);
        assert_eq!(refused("ticket=", 0), Refusal::Ticket(Error::Malformed));
        assert_eq!(refused(&good, 100), Refusal::Ticket(Error::Expired(100)));
        let forged = Bench::new().ticket(17, 4, "live", 100);
        assert_eq!(refused(&forged, 0), Refusal::Ticket(Error::Forged));
        assert_eq!(refused(&bench.ticket(17, 5, "live", 100), 0), Refusal::ForAnother);
        assert_eq!(refused(&bench.ticket(17, 4, "tv", 100), 0), Refusal::ForAnother);
    }

    #[test]
    fn it_counts_for_who_has_shown_it_first() {
        let bench = Bench::new();
        let good = bench.ticket(17, 4, "live", 100);
        drop(bench.admit(&good, CHILD, 0).unwrap());
        assert_eq!(bench.admit(&good, HERE, 0).unwrap_err(), Refusal::Stolen);
        assert!(bench.admit(&good, CHILD, 0).is_ok());
        assert!(bench.admit(&bench.ticket(18, 4, "live", 100), HERE, 0).is_ok());
        // The node has another address, and has been given a ticket there.
        assert!(bench.admit(&bench.ticket(17, 4, "live", 101), HERE, 0).is_ok());
        assert_eq!(bench.admit(&good, CHILD, 0).unwrap_err(), Refusal::Stolen);
        // What it had is worth nothing any more: whoever has a new one may come from anywhere.
        assert!(bench.admit(&bench.ticket(17, 4, "live", 300), CHILD, 200).is_ok());
    }

    #[test]
    fn a_node_has_one_session_and_one_that_takes_its_place() {
        let bench = Bench::new();
        let good = bench.ticket(17, 4, "live", 100);
        let first = bench.admit(&good, CHILD, 0).unwrap();
        let second = bench.admit(&good, CHILD, 0).unwrap();
        // With a new ticket neither.
        for ticket in [&good, &bench.ticket(17, 4, "live", 200)] {
            assert_eq!(bench.admit(ticket, CHILD, 0).unwrap_err(), Refusal::InUse);
        }
        let _other = bench.admit(&bench.ticket(18, 4, "live", 100), CHILD, 0).unwrap();
        drop(first);
        let _third = bench.admit(&good, CHILD, 0).unwrap();
        assert_eq!(bench.admit(&good, CHILD, 0).unwrap_err(), Refusal::InUse);
        drop(second);
        assert!(bench.admit(&good, CHILD, 0).is_ok());
    }
}
