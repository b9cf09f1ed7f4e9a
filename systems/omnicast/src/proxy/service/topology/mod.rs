//! Who hangs at whom: the paper's `STopologyConfiguration` (section 3.3.3).
//!
//! It alone has the [`TopologyAlgorithm`](crate::proxy::pluggable::topology::TopologyAlgorithm) of each
//! channel. It knows which nodes are connected, writes the tickets, and tells which nodes have to be sent
//! elsewhere. It does no I/O and reads no clock.
//!
//! # A connection that is lost
//!
//! says little about the node: it may well go on relaying. So the node stays in the tree for a while, and
//! goes on where it was when it logs in again with its ticket. Its children stay, but nobody else is sent to
//! it. When one of its children reports it gone meanwhile, it is removed at once.
//!
//! # A node that is cut off
//!
//! without a word still has its connection here. So one that a child reports gone is asked whether it is there,
//! and when it does not answer its connection is lost, and itself removed. The word of a child alone costs it
//! nothing.
//!
//! # A proxy server that starts anew
//!
//! knows the accounts and the key of the tickets, but no node. The nodes come back with their tickets,
//! children perhaps before their server node. Such a child is asked to come again in a second, until
//! its server node is there or the time to settle is over. Newcomers are let in when the nodes of before have had
//! time to come. The streams flow on meanwhile.
//!
//! # Proxy servers that share a tree
//!
//! place the nodes of a channel one after the other (`service/sharing`): each begins with the nodes that
//! the one before has written down, at their places ([`open`](TopologyConfiguration::open)), and none of these
//! places is given to anybody else until its node had time to come back. What happens is to be written down
//! ([`poll_record`](TopologyConfiguration::poll_record)) before anybody is told.

mod channel;
mod entry;
mod member;
mod settings;
mod takeover;
#[cfg(test)]
mod tests;
mod types;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

pub use entry::{Entry, Record, Term};
pub use settings::{ChannelSettings, Settings};
pub use types::{Arrival, Notice, Now, SessionId};

use crate::NodeId;
use crate::ticket::{Checker, Signer};
use crate::uscp::{
    ErrorCode, ErrorReport, NodeInformation, ReConfiguration, ReStreamingConnection,
};
use channel::Channel;
use member::Member;

/// How old a ticket may be by which a node proves what it was.
const RESUME_SECONDS: u64 = 24 * 3600;

/// The paper's `STopologyConfiguration`. After each call, take what [`poll_notice`] gives.
///
/// [`poll_notice`]: TopologyConfiguration::poll_notice
#[derive(Debug)]
pub struct TopologyConfiguration {
    settings: Settings,
    signer: Signer,
    checker: Checker,
    key: String,
    channels: HashMap<String, Channel>,
    /// Which channel a node is in.
    places: HashMap<NodeId, String>,
    /// How many nodes a user has.
    users: HashMap<String, usize>,
    notices: VecDeque<Notice>,
    /// The channels whose nodes another proxy server places, and where that is, if it is known.
    elsewhere: HashMap<String, Option<String>>,
    /// When this proxy server began.
    started: Duration,
    /// There was one before it.
    is_anew: bool,
}

impl TopologyConfiguration {
    /// Begins with the streaming servers alone. `None`: the signer's own public key cannot be used.
    pub fn new(settings: Settings, signer: Signer, now: Now) -> Option<TopologyConfiguration> {
        let key = signer.public_key();
        let channels = settings.channels.iter().map(|channel| {
            (channel.name.clone(), Channel::new(channel, settings.topology, settings.bounds))
        });
        Some(TopologyConfiguration {
            channels: channels.collect(),
            checker: Checker::new(&key)?,
            key,
            signer,
            places: HashMap::new(),
            users: HashMap::new(),
            notices: VecDeque::new(),
            elsewhere: HashMap::new(),
            started: now.time,
            is_anew: false,
            settings,
        })
    }

    /// There was a proxy server before this one, whose nodes are not known and may come back.
    pub fn anew(self) -> TopologyConfiguration {
        TopologyConfiguration { is_anew: true, ..self }
    }

