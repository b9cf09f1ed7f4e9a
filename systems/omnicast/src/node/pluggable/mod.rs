//! The node's modules that can be exchanged for others (section 3.4.2).

pub mod capacity;
mod machine;
pub mod uplink_test;

pub use machine::Machine;
