//! Answers to those who play from here and publish to here.

use std::net::SocketAddr;

use crate::io::Token;
use crate::relay::ChildKey;
use crate::rtsp::server::{Ask, EndReason};
use crate::rtsp::{Answer, Mode, Question, Request, ServerConfig, ServerEvent, Status, Step};

use super::command::StreamId;
use super::event::Event;
use super::role::{Part, Publisher, Role, Server};
use super::worker::Worker;

mod players;
mod publishers;

impl Worker {
    /// The role of a connection that has just been accepted.
    pub(super) fn server_role(&mut self, secure: bool) -> Option<Role> {
        let seed = super::random::seed()
            .inspect_err(|error| tracing::error!(%error, "no randomness for session identifiers"))
            .ok()?;
        let timeout = self.config.session_timeout;
        // Datagrams would not be encrypted.
        let (udp, multicast) = (!secure, !secure && self.config.multicast.is_some());
        let config = ServerConfig { timeout, udp, multicast, ..ServerConfig::default() };
        let session = crate::rtsp::ServerSession::new(config, seed, self.io.now());
        let server =
            Server { session, part: Part::Idle, granted: None, passes: Vec::new(), waiting: None };
        Some(Role::Server(Box::new(server)))
    }

    pub(super) fn server(&mut self, token: Token) -> Option<&mut Server> {
        match &mut self.connections.get_mut(&token)?.role {
            Role::Server(server) => Some(server),
            Role::Client(_) | Role::Child { .. } => None,
        }
    }

    /// Answers a request.
    pub(super) fn serve(&mut self, token: Token, request: Request) {
        let now = self.io.now();
        let Some(server) = self.server(token) else { return };
        let step = server.session.handle_request(request, now);
        self.server_events(token);
        match step {
            Step::Reply(response) => self.send(token, response.to_bytes()),
            Step::Ask(question) => self.admit(token, question),
            // No message is read while a question is open.
            Step::Wait(_) => {}
        }
    }

    /// Answers a question of somebody who may ask it, now or when the stream that it is about is there.
    pub(super) fn conclude(&mut self, token: Token, question: Box<Question>) {
        let Some(question) = self.await_stream(token, question) else { return };
        let now = self.io.now();
        let answer = self.answer(token, &question);
        let played = matches!(answer, Answer::Play { .. });
        let over = matches!(question.ask, Ask::Teardown { last: true, .. });
        if over && let Some(publisher) = self.publisher(token) {
            // Before the answer, which its connection may be too far gone to take.
            publisher.ended = true;
        }
        let Some(server) = self.server(token) else { return };
        if let Some(response) = server.session.answer(answer, now) {
            self.send(token, response.to_bytes());
        }
        self.server_events(token);
        if played {
            self.kick(token);
        }
        if over {
            self.release(token, "it said TEARDOWN");
        }
    }

    /// What a server session says by itself.
    pub(super) fn server_events(&mut self, token: Token) {
        while let Some(event) = self.server(token).and_then(|s| s.session.poll_event()) {
            match event {
                ServerEvent::SessionEnded { reason, .. } => self.session_ended(token, reason),
                ServerEvent::CloseConnection => self.close_after_flush(token, "it was idle"),
            }
        }
    }

    fn session_ended(&mut self, token: Token, reason: EndReason) {
        match reason {
            EndReason::Replaced => {
                // FFmpeg goes over to TCP. What it announced, it still publishes.
                let player = self.server(token).is_some_and(|s| matches!(s.part, Part::Player(_)));
                if player {
                    self.release(token, "it set up a new session");
                }
            }
            EndReason::Timeout => self.close_after_flush(token, "its session timed out"),
            EndReason::ConnectionClosed { .. } => {}
        }
    }

    fn answer(&mut self, token: Token, question: &Question) -> Answer {
        let path = question.path.trim_matches('/');
        let answered = match &question.ask {
            Ask::Describe => self.describe(token, path),
            Ask::Announce => self.announce(token, path, &question.request.body),
            Ask::Setup(setup) => match setup.mode {
                Mode::Play => self.set_up_player(token, path, setup),
                Mode::Record => self.set_up_publisher(token, setup),
            },
            Ask::Play { .. } => self.play(token, &question.request.headers),
            Ask::Pause { .. } => self.pause(token),
            Ask::Record { .. } => self.record(token),
            // The end of a whole session waits for its answer.
            Ask::Teardown { last: true, .. } => Ok(Answer::Done),
            Ask::Teardown { tracks, .. } => self.tear_down_tracks(token, tracks),
        };
        answered.unwrap_or_else(Answer::from)
    }

    fn describe(&mut self, token: Token, path: &str) -> Result<Answer, Status> {
        let local = self.io.local_addr(token).map_err(|_| Status::INTERNAL_SERVER_ERROR)?;
        let offers = self.config.retransmission;
        let (_, live) = self.stream_at(path).ok_or(Status::NOT_FOUND)?;
        let mut described = live.stream.session().for_players(local.ip());
        if offers {
            described.offer_retransmission();
        }
        Ok(Answer::Describe { sdp: described.to_string() })
    }

    // --- the end ---

    /// Lets go of what a server's peer had: its child, or the stream that it fed.
    pub(super) fn release(&mut self, token: Token, reason: &str) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let peer = connection.peer;
        let Role::Server(server) = &mut connection.role else { return };
        match std::mem::replace(&mut server.part, Part::Idle) {
            Part::Idle => {}
            Part::Player(player) => {
                self.reporters.remove(token);
                if let Some(shard) = player.shard {
                    self.shards.leave(shard);
                }
                self.leave_group(token, player.stream);
                match player.child {
                    Some(_) if player.is_multicast() => {
                        self.tell_child_gone(player.stream, peer, reason);
                    }
                    Some(key) => self.child_gone(player.stream, key, peer, reason),
                    None => {}
                }
            }
            Part::Publisher(publisher) => {
                let Publisher { inlets, stream, ended, .. } = *publisher;
                for (socket, _, _) in inlets.sockets {
                    self.io.close(socket);
                }
                let reason = format!("its publisher is gone: {reason}");
                match stream {
                    Some(id) if ended && !self.stand_in(id, &reason) => {
                        self.end_stream(id, &reason);
                    }
                    Some(_) if ended => {}
                    Some(id) => self.orphan(id, &reason),
                    None => {}
                }
            }
        }
    }

    fn child_gone(&mut self, id: StreamId, key: ChildKey, peer: SocketAddr, reason: &str) {
        if self.remove_child_of(id, key) {
            self.tell_child_gone(id, peer, reason);
        }
    }

    fn tell_child_gone(&self, id: StreamId, peer: SocketAddr, reason: &str) {
        let Some(live) = self.streams.get(&id) else { return };
        let path = live.path.clone();
        self.tell(Event::ChildEnded { path, peer: peer.to_string(), reason: reason.to_owned() });
    }
}
