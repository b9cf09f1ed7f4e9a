//! Measurements, and the peers that they need.
//!
//! | what | command |
//! |---|---|
//! | what fan-out costs, beside the floor in C | `cargo run --release -- bench fanout` |
//! | players that come all at once, and that come and go | `cargo run --release -- bench churn` |
//! | a server under 400 players, beside its targets | `cargo run --release -p rillcast-bench --bin serve` |
//! | the proxy server's topologies with a million nodes | `cargo run --release -- bench topology` |
//! | the experiments of the OmniCast264 paper | `cargo run --release -- bench omnicast --experiment recovery` |
//! | no allocation per packet | `cargo test --release -p rillcast-bench --test allocations` |
//! | cut-through: the first packet is out before the last is in | `cargo test --release -p rillcast-bench --test cut_through -- --nocapture` |
//! | how much more goes through with more threads | `cargo run --release -- bench scaling` |
//! | what a player takes of the memory | `cargo run --release -- bench memory` |
//! | how long frames take, as a distribution | `cargo run --release -- bench latency` |
//! | the ring alone | `cargo run --release -- bench ring` |
//! | the ring beside tokio's broadcast and the disruptor | `cargo bench -p rillcast-bench --bench ring` |

pub mod chart;
pub mod churn;
pub mod fanout;
mod floor;
pub mod latency;
pub mod memory;
pub mod omnicast;
pub mod peers;
mod players;
pub mod ring;
pub mod sequence;
pub mod topology;
