//! Strong and long-lived nodes near the streaming server.

use std::collections::BTreeSet;

use super::forest::{Forest, Node, Slot};
use super::placing::Placing;
use super::policy::Policy;
use super::search::Sorted;

/// As the paper's search, but of the nodes with the fewest hops the *oldest* serves: who has stayed long
/// stays longer, and those below an old node are moved less often. And a node that can serve many takes
/// the place of a leaf that can serve few and hangs higher, which then receives from it: each level gets
/// as wide as its nodes can make it, so that the tree stays flat.
pub(super) type Stable = Placing<StablePolicy>;

/// See [`Stable`].
#[derive(Debug, Default)]
pub(super) struct StablePolicy {
    /// The leaves of each class, those with the fewest hops first, of those the ones that came last.
    leaves: [BTreeSet<(u64, Slot)>; CLASSES],
    /// Per slot: where it is in `leaves`.
    entries: Vec<Option<(u8, u64)>>,
}

/// Nodes are of one class that can serve no node, 1, 2 or 3, 4 to 7, 8 to 15, 16 and more.
const CLASSES: usize = 6;

fn class(capacity: u32) -> usize {
    capacity.checked_ilog2().map_or(0, |log| log as usize + 1).min(CLASSES - 1)
}

/// What a time takes in a key, in bits; the hops are above.
const TIME_BITS: u32 = 47;
const LAST: u64 = (1 << TIME_BITS) - 1;

impl Policy for StablePolicy {
    const NAME: &'static str = "stable";
    type Search = Sorted;

    fn rank(node: &Node) -> u64 {
        node.joined_at
    }

    fn changed(&mut self, slot: Slot, node: &Node) {
        if self.entries.len() <= slot.index() {
            self.entries.resize(slot.index() + 1, None);
        }
        // One that is not connected cannot be told that it has to make way.
        let leaf = node.fed && !node.root && node.children == 0 && node.connected;
        let entry = leaf.then(|| {
            let key = u64::from(node.hops) << TIME_BITS | (LAST - node.joined_at.min(LAST));
            (class(node.capacity) as u8, key)
        });
        let old = std::mem::replace(&mut self.entries[slot.index()], entry);
        if old == entry {
            return;
        }
        if let Some((class, key)) = old {
            self.leaves[usize::from(class)].remove(&(key, slot));
        }
        if let Some((class, key)) = entry {
            self.leaves[usize::from(class)].insert((key, slot));
        }
    }

    fn makes_way(&self, forest: &Forest, slot: Slot, hops: u16) -> Option<Slot> {
        let node = &forest[slot];
        // One that serves only the leaf it displaces would win nothing.
        if node.capacity < 2 || node.room() == 0 {
            return None;
        }
        let weaker = &self.leaves[..class(node.capacity)];
        let first = weaker.iter().filter_map(|leaves| leaves.first());
        let (_, leaf) = first.min_by_key(|(key, _)| key >> TIME_BITS)?;
        let better = forest[*leaf].hops < hops && forest[*leaf].server != node.shunned;
        better.then_some(*leaf)
    }
}
