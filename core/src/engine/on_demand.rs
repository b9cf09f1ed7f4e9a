//! Streams that are fetched from other servers while somebody wants them.
//!
//! A DESCRIBE or SETUP for such a path begins the pull and waits until the stream is there; all that come
//! in the meantime wait for the same one. When the last child has gone and nobody has come for a while, the
//! pull ends. A pull that fails is told to all who wait for it, and to all who come before the next attempt
//! is due.

use std::time::Duration;

use crate::io::Token;
use crate::rtsp::server::{Ask, Question, Refusal};
use crate::rtsp::{Mode, Status};

use super::admission::Waiting;
use super::asking::Feeder;
use super::backoff::Backoff;
use super::client::without_credentials;
use super::command::{Command, Remote, StreamId};
use super::config::Transport;
use super::error::Error;
use super::event::Event;
use super::figures::{OnDemandFigures, OnDemandState};
use super::role::{Part, Role};
use super::worker::Worker;

/// Time between two attempts to fetch the same stream: the first, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// Why a pull that nobody needs is ended.
const UNUSED: &str = "nobody plays it any more";

/// A stream that is fetched on demand.
#[derive(Debug)]
pub(super) struct OnDemand {
    url: String,
    transport: Transport,
    /// How long it stays without a player.
    grace: Duration,
    /// An attempt is under way.
    opening: bool,
    /// The last attempt failed: what is answered, and until when no other is made.
    failed: Option<(Status, Duration)>,
    backoff: Backoff,
    /// Since when nobody plays it.
    unused: Option<Duration>,
}

impl OnDemand {
    pub(super) fn new(url: String, transport: Transport, grace: Duration) -> OnDemand {
        let backoff = Backoff::new(BACKOFF.0, BACKOFF.1);
        OnDemand { url, transport, grace, opening: false, failed: None, backoff, unused: None }
    }

    /// Why no attempt is made now, if one has failed shortly before.
    fn refusal(&self, now: Duration) -> Option<Refusal> {
        let (status, until) = self.failed.filter(|(_, until)| *until > now)?;
        let seconds = until.saturating_sub(now).as_secs().saturating_add(1);
        let mut refusal = refusal(status);
        refusal.headers.push("Retry-After", seconds.to_string());
        Some(refusal)
    }
}

/// What a player is told when a stream could not be fetched.
fn refusal(status: Status) -> Refusal {
    let detail = match status {
        Status::NOT_FOUND => "the server that it comes from has no such stream",
        Status::GATEWAY_TIMEOUT => "the server that it comes from does not answer",
        _ => "the server that it comes from cannot be played from now",
    };
    Refusal { detail: Some(detail), ..Refusal::from(status) }
}

impl Worker {
    /// From now on a path is fetched when somebody wants it; `None`: no longer.
    pub(super) fn set_on_demand(&mut self, path: String, demand: Option<OnDemand>) {
        match demand {
            Some(demand) => {
                let former = self.on_demand.insert(path.clone(), demand);
                if let Some(demand) = self.on_demand.get_mut(&path) {
                    demand.opening = former.is_some_and(|former| former.opening);
                }
            }
            None => {
                self.on_demand.remove(&path);
                self.refuse_waiting(&path, &refusal(Status::NOT_FOUND));
            }
        }
    }

    /// Has a question wait when it is about a stream that has to be fetched first; gives it back when it can
    /// be answered.
    pub(super) fn await_stream(
        &mut self,
        token: Token,
        question: Box<Question>,
    ) -> Option<Box<Question>> {
        let now = self.io.now();
        let plays = match &question.ask {
            Ask::Describe => true,
            Ask::Setup(setup) => setup.mode == Mode::Play,
            _ => false,
        };
        let path = question.path.trim_matches('/').to_owned();
        let Some(demand) = self.on_demand.get_mut(&path).filter(|_| plays) else {
            return Some(question);
        };
        if self.paths.contains_key(&path) {
            // Somebody has come: the time without a player begins anew.
            demand.unused = None;
            return Some(question);
        }
        if !demand.opening
            && let Some(refusal) = demand.refusal(now)
        {
            self.turn_away(token, refusal);
            return None;
        }
        self.server(token)?.waiting = Some(Waiting::Stream { question, since: now });
        self.awaiting_streams.push((path.clone(), token));
        self.fetch(&path);
        None
    }

