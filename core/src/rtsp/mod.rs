//! RTSP 1.0 (RFC 2326), without I/O: bytes and time in, bytes and events out.
//!
//! * [`parse`] looks at the front of a connection's input: an interleaved frame, a message, or
//!   not enough yet. [`limits`] bounds what it accepts.
//! * [`ServerSession`] is one accepted connection: it owns sequence numbers, session ids, states,
//!   transport negotiation and status codes, and asks the engine [`Question`]s.
//! * [`ClientSession`] plays from a server or publishes to one.
//! * [`auth`] is Basic and Digest.
//! * [`Transport`], [`Range`], [`RtpInfo`] and [`Url`] are the values in between.
//!
//! Input is read leniently, since real clients differ; output is written the one way that all of
//! them read.

#![forbid(unsafe_code)]

pub mod auth;
pub mod client;
mod error;
pub mod limits;
mod message;
mod parse;
mod range;
mod resume;
mod rtp_info;
pub mod server;
mod status;
#[cfg(test)]
mod tests;
mod token;
mod transport;
mod url;

pub use client::{ClientConfig, ClientError, ClientEvent, ClientSession};
pub use error::{Error, ErrorKind};
pub use message::{Headers, Message, Method, Request, Response, Version};
pub use parse::{Parsed, parse};
pub use range::{NptTime, Range};
pub use resume::{RESUME, Resume, Resumed, VIA, Via};
pub use rtp_info::{RtpInfo, parse_rtp_info};
pub use server::{Answer, Question, ServerConfig, ServerEvent, ServerSession, Step};
pub use status::Status;
pub use transport::{Lower, Mode, Profile, Transport};
pub use url::{DEFAULT_PORT, DEFAULT_TLS_PORT, Url, UrlError};
