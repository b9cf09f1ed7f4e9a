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
//! Before the engine answers it may look at what the request [`offer`](ServerSession::offer)s and answer
//! by a [`challenge`](ServerSession::challenge) instead.
//!
//! A session lives on the connection that made it; requests on another connection get 454.

mod answers;
mod checks;
mod negotiate;
mod question;
mod requests;
mod state;
mod target;
#[cfg(test)]
mod tests;

pub use question::{
    Answer, Ask, Chosen, EndReason, Group, Question, Refusal, ServerEvent, Setup, SetupAnswer,
    Step, TrackStart,
};

pub use target::control_matches;

use super::auth::{Challenge, Nonces, Offer};
use super::token::Tokens;
use super::{Error, Headers, Request, Response, Status};
use state::{Pending, PendingAsk, Session};
use std::collections::VecDeque;
use std::time::Duration;
use target::Mount;

/// What a server offers.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// `Server` header; empty: none.
    pub server: String,
    /// Whether UDP may be chosen.
    pub udp: bool,
    /// Whether UDP to a multicast group may be chosen, by players.
    pub multicast: bool,
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
            multicast: false,
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
    nonces: Nonces,
    events: VecDeque<ServerEvent>,
    pending: Option<Pending>,
    /// What was described last.
    described: Option<Mount>,
    /// What is being published.
    announced: Option<Mount>,
    session: Option<Session>,
    /// The last sign of life.
    last_sign: Duration,
    /// A request has come.
    greeted: bool,
    /// Nothing more is to come from here.
    closed: bool,
}

/// How long a connection may stay silent before its first request.
const GREETING: Duration = Duration::from_secs(10);

impl ServerSession {
    /// A connection accepted at `now`. `seed`: 16 bytes from the operating system's random
    /// source, fresh for each connection; session ids are made of it.
    pub fn new(config: ServerConfig, seed: [u8; 16], now: Duration) -> ServerSession {
        ServerSession {
            config,
            tokens: Tokens::new(seed),
            nonces: Nonces::default(),
            events: VecDeque::new(),
            pending: None,
            described: None,
            announced: None,
            session: None,
            last_sign: now,
            greeted: false,
            closed: false,
        }
    }

    /// Takes a request. Drain [`poll_event`](ServerSession::poll_event) before carrying out what it gives.
    pub fn handle_request(&mut self, request: Request, now: Duration) -> Step {
        if self.is_waiting() {
            return Step::Wait(Box::new(request));
        }
        self.greeted = true;
        self.alive(now);
        self.dispatch(request)
    }

    /// Answers the open question; gives the response to write. An answer that does not fit the
    /// question becomes a 500, and without an open question there is no response (`None`).
    pub fn answer(&mut self, answer: Answer, now: Duration) -> Option<Response> {
        let Pending { cseq, ask } = self.pending.take()?;
        self.alive(now);
        Some(self.conclude(cseq, ask, answer))
    }

    /// What the request of a [`Question`] offers to prove who it comes from.
    pub fn offer(&self, request: &Request, now: Duration) -> Offer {
        Offer::of(request, &self.nonces, now)
    }

    /// A 401 with a new nonce, to answer a question with. `stale`: see [`Offer::stale`].
    pub fn challenge(&mut self, challenge: &Challenge, stale: bool, now: Duration) -> Refusal {
        let nonce = self.tokens.next();
        let mut headers = Headers::new();
        for value in challenge.values(&nonce, stale) {
            headers.push("WWW-Authenticate", value);
        }
        self.nonces.give(nonce, now);
        Refusal { headers, ..Refusal::from(Status::UNAUTHORIZED) }
    }

    /// Whether a question is open, so that further requests have to wait.
    pub fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }

    /// The id of the session that is set up on this connection.
    pub fn session_id(&self) -> Option<&str> {
        self.session.as_ref().map(|session| session.id.as_str())
    }

    /// The response to bytes that are no message; close the connection after it.
    pub fn handle_error(&mut self, error: &Error) -> Response {
        let mut response = self.respond(error.cseq, error.status());
        response.headers.push("Connection", "close");
        response
    }

    /// Something shows that the client lives. Before its first request nothing does: whoever sends blank
    /// lines or interleaved frames for ever must not hold a connection by it.
    pub fn alive(&mut self, now: Duration) {
        if self.greeted {
            self.last_sign = self.last_sign.max(now);
        }
    }

    /// When [`handle_timeout`](ServerSession::handle_timeout) is to be called. `None` while packets flow over
    /// the connection itself: then its end is the sign.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let by_connection = self.session.as_ref().is_some_and(Session::lives_by_connection);
        if self.closed || self.is_waiting() || by_connection {
            return None;
        }
        let timeout = self.config.timeout.max(Duration::from_secs(1));
        self.last_sign.checked_add(if self.greeted { timeout } else { timeout.min(GREETING) })
    }

    /// Ends what is overdue: the session, and after as long again the connection.
    pub fn handle_timeout(&mut self, now: Duration) {
        if self.poll_timeout().is_none_or(|due| now < due) {
            return;
        }
        self.last_sign = now;
        if !self.end(EndReason::Timeout) {
            self.closed = true;
            self.events.push_back(ServerEvent::CloseConnection);
        }
    }

    /// The connection is gone.
    pub fn handle_close(&mut self) {
        self.closed = true;
        // What an open question was about may have been carried out already.
        match self.pending.take().map(|pending| pending.ask) {
            Some(PendingAsk::Announce { mount }) => self.announced = Some(mount),
            Some(PendingAsk::Setup(setup)) if self.session.is_none() => {
                let (session, reason) =
                    (Some(setup.id), EndReason::ConnectionClosed { udp: false });
                self.events.push_back(ServerEvent::SessionEnded { session, reason });
            }
            _ => {}
        }
        let udp = self.session.as_ref().is_some_and(|s| s.is_udp() && s.is_active());
        self.end(EndReason::ConnectionClosed { udp });
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        self.events.pop_front()
    }

    /// Ends session and announcement; whether there was either.
    fn end(&mut self, reason: EndReason) -> bool {
        let (session, announced) = (self.session.take(), self.announced.take());
        if session.is_none() && announced.is_none() {
            return false;
        }
        let session = session.map(|session| session.id);
        self.events.push_back(ServerEvent::SessionEnded { session, reason });
        true
    }
}
