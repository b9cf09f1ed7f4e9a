//! One channel: its tree and its nodes.

mod book;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use super::member::Member;
use super::settings::ChannelSettings;
use super::{Arrival, SessionId, not_there, report};
use crate::NodeId;
use crate::proxy::pluggable::topology::{
    Config, Error, Kind, NodeFacts, Placement, TopologyAlgorithm,
};
use crate::ticket::{Signer, Ticket};
use crate::uscp::{
    ErrorCode, ErrorReport, Quality, ReConfiguration, ReStreamingConnection, ServerNode,
};
use book::Book;

/// How long a node gets no more places that has sent children away.
const REST: Duration = Duration::from_secs(30);

/// A channel.
pub(super) struct Channel {
    algorithm: Box<dyn TopologyAlgorithm>,
    /// Where the streaming server has it.
    url: String,
    members: HashMap<NodeId, Member>,
    /// Makes numbers of users for the algorithm.
    owners: RandomState,
    /// What is written down; `None`: nothing is, the tree is nobody else's.
    book: Option<Book>,
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Channel { algorithm, url, members, .. } = self;
        write!(f, "Channel({url}, {}, {} nodes)", algorithm.name(), members.len())
    }
}

impl Channel {
    pub(super) fn new(settings: &ChannelSettings, kind: Kind, bounds: Config) -> Channel {
        let mut algorithm = kind.build(bounds);
        // A new tree has room for it.
        if let Err(error) = algorithm.add_root(NodeId::ROOT, settings.capacity) {
            tracing::error!("channel {}: {error}", settings.name);
        }
        let (url, members) = (settings.url.clone(), HashMap::new());
        Channel { algorithm, url, members, owners: RandomState::new(), book: None }
    }

    pub(super) fn member(&self, node: NodeId) -> Option<&Member> {
        self.members.get(&node)
    }

    /// A node that is still in the tree logs in again. `None`: it is not in the tree; otherwise the
    /// session that this one takes the place of.
    pub(super) fn rejoin(
        &mut self,
        node: NodeId,
        arrival: &Arrival,
        now: Duration,
    ) -> Option<Option<SessionId>> {
        self.touch(node);
        let member = self.members.get_mut(&node)?;
        let replaced = member.rejoin(arrival);
        // Whatever is a member is in the tree.
        let _ = self.algorithm.set_connected(node, true);
        if member.url.is_none() {
            // Nobody can be sent there any more.
            self.set_capacity(node, 0, now);
        }
        Some(replaced)
    }

    /// A node comes; with `server`, it takes the stream there already.
    pub(super) fn join(
        &mut self,
        node: NodeId,
        arrival: &Arrival,
        server: Option<NodeId>,
        settling: bool,
        now: Duration,
    ) -> Result<(), ErrorReport> {
        let owner = Some(self.owners.hash_one(&arrival.user));
        let facts = NodeFacts { joined_at: now, owner, ..NodeFacts::default() };
        self.algorithm.add(node, facts).map_err(told)?;
        let adopted = server.map(|server| self.algorithm.adopt(node, server));
        let placed = match adopted {
            Some(Ok(_)) => Ok(()),
            Some(Err(Error::Full | Error::Unknown(_))) if settling => {
                let text = "your server node has not come back yet; go on with it".to_owned();
                Err(report(ErrorCode::Unavailable, text, Some(1)))
            }
            Some(Err(_)) | None => self.algorithm.choose_server(node).map(drop).map_err(told),
        };
        if placed.is_err() {
            // It was added just now.
            let _ = self.algorithm.remove(node);
            return placed;
        }
        self.members.insert(node, Member::new(arrival));
        self.touch(node);
        Ok(())
    }

