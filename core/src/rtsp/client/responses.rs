//! What the client makes of responses, and of the server's own requests.

use super::auth::Challenge;
use super::requests::channels;
use super::state::{Pending, Phase, Purpose, Session};
use super::{ClientError, ClientEvent, ClientSession, Negotiated, Transports, resolve};
use crate::rtsp::{
    Headers, Lower, Method, RESUME, Range, Request, Response, Resumed, RtpInfo, Status, Transport,
    Url, VIA, Via, parse_rtp_info,
};
use std::time::Duration;

/// Most bytes strings that may wait for `poll_transmit`: a server that floods the client with
/// requests gets no more answers.
const MAX_TRANSMITS: usize = 32;

impl ClientSession {
    pub(super) fn handle_response(&mut self, response: Response, now: Duration) {
        if response.status.is_informational() {
            return;
        }
        let position = match response.headers.cseq() {
            Some(cseq) => self.pending.iter().position(|p| p.cseq == cseq),
            // Some servers forget CSeq in errors; they answer in order.
            None => Some(0),
        };
        let Some(pending) = position.and_then(|at| self.pending.remove(at)) else { return };
        if response.status == Status::UNAUTHORIZED {
            return self.authenticate(pending, &response.headers, now);
        }
        match (pending.purpose, self.phase) {
            (Purpose::KeepAlive, _) => self.kept_alive(&response, now),
            (Purpose::Step, Phase::Closing) => self.close(),
            (Purpose::Step, Phase::FallingBack) => self.set_up_over_tcp(now),
            (Purpose::Step, _) if response.status.is_redirection() => {
                self.redirected(pending.request.method, &response.headers, now);
            }
            (Purpose::Step, _) => self.step(pending.request.method, response, now),
        }
    }

    fn step(&mut self, method: Method, response: Response, now: Duration) {
        let Response { status, ref reason, .. } = response;
        let reason = || reason.clone();
        match (self.phase, &method) {
            // A server that refuses OPTIONS may still serve: DESCRIBE or ANNOUNCE will tell.
            (Phase::Opening, Method::Options) => {
                let public = response.headers.get_all("Public").collect::<Vec<_>>().join(",");
                self.ping_by_parameter =
                    public.split(',').any(|m| m.trim().eq_ignore_ascii_case("GET_PARAMETER"));
                self.send_opening(now);
            }
            (Phase::SettingUp(track), _) if !status.is_success() => {
                self.setup_refused(track, status, reason(), now);
            }
            _ if !status.is_success() => {
                self.fail(ClientError::Refused { method, status, reason: reason() }, now);
            }
            (Phase::Opening, Method::Describe) => self.described(response, now),
            (Phase::Opening, _) => {
                self.base = self.url.to_string();
                self.phase = Phase::Ready;
                self.events.push_back(ClientEvent::Announced);
            }
            (Phase::SettingUp(track), _) => self.track_ready(track, &response, now),
            (Phase::Starting, _) => self.started(&response),
            (Phase::Pausing, _) => self.held(),
            (Phase::Ready | Phase::Held | Phase::Running | Phase::Over, _) => {}
            (Phase::FallingBack | Phase::Closing, _) => {}
        }
    }

    fn described(&mut self, response: Response, now: Duration) {
        let fault = match response.headers.get("Content-Type") {
            Some(kind) if !kind.to_ascii_lowercase().starts_with("application/sdp") => {
                Some("is not an SDP")
            }
            _ if response.body.is_empty() => Some("has no SDP"),
            _ => None,
        };
        if let Some(fault) = fault {
            return self.fail(ClientError::BadResponse { method: Method::Describe, fault }, now);
        }
        self.base = resolve::base(&response.headers, &self.url.to_string());
        self.phase = Phase::Ready;
        let (sdp, base) = (response.body, self.base.clone());
        self.events.push_back(ClientEvent::Described { sdp, base });
    }

    fn setup_refused(&mut self, index: usize, status: Status, reason: String, now: Duration) {
        let falls_back = status == Status::UNSUPPORTED_TRANSPORT
            && self.lower == Lower::Udp
            && self.config.transports == Transports::Auto;
        if falls_back {
            return self.start_over_tcp(now);
        }
        let unknown = matches!(status, Status::BAD_REQUEST | Status::NOT_FOUND);
        if unknown
            && let Some(track) = self.tracks.get_mut(index)
            && let Some(alternative) = track.alternative.take()
        {
            track.url = alternative;
            return self.send_setup(index, now);
        }
        self.fail(ClientError::Refused { method: Method::Setup, status, reason }, now);
    }

    fn track_ready(&mut self, index: usize, response: &Response, now: Duration) {
        let fail = |fault| ClientError::BadResponse { method: Method::Setup, fault };
        if self.session.is_none() {
            match Session::of(&response.headers) {
                Some(session) => self.session = Some(session),
                None => return self.fail(fail("has no Session"), now),
            }
        }
        let transport = response.headers.get("Transport").map(Transport::parse_all);
        let Some(transport) = transport.and_then(|specs| specs.into_iter().next()) else {
            return self.fail(fail("has no Transport that is RTP"), now);
        };
        if transport.lower != self.lower || transport.multicast {
            return self.fail(fail("names another transport than was asked for"), now);
        }
        let negotiated = match (self.lower, transport.interleaved.or_else(|| channels(index))) {
            (Lower::Tcp, Some((rtp, rtcp))) => Negotiated::Tcp { rtp, rtcp },
            _ => {
                let (server_port, source) = (transport.server_port, transport.source);
                Negotiated::Udp { server_port, source }
            }
        };
        let (transport, ssrc) = (negotiated, transport.ssrc);
        self.events.push_back(ClientEvent::TrackReady { track: index, transport, ssrc });
        self.send_setup(index.saturating_add(1), now);
    }

