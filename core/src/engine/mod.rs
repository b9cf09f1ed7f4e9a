//! The thread that joins protocol, relay and sockets, and the handle by which it is driven.
//!
//! One thread does everything, unless the [children are spread over others](Config::workers): it waits for
//! sockets ([`crate::io`]), hands what they bring to the protocol machines ([`crate::rtsp`]) and streams
//! ([`crate::relay`]), and lets these write back. The handle only sends it commands.
//!
//! | file | what is there |
//! |---|---|
//! | `handle.rs`, `handle/` | what a program calls |
//! | `worker.rs`, `worker/` | the loop: events, commands, sockets, timers |
//! | `door.rs`, `budget.rs` | how many connections there may be, and how much memory for streams |
//! | `connection.rs`, `wire.rs`, `role.rs` | one RTSP connection, its bytes, and what it is there for |
//! | `traffic.rs` | the bytes of RTSP connections: messages and media |
//! | `server.rs`, `server/` | answers to those who play from here and publish to here |
//! | `access/`, `admission.rs` | who may play and publish, and the requests that wait to be let in |
//! | `client.rs` | connections that the engine opens itself: how they come about, go on and end |
//! | `pull.rs`, `push.rs` | what such a connection is for: to fetch a stream, to carry one on |
//! | `media.rs`, `inlet.rs` | streams and the sockets that feed them |
//! | `multicast.rs`, `multicast/` | streams sent to multicast groups |
//! | `upstreams.rs`, `upstreams/` | where streams are pulled from: one server feeds, others stand by |
//! | `on_demand.rs`, `backoff.rs` | streams that are fetched while somebody wants them |
//! | `fallback.rs` | streams that stand in where there is no publisher |
//! | `resume.rs` | streams whose source is gone, and comes back |
//! | `ending.rs` | how streams, connections and the engine itself end |
//! | `reporters.rs` | the ports that UDP children have named, where their reports come from |
//! | `cipher.rs`, `tls.rs` | encryption between a connection and its socket |
//! | `asking.rs` | what is asked of those who feed streams |
//! | `egress.rs` | the relay's way out |
//! | `shards/` | fan-out on threads of its own |
//! | `config.rs`, `error.rs` | what an engine is told, and why it cannot do something |
//! | `random.rs` | randomness from the system |
//! | `source.rs`, `rtp_source.rs` | media made in this process, and RTP that it has |
//! | `outbox.rs`, `supply.rs` | how their packets come to the engine's thread, and what that tells them |
//! | `children.rs` | children that a program adds itself |
//! | `command.rs`, `event.rs`, `event_queue.rs`, `figures.rs` | what goes to and fro between handle and thread |
//!
//! ```no_run
//! use rillcast::engine::{Config, Engine};
//!
//! let engine = Engine::start(Config::default())?;
//! let address = engine.listen("127.0.0.1:8554".parse().expect("an address"))?;
//! println!("publish to and play from rtsp://{address}/any/path");
//! while let Some(event) = engine.next_event(None) {
//!     println!("{event}");
//! }
//! # Ok::<(), rillcast::engine::Error>(())
//! ```

pub mod access;
mod admission;
mod asking;
mod backoff;
mod budget;
mod children;
mod cipher;
mod client;
mod command;
mod config;
mod connection;
mod door;
mod egress;
mod ending;
mod error;
mod event;
mod event_queue;
mod fallback;
mod figures;
mod handle;
mod inlet;
mod media;
mod multicast;
mod on_demand;
mod outbox;
mod pull;
mod push;
mod random;
mod reporters;
mod resume;
mod role;
mod rtp_source;
mod server;
mod shards;
mod source;
mod supply;
#[cfg(feature = "tls")]
mod tls;
mod traffic;
mod turns;
mod upstreams;
mod wire;
mod worker;

#[cfg(test)]
mod tests;

pub use backoff::Backoff;
pub use children::{ChildId, ChildOptions, Receiver};
pub use config::{Config, Transport};
pub use error::Error;
pub use event::Event;
pub use figures::{
    FallbackFigures, Figures, OnDemandFigures, OnDemandState, StreamFigures, WorkerFigures,
};
pub use handle::Engine;
pub use multicast::{GroupRange, Multicast};
pub use outbox::PushError;
pub use rtp_source::RtpSource;
#[cfg(feature = "tls")]
pub use rustls;
pub use source::Source;
pub use upstreams::{Sources, Switched, Upstream, Why};
