//! The client's side of one RTSP connection: it plays a stream or publishes one.
//!
//! # Order of calls
//!
//! Connect to [`ClientSession::url`]'s host and port, then create the session and after every call
//!
//! * write all of [`poll_transmit`](ClientSession::poll_transmit),
//! * take all of [`poll_event`](ClientSession::poll_event),
//! * set a timer for [`poll_timeout`](ClientSession::poll_timeout).
//!
//! Input goes through [`parse`](crate::rtsp::parse); messages to
//! [`handle_message`](ClientSession::handle_message), interleaved frames stay with the engine.
//!
//! Playing: [`ClientEvent::Described`] → [`set_up`](ClientSession::set_up) with the wanted tracks →
//! [`ClientEvent::TrackReady`] for each → [`ClientEvent::Started`].
//! Publishing: [`ClientEvent::Announced`] → `set_up` → `TrackReady` … → `Started`: send.
//! Either ends with [`teardown`](ClientSession::teardown) → [`ClientEvent::Closed`], or with
//! [`ClientEvent::Failed`] or [`ClientEvent::Redirected`]; after these three close the connection.

mod event;

pub use event::{ClientError, ClientEvent, Negotiated, TrackSetup, Transports};

use super::token::Tokens;
use super::{Message, Url};
use std::collections::VecDeque;
use std::time::Duration;

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// `User-Agent` header.
    pub user_agent: String,
    /// Which transports to ask for.
    pub transports: Transports,
    /// How long to wait for each response.
    pub response_timeout: Duration,
    /// `User:password` is sent by Basic only when the server offers no Digest; false: never.
    pub allow_basic: bool,
}

impl Default for ClientConfig {
    fn default() -> ClientConfig {
        ClientConfig {
            user_agent: concat!("rillcast/", env!("CARGO_PKG_VERSION")).to_owned(),
            transports: Transports::Auto,
            response_timeout: Duration::from_secs(10),
            allow_basic: true,
        }
    }
}

/// The client's side of one connection; see the [module](self) for the order of calls.
#[derive(Debug)]
pub struct ClientSession {
    url: Url,
    config: ClientConfig,
    tokens: Tokens,
    publish: Option<String>,
    transmits: VecDeque<Vec<u8>>,
    events: VecDeque<ClientEvent>,
}

impl ClientSession {
    /// A player. `seed`: 16 random bytes from the operating system (for digest `cnonce`s).
    pub fn play(url: Url, config: ClientConfig, seed: [u8; 16], now: Duration) -> ClientSession {
        ClientSession::new(url, config, None, seed, now)
    }

    /// A publisher of what `sdp` describes.
    pub fn publish(
        url: Url,
        sdp: String,
        config: ClientConfig,
        seed: [u8; 16],
        now: Duration,
    ) -> ClientSession {
        ClientSession::new(url, config, Some(sdp), seed, now)
    }

    fn new(
        url: Url,
        config: ClientConfig,
        publish: Option<String>,
        seed: [u8; 16],
        _now: Duration,
    ) -> ClientSession {
        let (transmits, events) = (VecDeque::new(), VecDeque::new());
        ClientSession { url, config, tokens: Tokens::new(seed), publish, transmits, events }
    }

    /// Where to.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The tracks to set up, in SDP order, once [`ClientEvent::Described`] or
    /// [`ClientEvent::Announced`] has come. `session_control`: the SDP's session-level `a=control`.
    pub fn set_up(
        &mut self,
        _session_control: Option<&str>,
        _tracks: Vec<TrackSetup>,
        _now: Duration,
    ) {
        let _ = (&self.config, self.tokens.next(), &self.publish);
    }

    /// UDP stays silent: play again over TCP, on the same connection. Nothing happens unless the
    /// transports are [`Transports::Auto`] and UDP is in use.
    pub fn fall_back_to_tcp(&mut self, _now: Duration) {}

    /// Ends the session in an orderly way.
    pub fn teardown(&mut self, _now: Duration) {}

    /// Takes a message: a response, or a request of the server.
    pub fn handle_message(&mut self, _message: Message, _now: Duration) {}

    /// When [`handle_timeout`](ClientSession::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Duration> {
        None
    }

    /// Sends a keep-alive, or gives up on a response that does not come.
    pub fn handle_timeout(&mut self, _now: Duration) {}

    /// Bytes to write to the connection.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.transmits.pop_front()
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }
}
