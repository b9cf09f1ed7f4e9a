//! Who hangs at whom: the paper's `STopologyAlgorithm` and its implementations (section 3.3.2).
//!
//! | [`Kind`] | chooses as server node | when |
//! |---|---|---|
//! | [`HopCount`](Kind::HopCount) | fewest hops, then most room; looks at every node | the paper's; reference |
//! | [`Indexed`](Kind::Indexed) | the same in O(log n) | the default |
//! | [`Stable`](Kind::Stable) | fewest hops, then the oldest; strong nodes displace weak leaves | nodes that come and go, of unequal strength |
//! | [`TwoTrees`](Kind::TwoTrees) | as `Indexed` in one of two trees; a place in the other is reserved | room for two places per node |
//! | [`Mesh`](Kind::Mesh) | as `Indexed`, but keeps a place at each node for those that lose their server | many sudden ends |
//!
//! [`TopologyAlgorithm`] says what they have in common; `placing` is the part of the code that they
//! share, and a `policy` is what sets one apart.

mod algorithm;
mod error;
mod forest;
mod hop_count;
mod indexed;
mod kind;
mod mesh;
mod placing;
mod policy;
mod queue;
mod search;
mod stable;
mod standbys;
mod two_trees;
mod types;

#[cfg(test)]
mod tests;

pub use crate::NodeId;
pub use algorithm::TopologyAlgorithm;
pub use error::Error;
pub use kind::{Kind, UnknownKind};
pub use types::{Config, NodeFacts, Placement, Totals};
