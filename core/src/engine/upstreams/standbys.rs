//! Links that are to become warm, are, or fail.

use std::time::Duration;

use crate::io::Token;
use crate::media::sdp;

use super::super::client::without_credentials;
use super::super::event::Event;
use super::super::role::{Client, Job};
use super::super::worker::Worker;
use super::switched::Why;
use super::{LinkId, State};

impl Worker {
    /// Opens the first link that has not been tried yet, for a stream that nobody feeds. False when there is
    /// none.
    pub(super) fn open_next(&mut self, path: &str) -> bool {
        let Some(upstreams) = self.upstreams.get_mut(path) else { return false };
        let untried = |state: State| state == State::Down(Duration::ZERO);
        let Some(link) = upstreams.links.iter().find(|link| untried(link.state)) else {
            return false;
        };
        let id = link.id;
        self.open_link(path, id);
        true
    }

    fn open_link(&mut self, path: &str, id: LinkId) {
        // Beside a stream that is there already, a link has to show first that it fits.
        let held = self.paths.contains_key(path);
        let link = self.upstreams.get_mut(path).and_then(|upstreams| upstreams.link(id));
        let Some(link) = link else { return };
        link.state = State::Opening;
        let remote = link.remote.clone();
        self.open(remote, Job::pull(id, held), 0);
    }

    /// Opens what is due, and forgets the links of streams that are no more.
    pub(in crate::engine) fn tend_upstreams(&mut self, now: Duration) {
        let mut over = Vec::new();
        let mut due: Vec<(String, LinkId)> = Vec::new();
        for (path, upstreams) in &self.upstreams {
            let opening = upstreams.links.iter().any(|link| link.state == State::Opening);
            if !self.paths.contains_key(path) {
                if !opening {
                    over.push(path.clone());
                }
            } else if upstreams.is_tended() && self.stop_by.is_none() {
                let is_due = |state| matches!(state, State::Down(until) if until <= now);
                let links = upstreams.links.iter().filter(|link| is_due(link.state));
                due.extend(links.map(|link| (path.clone(), link.id)));
            }
        }
        for path in over {
            self.forget_upstreams(&path, "the stream has ended");
        }
        for (path, link) in due {
            self.open_link(&path, link);
        }
    }

    /// Why a server cannot stand by, by what it describes; `None` when it can, or there is nothing to
    /// compare it with.
    pub(in crate::engine) fn unfit(
        &mut self,
        token: Token,
        described: &sdp::Session,
    ) -> Option<String> {
        let client = self.client(token)?;
        let Job::Pull { held: true, stream: None, .. } = client.job else { return None };
        let path = client.remote.path.clone();
        let (_, live) = self.stream_at(&path)?;
        let fits = live.orphaned.is_some() || live.stream.fits(described).is_ok();
        (!fits)
            .then(|| "its tracks are others, or coded otherwise, than those of the stream".into())
    }

    /// A server is set up and does not play: it stands by, or begins at once where it is wanted.
    pub(in crate::engine) fn held(&mut self, token: Token) {
        let now = self.io.now();
        let Some(client) = self.client(token) else { return };
        let path = client.remote.path.clone();
        let Job::Pull { link, stream, ssrcs, .. } = &client.job else { return };
        let (id, fed, ssrcs) = (*link, *stream, ssrcs.clone());
        let Some(link) = self.upstreams.get_mut(&path).and_then(|upstreams| upstreams.link(id))
        else {
            return self.say_teardown(token, "nobody needs it");
        };
        if fed.is_some() {
            // It has gone over to TCP, and fed before.
            return self.start(token, true);
        }
        let name = link.name();
        link.state = State::Warm(token);
        let ready = !std::mem::replace(&mut link.told_ready, true);
        link.backoff.reset();
        link.told = false;
        let Some((_, live)) = self.stream_at(&path) else { return self.start(token, false) };
        let marks = live.stream.marks();
        let named =
            |(track, ssrc)| ssrcs.get::<usize>(track).copied().flatten().is_none_or(|s| s == ssrc);
        let same = marks.iter().all(|(track, mark)| named((*track, mark.ssrc)));
        let waits = live.orphaned.is_some() || live.is_stood_in();
        if waits && (!same || live.is_stood_in() || marks.is_empty()) {
            // Another source, or one whose numbers were left behind: it begins as any other.
            return self.start(token, false);
        }
        if !same {
            return self.lose(token, "its packets are of another source (SSRC) than the stream's");
        }
        if ready && !waits {
            self.tell(Event::StandbyReady { path: path.clone(), url: name });
        }
        let Some(upstreams) = self.upstreams.get_mut(&path) else { return };
        let why = match upstreams.waits.take() {
            None if !waits => return self.follow_wish(&path),
            Some(why) => why,
            None => (Why::Returned, "the stream waited for a source".to_owned()),
        };
        self.begin_switch(&path, id, why.0, why.1, now);
    }

