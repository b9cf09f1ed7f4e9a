//! From one link to another.
//!
//! ```text
//! the one that fed …          the other …               it feeds, and the one that fed is left
//! is gone                     is asked to play          when it answers
//! is silent                   is asked to play too      when it has sent what is not here yet, and the silent one
//!                                                       still nothing; if that one does, or nobody, nothing has
//!                                                       happened
//! is to be left by request    is asked to play too      when it sends anything
//! ```

use std::time::Duration;

use crate::io::Token;
use crate::rtsp::{Resumed, Via};

use super::super::asking::Feeder;
use super::super::command::StreamId;
use super::super::event::Event;
use super::super::role::Job;
use super::super::worker::Worker;
use super::switched::{Switched, Why};
use super::{LinkId, State};

/// What a server had kept is over so long after it took over.
const REPLAYED: Duration = Duration::from_millis(500);

/// A change from one link to another that is under way.
pub(super) struct Switch {
    pub(super) why: Why,
    /// In words.
    pub(super) reason: String,
    /// The link that takes over.
    pub(super) to: LinkId,
    /// The one that still feeds, if it does.
    pub(super) old: Option<(LinkId, Token)>,
    /// Where the stream came from, for people.
    from: String,
    pub(super) since: Duration,
    /// What the other one has answered.
    pub(super) answered: Option<Option<Resumed>>,
    via: Via,
    /// When it became the one that feeds.
    pub(super) taken: Option<Duration>,
    /// When the first packet came from it that was not here.
    pub(super) news: Option<Duration>,
    /// How many such packets have come, and when the last.
    new: u64,
    newest: Duration,
    /// Links that were found silent too.
    pub(super) tried: Vec<LinkId>,
}

impl Switch {
    pub(super) fn involves(&self, link: LinkId) -> bool {
        self.to == link || self.old.is_some_and(|(old, _)| old == link)
    }

    /// Whether more has come from it than it had kept. That alone does not show that anybody feeds it: two that stand
    /// by for each other, each with something that the other has missed, would wait for each other for ever.
    pub(super) fn is_live(&self) -> bool {
        let replayed = match self.answered {
            Some(Some(Resumed::Replayed(packets))) => packets,
            _ => 0,
        };
        // Some of what was kept may be lost on the way: what comes so long after is no part of it.
        let since = self.taken.map_or(Duration::ZERO, |taken| self.newest.saturating_sub(taken));
        self.new > replayed || since >= REPLAYED
    }
}

/// What had come into a stream before a batch of one connection's.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Fed {
    stream: StreamId,
    received: u64,
    rtp: u64,
}

impl Worker {
    /// Asks a warm link to take over.
    pub(super) fn begin_switch(
        &mut self,
        path: &str,
        to: LinkId,
        why: Why,
        reason: String,
        now: Duration,
    ) {
        let Some((id, upstreams)) = self.upstreams_of(path) else { return };
        let old = upstreams.feeding();
        let Some(link) = upstreams.link(to) else { return };
        let State::Warm(token) = link.state else { return };
        link.state = State::Starting(token);
        let former = upstreams.switch.take();
        let begun = former.is_none();
        let (from, tried) =
            former.map_or((None, Vec::new()), |former| (Some(former.from), former.tried));
        let Some(live) = self.streams.get_mut(&id) else { return };
        let from = from.unwrap_or_else(|| live.from.clone());
        live.stream.begin_overlap();
        live.rhythm.begin_switch();
        let switch = Switch {
            why,
            reason,
            to,
            old,
            from,
            since: now,
            answered: None,
            via: Via::default(),
            taken: None,
            news: None,
            new: 0,
            newest: now,
            tried,
        };
        if let Some((_, upstreams)) = self.upstreams_of(path) {
            upstreams.switch = Some(switch);
        }
        self.switches += usize::from(begun);
        self.start(token, true);
    }

    /// Ends the change that is under way at a path, without an end of its own.
    pub(super) fn drop_switch(&mut self, path: &str) -> Option<Switch> {
        let (id, upstreams) = self.upstreams_of(path)?;
        let switch = upstreams.switch.take()?;
        self.switches -= 1;
        if let Some(live) = self.streams.get_mut(&id) {
            live.stream.end_overlap();
            live.rhythm.end_switch();
        }
        Some(switch)
    }

    /// A server that was asked to take over plays. False when it was not asked to.
    pub(in crate::engine) fn attach(
        &mut self,
        token: Token,
        link: LinkId,
        resumed: Option<Resumed>,
        via: &Via,
    ) -> bool {
        let Some(client) = self.client(token) else { return false };
        let path = client.remote.path.clone();
        let session = match &client.job {
            Job::Pull { session, .. } => session.clone(),
            Job::Push { .. } => None,
        };
        let Some((id, upstreams)) = self.upstreams_of(&path) else { return false };
        let Some(switch) = upstreams.switch.as_mut().filter(|switch| switch.to == link) else {
            return false;
        };
        switch.answered = Some(resumed);
        switch.via = via.clone();
        let mut waits = switch.old.is_some();
        if resumed.is_none() {
            // It begins as for any player: as a source that is back does, and not beside another.
            waits = false;
            let resumes = self.streams.get_mut(&id).zip(session);
            if resumes.is_none_or(|(live, session)| live.stream.resume(&session).is_err()) {
                self.lose(token, "its tracks are others than those of the stream");
                return true;
            }
        }
        self.open_inlets(token, id);
        if !waits {
            self.take_link_over(&path);
        }
        true
    }

