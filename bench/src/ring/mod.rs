//! What the ring costs: to publish one packet and have it read by 1, 2 and 4 readers.
//!
//! All channels that are compared carry the same handle, an `Arc<[u8]>`, one of 1,024 packets in turn; have 1,024
//! slots; are published to in bursts of 32 (a frame); and every reader sees every packet:
//!
//! * `one thread`: the producer publishes a burst, then each reader in turn reads it. No scheduler
//!   and no cache line on its way between cores: the cost of the operations themselves.
//! * `threads`: each reader on a thread of its own. A reader that finds nothing yields, so that
//!   four readers get along on two cores.
//!
//! The channels take turns, round by round, so that whatever else the machine does meets all of them.
//! Here is only ours; `benches/ring` adds others.

mod channel;
mod measure;
mod report;

pub use channel::{Channel, Handle, Reader, Ring, SLOTS, look};
pub use measure::{Setting, measure};
pub use report::{Contestant, Figure, Report, Row};

/// Numbers of readers that are measured.
pub const READERS: [usize; 3] = [1, 2, 4];

/// What is carried: 1,024 packets.
pub fn packets() -> Vec<Handle> {
    (0..1024).map(|n| Handle::from(vec![n as u8; 1200])).collect()
}