    /// What is done about the streams that are fetched on demand.
    pub(super) fn demand_figures(&self) -> Vec<OnDemandFigures> {
        let now = self.io.now();
        let figures = |(path, demand): (&String, &OnDemand)| {
            let live = self.paths.get(path).and_then(|id| self.streams.get(id));
            let failed = demand.failed.filter(|(_, until)| *until > now);
            let state = match failed {
                _ if live.is_some_and(|live| live.orphaned.is_none()) => OnDemandState::Up,
                _ if demand.opening => OnDemandState::Opening,
                Some((_, until)) => OnDemandState::Failed { again_in: until.saturating_sub(now) },
                None => OnDemandState::Idle,
            };
            OnDemandFigures { path: path.clone(), state }
        };
        self.on_demand.iter().map(figures).collect()
    }

    /// Begins to fetch a stream, unless that is under way.
    fn fetch(&mut self, path: &str) {
        let Some(demand) = self.on_demand.get_mut(path).filter(|demand| !demand.opening) else {
            return;
        };
        demand.opening = true;
        let (path, url, transport) = (path.to_owned(), demand.url.clone(), demand.transport);
        let (name, handle) = (path.clone(), self.handle.clone());
        // Looking up a host can take seconds, for which no stream is to wait.
        let lookup = move || {
            let remote = super::handle::remote(&path, &url, transport);
            // An engine that has stopped fetches nothing.
            let _ = handle.send(Command::Fetch { path, remote });
        };
        let thread = std::thread::Builder::new().name("rillcast-lookup".into()).spawn(lookup);
        if let Err(error) = thread {
            self.fetch_failed(&name, &format!("no thread to look up its host: {error}"));
        }
    }

    /// The host of a stream that is to be fetched is known, or is not found.
    pub(super) fn fetch_from(&mut self, path: String, remote: Result<Remote, Error>) {
        match remote.and_then(|remote| self.pull(path.clone(), vec![remote])) {
            Ok(()) => {}
            // Somebody has published there in the meantime.
            Err(Error::PathTaken(_)) => self.stream_came(&path),
            Err(error) => self.fetch_failed(&path, &error.to_string()),
        }
    }

    fn fetch_failed(&mut self, path: &str, reason: &str) {
        let Some(demand) = self.on_demand.get(path) else { return };
        let (path, url) = (path.to_owned(), without_credentials(&demand.url));
        self.pull_failed(&path, Status::SERVICE_UNAVAILABLE);
        self.tell(Event::PullFailed { path, url, reason: reason.to_owned() });
    }

    /// A pull did not come about: those who wait for it are told.
    pub(super) fn pull_failed(&mut self, path: &str, status: Status) {
        let now = self.io.now();
        let Some(demand) = self.on_demand.get_mut(path) else { return };
        let wait = demand.backoff.wait();
        demand.opening = false;
        demand.failed = Some((status, now + wait));
        tracing::info!(path, "it is not fetched again before {} ms have passed", wait.as_millis());
        self.refuse_waiting(path, &refusal(status));
    }

    /// A stream that is fetched on demand was interrupted: it is fetched again, though not at once.
    pub(super) fn fetch_later(&mut self, path: &str) {
        let now = self.io.now();
        if let Some(demand) = self.on_demand.get_mut(path) {
            demand.failed = Some((Status::SERVICE_UNAVAILABLE, now + demand.backoff.wait()));
        }
    }