    /// A node has lost its server node. The user of that one, if it was removed, whatever becomes of the
    /// node itself.
    pub(super) fn reconfigure(
        &mut self,
        node: NodeId,
        request: ReConfiguration,
        now: Duration,
    ) -> (Option<String>, Result<(), ErrorReport>) {
        let ReConfiguration { gone, at } = request;
        self.touch(node);
        let Some(member) = self.members.get_mut(&node) else { return (None, Err(not_there())) };
        if let Err(wait) = member.reports.take(now) {
            let text = "you lose your server node too often".to_owned();
            let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
            return (None, Err(report(ErrorCode::TooManyRequests, text, Some(seconds))));
        }
        // A node does not pick its place: it is left only where it was sent.
        let at = at.filter(|at| member.knows(*at) && member.knows(gone));
        let is_its_server = self.server_of(node) == Some(gone);
        let server = self.members.get_mut(&gone).filter(|_| is_its_server);
        let is_dead = server.is_some_and(|server| {
            server.suspected = server.session().is_some();
            !server.suspected
        });
        if is_dead {
            // Its connection to the proxy server is gone too.
            let removed = self.remove(gone).map(|member| member.user);
            return (removed, self.settle_at(node, gone, at).map_err(told));
        }
        if is_its_server && at.is_none() {
            return (None, self.algorithm.report_server(node).map(drop).map_err(told));
        }
        (None, self.settle_at(node, gone, at).map_err(told))
    }

    /// Leaves a node where it has gone to when its server node was gone, or finds it another place.
    fn settle_at(&mut self, node: NodeId, gone: NodeId, at: Option<NodeId>) -> Result<(), Error> {
        if let Some(Ok(_)) = at.map(|at| self.algorithm.adopt(node, at)) {
            return Ok(());
        }
        match self.server_of(node) {
            // It must not stay where it has gone to, and where it was it is not served.
            Some(server) if server == gone => self.algorithm.report_server(node),
            _ => self.algorithm.choose_server(node),
        }
        .map(drop)
    }

    fn server_of(&self, node: NodeId) -> Option<NodeId> {
        self.algorithm.placement(node).map(|placement| placement.server)
    }

    /// Old complaints are forgotten, and nodes have rested.
    pub(super) fn pass_time(&mut self, now: Duration) {
        self.algorithm.pass_time(now);
        let rested = self.members.iter_mut().filter(|(_, member)| member.rests_until <= now);
        let wishes = rested.filter_map(|(node, member)| Some((*node, member.wish.take()?)));
        for (node, capacity) in wishes.collect::<Vec<_>>() {
            self.touch(node);
            // Whatever is a member is in the tree.
            let _ = self.algorithm.set_capacity(node, capacity);
        }
    }

    /// What a node can do, and how it fares. True when it was moved, because it was starved.
    pub(super) fn inform(
        &mut self,
        node: NodeId,
        capacity: u32,
        quality: Option<Quality>,
        now: Duration,
    ) -> bool {
        self.touch(node);
        self.set_capacity(node, capacity, now);
        let server = self.server_of(node);
        let Some(quality) = quality.filter(|quality| server == Some(quality.server)) else {
            return false;
        };
        // What its server node does not get it cannot hand on.
        let excused = self.members.get(&quality.server).map_or(0, |server| server.loss(now));
        let Some(member) = self.members.get_mut(&node) else { return false };
        let moved = member.starves(quality, excused, now)
            && member.reports.take(now).is_ok()
            && self.algorithm.report_server(node).is_ok();
        if moved {
            member.relieve(now);
        }
        moved
    }

    /// So many a node can serve from now on. When it has sent children away by that, it gets no more places
    /// for a while: else it could send them away again and again.
    fn set_capacity(&mut self, node: NodeId, capacity: u32, now: Duration) {
        let Some(member) = self.members.get_mut(&node) else { return };
        let capacity = if member.url.is_some() { capacity } else { 0 };
        let known = self.algorithm.facts(node).map_or(0, |facts| facts.capacity);
        member.wish = (capacity > known && member.rests_until > now).then_some(capacity);
        if member.wish.is_some() || capacity == known {
            return;
        }
        if self.algorithm.children(node).unwrap_or(0) > capacity {
            member.rests_until = now.saturating_add(REST);
        }
        // Whatever is a member is in the tree.
        let _ = self.algorithm.set_capacity(node, capacity);
    }

