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
//! A player that is [held](ClientConfig::hold) stops before the last step: [`ClientEvent::Held`] →
//! [`start`](ClientSession::start) → `Started`, and back by [`pause`](ClientSession::pause) → `Held`.
//! Either ends with [`teardown`](ClientSession::teardown) → [`ClientEvent::Closed`], or with
//! [`ClientEvent::Failed`] or [`ClientEvent::Redirected`]; after these three close the connection.

mod auth;
mod event;
mod requests;
mod resolve;
mod responses;
mod state;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(super) use auth::answer_for_test;
pub use event::{ClientError, ClientEvent, Negotiated, TrackSetup, Transports};

use super::limits::MAX_TRACKS;
use super::token::Tokens;
use super::{Lower, Message, Resume, Url};
use auth::Challenge;
use state::{Pending, Phase, Purpose, Session, Track};
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
    /// A player stops when everything is set up, and keeps the session alive until it is
    /// [started](ClientSession::start).
    pub hold: bool,
}

impl Default for ClientConfig {
    fn default() -> ClientConfig {
        ClientConfig {
            user_agent: concat!("rillcast/", env!("CARGO_PKG_VERSION")).to_owned(),
            transports: Transports::Auto,
            response_timeout: Duration::from_secs(10),
            allow_basic: true,
            hold: false,
        }
    }
}

