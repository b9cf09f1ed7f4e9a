//! The paper's choice without looking at every node.

use super::placing::Placing;
use super::policy::Policy;
use super::search::Sorted;

/// Chooses as [`HopCount`](super::hop_count::HopCount) does, to the node, in O(log n).
pub(super) type Indexed = Placing<IndexedPolicy>;

/// See [`Indexed`].
#[derive(Debug, Default)]
pub(super) struct IndexedPolicy;

impl Policy for IndexedPolicy {
    const NAME: &'static str = "indexed";
    type Search = Sorted;
}
