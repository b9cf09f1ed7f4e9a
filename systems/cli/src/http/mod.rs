//! The figures over HTTP: for Prometheus, for scripts, and for whoever watches that the server lives.
//!
//! | file | what is there |
//! |---|---|
//! | `server.rs` | a thread that answers requests, bounded in number, size and time |
//! | `site.rs` | what is at which path |
//! | `snapshot.rs` | the figures of one moment |
//! | `metrics.rs` | them as Prometheus reads them |
//! | `json.rs` | them as JSON |
//!
//! None of it is on the way of a packet: the engine is asked as any program may ask it, ten times a second
//! at most.

mod json;
mod metrics;
mod server;
mod site;
mod snapshot;

pub(crate) use server::HttpServer;
pub(crate) use site::Site;
pub(crate) use snapshot::Observer;

#[cfg(test)]
mod tests;