    /// A link feeds the stream of its path, as the first or after nobody did.
    pub(in crate::engine) fn link_feeds(&mut self, path: &str, link: LinkId, token: Token) {
        let now = self.io.now();
        if let Some((_, live)) = self.stream_at(path) {
            live.rhythm.begin(now);
        }
        let link = self.upstreams.get_mut(path).and_then(|upstreams| upstreams.link(link));
        if let Some(link) = link {
            link.state = State::Feeding(token);
            link.told = false;
            link.backoff.reset();
        }
    }

    /// Has a server that is set up play; `exact`: behind what is here.
    pub(super) fn start(&mut self, token: Token, exact: bool) {
        let now = self.io.now();
        let Some(client) = self.client(token) else { return };
        let path = client.remote.path.clone();
        let marks = self.stream_at(&path).map(|(_, live)| live.stream.marks());
        let resume = crate::rtsp::Resume { marks: marks.filter(|_| exact).unwrap_or_default() };
        if let Some(session) = self.client(token).and_then(|client| client.session.as_mut()) {
            session.start(Some(&resume), now);
        }
        self.drive(token);
    }

    /// The connection of a link that did not feed is gone.
    pub(in crate::engine) fn link_failed(&mut self, client: &Client, link: LinkId, reason: &str) {
        let now = self.io.now();
        let (path, url) = (client.remote.path.clone(), without_credentials(&client.remote.url));
        let reason = reason.to_owned();
        let there = self.paths.contains_key(&path);
        let Some(upstreams) = self.upstreams.get_mut(&path) else { return };
        let has_choice = upstreams.has_choice();
        let Some(found) = upstreams.link(link) else { return };
        if matches!(found.state, State::Down(_) | State::Feeding(_)) {
            // It was left on purpose.
            return;
        }
        let was = std::mem::replace(&mut found.state, State::Down(now + found.backoff.wait()));
        found.told_ready = false;
        let told = std::mem::replace(&mut found.told, true) && was == State::Opening;
        if let State::Starting(_) = was {
            self.tell(Event::StandbyLost { path: path.clone(), url, reason });
            return self.switch_failed(&path, link);
        }
        if was == State::Pausing
            && !upstreams.is_pausing()
            && let Some((_, lost)) = upstreams.waits.take()
            && let Some(id) = self.paths.get(&path).copied()
        {
            self.tell(Event::StandbyLost { path: path.clone(), url, reason });
            return self.nobody_feeds(&path, id, &lost);
        }
        if there && has_choice {
            if !told {
                self.tell(Event::StandbyLost { path, url, reason });
            }
            return;
        }
        if !client.ended && has_choice && self.stop_by.is_none() && self.open_next(&path) {
            return self.tell(Event::StandbyLost { path, url, reason });
        }
        self.forget_upstreams(&path, "the stream is not to be had");
        self.pull_failed(&path, client.failure);
        self.tell(Event::PullFailed { path, url, reason });
    }
}
