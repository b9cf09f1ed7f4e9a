//! The node: at once client and server of a stream (section 3.4).
//!
//! | module | layer of the paper |
//! |---|---|
//! | `interface` | interface: the USCP client (section 3.4.1). RTSP and RTP are the engine's |
//! | [`pluggable`] | module pluggable: how many children it can serve (section 3.4.2) |
//! | `service` | service: proxy connection, streaming connection, relay (section 3.4.3) |
//!
//! The buffer manager of the module pluggable layer is the engine's ring: what comes from the server node
//! is read by the children, and by players of this process, from the same buffers (figure 4).

mod config;
mod event;
mod interface;
pub mod pluggable;
mod service;
#[cfg(test)]
mod tests;

pub use config::{Capacity, Config, Uplink};
pub use event::Event;
pub use service::{Error, Node};
