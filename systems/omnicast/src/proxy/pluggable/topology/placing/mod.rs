//! What all algorithms have in common: the bookkeeping around the choices of a [`Policy`].
//!
//! Three things hold after every call, and the rest follows from them:
//!
//! * A node that is *fed* (a chain of servers leads to a streaming server) is one hop further away than
//!   its server node, and at most as far as the bounds allow. The subtree of a node that lost its server
//!   is unfed and out of every order of search until it hangs again; so nobody is ever placed below itself.
//! * A node's server and its standbys come before it in the order (hops, slot), in which those that can
//!   serve nobody come last, whatever their hops. Thus the links to both,
//!   of all nodes together, have no circle: whoever turns to a standby, however many do at once, no node
//!   comes to receive from itself.
//! * A node has at most as many children as its capacity says.

mod choice;
mod complaints;
mod moves;

use std::time::Duration;

use self::complaints::Complaints;
use super::forest::{Forest, Node, Slot};
use super::policy::Policy;
use super::queue::Queue;
use super::standbys::Standbys;
use super::{Config, Error, NodeFacts, NodeId, Placement, TopologyAlgorithm, Totals};

/// A topology whose choices are those of `P`.
#[derive(Debug)]
pub(super) struct Placing<P: Policy> {
    policy: P,
    config: Config,
    forest: Forest,
    standbys: Standbys,
    search: P::Search,
    /// Whose placement is another than was told.
    changed: Queue,
    /// Who found no server.
    waiting: Queue,
    /// How many of those that wait may try again.
    retries: usize,
    /// How many fed nodes are how many hops away.
    fed: Vec<usize>,
    /// How many nodes of each tree have places for newcomers.
    open: [u64; 2],
    complaints: Complaints,
}

impl<P: Policy> Placing<P> {
    /// An empty topology.
    pub(super) fn new(config: Config) -> Placing<P> {
        let standbys = config.standbys.min(P::MOST_STANDBYS);
        // A child of the node that is furthest away must still have a number of hops.
        let max_hops = config.max_hops.clamp(1, MAX_HOPS);
        Placing {
            policy: P::default(),
            config: Config { max_hops, standbys },
            forest: Forest::default(),
            standbys: Standbys::new(standbys),
            search: P::Search::default(),
            changed: Queue::default(),
            waiting: Queue::default(),
            retries: 0,
            fed: vec![0; usize::from(max_hops) + 1],
            open: [0; 2],
            complaints: Complaints::default(),
        }
    }

    fn insert(&mut self, node: Node) -> Result<Slot, Error> {
        let slot = self.forest.insert(node)?;
        self.standbys.reach(slot);
        Ok(slot)
    }

    /// A node that is no streaming server.
    fn find_node(&self, id: NodeId) -> Result<Slot, Error> {
        let slot = self.forest.find(id)?;
        if self.forest[slot].root { Err(Error::IsRoot(id)) } else { Ok(slot) }
    }

    /// What is told of a node that has a server; it is up to date then.
    fn tell(&mut self, slot: Slot) -> Result<Placement, Error> {
        self.changed.remove(slot);
        self.placed(slot).ok_or(Error::Unplaced(self.forest[slot].id))
    }

    fn placed(&self, slot: Slot) -> Option<Placement> {
        let node = &self.forest[slot];
        let server = self.forest[node.server.get()?].id;
        Some(Placement { server, hops: node.hops, standbys: self.standby_ids(slot) })
    }

    fn standby_ids(&self, slot: Slot) -> Vec<NodeId> {
        self.standbys.of(slot).map(|standby| self.forest[standby].id).collect()
    }
}

/// What the keys of the orders have room for.
const MAX_HOPS: u16 = 1024;

