//! Who asks: Basic (RFC 7617) and Digest (RFC 7616, and RFC 2069 as many clients still do it).
//!
//! The server's side, without I/O. [`Credentials`] are what a request offers, a [`Secret`] is what
//! is known of a user, a [`Challenge`] is what a 401 asks for. Which user may do what is not
//! decided here: see [`engine::access`](crate::engine::access).
//!
//! # What real clients make necessary
//!
//! * FFmpeg, GStreamer and live555 know MD5 only, and of several Digest challenges take the last.
//!   So SHA-256 comes first and MD5 last.
//! * live555 reads a challenge by a fixed pattern: `realm`, `nonce`, then `stale`, in this order
//!   behind the word `Digest`. It gives up at a second 401 without `stale`.
//! * GStreamer answers without `qop`, `nc` and `cnonce`, as in RFC 2069.
//! * The `uri` of an answer is the one of the request line in one client and its path, or the
//!   stream's URL, in another.
//!
//! # Replay
//!
//! A nonce is good on the connection that it was given to, and only there: what was overheard on
//! one connection is of no use on another. Within a connection the nonce count is not watched.

mod algorithm;
mod challenge;
mod credentials;
mod nonces;
pub(super) mod parameters;
mod secret;
#[cfg(test)]
mod tests;

pub use algorithm::Algorithm;
pub use challenge::Challenge;
pub use credentials::{Credentials, Digest, Offer};
pub(super) use nonces::Nonces;
pub use secret::{Secret, SecretError};
