//! The server's side of one RTSP connection.
//!
//! # Order of calls
//!
//! 1. [`parse`](crate::rtsp::parse) the connection's input. On an error write
//!    [`handle_error`](ServerSession::handle_error)'s response and close. Interleaved frames are the
//!    engine's own business. While [`is_waiting`](ServerSession::is_waiting) leave messages unread.
//! 2. [`handle_request`](ServerSession::handle_request), then drain
//!    [`poll_event`](ServerSession::poll_event), then carry out the [`Step`].
//! 3. For a [`Step::Ask`]: [`answer`](ServerSession::answer), now or later; write its response. What was
//!    asked for takes effect when the answer is given: after a PLAY write the response first, then
//!    the packets.
//! 4. [`alive`](ServerSession::alive) for whatever shows that the client lives: RTCP, RTP, an interleaved
//!    frame.
//! 5. [`handle_timeout`](ServerSession::handle_timeout) when the time of
//!    [`poll_timeout`](ServerSession::poll_timeout) has come, and drain the events.
//! 6. [`handle_close`](ServerSession::handle_close) when the connection is gone, and drain the events.
//!
//! A session lives on the connection that made it; requests on another connection get 454.

mod question;

pub use question::{
    Answer, Ask, Chosen, EndReason, Question, Refusal, ServerEvent, Setup, SetupAnswer, Step,
    TrackStart,
};

use super::token::Tokens;
use super::{Error, Request, Response, Status};
use std::collections::VecDeque;
use std::time::Duration;

/// What a server offers.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// `Server` header; empty: none.
    pub server: String,
    /// Whether UDP may be chosen.
    pub udp: bool,
    /// Whether TCP (interleaved) may be chosen.
    pub tcp: bool,
    /// Whether ANNOUNCE and RECORD are offered.
    pub record: bool,
    /// A session without a sign of life for so long ends. Whole seconds, at least 1.
    pub timeout: Duration,
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        let server = concat!("rillcast/", env!("CARGO_PKG_VERSION")).to_owned();
        ServerConfig {
            server,
            udp: true,
            tcp: true,
            record: true,
            timeout: Duration::from_secs(60),
        }
    }
}

/// The server's side of one connection; see the [module](self) for the order of calls.
#[derive(Debug)]
pub struct ServerSession {
    config: ServerConfig,
    tokens: Tokens,
    events: VecDeque<ServerEvent>,
    pending: Option<Box<Question>>,
    last_sign: Duration,
}

impl ServerSession {
    /// A connection accepted at `now`. `seed`: 16 bytes from the operating system's random
    /// source, fresh for each connection; session ids are made of it.
    pub fn new(config: ServerConfig, seed: [u8; 16], now: Duration) -> ServerSession {
        let (tokens, events) = (Tokens::new(seed), VecDeque::new());
        ServerSession { config, tokens, events, pending: None, last_sign: now }
    }

    /// Takes a request.
    pub fn handle_request(&mut self, request: Request, now: Duration) -> Step {
        if self.is_waiting() {
            return Step::Wait(Box::new(request));
        }
        self.alive(now);
        let _ = self.tokens.next();
        Step::Reply(Response::new(Status::NOT_IMPLEMENTED))
    }

    /// Answers the open question; gives the response to write. An answer that does not fit the
    /// question becomes a 500, and without an open question there is no response (`None`).
    pub fn answer(&mut self, _answer: Answer, now: Duration) -> Option<Response> {
        self.alive(now);
        self.pending.take()?;
        Some(Response::new(Status::NOT_IMPLEMENTED))
    }

    /// Whether a question is open, so that further requests have to wait.
    pub fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }

    /// The response to bytes that are no message; close the connection after it.
    pub fn handle_error(&mut self, error: &Error) -> Response {
        Response::new(error.status())
    }

    /// Something shows that the client lives.
    pub fn alive(&mut self, now: Duration) {
        self.last_sign = self.last_sign.max(now);
    }

    /// When [`handle_timeout`](ServerSession::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.last_sign.checked_add(self.config.timeout)
    }

    /// Ends what is overdue.
    pub fn handle_timeout(&mut self, _now: Duration) {}

    /// The connection is gone.
    pub fn handle_close(&mut self) {}

    /// What happened.
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        self.events.pop_front()
    }
}

/// Whether a SETUP's `control` (see [`Setup::control`]) names the track whose SDP section says
/// `a=control:sdp`, which may be absolute or relative.
pub fn control_matches(sdp: &str, control: &str) -> bool {
    let (sdp, control) = (sdp.trim().trim_matches('/'), control.trim_matches('/'));
    if control.is_empty() || sdp.is_empty() {
        return false;
    }
    sdp == control || sdp.strip_suffix(control).is_some_and(|before| before.ends_with('/'))
}
