//! USCP, the User Session Control Protocol between nodes and the proxy (OmniCast264 §3.3.1).
//!
//! Each message is one XML document (UTF-8, at most [`MAX_MESSAGE`] bytes) behind its length in four
//! bytes, big-endian. `docs/uscp.md` shows every message, `uscp.xsd` is the schema. The module does no
//! I/O: bytes in, messages out, and the other way round.
//!
//! ```
//! use rillcast_omnicast::uscp::{Envelope, FrameDecoder, Message, frame};
//!
//! # fn main() -> Result<(), rillcast_omnicast::uscp::Error> {
//! let keepalive = Envelope { id: 7, message: Message::Keepalive };
//! let mut decoder = FrameDecoder::default();
//! decoder.push(&frame(&keepalive)?);
//! let document = decoder.next_frame()?.unwrap_or_default();
//! assert_eq!(Envelope::parse(&document)?, keepalive);
//! # Ok(())
//! # }
//! ```
//!
//! # Requests and answers
//!
//! A request carries an id, the answer to it the same one, so that several may be under way. Ids of one
//! connection grow from request to request; one that does not is refused ([`RequestIds`]). The proxy's own
//! request, `Reassign`, has ids of its own.
//!
//! # Versions
//!
//! A receiver passes over elements and attributes that it does not know, so that a later minor version
//! may add some. Another major version is refused.
//!
//! # What is refused
//!
//! A document type declaration (and with it every entity but the five of XML itself), processing
//! instructions, and whatever is larger, deeper or of more elements than a message can be.

mod codec;
mod error;
mod frame;
mod message;
mod request_ids;
mod xml;

pub use codec::Envelope;
pub use error::Error;
pub use frame::{FrameDecoder, frame};
pub use message::{
    Credentials, ErrorCode, ErrorReport, Login, Message, NodeInformation, Quality, ReConfiguration,
    ReStreamingConnection, ServerNode, ServicePoint,
};
pub use request_ids::RequestIds;

/// Largest message in bytes, without the length before it.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// Most standby nodes that a message names.
pub const MAX_STANDBYS: usize = 8;

/// The version that is spoken here.
pub const VERSION: &str = "1.0";

#[cfg(test)]
mod tests;