    /// A node comes, or comes back.
    ///
    /// # Errors
    /// What the node is told.
    pub fn join(
        &mut self,
        arrival: Arrival,
        now: Now,
    ) -> Result<ReStreamingConnection, ErrorReport> {
        self.is_here(&arrival.channel)?;
        let unknown = || {
            let text = format!("there is no channel {:?} here", arrival.channel);
            report(ErrorCode::UnknownChannel, text, None)
        };
        let channel = self.channels.get_mut(&arrival.channel).ok_or_else(unknown)?;
        let former = arrival.resume.as_deref().and_then(|ticket| {
            let ticket = self.checker.check_signature(ticket).ok()?;
            let own = ticket.user == arrival.user && ticket.channel == arrival.channel;
            (own && ticket.expiry.saturating_add(RESUME_SECONDS) > now.date).then_some(ticket)
        });
        let node = match &former {
            Some(ticket) => ticket.node,
            None => random_node()?,
        };
        let rejoined = channel.rejoin(node, &arrival, now.time);
        if let Some(replaced) = rejoined {
            if let Some(session) = replaced {
                self.notices.push_back(Notice::Replaced(session));
            }
        } else {
            let nodes = self.users.get(&arrival.user).copied().unwrap_or(0);
            if nodes >= self.settings.nodes_per_user {
                let text = format!("this account has {nodes} nodes already, which is all it may");
                return Err(report(ErrorCode::Forbidden, text, None));
            }
            if self.places.contains_key(&node) {
                let text = "this node is there already, in another channel".to_owned();
                return Err(report(ErrorCode::Forbidden, text, None));
            }
            // Of what is written down nothing is unknown.
            let is_unknown = channel.term().is_none();
            let age = now.time.saturating_sub(self.started);
            let settling = is_unknown && age < self.settings.settling;
            if self.is_anew && is_unknown && former.is_none() && age < self.settings.reserved {
                let text =
                    "this proxy server has begun anew, and waits for the nodes that were there";
                let wait = self.settings.reserved.saturating_sub(age).as_secs().saturating_add(1);
                let wait = u32::try_from(wait).unwrap_or(u32::MAX);
                return Err(report(ErrorCode::Unavailable, text.to_owned(), Some(wait)));
            }
            let server = former.map(|ticket| ticket.server);
            channel.join(node, &arrival, server, settling, now.time)?;
            self.places.insert(node, arrival.channel.clone());
            *self.users.entry(arrival.user.clone()).or_default() += 1;
        }
        let answer = self.connection(node, now);
        // Who was not let in has no session whose end would take the node out.
        match (&answer, rejoined) {
            (Ok(_), _) => {}
            (Err(_), Some(_)) => {
                self.lost(node, arrival.session, now);
            }
            (Err(_), None) => self.remove(node, now),
        }
        self.gather(&arrival.channel, answer.is_ok().then_some(node), now);
        answer
    }

    /// A node has lost its server node.
    ///
    /// # Errors
    /// What the node is told.
    pub fn reconfigure(
        &mut self,
        node: NodeId,
        session: SessionId,
        request: ReConfiguration,
        now: Now,
    ) -> Result<ReStreamingConnection, ErrorReport> {
        let name = self.place_of(node, session)?;
        let channel = self.channels.get_mut(&name).ok_or_else(not_there)?;
        let asked = channel.suspect(request.gone).is_some();
        let (removed, done) = channel.reconfigure(node, request, now.time);
        if let Some(user) = removed {
            self.forget(request.gone, &user);
        }
        let answer = done.and_then(|()| self.connection(node, now));
        self.gather(&name, answer.is_ok().then_some(node), now);
        // One that is being asked already is not asked again, however many name it.
        if !asked {
            self.probe(&name, request.gone, now);
        }
        answer
    }

    /// Asks a node of which a child says that it is gone whether it is there.
    fn probe(&mut self, channel: &str, node: NodeId, now: Now) {
        let suspect = self.channels.get(channel).and_then(|channel| channel.suspect(node));
        let Some(session) = suspect else { return };
        let Ok(connection) = self.connection(node, now) else {
            // It cannot be asked now; the next one that names it brings that about.
            if let Some(channel) = self.channels.get_mut(channel) {
                channel.clear(node, session);
            }
            return;
        };
        self.notices.push_back(Notice::Probe { session, connection: Box::new(connection) });
    }

    /// A node has confirmed what it was told: it is there, whatever its children say.
    pub fn confirmed(&mut self, node: NodeId, session: SessionId) {
        let channel = self.place(node).ok().and_then(|name| self.channels.get_mut(&name));
        if let Some(channel) = channel {
            channel.clear(node, session);
        }
    }

    /// A node says what it can do, and how it fares.
    ///
    /// # Errors
    /// What the node is told.
    pub fn inform(
        &mut self,
        node: NodeId,
        session: SessionId,
        information: NodeInformation,
        now: Now,
    ) -> Result<(), ErrorReport> {
        let name = self.place_of(node, session)?;
        let channel = self.channels.get_mut(&name).ok_or_else(not_there)?;
        let capacity = information.capacity.min(self.settings.max_capacity);
        let moved = channel.inform(node, capacity, information.quality, now.time);
        if moved {
            self.notify(node, now);
        }
        self.gather(&name, moved.then_some(node), now);
        Ok(())
    }

    /// A node is still there. When its tickets have to be renewed, its server node with fresh ones.
    ///
    /// # Errors
    /// What the node is told.
    pub fn keep(
        &mut self,
        node: NodeId,
        session: SessionId,
        now: Now,
    ) -> Result<Option<ReStreamingConnection>, ErrorReport> {
        let name = self.place_of(node, session)?;
        let lifetime = self.settings.ticket_lifetime;
        let channel = self.channels.get(&name).ok_or_else(not_there)?;
        let issued = channel.member(node).map_or(0, |member| member.issued);
        if now.date.saturating_sub(issued) < lifetime / 2 {
            return Ok(None);
        }
        self.connection(node, now).map(Some)
    }

