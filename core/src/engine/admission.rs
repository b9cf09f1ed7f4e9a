//! Requests that wait to be let in, or for a stream.

use std::time::Duration;

use crate::io::Token;
use crate::rtsp::auth::Offer;
use crate::rtsp::server::{Ask, Question, Refusal};
use crate::rtsp::{Answer, Mode, Status};

use super::access::{AccessRequest, Action, Entry, Pass, Protocol, Verdict};
use super::role::{Role, Server};
use super::worker::Worker;

/// A question that waits.
pub(super) enum Waiting {
    /// For a verdict.
    Verdict { ticket: u64, question: Box<Question>, candidate: Candidate },
    /// For a stream that is being fetched.
    Stream { question: Box<Question>, since: Duration },
}

/// What is remembered of a request while it is decided on.
pub(super) struct Candidate {
    action: Action,
    /// It came with credentials, so that a no means that they were wrong.
    guess: bool,
    stale: bool,
}

impl Worker {
    /// Answers a question when whoever asks may know; or refuses, or leaves it waiting.
    pub(super) fn admit(&mut self, token: Token, question: Box<Question>) {
        let now = self.io.now();
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let peer = connection.peer;
        // A publisher's connection brings media, which cannot wait. Clients do not do this.
        let feeds = connection.role.feeds().is_some();
        let protocol = if connection.wire.is_secure() { Protocol::Rtsps } else { Protocol::Rtsp };
        let Role::Server(server) = &mut connection.role else { return };
        let Some(action) = server.wants(&question) else {
            return self.conclude(token, question);
        };
        if feeds {
            return self.turn_away(token, Status::METHOD_NOT_VALID_IN_THIS_STATE.into());
        }
        let Offer { credentials, stale } = server.session.offer(&question.request, now);
        let candidate = Candidate { action, guess: !credentials.is_none(), stale };
        let request = AccessRequest {
            id: 0,
            action,
            path: question.path.clone(),
            query: question.query.clone(),
            peer,
            credentials,
            protocol,
            user_agent: question.request.headers.get("User-Agent").map(str::to_owned),
        };
        match self.gate.ask(token, request, now) {
            Entry::Now(verdict) => self.decide(token, question, &candidate, verdict),
            Entry::Later(ticket) => {
                if let Some(server) = self.server(token) {
                    server.waiting = Some(Waiting::Verdict { ticket, question, candidate });
                }
            }
            Entry::Busy => {
                tracing::warn!(%peer, "refused: too many requests wait to be let in");
                self.turn_away(token, Status::SERVICE_UNAVAILABLE.into());
            }
            Entry::Blocked(wait) => {
                let mut refusal = Refusal::from(Status::SERVICE_UNAVAILABLE);
                refusal.headers.push("Retry-After", wait.as_secs().saturating_add(1).to_string());
                self.turn_away(token, refusal);
            }
        }
    }

    fn decide(
        &mut self,
        token: Token,
        question: Box<Question>,
        candidate: &Candidate,
        verdict: Verdict,
    ) {
        let now = self.io.now();
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let peer = connection.peer;
        let Role::Server(server) = &mut connection.role else { return };
        let (refusal, reason) = match verdict {
            Verdict::Allow(pass) => {
                server.granted = Some((candidate.action, question.path.clone()));
                server.keep(&question.path, pass);
                return self.conclude(token, question);
            }
            Verdict::Deny => (Status::FORBIDDEN.into(), "it is not allowed to"),
            Verdict::Unavailable => {
                (Status::SERVICE_UNAVAILABLE.into(), "who may come in cannot be asked now")
            }
            Verdict::Challenge(challenge) => {
                let refusal = server.session.challenge(&challenge, candidate.stale, now);
                if candidate.guess && self.gate.wrong_guess(peer, now) {
                    tracing::warn!(%peer, "too many wrong passwords: none is looked at for a while");
                }
                // Most clients show no credentials before they are asked.
                let reason = if candidate.guess { "user or password is wrong" } else { "" };
                (refusal, reason)
            }
        };
        let path = &question.path;
        if candidate.action == Action::Publish && !reason.is_empty() {
            self.tell_refused(token, path, reason);
        } else {
            tracing::info!(%peer, path, status = %refusal.status, "not let in");
        }
        self.turn_away(token, refusal);
    }

