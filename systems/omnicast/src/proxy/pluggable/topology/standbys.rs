//! Who is whose standby, in both directions.
//!
//! A node has a fixed number of links, each to one standby. The links to one standby, those of its
//! *holders*, are a list that runs through the links themselves.

use super::forest::Slot;

/// The links of all nodes.
#[derive(Debug)]
pub(super) struct Standbys {
    per_node: usize,
    /// Those of slot `n` are `n * per_node ..`, the ones in use first.
    links: Vec<Link>,
    /// Per slot: the first link to it, and how many there are.
    heads: Vec<Head>,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    standby: Slot,
    next: u32,
    previous: u32,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    first: u32,
    holders: u32,
}

const NONE: u32 = u32::MAX;
const UNUSED: Link = Link { standby: Slot::NONE, next: NONE, previous: NONE };

impl Standbys {
    pub(super) fn new(per_node: usize) -> Standbys {
        Standbys { per_node, links: Vec::new(), heads: Vec::new() }
    }

    /// Makes room for the slot.
    pub(super) fn reach(&mut self, slot: Slot) {
        let slots = slot.index() + 1;
        if self.heads.len() < slots {
            self.heads.resize(slots, Head { first: NONE, holders: 0 });
            self.links.resize(slots * self.per_node, UNUSED);
        }
    }

    /// The standbys of a node, best first.
    pub(super) fn of(&self, slot: Slot) -> impl Iterator<Item = Slot> {
        let first = slot.index() * self.per_node;
        self.links[first..first + self.per_node].iter().map_while(|link| link.standby.get())
    }

    /// How many standbys a node has.
    pub(super) fn count(&self, slot: Slot) -> usize {
        self.of(slot).count()
    }

    /// How many nodes have this one as a standby.
    pub(super) fn holders(&self, slot: Slot) -> u32 {
        self.heads[slot.index()].holders
    }

    /// Those nodes, the one that came last first.
    pub(super) fn holders_of(&self, slot: Slot) -> impl Iterator<Item = Slot> {
        let first = self.heads[slot.index()].first;
        std::iter::successors((first != NONE).then_some(first), |&at| {
            match self.links[at as usize].next {
                NONE => None,
                next => Some(next),
            }
        })
        .map(|at| Slot(at / self.per_node as u32))
    }

    /// Gives a node one more standby, as its last choice. Does nothing when it has all that it can have.
    pub(super) fn add(&mut self, slot: Slot, standby: Slot) {
        let count = self.count(slot);
        if count == self.per_node {
            return;
        }
        let at = slot.index() * self.per_node + count;
        let head = &mut self.heads[standby.index()];
        let next = head.first;
        head.first = at as u32;
        head.holders += 1;
        self.links[at] = Link { standby, next, previous: NONE };
        if next != NONE {
            self.links[next as usize].previous = at as u32;
        }
    }

    /// Takes a standby from a node, if it has it.
    pub(super) fn remove(&mut self, slot: Slot, standby: Slot) {
        let Some(position) = self.of(slot).position(|one| one == standby) else { return };
        let (first, last) = (slot.index() * self.per_node, self.count(slot) - 1);
        // The later ones move up, so that their order stays.
        let rest: Vec<Slot> = self.of(slot).skip(position + 1).collect();
        for at in first + position..=first + last {
            self.unlink(at);
        }
        for standby in rest {
            self.add(slot, standby);
        }
    }

    /// Takes all standbys from a node.
    pub(super) fn clear(&mut self, slot: Slot) {
        let first = slot.index() * self.per_node;
        for at in first..first + self.count(slot) {
            self.unlink(at);
        }
    }

    /// The last node that took this one as a standby.
    pub(super) fn last_holder(&self, slot: Slot) -> Option<Slot> {
        self.holders_of(slot).next()
    }

    fn unlink(&mut self, at: usize) {
        let Link { standby, next, previous } = std::mem::replace(&mut self.links[at], UNUSED);
        let head = &mut self.heads[standby.index()];
        head.holders -= 1;
        if previous == NONE {
            head.first = next;
        } else {
            self.links[previous as usize].next = next;
        }
        if next != NONE {
            self.links[next as usize].previous = previous;
        }
    }
}