    pub(super) fn remove(&mut self, node: NodeId) -> Option<Member> {
        let member = self.members.remove(&node)?;
        self.touch(node);
        // Whatever is a member is in the tree.
        let _ = self.algorithm.remove(node);
        Some(member)
    }

    /// The connection of a session was lost. Whether its node is gone by that: one of its children has said
    /// so before.
    pub(super) fn lost(&mut self, node: NodeId, session: SessionId, now: Duration) -> bool {
        let Some(member) = self.members.get_mut(&node) else { return false };
        if member.session() != Some(session) {
            return false;
        }
        member.lose(now);
        let suspected = member.suspected;
        // Whatever is a member is in the tree.
        let _ = self.algorithm.set_connected(node, false);
        suspected
    }

    /// The session of a node of which a child says that it is gone.
    pub(super) fn suspect(&self, node: NodeId) -> Option<SessionId> {
        self.members.get(&node).filter(|member| member.suspected)?.session()
    }

    /// A node has confirmed over this session that it is there.
    pub(super) fn clear(&mut self, node: NodeId, session: SessionId) {
        let member = self.members.get_mut(&node);
        if let Some(member) = member.filter(|member| member.session() == Some(session)) {
            member.suspected = false;
        }
    }

    /// The nodes whose connection was lost at that time or before.
    pub(super) fn lost_before(&self, time: Duration) -> impl Iterator<Item = NodeId> {
        let lost = self.members.iter().filter(move |(_, member)| member.is_lost_before(time));
        lost.map(|(node, _)| *node)
    }

    pub(super) fn poll_changed(&mut self) -> Option<NodeId> {
        let node = self.algorithm.poll_changed()?;
        self.touch(node);
        Some(node)
    }

    /// Where a node takes the stream; a place is looked for when it has none.
    pub(super) fn connection(
        &mut self,
        node: NodeId,
        channel: &str,
        signer: &Signer,
        expiry: u64,
        date: u64,
    ) -> Result<ReStreamingConnection, ErrorReport> {
        self.touch(node);
        let Placement { server, hops, standbys } =
            self.algorithm.choose_server(node).map_err(told)?;
        let member = self.members.get_mut(&node).ok_or_else(not_there)?;
        member.issued = date;
        member.tell([server].into_iter().chain(standbys.iter().copied()).collect());
        let user = member.user.clone();
        let named = |server: NodeId, hops: u32| {
            let url = match server {
                NodeId::ROOT => self.url.clone(),
                node => self.members.get(&node)?.url.clone()?,
            };
            let (user, channel) = (user.clone(), channel.to_owned());
            let ticket = signer.sign(&Ticket { node, server, expiry, user, channel });
            Some(ServerNode { id: server, url, hops, ticket })
        };
        let hops_of = |standby: NodeId| match standby {
            NodeId::ROOT => 0,
            node => self.algorithm.placement(node).map_or(0, |placement| u32::from(placement.hops)),
        };
        let standbys = standbys.into_iter().filter_map(|standby| named(standby, hops_of(standby)));
        let standbys = standbys.collect();
        let unservable = || {
            let text = "your server node serves nobody at the moment".to_owned();
            report(ErrorCode::Unavailable, text, Some(1))
        };
        let server = named(server, u32::from(hops).saturating_sub(1)).ok_or_else(unservable)?;
        Ok(ReStreamingConnection { node, server, standbys, key: None, keepalive: None })
    }
}

/// What a node is told of an error of the topology.
fn told(error: Error) -> ErrorReport {
    match error {
        Error::Full | Error::TooMany => report(ErrorCode::NoServerNode, error.to_string(), Some(5)),
        Error::Unknown(_) => not_there(),
        error => report(ErrorCode::Forbidden, error.to_string(), None),
    }
}
