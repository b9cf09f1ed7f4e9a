//! Hanging nodes elsewhere, and what has to follow.

use super::super::forest::{NO_KEY, Node, Slot};
use super::super::policy::Policy;
use super::super::search::{Order, Search};
use super::{Placing, complaints};

/// Above the hops in a key: a node whose places are kept comes after all the others.
const KEPT: u64 = 1 << 63;
/// Below them is the rank.
const RANK_BITS: u32 = 47;
const MOST_RANK: u64 = (1 << RANK_BITS) - 1;

/// Where a node comes among the standbys: those with most hops first, because newcomers fill those with few
/// before long; of those the ones that stand by for few.
pub(super) fn standby_key(hops: u16, holders: u32) -> u64 {
    u64::from(u16::MAX - hops) << RANK_BITS | u64::from(holders)
}

/// Whether others are sent to a node: it is there as far as is known, and serves well.
pub(super) fn takes_others(node: &Node) -> bool {
    node.connected && !complaints::is_demoted(node)
}

impl<P: Policy> Placing<P> {
    /// Hangs an unfed subtree at a fed node that has room.
    pub(super) fn hang(&mut self, slot: Slot, server: Slot) {
        // Whom one receives from is no standby.
        self.standbys.remove(slot, server);
        self.forest.link(slot, server);
        self.settle(server);
        let was = self.forest[slot].hops;
        let hops = self.forest[server].hops + 1;
        self.feed(slot, hops);
        if was != hops {
            self.check_standbys_below(slot);
        }
        // One that stood by as the grandparent only may be that no more.
        let standbys: Vec<Slot> = self.standbys.of(slot).collect();
        for standby in standbys {
            self.settle(standby);
        }
    }

    /// Takes a subtree away from its server, if it has one.
    pub(super) fn take_away(&mut self, slot: Slot) {
        let Some(server) = self.forest.unlink(slot) else { return };
        self.unfeed(slot);
        self.settle(server);
    }

    /// Gives a subtree its hops and lets it be chosen. What would be too far away is cut off.
    pub(super) fn feed(&mut self, top: Slot, hops: u16) {
        self.feed_one(top, hops);
        let mut at = self.forest.next_below(top, top);
        while let Some(slot) = at {
            let server = self.forest[slot].server;
            let hops = self.forest[server].hops + 1;
            if hops > self.config.max_hops {
                at = self.forest.next_beside(top, slot);
                self.forest.unlink(slot);
                self.settle(server);
                self.changed.push(slot);
            } else {
                self.feed_one(slot, hops);
                at = self.forest.next_below(top, slot);
            }
        }
    }

    fn feed_one(&mut self, slot: Slot, hops: u16) {
        let node = &mut self.forest[slot];
        (node.fed, node.hops) = (true, hops);
        self.fed[usize::from(hops)] += 1;
        self.settle(slot);
    }

    /// Takes a subtree out of every order.
    pub(super) fn unfeed(&mut self, top: Slot) {
        if !self.forest[top].fed {
            return;
        }
        let mut at = Some(top);
        while let Some(slot) = at {
            let node = &mut self.forest[slot];
            node.fed = false;
            self.fed[usize::from(node.hops)] -= 1;
            self.settle(slot);
            at = self.forest.next_below(top, slot);
        }
    }

    /// Brings the standbys and the keys of a node in line with its children, capacity and hops.
    pub(super) fn settle(&mut self, slot: Slot) {
        self.limit_holders(slot);
        let trees: &[u8] = match &self.forest[slot] {
            _ if P::TREES == 1 => &[0],
            node if node.root => &[0, 1],
            node if node.tree == 0 => &[0],
            _ => &[1],
        };
        let keys = [self.server_key(slot), self.standby_key(slot)];
        let old = std::mem::replace(&mut self.forest[slot].keys, keys);
        for ((order, old), new) in Order::ALL.into_iter().zip(old).zip(keys) {
            if old == new {
                continue;
            }
            if old != NO_KEY {
                self.search.remove(order, trees, old, slot);
            }
            if new != NO_KEY {
                self.search.insert(order, trees, new, slot);
            }
        }
        if old[0] == NO_KEY && keys[0] != NO_KEY {
            let room = self.forest[slot].room() as usize;
            self.retries = (self.retries + room).min(self.waiting.len());
        }
        let opens = u64::from(keys[0] & KEPT == 0);
        let opened = u64::from(old[0] & KEPT == 0);
        for tree in trees {
            let open = &mut self.open[usize::from(*tree)];
            *open = *open + opens - opened;
        }
        self.policy.changed(slot, &self.forest[slot]);
    }

