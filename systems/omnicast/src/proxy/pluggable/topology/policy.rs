//! In what the algorithms differ: which nodes are looked at first, and what is kept back.

use super::Config;
use super::forest::{Forest, Node, Slot};
use super::search::Search;
use super::standbys::Standbys;

/// The choices of one algorithm; [`Placing`](super::placing::Placing) does the rest. What is given here
/// is the paper's hop-count sequential search.
pub(super) trait Policy: Default + Send {
    /// The name by which the algorithm is chosen.
    const NAME: &'static str;

    /// How many trees there are; streaming servers are in all of them.
    const TREES: u8 = 1;

    /// How many standbys a node has at most, whatever is configured.
    const MOST_STANDBYS: usize = Config::MAX_STANDBYS;

    /// Whether a server node's own server node is a standby when there is no other: it has room at least
    /// for one when the server node is gone.
    const GRANDPARENT: bool = true;

    /// How the nodes are gone through.
    type Search: Search;

    /// Which of the nodes with equal hops comes first: the one with the least rank, which has at most 47
    /// bits. Here: the one with the most room.
    fn rank(node: &Node) -> u64 {
        u64::from(u32::MAX - node.room())
    }

    /// How many places newcomers get only when there are no others.
    fn kept(_node: &Node, _holders: u32) -> u32 {
        0
    }

    /// How many nodes may have this one as a standby. Several share a free place: they seldom need it at
    /// the same time.
    fn most_holders(node: &Node) -> u32 {
        if node.room() == 0 { 0 } else { node.capacity.saturating_mul(4) }
    }

    /// Whether `standby` can become a standby of the node, apart from what holds for all algorithms.
    fn may_stand_by(_: &Forest, _: &Standbys, _node: Slot, _standby: Slot) -> bool {
        true
    }

    /// The tree that a newcomer is to serve in, given how many nodes in each have places for newcomers.
    fn tree(_open: [u64; 2]) -> u8 {
        0
    }

    /// A node's hops, children or capacity are different now.
    fn changed(&mut self, _: Slot, _: &Node) {}

    /// A weak leaf that has to make way for a node that would otherwise be `hops` away.
    fn makes_way(&self, _: &Forest, _node: Slot, _hops: u16) -> Option<Slot> {
        None
    }
}
