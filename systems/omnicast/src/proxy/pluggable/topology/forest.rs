//! The nodes of a topology and who hangs at whom: an arena of fixed-size records.
//!
//! Children are a list that runs through the nodes themselves, so that a node costs the same whatever
//! its place, and to hang it elsewhere takes constant time.

use std::collections::HashMap;
use std::ops::{Index, IndexMut};

use super::{Config, Error, NodeId};

/// A place in the arena. It is taken over by another node when its node has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(pub(super) u32);

impl Slot {
    /// No node.
    pub(super) const NONE: Slot = Slot(u32::MAX);

    /// The slot, or `None` for [`Slot::NONE`].
    pub(super) fn get(self) -> Option<Slot> {
        (self != Slot::NONE).then_some(self)
    }

    /// Where it is in a table that has an entry per slot.
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// The key of a node that is in no order of search.
pub(super) const NO_KEY: u64 = u64::MAX;

/// The most nodes: the standby links of all of them have to be numbered, too.
const MOST: usize = u32::MAX as usize / Config::MAX_STANDBYS - 1;

/// A node or streaming server.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) id: NodeId,
    /// Milliseconds on the caller's clock.
    pub(super) joined_at: u64,
    /// Its keys in the two orders of search, see `search.rs`.
    pub(super) keys: [u64; 2],
    /// Whom it receives from. A streaming server, and a node that is not placed, has none.
    pub(super) server: Slot,
    first_child: Slot,
    next: Slot,
    previous: Slot,
    /// The server node that it last complained about. When that one leaves, its successor in the slot is
    /// avoided in its place, which does no harm.
    pub(super) shunned: Slot,
    pub(super) capacity: u32,
    pub(super) children: u32,
    /// Away from the streaming server; of a node that is not fed: when it last was.
    pub(super) hops: u16,
    /// Which of two trees it serves in.
    pub(super) tree: u8,
    /// Whose it is: see [`NodeFacts`](super::NodeFacts).
    pub(super) owner: Option<u64>,
    /// How many complaints about it count.
    pub(super) complaints: u8,
    /// Whose was the last of them.
    pub(super) accuser: u64,
    /// Whether it is a streaming server.
    pub(super) root: bool,
    /// Whether it is connected to the proxy server.
    pub(super) connected: bool,
    /// Whether a chain of servers leads from it to a streaming server.
    pub(super) fed: bool,
    /// Whether the slot is in use.
    live: bool,
}

impl Node {
    pub(super) fn new(id: NodeId, capacity: u32) -> Node {
        Node {
            id,
            joined_at: 0,
            keys: [NO_KEY; 2],
            server: Slot::NONE,
            first_child: Slot::NONE,
            next: Slot::NONE,
            previous: Slot::NONE,
            shunned: Slot::NONE,
            capacity,
            children: 0,
            hops: 0,
            tree: 0,
            owner: None,
            complaints: 0,
            accuser: 0,
            root: false,
            connected: true,
            fed: false,
            live: true,
        }
    }

    /// How many more children it can have.
    pub(super) fn room(&self) -> u32 {
        self.capacity.saturating_sub(self.children)
    }
}

/// All nodes of a topology.
#[derive(Debug, Default)]
pub(super) struct Forest {
    nodes: Vec<Node>,
    vacant: Vec<Slot>,
    slots: HashMap<NodeId, Slot>,
}

impl Index<Slot> for Forest {
    type Output = Node;

    fn index(&self, slot: Slot) -> &Node {
        &self.nodes[slot.index()]
    }
}

impl IndexMut<Slot> for Forest {
    fn index_mut(&mut self, slot: Slot) -> &mut Node {
        &mut self.nodes[slot.index()]
    }
}

impl Forest {
    /// How many nodes there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn find(&self, id: NodeId) -> Result<Slot, Error> {
        self.slots.get(&id).copied().ok_or(Error::Unknown(id))
    }

    /// Adds a node that hangs nowhere.
    pub(super) fn insert(&mut self, node: Node) -> Result<Slot, Error> {
        if self.slots.contains_key(&node.id) {
            return Err(Error::Present(node.id));
        }
        let id = node.id;
        let slot = match self.vacant.pop() {
            Some(slot) => {
                self[slot] = node;
                slot
            }
            None => {
                if self.nodes.len() >= MOST {
                    return Err(Error::TooMany);
                }
                self.nodes.push(node);
                Slot((self.nodes.len() - 1) as u32)
            }
        };
        self.slots.insert(id, slot);
        Ok(slot)
    }

    /// Takes out a node that hangs nowhere and has no children.
    pub(super) fn vacate(&mut self, slot: Slot) {
        let node = &mut self[slot];
        debug_assert!(node.server == Slot::NONE && node.first_child == Slot::NONE);
        node.live = false;
        let id = node.id;
        self.slots.remove(&id);
        self.vacant.push(slot);
    }

    /// Hangs a node, and what is below it, at `server`.
    pub(super) fn link(&mut self, slot: Slot, server: Slot) {
        debug_assert!(self[slot].server == Slot::NONE && slot != server);
        let next = self[server].first_child;
        if let Some(next) = next.get() {
            self[next].previous = slot;
        }
        let node = &mut self[slot];
        (node.server, node.next, node.previous) = (server, next, Slot::NONE);
        let server = &mut self[server];
        server.first_child = slot;
        server.children += 1;
    }

    /// Takes a node, with what is below it, away from its server; returns that.
    pub(super) fn unlink(&mut self, slot: Slot) -> Option<Slot> {
        let node = &mut self[slot];
        let server = node.server.get()?;
        let (next, previous) = (node.next, node.previous);
        (node.server, node.next, node.previous) = (Slot::NONE, Slot::NONE, Slot::NONE);
        if let Some(next) = next.get() {
            self[next].previous = previous;
        }
        match previous.get() {
            Some(previous) => self[previous].next = next,
            None => self[server].first_child = next,
        }
        self[server].children -= 1;
        Some(server)
    }

    /// The child that came last.
    pub(super) fn first_child(&self, slot: Slot) -> Option<Slot> {
        self[slot].first_child.get()
    }

    /// The children, the one that came last first.
    pub(super) fn children(&self, slot: Slot) -> impl Iterator<Item = Slot> {
        std::iter::successors(self.first_child(slot), |&child| self[child].next.get())
    }

    /// The node after `at` in the subtree of `top`, each before its children; begin with `top`.
    pub(super) fn next_below(&self, top: Slot, at: Slot) -> Option<Slot> {
        if let Some(child) = self.first_child(at) {
            return Some(child);
        }
        self.next_beside(top, at)
    }

    /// As [`next_below`](Self::next_below), passing over what is below `at`.
    pub(super) fn next_beside(&self, top: Slot, mut at: Slot) -> Option<Slot> {
        while at != top {
            if let Some(next) = self[at].next.get() {
                return Some(next);
            }
            at = self[at].server;
        }
        None
    }

    /// Whether `slot` is `top` or receives from it, however indirectly.
    pub(super) fn is_below(&self, slot: Slot, top: Slot) -> bool {
        std::iter::successors(Some(slot), |&at| self[at].server.get()).any(|at| at == top)
    }

    /// All slots in which there is a node, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, &Node)> {
        (0u32..).map(Slot).zip(&self.nodes).filter(|(_, node)| node.live)
    }
}
