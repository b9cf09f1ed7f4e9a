//! The order in which nodes are looked at.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::ops::ControlFlow;

use super::forest::{Forest, NO_KEY, Slot};

/// What is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// A server node.
    Servers = 0,
    /// A standby.
    Standbys = 1,
}

impl Order {
    pub(super) const ALL: [Order; 2] = [Order::Servers, Order::Standbys];
}

/// The nodes that can be chosen, by rising key, those of equal keys by rising slot: the order of the proxy
/// server's table.
pub(super) trait Search: Default + Send {
    /// A node can be chosen from now on.
    fn insert(&mut self, order: Order, trees: &[u8], key: u64, slot: Slot);

    /// It cannot any more.
    fn remove(&mut self, order: Order, trees: &[u8], key: u64, slot: Slot);

    /// Shows the nodes of a tree in their order, those with a key below `from` left out, until `visit`
    /// breaks off.
    fn walk(
        &self,
        forest: &Forest,
        order: Order,
        tree: u8,
        from: u64,
        visit: impl FnMut(Slot) -> ControlFlow<()>,
    );
}

/// Goes through the whole table each time: nothing to keep, O(n) for a choice.
#[derive(Debug, Default)]
pub(super) struct Scan;

impl Search for Scan {
    fn insert(&mut self, _: Order, _: &[u8], _: u64, _: Slot) {}

    fn remove(&mut self, _: Order, _: &[u8], _: u64, _: Slot) {}

    fn walk(
        &self,
        forest: &Forest,
        order: Order,
        tree: u8,
        from: u64,
        mut visit: impl FnMut(Slot) -> ControlFlow<()>,
    ) {
        let in_tree = forest.iter().filter(|(_, node)| node.root || node.tree == tree);
        let keys = in_tree.map(|(slot, node)| Reverse((node.keys[order as usize], slot)));
        let mut rest: BinaryHeap<_> =
            keys.filter(|key| (from..NO_KEY).contains(&key.0.0)).collect();
        while let Some(Reverse((_, slot))) = rest.pop() {
            if visit(slot).is_break() {
                return;
            }
        }
    }
}

/// Keeps the nodes sorted: O(log n) for each change and each choice.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    sets: [[BTreeSet<(u64, Slot)>; 2]; 2],
}

impl Search for Sorted {
    fn insert(&mut self, order: Order, trees: &[u8], key: u64, slot: Slot) {
        for tree in trees {
            self.sets[order as usize][usize::from(*tree)].insert((key, slot));
        }
    }

    fn remove(&mut self, order: Order, trees: &[u8], key: u64, slot: Slot) {
        for tree in trees {
            self.sets[order as usize][usize::from(*tree)].remove(&(key, slot));
        }
    }

    fn walk(
        &self,
        _: &Forest,
        order: Order,
        tree: u8,
        from: u64,
        mut visit: impl FnMut(Slot) -> ControlFlow<()>,
    ) {
        let set = &self.sets[order as usize][usize::from(tree)];
        for (_, slot) in set.range((from, Slot(0))..) {
            if visit(*slot).is_break() {
                return;
            }
        }
    }
}
