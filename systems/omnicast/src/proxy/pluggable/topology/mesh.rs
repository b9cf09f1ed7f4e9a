//! A tree in a mesh of standbys that have room.

use super::forest::{Forest, Node, Slot};
use super::placing::Placing;
use super::policy::Policy;
use super::search::Sorted;
use super::standbys::Standbys;

/// As the paper's search, but every node that can serve two or more keeps one place free of newcomers,
/// for those that lose their server. A free place stands by for many nodes, but never for two of the
/// same server: when one node dies, its children find a place each, at different nodes, and stay there.
pub(super) type Mesh = Placing<MeshPolicy>;

/// See [`Mesh`].
#[derive(Debug, Default)]
pub(super) struct MeshPolicy;

impl Policy for MeshPolicy {
    const NAME: &'static str = "mesh";
    const STANDBY_FIRST: bool = true;
    type Search = Sorted;

    fn kept(node: &Node, _: u32) -> u32 {
        u32::from(node.capacity >= 2)
    }

    fn may_stand_by(forest: &Forest, standbys: &Standbys, node: Slot, standby: Slot) -> bool {
        let server = forest[node].server;
        let siblings = standbys.holders_of(standby).filter(|&one| forest[one].server == server);
        siblings.count() < forest[standby].room() as usize
    }
}
