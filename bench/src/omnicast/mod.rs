//! The experiments of the OmniCast264 paper (section 4), with real processes of this program: a publisher, a
//! streaming server, a proxy server, and nodes, each of which writes down what it has received.
//!
//! | experiment | in the paper | module |
//! |---|---|---|
//! | time for 30 frames at the children of one node | 4.2.1, figure 7 | [`frame_rate`] |
//! | time to the first picture, hop by hop | 4.2.2, figure 9 | [`connection`] |
//! | time until the stream goes on when a node has left | 4.2.3 | [`recovery`] |
//! | clients that an uplink carries | 4.3.1 | [`capacity`] |
//!
//! What they stand on: [`Tree`] starts the programs ([`Role`]) in a [`Network`]; a [`Trace`] tells what a node
//! has received.

pub mod capacity;
mod chart;
pub mod connection;
mod error;
mod folder;
pub mod frame_rate;
mod guest;
mod halt;
mod network;
pub mod paper;
pub mod recovery;
mod role;
mod seen;
mod times;
mod trace;
mod tree;

pub use chart::Chart;
pub use error::Error;
pub use halt::{Halt, Never};
pub use network::{Network, Place, Sent, Uplink};
pub use role::{Role, Signal, TETHER};
pub use seen::{NoFrame, Seen};
pub use times::Times;
pub use trace::{Around, Digests, Faults, Punctual, Trace};
pub use tree::{FirstFrame, Setting, Tree, TreeNode};
