//! The paper's algorithm, which is the reference.

use super::placing::Placing;
use super::policy::Policy;
use super::search::Scan;

/// The *hop-count sequential search* of section 3.3.3: of the nodes with room the one with the fewest
/// hops, of those the one with the most room, of those the first in the table. Looks at every node for
/// every choice.
pub(super) type HopCount = Placing<HopCountPolicy>;

/// See [`HopCount`].
#[derive(Debug, Default)]
pub(super) struct HopCountPolicy;

impl Policy for HopCountPolicy {
    const NAME: &'static str = "hop-count";
    type Search = Scan;
}
