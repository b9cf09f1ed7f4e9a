//! Why a topology cannot do what was asked.

use std::fmt;

use super::NodeId;

/// Why a topology cannot do what was asked. It is then as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// No node has room for one more child, or only beyond the hops allowed.
    Full,
    /// There is no node with this number.
    Unknown(NodeId),
    /// A node with this number is there already.
    Present(NodeId),
    /// A streaming server receives from nobody.
    IsRoot(NodeId),
    /// The second node receives from the first: it cannot serve it.
    Circle(NodeId, NodeId),
    /// The second node must not serve the first in this topology.
    Unfit(NodeId, NodeId),
    /// The node has no server node that could be at fault.
    Unplaced(NodeId),
    /// There are as many nodes as a topology can hold.
    TooMany,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Full => write!(
                f,
                "no node has room for another child within the hops allowed: nodes with more uplink, or another \
                 streaming server, would make room"
            ),
            Error::Unknown(node) => {
                write!(f, "there is no node {node}: it never joined, or has left")
            }
            Error::Present(node) => write!(f, "node {node} has joined already"),
            Error::IsRoot(node) => {
                write!(f, "{node} is a streaming server and receives from no node")
            }
            Error::Circle(node, server) => {
                write!(f, "node {server} cannot serve node {node}, because it receives from it")
            }
            Error::Unfit(node, server) => {
                write!(f, "node {server} serves another tree than node {node} belongs to")
            }
            Error::Unplaced(node) => write!(f, "node {node} has no server node yet"),
            Error::TooMany => write!(f, "the topology holds as many nodes as it can"),
        }
    }
}

impl std::error::Error for Error {}
