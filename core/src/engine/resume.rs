//! Streams whose source is gone, and comes back.

use std::time::Duration;

use crate::io::Token;
use crate::media::sdp;

use super::asking::Feeder;
use super::command::StreamId;
use super::error::Error;
use super::event::Event;
use super::media::Live;
use super::role::{Part, Role};
use super::worker::Worker;

impl Worker {
    /// The source of a stream is gone without a word: the stream waits for another, if it may.
    pub(super) fn orphan(&mut self, id: StreamId, reason: &str) {
        let now = self.io.now();
        if self.stand_in(id, reason) {
            return;
        }
        let waits = !self.config.linger.is_zero() && self.stop_by.is_none();
        let Some(live) = self.streams.get_mut(&id).filter(|live| live.ended.is_none()) else {
            return;
        };
        if !waits {
            return self.end_stream(id, reason);
        }
        live.orphaned = Some(now);
        live.feeder = Feeder::Nobody;
        let path = live.path.clone();
        self.fetch_later(&path);
        self.tell(Event::StreamInterrupted { path, reason: reason.to_owned() });
    }

    /// A source has come to a path by an RTSP connection: it goes on with the stream that waits there,
    /// or begins one.
    pub(super) fn feed_stream(
        &mut self,
        token: Token,
        path: String,
        from: String,
        session: sdp::Session,
    ) -> Result<StreamId, Error> {
        let id = self.resume_or_add(path, from, session)?;
        if let Some(live) = self.streams.get_mut(&id) {
            live.feeder = Feeder::Connection(token);
        }
        Ok(id)
    }

    /// A source goes on with the stream that waits, or is stood in for, at its path, or begins one.
    pub(super) fn resume_or_add(
        &mut self,
        path: String,
        from: String,
        session: sdp::Session,
    ) -> Result<StreamId, Error> {
        let Some((id, live)) = self.stream_at(&path) else {
            return self.add_stream(path, from, session);
        };
        if live.has_source() {
            return Err(Error::PathTaken(path));
        }
        let taken = match live.is_stood_in() {
            true => live.stream.succeed(session.clone()),
            false => live.stream.resume(&session),
        };
        if taken.is_err() {
            self.end_stream(id, "its source has come back with other tracks");
            return self.add_stream(path, from, session);
        }
        live.orphaned = None;
        live.from.clone_from(&from);
        self.stream_came(&path);
        self.tell(Event::StreamResumed { path, from });
        Ok(id)
    }

    /// Ends the streams whose source has not come back in time.
    pub(super) fn end_orphaned(&mut self, now: Duration) {
        let linger = self.config.linger;
        let over = |at: Duration| now.saturating_sub(at) > linger;
        let given_up: Vec<StreamId> = self
            .streams
            .iter()
            .filter(|(_, live)| live.ended.is_none() && live.orphaned.is_some_and(over))
            .map(|(id, _)| *id)
            .collect();
        for id in given_up {
            self.end_stream(id, "its source has not come back");
        }
    }

    /// Whether a path has a stream with a source, or somebody has announced one.
    pub(super) fn is_taken(&self, path: &str) -> bool {
        let announced = |role: &Role| match role {
            Role::Server(server) => {
                matches!(&server.part, Part::Publisher(publisher) if publisher.path == path)
            }
            Role::Client(_) | Role::Child { .. } => false,
        };
        self.has_source(path) || self.connections.values().any(|c| announced(&c.role))
    }

    /// Whether a path has a stream with a source.
    pub(super) fn has_source(&self, path: &str) -> bool {
        let live = self.paths.get(path).and_then(|id| self.streams.get(id));
        live.is_some_and(Live::has_source)
    }

    /// Sends away whoever publishes at a path, for another to go on.
    pub(super) fn displace(&mut self, path: &str) {
        let Some(id) = self.paths.get(path).copied() else { return };
        let publisher = self.connections.iter().find(|(_, connection)| match &connection.role {
            Role::Server(_) => connection.role.feeds().is_some_and(|(fed, _)| fed == id),
            Role::Client(_) | Role::Child { .. } => false,
        });
        if let Some(token) = publisher.map(|(token, _)| *token) {
            self.lose(token, "another publisher has taken over");
        }
    }
}
