//! Who may play and who may publish.
//!
//! The engine asks an [`Access`] once for each path that a connection wants to play (at DESCRIBE, or
//! at SETUP when none went before) or to publish to (at ANNOUNCE), before it says anything about the
//! path. The answer may come at once or later, from any thread, by the [`Decision`] that came with
//! the question; the connection's further requests wait meanwhile, other connections do not.
//!
//! ```
//! use rillcast::engine::access::{Access, AccessRequest, Action, Challenge, Decision, Secret};
//!
//! /// Everyone plays, one user publishes.
//! #[derive(Debug)]
//! struct OnePublisher(Secret);
//!
//! impl Access for OnePublisher {
//!     fn ask(&self, request: AccessRequest, decision: Decision) {
//!         let credentials = &request.credentials;
//!         if request.action == Action::Play {
//!             decision.allow();
//!         } else if credentials.user() == Some("camera") && credentials.verify(&self.0, "yard") {
//!             decision.allow();
//!         } else {
//!             decision.challenge(Challenge { realm: "yard".into(), digest: true, basic: false });
//!         }
//!     }
//! }
//!
//! let mut config = rillcast::engine::Config::default();
//! config.access = std::sync::Arc::new(OnePublisher(Secret::hash("camera", "yard", "tulip", true)));
//! ```
//!
//! # What the engine does by itself
//!
//! * It counts **wrong guesses**: credentials that were answered by a challenge. Who has made too
//!   many from one address has to wait before credentials are looked at again.
//! * It bounds how many questions are open and how long one may take
//!   ([`Config::access_timeout`](super::Config::access_timeout)); beyond that the client gets 503.
//! * It knows which nonces a connection was given, and asks again when a Digest answer came too late.

mod decision;
mod gate;
mod guesses;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;

pub use crate::rtsp::auth::{Challenge, Credentials, Secret, SecretError};
pub use decision::Decision;
pub(super) use decision::{Pass, Verdict};
pub(super) use gate::{Entry, Gate};
pub use guesses::{Guesses, network};

/// Decides who may play and who may publish. See the [module](self).
pub trait Access: fmt::Debug + Send + Sync {
    /// Somebody wants in. Called on the engine's thread: it must not block. Whatever takes longer
    /// than some microseconds (a slow hash, a question over the network) belongs on another
    /// thread, to which the decision is handed over.
    fn ask(&self, request: AccessRequest, decision: Decision);
}

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Receive the stream of a path.
    Play,
    /// Send a stream to a path.
    Publish,
}

/// How somebody came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// RTSP.
    Rtsp,
    /// RTSP over TLS.
    Rtsps,
}

impl Protocol {
    /// The name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Rtsp => "rtsp",
            Protocol::Rtsps => "rtsps",
        }
    }
}

/// Somebody who wants in.
#[derive(Clone)]
#[non_exhaustive]
pub struct AccessRequest {
    /// Names the request as long as the engine lives.
    pub id: u64,
    /// What is wanted.
    pub action: Action,
    /// Of which stream: the URL's path, decoded, without a slash at either end.
    pub path: String,
    /// What stands behind `?` in the URL, as written.
    pub query: Option<String>,
    /// Where the connection comes from.
    pub peer: SocketAddr,
    /// What the request offers to prove who it comes from.
    pub credentials: Credentials,
    /// How it came.
    pub protocol: Protocol,
    /// What the client calls itself.
    pub user_agent: Option<String>,
}

/// Without the query, in which tokens stand.
impl fmt::Debug for AccessRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AccessRequest { id, action, path, peer, credentials, .. } = self;
        write!(f, "AccessRequest({id}: {peer} {action:?} {path:?} as {credentials:?})")
    }
}

/// Lets everyone play and publish: what an engine does that is told nothing else.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

impl Access for AllowAll {
    fn ask(&self, _: AccessRequest, decision: Decision) {
        decision.allow();
    }
}
