//! Choosing server nodes and standbys.

use std::ops::ControlFlow::{Break, Continue};

use super::super::Error;
use super::super::forest::Slot;
use super::super::policy::Policy;
use super::super::search::{Order, Search};
use super::Placing;
use super::moves::{standby_key, takes_others};

/// How many nodes are looked at for standbys: the time for a choice must not grow with the tree.
const LOOKED_AT: usize = 32;

impl<P: Policy> Placing<P> {
    /// Finds a server for a node that has none, hangs it there and gives it standbys. When there is none
    /// the node waits.
    pub(super) fn place(&mut self, slot: Slot) -> Result<(), Error> {
        let found = self.find_server(slot);
        let hops = found.map_or(u16::MAX, |server| self.forest[server].hops + 1);
        let leaf = self.policy.makes_way(&self.forest, slot, hops);
        if let Some(leaf) = leaf.filter(|&leaf| self.may_take_place_of(slot, leaf)) {
            self.take_place_of(slot, leaf);
        } else if let Some(server) = found {
            self.join_tree_of(slot, server);
            self.hang(slot, server);
        } else {
            self.wait(slot);
            return Err(Error::Full);
        }
        self.waiting.remove(slot);
        self.fill_standbys(slot);
        Ok(())
    }

    /// The server of an unfed node, if there is one.
    fn find_server(&self, slot: Slot) -> Option<Slot> {
        let node = &self.forest[slot];
        let mut second_best = None;
        for tree in (0..P::TREES).map(|other| node.tree ^ other) {
            let mut found = None;
            self.search.walk(&self.forest, Order::Servers, tree, 0, |server| {
                if server == node.shunned {
                    second_best = Some(server);
                    return Continue(());
                }
                found = Some(server);
                Break(())
            });
            if found.is_some() {
                return found;
            }
        }
        second_best
    }

    /// Moves a node that serves nobody yet, but can by now, to where it would be if that had been known when it
    /// came. Each time it has fewer hops than before, so that it cannot go on like this for long.
    pub(super) fn promote(&mut self, slot: Slot) {
        let node = &self.forest[slot];
        if !node.fed || node.root || node.children > 0 || !node.connected {
            return;
        }
        let leaf = self.policy.makes_way(&self.forest, slot, node.hops);
        if let Some(leaf) = leaf.filter(|&leaf| self.may_take_place_of(slot, leaf)) {
            self.take_away(slot);
            self.take_place_of(slot, leaf);
            self.changed.push(slot);
        }
    }

    /// Whether both can be sent where the other's end of the link is to be.
    fn may_take_place_of(&self, slot: Slot, leaf: Slot) -> bool {
        let (node, leaf) = (&self.forest[slot], &self.forest[leaf]);
        // The leaf has to be told that it receives from elsewhere.
        let told = leaf.connected && takes_others(node);
        told && takes_others(&self.forest[leaf.server]) && leaf.hops < self.config.max_hops
    }

    /// `slot` gets the server of `leaf`, and `leaf` receives from it.
    fn take_place_of(&mut self, slot: Slot, leaf: Slot) {
        let server = self.forest[leaf].server;
        self.take_away(leaf);
        self.hang(slot, server);
        self.hang(leaf, slot);
        self.changed.push(leaf);
    }

    /// Leaves a node without a server for now. Nobody shall rely on what is below it.
    fn wait(&mut self, slot: Slot) {
        self.waiting.push(slot);
        let mut at = Some(slot);
        while let Some(below) = at {
            if self.standbys.holders(below) > 0 {
                self.drop_holders(below);
            }
            at = self.forest.next_below(slot, below);
        }
    }

    /// Whether a node may hang itself at `server`.
    pub(super) fn may_adopt(&self, slot: Slot, server: Slot) -> Result<(), Error> {
        let (node, to) = (&self.forest[slot], &self.forest[server]);
        if self.forest.is_below(server, slot) {
            return Err(Error::Circle(node.id, to.id));
        }
        if !self.has_room(server) {
            return Err(Error::Full);
        }
        let other_tree = P::TREES > 1 && !to.root && to.tree != node.tree;
        if other_tree && node.children > 0 {
            return Err(Error::Unfit(node.id, to.id));
        }
        Ok(())
    }

    fn has_room(&self, server: Slot) -> bool {
        let node = &self.forest[server];
        node.fed && node.room() > 0 && node.hops < self.config.max_hops
    }

    /// A node that serves nobody goes over to the tree of its server: it stays inside of one tree only.
    pub(super) fn join_tree_of(&mut self, slot: Slot, server: Slot) {
        let (node, to) = (&self.forest[slot], &self.forest[server]);
        if P::TREES > 1 && !to.root && to.tree != node.tree && node.children == 0 {
            let tree = to.tree;
            self.drop_standbys(slot);
            self.drop_holders(slot);
            self.forest[slot].tree = tree;
        }
    }

    /// Gives a fed node the standbys that it lacks, with different servers where possible.
    pub(super) fn fill_standbys(&mut self, slot: Slot) {
        let lacking = self.config.standbys - self.standbys.count(slot);
        if lacking == 0 {
            return;
        }
        let node = &self.forest[slot];
        let (mut good, mut poor, mut looked_at) = (Vec::new(), Vec::new(), 0);
        let tree = if P::TREES > 1 { 1 - node.tree } else { 0 };
        // Whom one may rely on that serves nobody is anybody; see `comes_before`.
        let from = if node.capacity == 0 { 0 } else { standby_key(node.hops, 0) };
        self.search.walk(&self.forest, Order::Standbys, tree, from, |one| {
            let candidate = &self.forest[one];
            if looked_at == LOOKED_AT {
                return Break(());
            }
            looked_at += 1;
            let held = one == node.server || self.standbys.of(slot).any(|standby| standby == one);
            if held
                || !self.comes_before(one, slot)
                || !P::may_stand_by(&self.forest, &self.standbys, slot, one)
            {
                return Continue(());
            }
            let same = |other: Slot| {
                candidate.server != Slot::NONE && self.forest[other].server == candidate.server
            };
            let others = self.standbys.of(slot).chain(good.iter().copied());
            let same_server = same(slot) || others.into_iter().any(same);
            let list = if same_server { &mut poor } else { &mut good };
            if list.len() < lacking {
                list.push(one);
            }
            if good.len() == lacking { Break(()) } else { Continue(()) }
        });
        let chosen: Vec<Slot> = good.into_iter().chain(poor).take(lacking).collect();
        for standby in chosen {
            self.standbys.add(slot, standby);
            self.settle(standby);
        }
        if P::GRANDPARENT && self.standbys.count(slot) < self.config.standbys {
            self.fall_back_on_grandparent(slot);
        }
    }

    /// Makes the server of a node's server its standby: with that server's end a place is free there.
    fn fall_back_on_grandparent(&mut self, slot: Slot) {
        let server = self.forest[slot].server;
        let grandparent = server.get().and_then(|server| self.forest[server].server.get());
        if let Some(grandparent) = grandparent
            && self.standbys.of(slot).all(|standby| standby != grandparent)
        {
            self.standbys.add(slot, grandparent);
            self.settle(grandparent);
        }
    }

    /// The child whose move to another server disturbs fewest: one without children of its own if there
    /// is one, of those the one that came last.
    pub(super) fn least_missed(&self, slot: Slot) -> Option<Slot> {
        self.forest.children(slot).min_by_key(|&child| self.forest[child].children)
    }
}