/// The client's side of one connection; see the [module](self) for the order of calls.
#[derive(Debug)]
pub struct ClientSession {
    url: Url,
    config: ClientConfig,
    tokens: Tokens,
    /// The SDP to announce, for a publisher.
    publish: Option<String>,
    phase: Phase,
    cseq: u32,
    pending: VecDeque<Pending>,
    transmits: VecDeque<Vec<u8>>,
    events: VecDeque<ClientEvent>,
    challenge: Option<Challenge>,
    /// What relative URLs are relative to.
    base: String,
    /// The URL of the whole presentation.
    aggregate: String,
    tracks: Vec<Track>,
    lower: Lower,
    session: Option<Session>,
    ping_by_parameter: bool,
    /// Keep-alives in a row that got no answer.
    missed: u32,
    last_request: Duration,
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
        now: Duration,
    ) -> ClientSession {
        let lower = if config.transports == Transports::Tcp { Lower::Tcp } else { Lower::Udp };
        let mut session = ClientSession {
            base: url.to_string(),
            aggregate: url.to_string(),
            url,
            config,
            tokens: Tokens::new(seed),
            publish,
            phase: Phase::Opening,
            cseq: 0,
            pending: VecDeque::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            challenge: None,
            tracks: Vec::new(),
            lower,
            session: None,
            ping_by_parameter: false,
            missed: 0,
            last_request: now,
        };
        session.send_options(now);
        session
    }

    /// Where to.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The tracks to set up, in SDP order, once [`ClientEvent::Described`] or
    /// [`ClientEvent::Announced`] has come (at another time nothing happens); at most
    /// [`MAX_TRACKS`]. `session_control`: the SDP's session-level `a=control`.
    pub fn set_up(
        &mut self,
        session_control: Option<&str>,
        tracks: Vec<TrackSetup>,
        now: Duration,
    ) {
        if self.phase != Phase::Ready {
            return;
        }
        if tracks.is_empty() {
            return self.fail(ClientError::NoTracks, now);
        }
        // What a publisher announces is at its own URL, whatever its SDP says of the session.
        let session_control = session_control.filter(|_| self.publish.is_none());
        let (aggregate, base) = resolve::aggregate(&self.base, session_control);
        let track = |setup: TrackSetup| {
            let (url, alternative) = resolve::track(&base, &setup.control);
            Track { setup, url, alternative }
        };
        self.tracks = tracks.into_iter().take(MAX_TRACKS).map(track).collect();
        self.aggregate = aggregate;
        self.base = base;
        self.send_setup(0, now);
    }

    /// Begins to play what is [held](ClientEvent::Held); at another time nothing happens (false). `resume`: what
    /// is there of the stream already. A server that knows what to do with it goes on behind that, or says 412
    /// when it has other packets.
    pub fn start(&mut self, resume: Option<&Resume>, now: Duration) -> bool {
        let possible = self.phase == Phase::Held;
        if possible {
            self.send_start(resume, now);
        }
        possible
    }

    /// Holds what plays. Nothing happens (false) unless media was started.
    pub fn pause(&mut self, now: Duration) -> bool {
        let possible = self.phase == Phase::Running && self.publish.is_none();
        if possible {
            self.send_pause(now);
        }
        possible
    }

    /// UDP stays silent: ends the session and sets all tracks up again over TCP, on the same
    /// connection; [`ClientEvent::TrackReady`] and [`ClientEvent::Started`] come again. Nothing
    /// happens (false) unless the transports are [`Transports::Auto`], UDP is in use and media was
    /// started. A server may close the connection over it; connect again with
    /// [`Transports::Tcp`] then.
    pub fn fall_back_to_tcp(&mut self, now: Duration) -> bool {
        let possible = self.config.transports == Transports::Auto
            && self.lower == Lower::Udp
            && self.phase == Phase::Running;
        if possible {
            self.start_over_tcp(now);
        }
        possible
    }

    /// Ends the session in an orderly way.
    pub fn teardown(&mut self, now: Duration) {
        match self.phase {
            Phase::Closing | Phase::Over => {}
            _ if self.session.is_none() => self.close(),
            _ => {
                self.phase = Phase::Closing;
                self.send_teardown(now);
            }
        }
    }

    /// Takes a message: a response, or a request of the server.
    pub fn handle_message(&mut self, message: Message, now: Duration) {
        match message {
            Message::Response(response) => self.handle_response(response, now),
            Message::Request(request) => self.handle_request(&request, now),
        }
    }

    /// When [`handle_timeout`](ClientSession::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let deadlines = self.pending.iter().map(|pending| pending.deadline);
        deadlines.chain(self.keep_alive_due()).min()
    }

    /// Sends a keep-alive, or gives up on a response that does not come.
    pub fn handle_timeout(&mut self, now: Duration) {
        let overdue = |pending: &Pending| pending.deadline <= now;
        while let Some(at) = self.pending.iter().position(overdue) {
            let Some(pending) = self.pending.remove(at) else { break };
            match (pending.purpose, self.phase) {
                (Purpose::KeepAlive, _) if self.missed == 0 => {
                    // Perhaps it only does not know what to do with GET_PARAMETER.
                    self.missed = 1;
                    self.ping_by_parameter = false;
                }
                (Purpose::Step, Phase::Closing) => self.close(),
                (Purpose::Step, Phase::FallingBack) => self.set_up_over_tcp(now),
                _ => {
                    let method = pending.request.method;
                    self.fail(ClientError::NoResponse { method }, now);
                }
            }
        }
        if self.keep_alive_due().is_some_and(|due| due <= now) {
            self.send_keep_alive(now);
        }
    }

    /// Bytes to write to the connection.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.transmits.pop_front()
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    /// Half the session's timeout after the last request, unless one is under way.
    fn keep_alive_due(&self) -> Option<Duration> {
        let session = self.session.as_ref()?;
        let idle = matches!(self.phase, Phase::Running | Phase::Held) && self.pending.is_empty();
        if idle { self.last_request.checked_add(session.timeout / 2) } else { None }
    }

    fn start_over_tcp(&mut self, now: Duration) {
        if self.session.is_none() {
            return self.set_up_over_tcp(now);
        }
        self.phase = Phase::FallingBack;
        self.send_teardown(now);
    }

    fn set_up_over_tcp(&mut self, now: Duration) {
        self.session = None;
        self.lower = Lower::Tcp;
        self.send_setup(0, now);
    }

    fn fail(&mut self, error: ClientError, now: Duration) {
        match error {
            // Nobody there to hear it.
            ClientError::SessionLost | ClientError::NoResponse { .. } => self.end(),
            _ => self.let_go(now),
        }
        self.events.push_back(ClientEvent::Failed(error));
    }

    /// Ends without waiting: the server hears of it if there is a session, its answer is not
    /// awaited.
    fn let_go(&mut self, now: Duration) {
        if self.session.is_some() && self.phase != Phase::Closing {
            self.send_teardown(now);
        }
        self.end();
    }

    fn close(&mut self) {
        self.end();
        self.events.push_back(ClientEvent::Closed);
    }

    fn end(&mut self) {
        self.phase = Phase::Over;
        self.pending.clear();
        self.session = None;
    }
}