    fn may_be_chosen(&self, slot: Slot) -> bool {
        let node = &self.forest[slot];
        node.fed && node.hops < self.config.max_hops && node.room() > 0 && takes_others(node)
    }

    fn server_key(&self, slot: Slot) -> u64 {
        if !self.may_be_chosen(slot) {
            return NO_KEY;
        }
        let node = &self.forest[slot];
        let kept = node.room() <= P::kept(node, self.standbys.holders(slot));
        let kept = if kept { KEPT } else { 0 };
        kept | u64::from(node.hops) << RANK_BITS | P::rank(node).min(MOST_RANK)
    }

    fn standby_key(&self, slot: Slot) -> u64 {
        let (node, holders) = (&self.forest[slot], self.standbys.holders(slot));
        if !self.may_be_chosen(slot) || holders >= P::most_holders(node) {
            return NO_KEY;
        }
        standby_key(node.hops, holders)
    }

    /// Drops the last holders of a node that has more than it can stand by for.
    fn limit_holders(&mut self, slot: Slot) {
        let most = P::most_holders(&self.forest[slot]);
        if self.standbys.holders(slot) <= most {
            return;
        }
        // When its own child goes, the grandchildren can have the child's place, full or not.
        let grandchild = |holder: Slot| {
            let server = self.forest[holder].server.get();
            P::GRANDPARENT && server.is_some_and(|server| self.forest[server].server == slot)
        };
        let counted: Vec<Slot> =
            self.standbys.holders_of(slot).filter(|&holder| !grandchild(holder)).collect();
        let excess = counted.len().saturating_sub(most as usize);
        for &holder in counted.iter().take(excess) {
            self.standbys.remove(holder, slot);
            self.changed.push(holder);
        }
    }

    /// Drops what no longer comes before its holder in the order (hops, slot), after a subtree has got
    /// other hops.
    fn check_standbys_below(&mut self, top: Slot) {
        let mut at = Some(top);
        while let Some(slot) = at {
            self.check_standbys(slot);
            let late: Vec<Slot> = self
                .standbys
                .holders_of(slot)
                .filter(|&holder| !self.comes_before(slot, holder))
                .collect();
            if !late.is_empty() {
                for holder in late {
                    self.standbys.remove(holder, slot);
                    self.changed.push(holder);
                }
                self.settle(slot);
            }
            at = self.forest.next_below(top, slot);
        }
    }

    /// Drops the standbys of a node that do not come before it.
    pub(super) fn check_standbys(&mut self, slot: Slot) {
        let late: Vec<Slot> =
            self.standbys.of(slot).filter(|&standby| !self.comes_before(standby, slot)).collect();
        for standby in late {
            self.standbys.remove(slot, standby);
            self.changed.push(slot);
            self.settle(standby);
        }
    }

    /// Whether one that can serve may be a standby of the other without a circle ever coming about. No
    /// circle leads through a node that serves nobody.
    pub(super) fn comes_before(&self, one: Slot, other: Slot) -> bool {
        if self.forest[other].capacity == 0 {
            return true;
        }
        (self.forest[one].hops, one) < (self.forest[other].hops, other)
    }

    /// Takes all standbys from a node.
    pub(super) fn drop_standbys(&mut self, slot: Slot) {
        let standbys: Vec<Slot> = self.standbys.of(slot).collect();
        self.standbys.clear(slot);
        for standby in standbys {
            self.settle(standby);
        }
    }

    /// Nobody has this one as a standby from now on.
    pub(super) fn drop_holders(&mut self, slot: Slot) {
        while let Some(holder) = self.standbys.last_holder(slot) {
            self.standbys.remove(holder, slot);
            self.changed.push(holder);
        }
        self.settle(slot);
    }
}