    /// A stream is there: those who wait for it are answered.
    pub(super) fn stream_came(&mut self, path: &str) {
        if let Some(demand) = self.on_demand.get_mut(path) {
            (demand.opening, demand.failed, demand.unused) = (false, None, None);
            demand.backoff.reset();
        }
        for (token, question) in self.take_waiting(path) {
            self.conclude(token, question);
            self.resume_reading(token);
        }
    }

    fn refuse_waiting(&mut self, path: &str, refusal: &Refusal) {
        for (token, _) in self.take_waiting(path) {
            self.turn_away(token, refusal.clone());
            self.resume_reading(token);
        }
    }

    /// The questions that wait for a stream, and whose they are.
    fn take_waiting(&mut self, path: &str) -> Vec<(Token, Box<Question>)> {
        let waiting = self.awaiting_streams.extract_if(.., |(wanted, _)| wanted == path);
        let tokens: Vec<Token> = waiting.map(|(_, token)| token).collect();
        tokens
            .into_iter()
            .filter_map(|token| Some((token, self.server(token)?.take_awaiting()?)))
            .collect()
    }

    /// Refuses those who have waited too long, fetches again what was lost, and ends what nobody plays.
    pub(super) fn tend_demands(&mut self, now: Duration) {
        if self.on_demand.is_empty() {
            return;
        }
        self.give_up_streams(now);
        for path in self.on_demand.keys().cloned().collect::<Vec<_>>() {
            let Some(id) = self.paths.get(&path).copied() else { continue };
            let Some(live) = self.streams.get(&id) else { continue };
            let orphaned = live.orphaned.is_some();
            let puller = match live.feeder {
                Feeder::Connection(token) => Some(token),
                Feeder::Nobody | Feeder::Sockets | Feeder::Program(_) => None,
            };
            let puller = puller.filter(|token| self.client(*token).is_some());
            let used = self.is_played(id);
            let Some(demand) = self.on_demand.get_mut(&path) else { continue };
            if puller.is_none() && !orphaned {
                // It is somebody else's.
                demand.unused = None;
                continue;
            }
            if used {
                demand.unused = None;
                if orphaned && demand.failed.is_none_or(|(_, until)| until <= now) {
                    self.fetch(&path);
                }
            } else if now.saturating_sub(*demand.unused.get_or_insert(now)) >= demand.grace {
                demand.unused = None;
                self.end_stream(id, UNUSED);
                if let Some(token) = puller {
                    if let Some(client) = self.client(token) {
                        client.ended = true;
                    }
                    self.say_teardown(token, UNUSED);
                }
            }
        }
    }

    fn give_up_streams(&mut self, now: Duration) {
        let patience = self.config.connect_timeout;
        let late: Vec<Token> = self
            .awaiting_streams
            .iter()
            .map(|(_, token)| *token)
            .filter(|token| {
                let Some(connection) = self.connections.get(token) else { return true };
                match &connection.role {
                    Role::Server(server) => server
                        .awaits_since()
                        .is_none_or(|since| now.saturating_sub(since) > patience),
                    Role::Client(_) | Role::Child { .. } => true,
                }
            })
            .collect();
        self.awaiting_streams.retain(|(_, token)| !late.contains(token));
        for token in late {
            if self.server(token).and_then(|server| server.take_awaiting()).is_some() {
                self.turn_away(token, refusal(Status::GATEWAY_TIMEOUT));
                self.resume_reading(token);
            }
        }
    }

    /// Whether somebody receives a stream, or is about to.
    fn is_played(&self, id: StreamId) -> bool {
        let set_up = |role: &Role| match role {
            Role::Server(server) => {
                matches!(&server.part, Part::Player(player) if player.stream == id)
            }
            Role::Client(_) | Role::Child { .. } => role.pushes() == Some(id),
        };
        let children = self.streams.get(&id).and_then(|live| live.stream.children().next());
        children.is_some() || self.connections.values().any(|one| set_up(&one.role))
    }
}
