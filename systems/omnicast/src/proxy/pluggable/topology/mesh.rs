//! A tree in a mesh of standbys that have room.

use super::forest::{Forest, Node, Slot};
use super::placing::Placing;
use super::policy::Policy;
use super::search::Sorted;
use super::standbys::Standbys;

/// As the paper's search, but every node that can serve two or more keeps a quarter of its places free of
/// newcomers, one at least, for those that lose their server. A free place stands by for many nodes, but
/// never for two of the same server: when one node dies, its children find a place each and stay there.
pub(super) type Mesh = Placing<MeshPolicy>;

/// See [`Mesh`].
#[derive(Debug, Default)]
pub(super) struct MeshPolicy;

impl Policy for MeshPolicy {
    const NAME: &'static str = "mesh";
    type Search = Sorted;

    fn kept(node: &Node, _: u32) -> u32 {
        if node.capacity < 2 { 0 } else { (node.capacity / 4).max(1) }
    }

    fn may_stand_by(forest: &Forest, standbys: &Standbys, node: Slot, standby: Slot) -> bool {
        let server = forest[node].server;
        let siblings = standbys.holders_of(standby).filter(|&one| forest[one].server == server);
        siblings.count() < forest[standby].room() as usize
    }
}