    /// What had come before a batch of this connection's, if somebody wants to know.
    pub(in crate::engine) fn fed_before(&self, token: Token) -> Option<Fed> {
        if self.switches == 0 {
            return None;
        }
        // It may begin to feed with this very batch.
        let path = self.connections.get(&token)?.role.pulled_path()?;
        let stream = *self.paths.get(path)?;
        let taken = &self.streams.get(&stream)?.stream;
        Some(Fed { stream, received: taken.ledger().received, rtp: taken.rtp_packets() })
    }

    /// A batch has come by this connection.
    pub(in crate::engine) fn fed(&mut self, token: Token, before: Fed) {
        let now = self.io.now();
        let Some(live) = self.streams.get(&before.stream) else { return };
        let came = live.stream.ledger().received > before.received;
        // Reports of the sender are no part of what is kept for others.
        let new = live.stream.rtp_packets().saturating_sub(before.rtp);
        let path = live.path.clone();
        let role = self.connections.get(&token).map(|connection| &connection.role);
        let Some(link) = role.filter(|role| role.pulls().is_some()).and_then(|role| role.link())
        else {
            return;
        };
        let Some((_, upstreams)) = self.upstreams_of(&path) else { return };
        let Some(switch) = &mut upstreams.switch else { return };
        if switch.to == link {
            switch.new = switch.new.saturating_add(new);
            if new > 0 {
                switch.news.get_or_insert(now);
                switch.newest = now;
            }
            // In a silence it may only be the first to send again: see the watch.
            if came && switch.why == Why::Moved && switch.taken.is_none() {
                self.take_link_over(&path);
            }
        } else if came && switch.why == Why::Silent && switch.taken.is_none() {
            self.call_off(&path, now);
        }
    }

    /// The link that was asked to take over feeds from now on, and nobody else.
    pub(super) fn take_link_over(&mut self, path: &str) {
        let now = self.io.now();
        let Some((id, upstreams)) = self.upstreams_of(path) else { return };
        let Some(switch) = &mut upstreams.switch else { return };
        switch.taken = Some(now);
        let (to, old, via) = (switch.to, switch.old.take(), switch.via.clone());
        let Some(link) = upstreams.link(to) else { return };
        let State::Starting(token) = link.state else { return };
        link.state = State::Feeding(token);
        let from = link.name();
        if upstreams.wanted == Some(to) {
            upstreams.wanted = None;
        }
        if let Some((old, _)) = old
            && let Some(link) = upstreams.link(old)
        {
            link.state = State::Down(now + link.backoff.wait());
            link.told_ready = false;
        }
        upstreams.links.retain(|link| !link.retired || link.id == to);
        if let Some((_, token)) = old {
            self.detach(token);
            self.say_teardown(token, "another server feeds the stream");
        }
        let Some(live) = self.streams.get_mut(&id) else { return };
        live.feeder = Feeder::Connection(token);
        live.via = via;
        live.from.clone_from(&from);
        if live.orphaned.take().is_some() {
            self.tell(Event::StreamResumed { path: path.to_owned(), from });
        }
    }

    /// Nothing has happened: the one that fed does so again, or all are as silent as it.
    pub(super) fn call_off(&mut self, path: &str, now: Duration) {
        let Some(switch) = self.drop_switch(path) else { return };
        let Some((id, upstreams)) = self.upstreams_of(path) else { return };
        let Some(link) = upstreams.link(switch.to) else { return };
        let State::Starting(token) = link.state else { return };
        link.state = State::Pausing;
        if let Some(live) = self.streams.get_mut(&id) {
            live.rhythm.excuse(now);
        }
        self.rest(token, now);
        self.follow_wish(path);
    }

    /// A link that was asked to play is to be warm again.
    pub(super) fn rest(&mut self, token: Token, now: Duration) {
        self.detach(token);
        let session = self.client(token).and_then(|client| client.session.as_mut());
        if session.is_some_and(|session| session.pause(now)) {
            self.drive(token);
        } else {
            self.lose(token, "it does not answer");
        }
    }

    /// Goes over to the link that the program wants, if it is warm.
    pub(super) fn follow_wish(&mut self, path: &str) {
        let now = self.io.now();
        let Some((_, upstreams)) = self.upstreams_of(path) else { return };
        let Some(wanted) = upstreams.wanted.filter(|_| upstreams.switch.is_none()) else { return };
        if upstreams.link(wanted).is_some_and(|link| matches!(link.state, State::Warm(_))) {
            let reason = "it is to come from there".to_owned();
            self.begin_switch(path, wanted, Why::Moved, reason, now);
        }
    }

    /// The change at a path is done: tells what became of it.
    pub(super) fn settle_switch(&mut self, path: &str) {
        let Some((id, upstreams)) = self.upstreams_of(path) else { return };
        if upstreams.switch.as_ref().is_none_or(|switch| switch.taken.is_none()) {
            return;
        }
        let Some(switch) = upstreams.switch.take() else { return };
        if switch.news.is_some() {
            upstreams.left = false;
        }
        self.switches -= 1;
        let Some(live) = self.streams.get_mut(&id) else { return };
        let overlap = live.stream.end_overlap();
        let gap = live.rhythm.end_switch();
        let to = live.from.clone();
        let gone = switch.answered == Some(Some(Resumed::Gone));
        self.tell(Event::UpstreamSwitched(Box::new(Switched {
            path: path.to_owned(),
            from: switch.from,
            to,
            why: switch.why,
            reason: switch.reason,
            gap,
            replayed: match switch.answered {
                Some(Some(Resumed::Replayed(packets))) => packets,
                _ => 0,
            },
            duplicates: overlap.duplicates,
            missing: overlap.missing,
            gone,
        })));
    }
}
