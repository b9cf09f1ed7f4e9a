//! Two trees over the same nodes, so that no single node is above anybody in both.

use super::forest::Node;
use super::placing::Placing;
use super::policy::Policy;
use super::search::Sorted;

/// Two *interior-disjoint* trees (as in SplitStream, Castro et al. 2003): every node serves in one of
/// them only, and is a leaf of the other. It receives from its server in its own tree; its standby is its
/// server in the other, where a place is **reserved** for it. The end of one node takes away the one or
/// the other, never both, and the place is there when it is needed.
///
/// It costs two places per node. When they get scarce, reserved places are given to nodes that have no
/// server at all, and when a tree is full a node may have to be served by the other.
pub(super) type TwoTrees = Placing<TwoTreesPolicy>;

/// See [`TwoTrees`].
#[derive(Debug, Default)]
pub(super) struct TwoTreesPolicy;

impl Policy for TwoTreesPolicy {
    const NAME: &'static str = "two-trees";
    const TREES: u8 = 2;
    const MOST_STANDBYS: usize = 1;
    const GRANDPARENT: bool = false;
    type Search = Sorted;

    /// Every node takes two places; so a third of those near the streaming server are not for newcomers, or
    /// the nodes there would find no standby that is as near.
    fn kept(node: &Node, holders: u32) -> u32 {
        holders.max(node.capacity / 3)
    }

    fn most_holders(node: &Node) -> u32 {
        node.room()
    }

    /// Into the tree that has fewer nodes with free places.
    fn tree(open: [u64; 2]) -> u8 {
        u8::from(open[1] < open[0])
    }
}
