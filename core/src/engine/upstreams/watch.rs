//! What is looked for every few milliseconds: servers that are silent, or do not do what they were asked for.

use std::time::Duration;

use crate::io::Token;

use super::super::worker::Worker;
use super::switched::Why;
use super::{LinkId, State};

/// How often.
pub(in crate::engine) const WATCH: Duration = Duration::from_millis(10);
/// How long a link may take to answer that it takes over.
const ANSWER: Duration = Duration::from_millis(500);
/// How long it may take to send something, at least.
const FIRST: Duration = Duration::from_secs(1);
/// How long the one that was silent has to send something, once another has: both may have waited for their source.
const GRACE: Duration = Duration::from_millis(50);
/// How long repeated packets are counted after the first new one.
const SETTLE: Duration = Duration::from_millis(100);

/// What is to be done at a path.
enum Due {
    /// The one that feeds has said BYE.
    Left(Token),
    /// It has been silent for too long; this one may not be.
    Silent(LinkId),
    /// The link that was asked to take over does not.
    Fails(Token, &'static str),
    /// It is as silent as the one that feeds; the next to be asked, if there is one.
    SilentToo(LinkId, Token, Option<LinkId>),
    /// The one that was silent stays so, while the other sends.
    Taken,
    /// The change is done.
    Settled,
}

impl Worker {
    /// Whether some stream has a choice of servers.
    pub(in crate::engine) fn watches(&self) -> bool {
        self.upstreams.values().any(super::Upstreams::is_tended)
    }

    /// Looks after the streams that have a choice of servers.
    pub(in crate::engine) fn watch_upstreams(&mut self, now: Duration) {
        let mut due = Vec::new();
        for path in self.upstreams.keys() {
            due.extend(self.due(path, now).map(|what| (path.clone(), what)));
        }
        for (path, what) in due {
            match what {
                Due::Left(token) => self.leaves(token),
                Due::Silent(link) => {
                    let reason = "it was silent".to_owned();
                    self.begin_switch(&path, link, Why::Silent, reason, now);
                }
                Due::Fails(token, reason) => self.lose(token, reason),
                Due::SilentToo(link, token, next) => self.ask_next(&path, link, token, next, now),
                Due::Taken => self.take_link_over(&path),
                Due::Settled => {
                    self.settle_switch(&path);
                    self.follow_wish(&path);
                }
            }
        }
    }

    fn due(&self, path: &str, now: Duration) -> Option<Due> {
        let upstreams = self.upstreams.get(path)?;
        let live = self.streams.get(self.paths.get(path)?)?;
        let Some(switch) = &upstreams.switch else {
            let (_, token) = upstreams.feeding()?;
            let (next, _) = upstreams.warm(&[])?;
            if live.stream.source_left() {
                return Some(Due::Left(token));
            }
            return live.rhythm.is_silent(now).then_some(Due::Silent(next));
        };
        let link = upstreams.links.iter().find(|link| link.id == switch.to)?;
        let (State::Starting(token) | State::Feeding(token)) = link.state else { return None };
        let waited = now.saturating_sub(switch.since);
        let patience = FIRST.max(live.rhythm.patience());
        let next = upstreams.warm(&switch.tried).map(|(link, _)| link);
        if let Some(taken) = switch.taken {
            let settled = |at| now.saturating_sub(at) >= SETTLE;
            return match switch.news.filter(|_| switch.is_live()) {
                Some(at) if settled(at) => Some(Due::Settled),
                Some(_) => None,
                None if live.stream.source_left() => Some(Due::Left(token)),
                None if switch.why == Why::Moved && settled(taken) => Some(Due::Settled),
                // Even when there is no other: two that stand by for each other may each have taken the other.
                None => (now.saturating_sub(taken) > patience)
                    .then_some(Due::Fails(token, "nothing comes from it")),
            };
        }
        if switch.answered.is_none() {
            return (waited > ANSWER).then_some(Due::Fails(token, "it does not answer"));
        }
        match (switch.why, switch.news) {
            (Why::Silent, Some(news)) => (now.saturating_sub(news) >= GRACE).then_some(Due::Taken),
            (Why::Silent, None) if waited > ANSWER => Some(Due::SilentToo(link.id, token, next)),
            (Why::Moved, _) if waited > patience => {
                Some(Due::Fails(token, "nothing comes from it"))
            }
            _ => None,
        }
    }

    /// The server that feeds has said that it is over: nothing more is to be had from it.
    fn leaves(&mut self, token: Token) {
        if let Some(client) = self.client(token) {
            client.ended = true;
        }
        self.say_teardown(token, "it has said that it is over");
    }

    /// The link that was asked in a silence has nothing new either: it is to be warm again, and the next one is
    /// asked. When there is none, the silence is the stream's own.
    fn ask_next(
        &mut self,
        path: &str,
        link: LinkId,
        token: Token,
        next: Option<LinkId>,
        now: Duration,
    ) {
        let Some(next) = next else { return self.call_off(path, now) };
        let Some((_, upstreams)) = self.upstreams_of(path) else { return };
        if let Some(found) = upstreams.link(link) {
            found.state = State::Pausing;
        }
        if let Some(switch) = &mut upstreams.switch {
            switch.tried.push(link);
        }
        self.begin_switch(path, next, Why::Silent, "it was silent".to_owned(), now);
        self.rest(token, now);
    }
}