    fn started(&mut self, response: &Response) {
        self.phase = Phase::Running;
        let range = response.headers.get("Range").and_then(Range::parse);
        let entries: Vec<RtpInfo> =
            response.headers.get_all("RTP-Info").flat_map(parse_rtp_info).collect();
        let rtp_info = self.by_track(entries);
        let resumed = response.headers.get(RESUME).and_then(Resumed::parse);
        let via = response.headers.get(VIA).map(Via::parse).unwrap_or_default();
        self.events.push_back(ClientEvent::Started { range, rtp_info, resumed, via });
    }

    /// Everything is set up, and nothing plays.
    pub(super) fn held(&mut self) {
        self.phase = Phase::Held;
        self.events.push_back(ClientEvent::Held);
    }

    /// Entries by their URLs; by their order when no URL fits and there is one for each track.
    fn by_track(&self, entries: Vec<RtpInfo>) -> Vec<(usize, RtpInfo)> {
        let of = |entry: &RtpInfo| {
            self.tracks.iter().position(|t| resolve::same(&entry.url, &t.url, &self.base))
        };
        if entries.len() == self.tracks.len() && entries.iter().all(|entry| of(entry).is_none()) {
            return entries.into_iter().enumerate().collect();
        }
        entries.into_iter().filter_map(|entry| Some((of(&entry)?, entry))).collect()
    }

    fn kept_alive(&mut self, response: &Response, now: Duration) {
        self.missed = 0;
        if response.status == Status::SESSION_NOT_FOUND {
            self.fail(ClientError::SessionLost, now);
        } else if !response.status.is_success() {
            // It listed GET_PARAMETER but does not do it.
            self.ping_by_parameter = false;
        }
    }

    fn redirected(&mut self, method: Method, headers: &Headers, now: Duration) {
        match self.location(headers) {
            Some(url) => {
                self.let_go(now);
                self.events.push_back(ClientEvent::Redirected(url));
            }
            None => {
                let fault = "redirects to no URL";
                self.fail(ClientError::BadResponse { method, fault }, now);
            }
        }
    }

    /// `Location`, with our credentials if it is on the same host and brings none.
    fn location(&self, headers: &Headers) -> Option<Url> {
        let url = Url::parse(headers.get("Location")?).ok()?;
        let same_host = url.host().eq_ignore_ascii_case(self.url.host());
        match self.url.user() {
            Some(user) if same_host && url.user().is_none() => {
                let password = self.url.password().unwrap_or_default();
                Some(url.with_credentials(Some((user, password))))
            }
            _ => Some(url),
        }
    }

    fn authenticate(&mut self, pending: Pending, headers: &Headers, now: Duration) {
        let error = match (self.url.user(), Challenge::choose(headers, self.config.allow_basic)) {
            (None, _) => ClientError::CredentialsMissing,
            (Some(_), Err(schemes)) => ClientError::AuthenticationUnsupported { schemes },
            (Some(_), Ok(challenge)) => {
                let answered = pending.request.headers.get("Authorization").is_some();
                let previous = self.challenge.as_ref().filter(|_| answered);
                // With credentials in it a request is repeated only if the nonce was too old.
                let again = previous.is_none_or(|old| challenge.is_fresh(old));
                if again
                    && (pending.attempts == 0 || (challenge.is_stale() && pending.attempts < 3))
                {
                    self.challenge = Some(challenge);
                    let Pending { request, purpose, attempts, .. } = pending;
                    return self.send_again(request, purpose, attempts.saturating_add(1), now);
                }
                ClientError::CredentialsRefused
            }
        };
        match self.phase {
            Phase::Closing => self.close(),
            _ => self.fail(error, now),
        }
    }

    /// Requests that servers send to clients.
    pub(super) fn handle_request(&mut self, request: &Request, now: Duration) {
        let (mut status, mut url) = (Status::OK, None);
        match request.method {
            Method::Options | Method::GetParameter => {}
            Method::Redirect => {
                url = self.location(&request.headers);
                status = if url.is_some() { Status::OK } else { Status::BAD_REQUEST };
            }
            _ => status = Status::NOT_IMPLEMENTED,
        }
        if self.transmits.len() >= MAX_TRANSMITS {
            return;
        }
        let mut response = Response::new(status);
        if let Some(cseq) = request.headers.get("CSeq") {
            response.headers.push("CSeq", cseq);
        }
        if let Some(session) = request.headers.get("Session") {
            response.headers.push("Session", session);
        }
        if request.method == Method::Options {
            response.headers.push("Public", "OPTIONS, GET_PARAMETER, REDIRECT");
        }
        self.transmits.push_back(response.to_bytes());
        if let Some(url) = url.filter(|_| self.phase != Phase::Over) {
            self.let_go(now);
            self.events.push_back(ClientEvent::Redirected(url));
        }
    }
}
