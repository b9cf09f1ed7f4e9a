//! Who may take the stream here: the paper's relay service (section 3.4.3), as far as it is not the engine's.

use std::fmt;
use std::net::IpAddr;
use std::sync::mpsc::SyncSender;
use std::sync::{PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use rillcast::engine::access::{Access, AccessRequest, Action, Decision};

use crate::NodeId;
use crate::node::event::Event;
use crate::ticket::{self, Admission, Checker, Pass, Wanted};

/// Lets in children with a ticket of the proxy server for this node, and nobody else.
#[derive(Debug)]
pub(super) struct TicketGate {
    channel: String,
    local_players: bool,
    office: RwLock<Option<Office>>,
    admission: Admission,
    events: SyncSender<Event>,
}

/// What the proxy server has said.
#[derive(Clone, Debug)]
struct Office {
    checker: Checker,
    node: NodeId,
}

/// Why somebody is not let in.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    Publisher,
    OtherPath,
    NotPlaced,
    Ticket(ticket::Refusal),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Publisher => f.write_str("nobody publishes to a node"),
            Refusal::OtherPath => f.write_str("this node does not have that channel"),
            Refusal::NotPlaced => f.write_str("the proxy server has not let this node in yet"),
            Refusal::Ticket(refusal) => refusal.fmt(f),
        }
    }
}

impl TicketGate {
    pub(super) fn new(
        channel: String,
        local_players: bool,
        events: SyncSender<Event>,
    ) -> TicketGate {
        let (office, admission) = (RwLock::new(None), Admission::default());
        TicketGate { channel, local_players, office, admission, events }
    }

    /// From now on tickets for `node` count that are signed by this key. False: it is no key.
    pub(super) fn open(&self, key: &str, node: NodeId) -> bool {
        let Some(checker) = Checker::new(key) else { return false };
        let office = Some(Office { checker, node });
        *self.office.write().unwrap_or_else(PoisonError::into_inner) = office;
        true
    }

    /// Whether somebody at `address` may do this with the stream of `path`, with what stands behind the
    /// URL, at the time `now`, in seconds since 1970. A player of this machine has no pass.
    fn check(
        &self,
        (action, path, query): (Action, &str, Option<&str>),
        address: IpAddr,
        now: u64,
    ) -> Result<Option<Pass>, Refusal> {
        if action != Action::Play {
            return Err(Refusal::Publisher);
        }
        if path != self.channel {
            return Err(Refusal::OtherPath);
        }
        let office = self.office.read().unwrap_or_else(PoisonError::into_inner).clone();
        let server = office.as_ref().map_or(NodeId::ROOT, |office| office.node);
        let wanted = Wanted { server, channel: &self.channel, query, address, now };
        if wanted.ticket().is_none() && self.local_players && address.to_canonical().is_loopback() {
            return Ok(None);
        }
        let office = office.ok_or(Refusal::NotPlaced)?;
        self.admission.admit(&office.checker, wanted).map(Some).map_err(Refusal::Ticket)
    }
}

impl Access for TicketGate {
    fn ask(&self, request: AccessRequest, decision: Decision) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let wanted = (request.action, request.path.as_str(), request.query.as_deref());
        match self.check(wanted, request.peer.ip(), now) {
            Ok(Some(pass)) => decision.allow_while(pass),
            Ok(None) => decision.allow(),
            Err(refusal) => {
                decision.deny();
                let (peer, reason) = (request.peer.to_string(), refusal.to_string());
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

    fn ticket(signer: &Signer, server: u64) -> String {
        let (user, channel) = ("alice".to_owned(), "live".to_owned());
        let (node, server) = (NodeId(17), NodeId(server));
        let ticket = Ticket { node, server, expiry: 100, user, channel };
        format!("ticket={}", signer.sign(&ticket).unwrap())
    }

    fn gate(local_players: bool) -> TicketGate {
        TicketGate::new("live".into(), local_players, std::sync::mpsc::sync_channel(1).0)
    }

    #[test]
    fn only_with_a_ticket_for_this_node() {
        let (signer, gate) = (signer(), gate(false));
        let good = ticket(&signer, 4);
        let refused =
            |action, path, query| gate.check((action, path, query), CHILD, 0).unwrap_err();
        assert_eq!(refused(Action::Play, "live", Some(&good)), Refusal::NotPlaced);
        assert!(!gate.open("no key", NodeId(4)));
        assert!(gate.open(&signer.public_key(), NodeId(4)));
        assert!(gate.check((Action::Play, "live", Some(&good)), CHILD, 0).unwrap().is_some());
        assert_eq!(refused(Action::Publish, "live", Some(&good)), Refusal::Publisher);
        assert_eq!(refused(Action::Play, "other", Some(&good)), Refusal::OtherPath);
        let missing = Refusal::Ticket(ticket::Refusal::Missing);
        assert_eq!(refused(Action::Play, "live", None), missing);
        assert_eq!(gate.check((Action::Play, "live", None), HERE, 0).unwrap_err(), missing);
        let another = Refusal::Ticket(ticket::Refusal::ForAnother);
        assert_eq!(refused(Action::Play, "live", Some(&self::ticket(&signer, 5))), another);
    }

    #[test]
    fn players_of_this_machine_if_they_may() {
        let gate = gate(true);
        assert!(gate.check((Action::Play, "live", None), HERE, 0).unwrap().is_none());
        assert!(gate.check((Action::Play, "live", None), CHILD, 0).is_err());
        // Who shows a ticket is a node, wherever he is.
        let shown = (Action::Play, "live", Some("ticket=x"));
        assert_eq!(gate.check(shown, HERE, 0).unwrap_err(), Refusal::NotPlaced);
    }
}
