//! How streams, connections and the engine itself end.

use std::time::Duration;

use crate::io::Token;
use crate::relay::ChildKey;

use super::asking::Feeder;
use super::client::without_credentials;
use super::command::StreamId;
use super::error::Error;
use super::event::Event;
use super::media::Live;
use super::role::{Job, Part, Role};
use super::shards::Order;
use super::worker::Worker;

/// How long players over UDP have to read the last packets before the BYE comes. It comes to a socket
/// of its own, which players read in no set order; FFmpeg forgets what it has not read then.
const GRACE: Duration = Duration::from_millis(500);
/// How long players may take to leave by themselves after the end of a stream.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long a publisher may take from ANNOUNCE to RECORD.
const ANNOUNCED: Duration = Duration::from_secs(10);
/// How long a slow one among them may take to read the end.
const DRAIN: Duration = Duration::from_secs(8);

impl Worker {
    /// The end of a stream: its children get what is left and a BYE, then they are let go.
    pub(super) fn end_stream(&mut self, id: StreamId, reason: &str) {
        let now = self.io.now();
        if self.streams.get(&id).is_none_or(|live| live.ended.is_some()) {
            return;
        }
        self.close_inlets_of(id);
        let Some(live) = self.streams.get_mut(&id) else { return };
        live.ended = Some(now);
        if let Feeder::Program(supply) = &live.feeder {
            supply.close(self.stop_by.is_some());
        }
        let path = live.path.clone();
        self.paths.remove(&path);
        self.forget_stand_ins(id);
        self.say_bye(id, now);
        self.tell(Event::StreamEnded { path, reason: reason.to_owned() });
        // Players leave by themselves when they have the BYE; servers that we push to have to be told.
        let pushes: Vec<Token> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.role.pushes() == Some(id))
            .map(|(token, _)| *token)
            .collect();
        for token in pushes {
            self.say_teardown(token, "the stream has ended");
        }
    }

    /// Ends what there is at a path, because the program wants it: the stream and whoever feeds it,
    /// and what is only to come there or to go from there.
    pub(super) fn end(&mut self, path: &str) -> Result<(), Error> {
        const REASON: &str = "the program has ended it";
        let stream = self.paths.get(path).copied();
        let pushes: Vec<_> = self.pushes.extract_if(.., |push| push.path == path).collect();
        let feeds = |role: &Role| match role {
            Role::Server(server) => {
                matches!(&server.part, Part::Publisher(publisher) if publisher.path == path)
            }
            Role::Client(client) => {
                matches!(client.job, Job::Pull { .. }) && client.remote.path == path
            }
            Role::Child { .. } => false,
        };
        let feeders: Vec<Token> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.closing.is_none() && feeds(&connection.role))
            .map(|(token, _)| *token)
            .collect();
        if stream.is_none() && pushes.is_empty() && feeders.is_empty() {
            return Err(Error::NoStream(path.to_owned()));
        }
        if let Some(id) = stream {
            self.end_stream(id, REASON);
        }
        for token in feeders {
            match self.client(token) {
                Some(client) => {
                    client.ended = true;
                    self.say_teardown(token, REASON);
                }
                None => self.lose(token, REASON),
            }
        }
        for push in pushes {
            let (path, url) = (push.path, without_credentials(&push.url));
            self.tell(Event::PushEnded { path, url, reason: REASON.to_owned() });
        }
        Ok(())
    }

    /// Sends the BYE of an ended stream when it is due: at once where it comes in the same connection
    /// as the packets.
    fn say_bye(&mut self, id: StreamId, now: Duration) {
        let Some(live) = self.streams.get_mut(&id) else { return };
        let Some(ended) = live.ended else { return };
        let waits = live.serves_udp() && now.saturating_sub(ended) < GRACE;
        if waits || live.stream.is_finished() {
            return;
        }
        live.stream.finish(now);
        self.fan_out(id);
    }

    /// Lets go of those who stay after the end of their stream, and forgets the stream.
    pub(super) fn forget_ended(&mut self, now: Duration) {
        if self.streams.values().all(|live| live.ended.is_none()) {
            return;
        }
        let ended = |(id, live): (&StreamId, &Live)| live.ended.map(|_| *id);
        for id in self.streams.iter().filter_map(ended).collect::<Vec<_>>() {
            self.say_bye(id, now);
        }
        self.let_children_go(FAREWELL, now);
        let since = |live: &Live| live.ended.map(|at| now.saturating_sub(at));
        let over = |live: &Live, key: ChildKey, sent: bool| match since(live) {
            Some(age) => age > DRAIN || (age > FAREWELL && sent && live.is_drained(key)),
            None => false,
        };
        let late: Vec<Token> = self
            .connections
            .iter()
            .filter(|(_, connection)| {
                let (child, sent) = (connection.role.child(), !connection.wire.has_pending());
                child.is_some_and(|(id, key)| {
                    self.streams.get(&id).is_some_and(|live| over(live, key, sent))
                })
            })
            .map(|(token, _)| *token)
            .collect();
        for token in late {
            self.lose(token, "the stream has ended");
        }
        let stays = |live: &Live| {
            since(live).is_none_or(|age| age <= FAREWELL || live.stream.children().next().is_some())
        };
        for (id, live) in self.streams.extract_if(|_, live| !stays(live)).collect::<Vec<_>>() {
            self.forget_stream(id, live);
        }
    }

    /// Tells what became of every packet of a stream of which nothing more comes.
    pub(super) fn close_books(&self, live: &mut Live) {
        self.tell(Event::StreamClosed(Box::new(live.figures())));
    }

    /// Sends away those who have announced a stream and do not begin: nobody else can have its path.
    pub(super) fn end_announced(&mut self, now: Duration) {
        let idle = |role: &Role| match role {
            Role::Server(server) => matches!(&server.part, Part::Publisher(publisher)
                if publisher.stream.is_none() && now.saturating_sub(publisher.announced) > ANNOUNCED),
            Role::Client(_) | Role::Child { .. } => false,
        };
        let idle: Vec<Token> = self
            .connections
            .iter()
            .filter(|(_, connection)| idle(&connection.role))
            .map(|(token, _)| *token)
            .collect();
        for token in idle {
            self.lose(token, "it announced a stream and did not begin it");
        }
    }

    /// Ends the pulls whose source has said goodbye. Looked at only now and then, so that packets that
    /// the BYE has overtaken still come in.
    pub(super) fn end_left(&mut self) {
        let left: Vec<Token> = self
            .connections
            .iter()
            .filter(|(_, connection)| {
                let pulled = connection.role.pulls().and_then(|id| self.streams.get(&id));
                let feeds = |live: &Live| live.feeder.is_connection(connection.token);
                connection.closing.is_none()
                    && pulled.is_some_and(|live| feeds(live) && live.stream.source_left())
            })
            .map(|(token, _)| *token)
            .collect();
        for token in left {
            if let Some(client) = self.client(token) {
                client.ended = true;
            }
            self.say_teardown(token, "the source has ended");
        }
    }

    pub(super) fn cut_off_stalled(&mut self, now: Duration) {
        let stalled: Vec<Token> = self
            .connections
            .iter()
            .filter_map(|(token, connection)| {
                let (id, key) = connection.role.child()?;
                let live = self.streams.get(&id)?;
                live.stream.is_stalled(key, now).then_some(*token)
            })
            .collect();
        for token in stalled {
            self.lose(token, "it does not read what it asked for");
        }
    }

    /// A connection is gone, or is to go at once.
    pub(super) fn lose(&mut self, token: Token, reason: &str) {
        self.release(token, reason);
        let Some(mut connection) = self.connections.remove(&token) else { return };
        connection.wire.hang_up(&mut *self.io);
        self.close_connection(&connection);
        self.child_hung_up(&connection, reason);
        match connection.role {
            Role::Server(mut server) => {
                self.door.leave(connection.peer.ip());
                server.session.handle_close();
            }
            Role::Client(client) => {
                self.reporters.remove(token);
                self.client_over(*client, reason);
            }
            Role::Child { .. } => {}
        }
    }

    /// Closes a connection as soon as everything that waits for it is sent.
    pub(super) fn close_after_flush(&mut self, token: Token, reason: &str) {
        if let Some(connection) = self.connections.get_mut(&token) {
            connection.closing.get_or_insert_with(|| reason.to_owned());
            match connection.writer {
                Some(shard) => self.shards.order(shard, Order::CloseAfterFlush(token)),
                None => self.flush(token),
            }
        }
    }

    /// The engine is to stop: its streams end. True when no player waits for a last word any more.
    pub(super) fn wind_up(&mut self) -> bool {
        let open = |(id, live): (&StreamId, &Live)| live.ended.is_none().then_some(*id);
        for id in self.streams.iter().filter_map(open).collect::<Vec<_>>() {
            self.end_stream(id, "the engine stops");
        }
        self.streams.values().all(|live| live.stream.is_finished())
    }

    /// Hangs up on everybody.
    pub(super) fn hang_up(&mut self) {
        let connections: Vec<Token> = self.connections.keys().copied().collect();
        for token in connections {
            self.say_teardown(token, "the engine stops");
            self.lose(token, "the engine stops");
        }
        self.remove_distant();
        self.stop_shards();
        let closing = std::mem::take(&mut self.closing).into_values().map(|(live, _)| live);
        for mut live in closing.chain(std::mem::take(&mut self.streams).into_values()) {
            self.close_books(&mut live);
        }
    }
}