    /// Answers a question by a no.
    pub(super) fn turn_away(&mut self, token: Token, refusal: Refusal) {
        let now = self.io.now();
        let Some(server) = self.server(token) else { return };
        if let Some(response) = server.session.answer(Answer::Refuse(refusal), now) {
            self.send(token, response.to_bytes());
        }
        self.server_events(token);
    }

    /// Carries out what was decided on another thread.
    pub(super) fn hear_verdicts(&mut self) {
        while let Some((token, ticket, verdict)) = self.gate.next_verdict() {
            self.settle(token, ticket, verdict);
        }
    }

    /// Refuses what nobody decided on in time.
    pub(super) fn give_up_waiting(&mut self, now: Duration) {
        while let Some((token, ticket)) = self.gate.next_overdue(now) {
            tracing::warn!("who may come in was not decided in time");
            self.settle(token, ticket, Verdict::Unavailable);
        }
    }

    fn settle(&mut self, token: Token, ticket: u64, verdict: Verdict) {
        let Some(server) = self.server(token) else { return };
        let asked = |waiting: &mut Waiting| matches!(waiting, Waiting::Verdict { ticket: of, .. } if *of == ticket);
        let Some(Waiting::Verdict { question, candidate, .. }) = server.waiting.take_if(asked)
        else {
            return;
        };
        self.decide(token, question, &candidate, verdict);
        self.resume_reading(token);
    }

    /// Reads on where a connection was left when its request had to wait, unless it still has to.
    pub(super) fn resume_reading(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        if connection.role.is_waiting() {
            return;
        }
        if !connection.wire.is_read_elsewhere()
            && let Err(error) = self.io.set_reading(token, true)
        {
            return self.lose(token, &format!("the connection is broken: {error}"));
        }
        self.look_at_held(token);
        self.read_buffered(token);
    }
}

impl Server {
    /// What a question needs a permission for that the connection does not have yet.
    fn wants(&self, question: &Question) -> Option<Action> {
        let action = match &question.ask {
            Ask::Describe => Action::Play,
            Ask::Announce => Action::Publish,
            Ask::Setup(setup) => match setup.mode {
                Mode::Play => Action::Play,
                Mode::Record => Action::Publish,
            },
            // These are about a session, which only SETUP makes.
            Ask::Play { .. } | Ask::Pause { .. } | Ask::Record { .. } | Ask::Teardown { .. } => {
                return None;
            }
        };
        let granted = self.granted.as_ref();
        let has = granted.is_some_and(|(of, path)| *of == action && *path == question.path);
        (!has).then_some(action)
    }

    /// Keeps a pass to the connection's end. What was granted before may still be in use when something else
    /// is; of each path one pass is enough.
    fn keep(&mut self, path: &str, pass: Option<Pass>) {
        let Some(pass) = pass else { return };
        self.passes.retain(|(of, _)| of != path);
        self.passes.push((path.to_owned(), pass));
    }

    /// Whether a request waits.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Since when a request waits for a stream.
    pub(super) fn awaits_since(&self) -> Option<Duration> {
        match &self.waiting {
            Some(Waiting::Stream { since, .. }) => Some(*since),
            Some(Waiting::Verdict { .. }) | None => None,
        }
    }

    /// Takes the request that waits for a stream.
    pub(super) fn take_awaiting(&mut self) -> Option<Box<Question>> {
        let for_stream = |waiting: &mut Waiting| matches!(waiting, Waiting::Stream { .. });
        match self.waiting.take_if(for_stream)? {
            Waiting::Stream { question, .. } | Waiting::Verdict { question, .. } => Some(question),
        }
    }
}
