//! Choosing an algorithm by its name.

use std::fmt;
use std::str::FromStr;

use super::hop_count::HopCount;
use super::indexed::Indexed;
use super::mesh::Mesh;
use super::stable::Stable;
use super::two_trees::TwoTrees;
use super::{Config, TopologyAlgorithm};

/// The algorithms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The paper's hop-count sequential search.
    HopCount,
    /// The same choice in O(log n).
    #[default]
    Indexed,
    /// Strong and long-lived nodes near the streaming server.
    Stable,
    /// Two interior-disjoint trees: a place is reserved for every node in the other one.
    TwoTrees,
    /// Places are kept free for those that lose their server.
    Mesh,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 5] =
        [Kind::HopCount, Kind::Indexed, Kind::Stable, Kind::TwoTrees, Kind::Mesh];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Kind::HopCount => "hop-count",
            Kind::Indexed => "indexed",
            Kind::Stable => "stable",
            Kind::TwoTrees => "two-trees",
            Kind::Mesh => "mesh",
        }
    }

    /// An empty topology with this algorithm.
    pub fn build(self, config: Config) -> Box<dyn TopologyAlgorithm> {
        match self {
            Kind::HopCount => Box::new(HopCount::new(config)),
            Kind::Indexed => Box::new(Indexed::new(config)),
            Kind::Stable => Box::new(Stable::new(config)),
            Kind::TwoTrees => Box::new(TwoTrees::new(config)),
            Kind::Mesh => Box::new(Mesh::new(config)),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Kind, UnknownKind> {
        let known = Kind::ALL.into_iter().find(|kind| kind.name() == text);
        known.ok_or_else(|| UnknownKind(text.into()))
    }
}

/// No algorithm has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKind(String);

impl fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Kind::ALL.map(Kind::name).join(", ");
        write!(f, "there is no topology {:?}; there are {names}", self.0)
    }
}

impl std::error::Error for UnknownKind {}
