//! Who may take the stream here: the paper's relay service (section 3.4.3), as far as it is not the engine's.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::mpsc::SyncSender;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use rillcast::engine::access::{Access, AccessRequest, Action, Decision};

use crate::NodeId;
use crate::node::event::Event;
use crate::ticket::{self, Checker};

/// Tickets whose holders are remembered.
const MAX_HOLDERS: usize = 4096;

/// Lets in children with a ticket of the proxy server for this node, and nobody else.
#[derive(Debug)]
pub(super) struct TicketGate {
    channel: String,
    local_players: bool,
    pass: RwLock<Option<Pass>>,
    holders: Mutex<HashMap<NodeId, Holder>>,
    events: SyncSender<Event>,
}

/// What the proxy server has said.
#[derive(Clone, Debug)]
struct Pass {
    checker: Checker,
    node: NodeId,
}

/// From where a node has shown its ticket: from elsewhere it does not count.
#[derive(Clone, Copy, Debug)]
struct Holder {
    address: IpAddr,
    expiry: u64,
}

/// Why somebody is not let in.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    Publisher,
    OtherPath,
    NotPlaced,
    NoTicket,
    Ticket(ticket::Error),
    ForAnother,
    Stolen,
}

impl Refusal {
    fn text(&self) -> String {
        match self {
            Refusal::Publisher => "nobody publishes to a node".into(),
            Refusal::OtherPath => "this node does not have that channel".into(),
            Refusal::NotPlaced => "the proxy server has not let this node in yet".into(),
            Refusal::NoTicket => "it has no ticket".into(),
            Refusal::Ticket(error) => error.to_string(),
            Refusal::ForAnother => "the ticket is for another node or channel".into(),
            Refusal::Stolen => "the ticket was shown from another address before".into(),
        }
    }
}

impl TicketGate {
    pub(super) fn new(
        channel: String,
        local_players: bool,
        events: SyncSender<Event>,
    ) -> TicketGate {
        let (pass, holders) = (RwLock::new(None), Mutex::new(HashMap::new()));
        TicketGate { channel, local_players, pass, holders, events }
    }

    /// From now on tickets for `node` count that are signed by this key. False: it is no key.
    pub(super) fn open(&self, key: &str, node: NodeId) -> bool {
        let Some(checker) = Checker::new(key) else { return false };
        *self.pass.write().unwrap_or_else(PoisonError::into_inner) = Some(Pass { checker, node });
        true
    }

    /// Whether somebody at `address` may do this with the stream of `path`, with what stands behind the
    /// URL, at the time `now`, in seconds since 1970.
    fn check(
        &self,
        (action, path, query): (Action, &str, Option<&str>),
        address: IpAddr,
        now: u64,
    ) -> Result<(), Refusal> {
        if action != Action::Play {
            return Err(Refusal::Publisher);
        }
        if path != self.channel {
            return Err(Refusal::OtherPath);
        }
        let address = address.to_canonical();
        let query = query.unwrap_or_default();
        let Some(text) = query.split('&').find_map(|part| part.strip_prefix("ticket=")) else {
            return match self.local_players && address.is_loopback() {
                true => Ok(()),
                false => Err(Refusal::NoTicket),
            };
        };
        let pass = self.pass.read().unwrap_or_else(PoisonError::into_inner).clone();
        let pass = pass.ok_or(Refusal::NotPlaced)?;
        let ticket = pass.checker.check(text, now).map_err(Refusal::Ticket)?;
        if ticket.server != pass.node || ticket.channel != self.channel {
            return Err(Refusal::ForAnother);
        }
        let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        if holders.len() >= MAX_HOLDERS {
            holders.retain(|_, holder| holder.expiry > now);
        }
        let known = holders.get(&ticket.node).filter(|holder| holder.expiry > now);
        // A node whose address has changed is given a newer ticket when it logs in from there.
        if known.is_some_and(|holder| holder.address != address && ticket.expiry <= holder.expiry) {
            return Err(Refusal::Stolen);
        }
        let expiry = known.map_or(ticket.expiry, |holder| holder.expiry.max(ticket.expiry));
        // Where so many tickets count at once, the latest are not remembered.
        if holders.len() < MAX_HOLDERS || known.is_some() {
            holders.insert(ticket.node, Holder { address, expiry });
        }
        Ok(())
    }
}

