//! A link that fed, or was about to, is gone: another takes over, or the stream waits or ends.

use super::super::command::StreamId;
use super::super::event::Event;
use super::super::worker::Worker;
use super::switched::Why;
use super::{LinkId, State};

impl Worker {
    /// The link that was asked to take over cannot.
    pub(super) fn switch_failed(&mut self, path: &str, failed: LinkId) {
        let now = self.io.now();
        let Some((id, upstreams)) = self.upstreams_of(path) else { return };
        let Some(switch) = upstreams.switch.as_ref().filter(|switch| switch.to == failed) else {
            return;
        };
        let (why, reason, tried) = (switch.why, switch.reason.clone(), switch.tried.clone());
        let attached = switch.old.is_some();
        let next = upstreams.warm(&tried).map(|(link, _)| link);
        match next {
            Some(next) if why != Why::Moved => self.begin_switch(path, next, why, reason, now),
            _ if attached => {
                self.drop_switch(path);
            }
            _ => self.nobody_feeds(path, id, &reason),
        }
    }

    /// The connection that fed a stream is gone: another takes over, or the stream waits or ends.
    pub(in crate::engine) fn link_lost(
        &mut self,
        id: StreamId,
        link: LinkId,
        ended: bool,
        reason: &str,
    ) {
        let now = self.io.now();
        let Some(live) = self.streams.get(&id) else { return };
        let path = live.path.clone();
        let Some((_, upstreams)) = self.upstreams_of(&path).filter(|(at, _)| *at == id) else {
            return self.source_gone(id, ended, reason);
        };
        let Some(found) = upstreams.link(link) else { return self.source_gone(id, ended, reason) };
        let was = std::mem::replace(&mut found.state, State::Down(now + found.backoff.wait()));
        found.told_ready = false;
        if let State::Starting(token) = was {
            let url = found.name();
            self.close_inlets_by(token);
            self.tell(Event::StandbyLost { path: path.clone(), url, reason: reason.to_owned() });
            return self.switch_failed(&path, link);
        }
        if let State::Feeding(token) = was {
            self.close_inlets_by(token);
        }
        let why = if ended { Why::Left } else { Why::Closed };
        self.fail_over(&path, id, why, reason);
    }

    /// Nobody feeds the stream any more: the link that is about to, or the first warm one, does.
    pub(super) fn fail_over(&mut self, path: &str, id: StreamId, why: Why, reason: &str) {
        let now = self.io.now();
        let stops = self.stop_by.is_some();
        self.settle_switch(path);
        let Some((_, upstreams)) = self.upstreams_of(path) else { return };
        upstreams.left |= why == Why::Left;
        if let Some(switch) = &mut upstreams.switch
            && switch.taken.is_none()
            && !stops
        {
            (switch.why, switch.reason, switch.old) = (why, reason.to_owned(), None);
            let answered = switch.answered.is_some();
            if let Some(live) = self.streams.get_mut(&id) {
                live.stream.forget_leave();
            }
            if answered {
                self.take_link_over(path);
            }
            return;
        }
        let next = upstreams.warm(&[]).map(|(link, _)| link).filter(|_| !stops);
        match next {
            Some(next) => self.begin_switch(path, next, why, reason.to_owned(), now),
            None if upstreams.is_pausing() && !stops => {
                upstreams.waits = Some((why, reason.to_owned()));
            }
            None => self.nobody_feeds(path, id, reason),
        }
    }

    pub(super) fn nobody_feeds(&mut self, path: &str, id: StreamId, reason: &str) {
        self.drop_switch(path);
        let left = self.upstreams.get_mut(path).is_some_and(|up| std::mem::take(&mut up.left));
        self.source_gone(id, left, reason);
        if self.upstreams.get(path).is_some_and(|upstreams| !upstreams.has_choice()) {
            self.forget_upstreams(path, reason);
        }
    }

    /// The source of a stream is gone; `ended`: by its own word.
    fn source_gone(&mut self, id: StreamId, ended: bool, reason: &str) {
        if !ended {
            self.orphan(id, reason);
        } else if !self.stand_in(id, reason) {
            self.end_stream(id, reason);
        }
    }
}