impl<P: Policy> TopologyAlgorithm for Placing<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn config(&self) -> Config {
        self.config
    }

    fn add_root(&mut self, id: NodeId, capacity: u32) -> Result<(), Error> {
        let mut node = Node::new(id, capacity);
        node.root = true;
        let slot = self.insert(node)?;
        self.feed(slot, 0);
        Ok(())
    }

    fn add(&mut self, id: NodeId, facts: NodeFacts) -> Result<(), Error> {
        let mut node = Node::new(id, facts.capacity);
        node.owner = facts.owner;
        node.joined_at = u64::try_from(facts.joined_at.as_millis()).unwrap_or(u64::MAX);
        node.tree = P::tree(self.open);
        self.insert(node).map(|_| ())
    }

    fn remove(&mut self, id: NodeId) -> Result<(), Error> {
        let slot = self.forest.find(id)?;
        self.unfeed(slot);
        while let Some(child) = self.forest.first_child(slot) {
            self.forest.unlink(child);
            self.changed.push(child);
        }
        if let Some(server) = self.forest.unlink(slot) {
            self.settle(server);
        }
        self.drop_standbys(slot);
        self.drop_holders(slot);
        self.changed.remove(slot);
        self.waiting.remove(slot);
        self.drop_complaints(slot);
        self.forest.vacate(slot);
        Ok(())
    }

    fn choose_server(&mut self, id: NodeId) -> Result<Placement, Error> {
        let slot = self.find_node(id)?;
        self.changed.remove(slot);
        if self.forest[slot].server == Slot::NONE {
            self.place(slot)?;
        }
        self.tell(slot)
    }

    fn report_server(&mut self, id: NodeId) -> Result<Placement, Error> {
        let slot = self.find_node(id)?;
        let server = self.forest[slot].server.get().ok_or(Error::Unplaced(id))?;
        self.forest[slot].shunned = server;
        self.complain(slot, server);
        self.take_away(slot);
        self.place(slot)?;
        self.tell(slot)
    }

    fn adopt(&mut self, id: NodeId, server: NodeId) -> Result<Placement, Error> {
        let slot = self.find_node(id)?;
        let to = self.forest.find(server)?;
        if self.forest[slot].server != to {
            self.may_adopt(slot, to)?;
            self.take_away(slot);
            self.waiting.remove(slot);
            self.join_tree_of(slot, to);
            self.hang(slot, to);
            self.fill_standbys(slot);
        }
        self.tell(slot)
    }

    fn set_capacity(&mut self, id: NodeId, capacity: u32) -> Result<(), Error> {
        let slot = self.forest.find(id)?;
        self.forest[slot].capacity = capacity;
        while self.forest[slot].children > capacity
            && let Some(child) = self.least_missed(slot)
        {
            self.take_away(child);
            self.changed.push(child);
        }
        self.settle(slot);
        self.promote(slot);
        // Whom it relied on as one that serves nobody may be below it before long.
        self.check_standbys(slot);
        Ok(())
    }

    fn set_connected(&mut self, id: NodeId, connected: bool) -> Result<(), Error> {
        let slot = self.find_node(id)?;
        self.forest[slot].connected = connected;
        self.settle(slot);
        Ok(())
    }

    fn pass_time(&mut self, now: Duration) {
        self.forget_complaints(now);
    }

    fn placement(&self, id: NodeId) -> Option<Placement> {
        self.placed(self.forest.find(id).ok()?)
    }

    fn standbys(&self, id: NodeId) -> Vec<NodeId> {
        self.forest.find(id).map(|slot| self.standby_ids(slot)).unwrap_or_default()
    }

    fn facts(&self, id: NodeId) -> Option<NodeFacts> {
        let node = &self.forest[self.forest.find(id).ok()?];
        Some(NodeFacts {
            capacity: node.capacity,
            joined_at: Duration::from_millis(node.joined_at),
            owner: node.owner,
        })
    }

    fn children(&self, id: NodeId) -> Option<u32> {
        Some(self.forest[self.forest.find(id).ok()?].children)
    }

    fn poll_changed(&mut self) -> Option<NodeId> {
        if let Some(slot) = self.changed.pop() {
            if self.forest[slot].fed {
                self.fill_standbys(slot);
            }
            return Some(self.forest[slot].id);
        }
        self.retries = self.retries.checked_sub(1)?;
        Some(self.forest[self.waiting.pop()?].id)
    }

    fn hops(&self) -> &[usize] {
        &self.fed
    }

    fn totals(&self) -> Totals {
        let fed = self.fed.iter().sum::<usize>();
        let depth = self.fed.iter().rposition(|&nodes| nodes > 0).unwrap_or(0);
        let hops = self.fed.iter().zip(0u64..).map(|(&nodes, hops)| nodes as u64 * hops).sum();
        let nodes = self.forest.len();
        Totals { nodes, unfed: nodes - fed, depth: depth as u16, hops }
    }
}