    /// A node leaves, and says so. Its children are sent elsewhere.
    pub fn leave(&mut self, node: NodeId, session: SessionId, now: Now) {
        if self.place_of(node, session).is_ok() {
            self.remove(node, now);
        }
    }

    fn remove(&mut self, node: NodeId, now: Now) {
        let Ok(name) = self.place(node) else { return };
        let Some(channel) = self.channels.get_mut(&name) else { return };
        if let Some(member) = channel.remove(node) {
            self.forget(node, &member.user);
        }
        self.gather(&name, None, now);
    }

    /// The connection of a session has ended without a word. A node of which a child has said before that it
    /// is gone is removed: true.
    pub fn lost(&mut self, node: NodeId, session: SessionId, now: Now) -> bool {
        let channel = self.place(node).ok().and_then(|name| self.channels.get_mut(&name));
        let gone = channel.is_some_and(|channel| channel.lost(node, session, now.time));
        if gone {
            self.remove(node, now);
        }
        gone
    }

    /// Time has passed: removes the nodes whose connection was lost too long ago (which they are), and
    /// forgets old complaints. To be called about once a second.
    pub fn expire(&mut self, now: Now) -> Vec<NodeId> {
        let names: Vec<String> = self.channels.keys().cloned().collect();
        for name in names {
            if let Some(channel) = self.channels.get_mut(&name) {
                channel.pass_time(now.time);
            }
            self.gather(&name, None, now);
        }
        let grace = self.settings.grace;
        let before = now.time.saturating_sub(grace);
        let gone = self.channels.values().flat_map(|channel| channel.lost_before(before));
        let gone: Vec<NodeId> = gone.collect();
        for node in &gone {
            self.remove(*node, now);
        }
        gone
    }

    /// What a session has to be told.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.places.len()
    }

    fn forget(&mut self, node: NodeId, user: &str) {
        self.places.remove(&node);
        if let Some(nodes) = self.users.get_mut(user) {
            *nodes = nodes.saturating_sub(1);
            if *nodes == 0 {
                self.users.remove(user);
            }
        }
    }

    fn place(&self, node: NodeId) -> Result<String, ErrorReport> {
        self.places.get(&node).cloned().ok_or_else(not_there)
    }

    /// The channel of a node, for its session. Nobody else speaks for it: an older connection of the
    /// same node may still have requests on their way.
    fn place_of(&self, node: NodeId, session: SessionId) -> Result<String, ErrorReport> {
        let name = self.place(node)?;
        let member = self.channels.get(&name).and_then(|channel| channel.member(node));
        match member.and_then(Member::session) {
            Some(own) if own == session => Ok(name),
            _ => Err(not_there()),
        }
    }

    /// Where a node takes the stream, with fresh tickets.
    fn connection(&mut self, node: NodeId, now: Now) -> Result<ReStreamingConnection, ErrorReport> {
        let name = self.place(node)?;
        let channel = self.channels.get_mut(&name).ok_or_else(not_there)?;
        let expiry = now.date.saturating_add(self.settings.ticket_lifetime);
        let mut connection = channel.connection(node, &name, &self.signer, expiry, now.date)?;
        connection.key = Some(self.key.clone());
        connection.keepalive = u32::try_from(self.settings.keepalive.as_secs()).ok();
        Ok(connection)
    }

    /// Takes the nodes that were moved out of a channel; all but `asker` have to be told.
    fn gather(&mut self, name: &str, asker: Option<NodeId>, now: Now) {
        while let Some(node) = self.channels.get_mut(name).and_then(Channel::poll_changed) {
            if Some(node) != asker {
                self.notify(node, now);
            }
        }
    }

    fn notify(&mut self, node: NodeId, now: Now) {
        let place = self.places.get(&node).and_then(|name| self.channels.get(name));
        let Some(member) = place.and_then(|channel| channel.member(node)) else { return };
        let (session, before) = (member.session(), member.server());
        let Ok(connection) = self.connection(node, now) else { return };
        let moved = before != Some(connection.server.id);
        // One that is not connected asks when it comes back.
        if let Some(session) = session {
            let connection = Box::new(connection);
            self.notices.push_back(Notice::Reassign { session, connection, moved });
        }
    }
}

/// A number that nobody guesses, and no two proxy servers give twice.
fn random_node() -> Result<NodeId, ErrorReport> {
    let mut bytes = [0; 8];
    let unavailable =
        |_| report(ErrorCode::Unavailable, "the proxy server has no randomness".into(), Some(5));
    aws_lc_rs::rand::fill(&mut bytes).map_err(unavailable)?;
    // 0 is the streaming server.
    Ok(NodeId(u64::from_be_bytes(bytes).max(1)))
}

fn report(code: ErrorCode, text: String, retry_after: Option<u32>) -> ErrorReport {
    ErrorReport { retry_after, ..ErrorReport::new(code, text) }
}

fn not_there() -> ErrorReport {
    let text = "the proxy server does not know this node any more: log in again".to_owned();
    report(ErrorCode::NotLoggedIn, text, None)
}
