//! Who hangs at whom: the paper's `STopologyAlgorithm` and its implementations (section 3.3.2).
//!
//! | [`Kind`] | chooses as server node | when |
//! |---|---|---|
//! | [`HopCount`](Kind::HopCount) | fewest hops, then most room; looks at every node | the paper's; reference |
//! | [`Indexed`](Kind::Indexed) | the same in O(log n) | the default |
//!
//! [`TopologyAlgorithm`] says what they have in common; `placing` is the part of the code that they
//! share, and a `policy` is what sets one apart.

mod algorithm;
mod error;
mod forest;
mod hop_count;
mod indexed;
mod kind;
mod placing;
mod policy;
mod queue;
mod search;
mod standbys;
mod types;

#[cfg(test)]
mod tests;

pub use crate::NodeId;
pub use algorithm::TopologyAlgorithm;
pub use error::Error;
pub use kind::{Kind, UnknownKind};
pub use types::{Config, NodeFacts, Placement, Totals};
