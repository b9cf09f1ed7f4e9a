//! What the client sends.

use super::state::{Pending, Phase, Purpose, Track};
use super::{ClientError, ClientSession, Transports};
use crate::rtsp::{Lower, Method, Mode, RESUME, Request, Resume, Transport};
use std::time::Duration;

impl ClientSession {
    pub(super) fn send_options(&mut self, now: Duration) {
        let request = Request::new(Method::Options, self.url.to_string());
        self.send(request, Purpose::Step, now);
    }

    /// DESCRIBE or ANNOUNCE.
    pub(super) fn send_opening(&mut self, now: Duration) {
        let uri = self.url.to_string();
        let request = match &self.publish {
            None => {
                let mut request = Request::new(Method::Describe, uri);
                request.headers.push("Accept", "application/sdp");
                request
            }
            Some(sdp) => {
                let mut request = Request::new(Method::Announce, uri);
                request.headers.push("Content-Type", "application/sdp");
                request.body = sdp.clone().into_bytes();
                request
            }
        };
        self.send(request, Purpose::Step, now);
    }

    /// SETUP of a track, or the start when there is no further one.
    pub(super) fn send_setup(&mut self, index: usize, now: Duration) {
        let Some(Track { setup, url, .. }) = self.tracks.get(index) else {
            if self.config.hold && self.publish.is_none() {
                return self.held();
            }
            return self.send_start(None, now);
        };
        let (ports, uri) = (setup.client_port, url.clone());
        if self.lower == Lower::Udp && ports.is_none() {
            if self.config.transports != Transports::Auto || index != 0 {
                return self.fail(ClientError::NoPorts { track: index }, now);
            }
            self.lower = Lower::Tcp;
        }
        let mut transport = Transport { lower: self.lower, ..Transport::default() };
        transport.mode = self.publish.is_some().then_some(Mode::Record);
        match self.lower {
            Lower::Udp => {
                // The spelling FFmpeg uses, which every server has met.
                transport.explicit_udp = true;
                transport.client_port = ports;
            }
            Lower::Tcp => transport.interleaved = channels(index),
        }
        self.phase = Phase::SettingUp(index);
        let mut request = Request::new(Method::Setup, uri);
        request.headers.push("Transport", transport.to_string());
        self.send(request, Purpose::Step, now);
    }

    /// PLAY or RECORD.
    pub(super) fn send_start(&mut self, resume: Option<&Resume>, now: Duration) {
        self.phase = Phase::Starting;
        let method = if self.publish.is_some() { Method::Record } else { Method::Play };
        let mut request = Request::new(method, self.aggregate.clone());
        request.headers.push("Range", "npt=0.000-");
        if let Some(resume) = resume.filter(|resume| !resume.marks.is_empty()) {
            request.headers.push(RESUME, resume.to_string());
        }
        self.send(request, Purpose::Step, now);
    }

    pub(super) fn send_pause(&mut self, now: Duration) {
        self.phase = Phase::Pausing;
        let request = Request::new(Method::Pause, self.aggregate.clone());
        self.send(request, Purpose::Step, now);
    }

    pub(super) fn send_teardown(&mut self, now: Duration) {
        // What is awaited no longer matters.
        self.pending.clear();
        let request = Request::new(Method::Teardown, self.aggregate.clone());
        self.send(request, Purpose::Step, now);
    }

    pub(super) fn send_keep_alive(&mut self, now: Duration) {
        let method = if self.ping_by_parameter { Method::GetParameter } else { Method::Options };
        let request = Request::new(method, self.aggregate.clone());
        self.send(request, Purpose::KeepAlive, now);
    }

    fn send(&mut self, request: Request, purpose: Purpose, now: Duration) {
        self.send_again(request, purpose, 0, now);
    }

    /// Sends a request with a sequence number, session id and credentials of its own.
    pub(super) fn send_again(
        &mut self,
        mut request: Request,
        purpose: Purpose,
        attempts: u8,
        now: Duration,
    ) {
        self.cseq = self.cseq.wrapping_add(1);
        let headers = &mut request.headers;
        headers.set("CSeq", self.cseq.to_string());
        if !self.config.user_agent.is_empty() {
            headers.set("User-Agent", self.config.user_agent.clone());
        }
        if let Some(session) = &self.session {
            headers.set("Session", session.id.clone());
        }
        if let (Some(challenge), Some(user)) = (&mut self.challenge, self.url.user()) {
            let password = self.url.password().unwrap_or_default();
            let cnonce = self.tokens.next();
            let value = challenge.authorize(user, password, &request.method, &request.uri, &cnonce);
            headers.set("Authorization", value);
        }
        self.transmits.push_back(request.to_bytes());
        self.last_request = now;
        let deadline = now.saturating_add(self.config.response_timeout);
        let cseq = self.cseq;
        self.pending.push_back(Pending { cseq, request, purpose, deadline, attempts });
    }
}

/// The channels asked for: 0-1 for the first track, 2-3 for the second …
pub(super) fn channels(index: usize) -> Option<(u8, u8)> {
    let rtp = u8::try_from(index.checked_mul(2)?).ok()?;
    Some((rtp, rtp.checked_add(1)?))
}
