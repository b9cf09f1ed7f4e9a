//! The proxy server: knows every node, and says to each from whom to take the stream.
//!
//! | module | layer of the paper |
//! |---|---|
//! | `interface` | interface (section 3.3.1) |
//! | [`pluggable`] | module pluggable (section 3.3.2) |
//! | [`service`] | service (section 3.3.3) |

mod event;
mod interface;
pub mod pluggable;
mod server;
pub mod service;
#[cfg(test)]
mod test_server;
#[cfg(test)]
mod tests;

pub use event::Event;
pub use server::{Config, Error, Proxy, ticket_key};