impl Access for TicketGate {
    fn ask(&self, request: AccessRequest, decision: Decision) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let wanted = (request.action, request.path.as_str(), request.query.as_deref());
        match self.check(wanted, request.peer.ip(), now) {
            Ok(()) => decision.allow(),
            Err(refusal) => {
                decision.deny();
                let (peer, reason) = (request.peer.to_string(), refusal.text());
                // Lost when nobody takes events.
                let _ = self.events.try_send(Event::ChildRefused { peer, reason });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticket::{Signer, Ticket};

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const CHILD: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 5));

    fn signer() -> Signer {
        Signer::read(&Signer::generate().unwrap()).unwrap()
    }

    fn ticket(signer: &Signer, node: u64, server: u64, channel: &str) -> String {
        ticket_until(signer, node, server, channel, 100)
    }

    fn ticket_until(signer: &Signer, node: u64, server: u64, channel: &str, expiry: u64) -> String {
        let (node, server) = (NodeId(node), NodeId(server));
        let (user, channel) = ("alice".to_owned(), channel.to_owned());
        let ticket = Ticket { node, server, expiry, user, channel };
        format!("x=1&ticket={}", signer.sign(&ticket).unwrap())
    }

    fn gate(local_players: bool) -> TicketGate {
        TicketGate::new("live".into(), local_players, std::sync::mpsc::sync_channel(1).0)
    }

    fn play<'a>(path: &'a str, query: &'a str) -> (Action, &'a str, Option<&'a str>) {
        (Action::Play, path, Some(query))
    }

    #[test]
    fn only_with_a_ticket_for_this_node() {
        let (signer, gate) = (signer(), gate(false));
        let good = ticket(&signer, 17, 4, "live");
        assert_eq!(gate.check(play("live", &good), CHILD, 0), Err(Refusal::NotPlaced));
        assert!(!gate.open("no key", NodeId(4)));
        assert!(gate.open(&signer.public_key(), NodeId(4)));
        assert_eq!(gate.check(play("live", &good), CHILD, 99), Ok(()));
        let check = |wanted| gate.check(wanted, CHILD, 0);
        assert_eq!(check((Action::Publish, "live", Some(&good))), Err(Refusal::Publisher));
        assert_eq!(check(play("other", &good)), Err(Refusal::OtherPath));
        assert_eq!(check((Action::Play, "live", None)), Err(Refusal::NoTicket));
        let expired = Refusal::Ticket(ticket::Error::Expired(100));
        assert_eq!(gate.check(play("live", &good), CHILD, 100), Err(expired));
        let forged = ticket(&self::signer(), 17, 4, "live");
        let forged = check(play("live", &forged));
        assert_eq!(forged, Err(Refusal::Ticket(ticket::Error::Forged)));
        for other in [ticket(&signer, 17, 5, "live"), ticket(&signer, 17, 4, "tv")] {
            let refused = gate.check(play("live", &other), CHILD, 0);
            assert_eq!(refused, Err(Refusal::ForAnother));
        }
        assert_eq!(gate.check((Action::Play, "live", None), HERE, 0), Err(Refusal::NoTicket));
    }

    #[test]
    fn a_ticket_counts_for_who_has_shown_it_first() {
        let (signer, gate) = (signer(), gate(false));
        gate.open(&signer.public_key(), NodeId(4));
        let good = ticket(&signer, 17, 4, "live");
        assert_eq!(gate.check(play("live", &good), CHILD, 0), Ok(()));
        assert_eq!(gate.check(play("live", &good), HERE, 0), Err(Refusal::Stolen));
        assert_eq!(gate.check(play("live", &good), CHILD, 0), Ok(()));
        let other = ticket(&signer, 18, 4, "live");
        assert_eq!(gate.check(play("live", &other), HERE, 0), Ok(()));
        // The node has another address, and has been given a ticket there.
        let newer = ticket_until(&signer, 17, 4, "live", 101);
        assert_eq!(gate.check(play("live", &newer), HERE, 0), Ok(()));
        assert_eq!(gate.check(play("live", &good), CHILD, 0), Err(Refusal::Stolen));
    }

    #[test]
    fn players_of_this_machine_if_they_may() {
        let gate = gate(true);
        assert_eq!(gate.check((Action::Play, "live", None), HERE, 0), Ok(()));
        assert_eq!(gate.check((Action::Play, "live", None), CHILD, 0), Err(Refusal::NoTicket));
    }
}
