//! Answers to those who play from here and publish to here.

use std::net::SocketAddr;

use crate::io::{Destination, Token};
use crate::media::sdp;
use crate::relay::{ChildKey, Kind, Layout, Target, Transport};
use crate::rtsp::server::{Ask, Chosen, EndReason, Refusal, Setup, SetupAnswer, TrackStart};
use crate::rtsp::{
    Answer, Mode, Question, Range, Request, ServerConfig, ServerEvent, Status, Step,
};

use super::command::StreamId;
use super::egress::Sockets;
use super::error::Error;
use super::event::Event;
use super::media::{Ingest, Sender};
use super::role::{Inlets, Part, Player, Publisher, Role, Server};
use super::worker::Worker;

/// Why a second publisher is refused.
const TAKEN: &str = "somebody publishes at this path already";

fn taken() -> Refusal {
    Refusal { detail: Some(TAKEN), ..Refusal::from(Status::FORBIDDEN) }
}

/// Lower ports belong to services of the system (RFC 6335 §6), never to a player.
const FIRST_USER_PORT: u16 = 1024;

impl Worker {
    /// The role of a connection that has just been accepted.
    pub(super) fn server_role(&mut self) -> Option<Role> {
        let seed = super::random::seed()
            .inspect_err(|error| tracing::error!(%error, "no randomness for session identifiers"))
            .ok()?;
        let timeout = self.config.session_timeout;
        let config = ServerConfig { timeout, ..ServerConfig::default() };
        let session = crate::rtsp::ServerSession::new(config, seed, self.io.now());
        let server = Server { session, part: Part::Idle, granted: None, waiting: None };
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

    /// Answers a question of somebody who may ask it.
    pub(super) fn conclude(&mut self, token: Token, question: &Question) {
        let now = self.io.now();
        let answer = self.answer(token, question);
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
            Ask::Play { .. } => self.play(token),
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
        let (_, live) = self.stream_at(path).ok_or(Status::NOT_FOUND)?;
        Ok(Answer::Describe { sdp: live.stream.session().for_players(local.ip()).to_string() })
    }

    // --- players ---

    fn set_up_player(&mut self, token: Token, path: &str, setup: &Setup) -> Result<Answer, Status> {
        let local = self.io.local_addr(token).map_err(|_| Status::INTERNAL_SERVER_ERROR)?.ip();
        let (id, live) = self.stream_at(path).ok_or(Status::NOT_FOUND)?;
        let tracks = live.stream.tracks().len();
        let track = match live.stream.session().for_players(local).track_of_url(&setup.control) {
            Some(track) => track,
            None if !setup.control.is_empty() => return Err(Status::NOT_FOUND),
            None if tracks == 1 => 0,
            None => return Err(Status::AGGREGATE_OPERATION_NOT_ALLOWED),
        };
        let ssrc = live.stream.tracks().get(track).and_then(|track| track.ssrc());
        let server_port = match setup.transport {
            Chosen::Udp { client_rtp, client_rtcp } => {
                if !self.may_send_to(token, &[client_rtp, client_rtcp]) {
                    return Err(Status::UNSUPPORTED_TRANSPORT);
                }
                let pair = self.shared_pair(local).map_err(|error| {
                    tracing::warn!(%error, "a player cannot be served over UDP");
                    Status::UNSUPPORTED_TRANSPORT
                })?;
                self.pairs.get(pair).map(|pair| pair.ports)
            }
            Chosen::Tcp { .. } => None,
        };
        let server = self.server(token).ok_or(Status::INTERNAL_SERVER_ERROR)?;
        if let Part::Idle = server.part {
            let player = Player { stream: id, tracks: vec![None; tracks], child: None };
            server.part = Part::Player(player);
        }
        let Part::Player(player) = &mut server.part else {
            return Err(Status::METHOD_NOT_VALID_IN_THIS_STATE);
        };
        if player.stream != id {
            return Err(Status::AGGREGATE_OPERATION_NOT_ALLOWED);
        }
        if player.child.is_some() {
            return Err(Status::METHOD_NOT_VALID_IN_THIS_STATE);
        }
        let udp = |chosen: &Chosen| matches!(chosen, Chosen::Udp { .. });
        if player.tracks.iter().flatten().any(|other| udp(other) != udp(&setup.transport)) {
            return Err(Status::UNSUPPORTED_TRANSPORT);
        }
        *player.tracks.get_mut(track).ok_or(Status::NOT_FOUND)? = Some(setup.transport);
        Ok(Answer::Setup(SetupAnswer { track, server_port, source: None, ssrc }))
    }

    /// Whether a player may have packets sent to these ports of its address: no well-known ones, none
    /// at which another player receives, and none of our own, from which they would come in again.
    fn may_send_to(&self, token: Token, ports: &[u16]) -> bool {
        let Some(peer) = self.connections.get(&token).map(|connection| connection.peer.ip()) else {
            return false;
        };
        let others = |port: &u16| {
            let target = SocketAddr::new(peer, *port);
            self.reporters.get(&target).is_some_and(|owner| owner != token)
        };
        let local = self.io.local_addr(token).map(|local| local.ip());
        let here = peer.is_loopback() || local.is_ok_and(|local| local == peer);
        ports.iter().all(|port| {
            *port >= FIRST_USER_PORT && !others(port) && !(here && self.is_own_port(*port))
        })
    }

    fn is_own_port(&self, port: u16) -> bool {
        let paired = |ports: (u16, u16)| port == ports.0 || port == ports.1;
        self.pairs.iter().any(|(_, pair)| paired(pair.ports))
            || self
                .ingests
                .keys()
                .any(|token| self.io.local_addr(*token).is_ok_and(|at| at.port() == port))
    }

    fn play(&mut self, token: Token) -> Result<Answer, Status> {
        let start = self.config.start;
        let (id, key) = self.child_of(token)?;
        let live = self.streams.get_mut(&id).ok_or(Status::SESSION_NOT_FOUND)?;
        let points = live.stream.play(key, start).ok_or(Status::SESSION_NOT_FOUND)?;
        let wanted = match self.server(token).map(|server| &server.part) {
            Some(Part::Player(player)) => player.tracks.iter().map(Option::is_some).collect(),
            _ => Vec::new(),
        };
        let known = (0..).zip(points).zip(wanted).filter(|(_, wanted)| *wanted);
        let starts: Option<Vec<TrackStart>> = known
            .map(|((track, point), _)| {
                point.map(|(sequence, timestamp)| TrackStart { track, sequence, timestamp })
            })
            .collect();
        // live555 matches entries by their order: all tracks or none.
        let rtp_info = starts.unwrap_or_default();
        let range = Some(Range::from_start(std::time::Duration::ZERO));
        Ok(Answer::Play { range, rtp_info })
    }

    /// The child of a player; made at its first PLAY, when all its tracks are set up.
    fn child_of(&mut self, token: Token) -> Result<(StreamId, ChildKey), Status> {
        let now = self.io.now();
        let connection = self.connections.get(&token).ok_or(Status::SESSION_NOT_FOUND)?;
        let peer = connection.peer;
        let Role::Server(server) = &connection.role else {
            return Err(Status::METHOD_NOT_VALID_IN_THIS_STATE);
        };
        let Part::Player(player) = &server.part else {
            return Err(Status::METHOD_NOT_VALID_IN_THIS_STATE);
        };
        let id = player.stream;
        if let Some(key) = player.child {
            return Ok((id, key));
        }
        let tracks = player.tracks.clone();
        let transport = self.transport_of(token, peer, &tracks)?;
        let name = transport.name();
        if let Transport::Udp { targets } = &transport {
            let addresses = targets.iter().flatten().map(|target| target.rtcp.addr());
            self.reporters.add(token, addresses);
        }
        let live = self.streams.get_mut(&id).filter(|live| live.ended.is_none());
        let live = live.ok_or(Status::NOT_FOUND)?;
        let key = live.stream.add_child(transport, now);
        let path = live.path.clone();
        if let Some(Part::Player(player)) = self.server(token).map(|server| &mut server.part) {
            player.child = Some(key);
        }
        self.tell(Event::ChildStarted { path, peer: peer.to_string(), transport: name });
        Ok((id, key))
    }

    fn transport_of(
        &mut self,
        token: Token,
        peer: SocketAddr,
        tracks: &[Option<Chosen>],
    ) -> Result<Transport, Status> {
        let interleaved =
            tracks.iter().flatten().any(|chosen| matches!(chosen, Chosen::Tcp { .. }));
        if interleaved {
            let channels = tracks.iter().map(|chosen| match chosen {
                Some(Chosen::Tcp { rtp, rtcp }) => Some((*rtp, *rtcp)),
                _ => None,
            });
            return Ok(Transport::Tcp { conn: token, layout: Layout::new(channels.collect()) });
        }
        let local = self.io.local_addr(token).map_err(|_| Status::INTERNAL_SERVER_ERROR)?.ip();
        let pair = self.shared_pair(local).map_err(|_| Status::SERVICE_UNAVAILABLE)?;
        // Only ever to the address that the request came from: a server that sends where it is
        // told to is a weapon.
        let to = |port| Destination::new(SocketAddr::new(peer.ip(), port));
        let targets = tracks.iter().map(|chosen| match chosen {
            Some(Chosen::Udp { client_rtp, client_rtcp }) => {
                Some(Target { pair, rtp: to(*client_rtp), rtcp: to(*client_rtcp) })
            }
            _ => None,
        });
        Ok(Transport::Udp { targets: targets.collect() })
    }

    fn pause(&mut self, token: Token) -> Result<Answer, Status> {
        let child = self.connections.get(&token).and_then(|connection| connection.role.child());
        if let Some((id, key)) = child
            && let Some(live) = self.streams.get_mut(&id)
        {
            live.stream.pause(key);
        }
        Ok(Answer::Done)
    }

    /// Some of a player's tracks end; the others go on.
    fn tear_down_tracks(&mut self, token: Token, tracks: &[usize]) -> Result<Answer, Status> {
        let now = self.io.now();
        let server = self.server(token).ok_or(Status::SESSION_NOT_FOUND)?;
        let Part::Player(player) = &mut server.part else { return Ok(Answer::Done) };
        for track in tracks {
            if let Some(transport) = player.tracks.get_mut(*track) {
                *transport = None;
            }
        }
        let (id, child) = (player.stream, player.child);
        let Worker { io, connections, pairs, streams, .. } = self;
        if let (Some(key), Some(live)) = (child, streams.get_mut(&id)) {
            let sockets = &mut Sockets { io: &mut **io, connections, pairs };
            live.stream.drop_tracks(key, tracks, now, sockets);
        }
        Ok(Answer::Done)
    }

    /// The answer to PLAY is on its way: media may follow.
    fn kick(&mut self, token: Token) {
        let child = self.connections.get(&token).and_then(|connection| connection.role.child());
        if let Some((id, key)) = child {
            self.kick_child(id, key);
        }
    }

    // --- publishers ---

    fn announce(&mut self, token: Token, path: &str, body: &[u8]) -> Result<Answer, Status> {
        let session = match sdp::Session::parse(body) {
            Ok(session) => session,
            Err(error) => {
                self.tell_refused(token, path, &format!("its session description: {error}"));
                return Err(Status::BAD_REQUEST);
            }
        };
        if session.media.iter().any(|media| media.protocol.is_secure()) {
            self.tell_refused(token, path, "SRTP is not supported");
            return Err(Status::UNSUPPORTED_MEDIA_TYPE);
        }
        if path.is_empty() {
            self.tell_refused(token, path, "its URL has no path");
            return Err(Status::NOT_FOUND);
        }
        if !self.config.takeover && self.is_taken(path) {
            self.tell_refused(token, path, TAKEN);
            return Ok(Answer::Refuse(taken()));
        }
        let server = self.server(token).ok_or(Status::INTERNAL_SERVER_ERROR)?;
        let Part::Idle = server.part else { return Err(Status::METHOD_NOT_VALID_IN_THIS_STATE) };
        let (path, inlets) = (path.to_owned(), Inlets::default());
        let announced = self.io.now();
        let server = self.server(token).ok_or(Status::INTERNAL_SERVER_ERROR)?;
        let publisher = Publisher { path, session, inlets, announced, stream: None, ended: false };
        server.part = Part::Publisher(Box::new(publisher));
        Ok(Answer::Done)
    }

    pub(super) fn tell_refused(&self, token: Token, path: &str, reason: &str) {
        let peer = self.connections.get(&token).map(|connection| connection.peer.to_string());
        let (path, peer) = (path.to_owned(), peer.unwrap_or_default());
        self.tell(Event::PublisherRefused { path, peer, reason: reason.to_owned() });
    }

    fn publisher(&mut self, token: Token) -> Option<&mut Publisher> {
        match &mut self.server(token)?.part {
            Part::Publisher(publisher) => Some(publisher),
            Part::Idle | Part::Player(_) => None,
        }
    }

    fn set_up_publisher(&mut self, token: Token, setup: &Setup) -> Result<Answer, Status> {
        let local = self.io.local_addr(token).map_err(|_| Status::INTERNAL_SERVER_ERROR)?.ip();
        let server = self.server(token).ok_or(Status::INTERNAL_SERVER_ERROR)?;
        let Part::Publisher(publisher) = &mut server.part else {
            return Err(Status::METHOD_NOT_VALID_IN_THIS_STATE);
        };
        let track = match publisher.session.track_of_url(&setup.control) {
            Some(track) => track,
            None if publisher.session.media.len() == 1 => 0,
            None => return Err(Status::NOT_FOUND),
        };
        let number = u8::try_from(track).map_err(|_| Status::NOT_FOUND)?;
        if publisher.stream.is_some() {
            return Err(Status::METHOD_NOT_VALID_IN_THIS_STATE);
        }
        // Set up anew, as after another transport has failed: the former one goes.
        let former = publisher.inlets.forget(number);
        self.close_inlets(former);
        let server_port = match setup.transport {
            Chosen::Tcp { rtp, rtcp } => {
                if let Some(publisher) = self.publisher(token) {
                    publisher.inlets.add_channels(number, rtp, rtcp);
                }
                None
            }
            Chosen::Udp { client_rtp, client_rtcp } => {
                let (ports, sockets) = self.bind_inlet(local, number).map_err(|error| {
                    tracing::warn!(%error, "a publisher cannot be served over UDP");
                    Status::UNSUPPORTED_TRANSPORT
                })?;
                if let Some(publisher) = self.publisher(token) {
                    publisher.inlets.sockets.extend(sockets);
                    publisher.inlets.ports.push((number, client_rtp, client_rtcp));
                }
                Some(ports)
            }
        };
        Ok(Answer::Setup(SetupAnswer { track, server_port, source: None, ssrc: None }))
    }

    fn record(&mut self, token: Token) -> Result<Answer, Status> {
        let connection = self.connections.get_mut(&token).ok_or(Status::SESSION_NOT_FOUND)?;
        let peer = connection.peer;
        let Role::Server(server) = &mut connection.role else {
            return Err(Status::METHOD_NOT_VALID_IN_THIS_STATE);
        };
        let Part::Publisher(publisher) = &mut server.part else {
            return Err(Status::METHOD_NOT_VALID_IN_THIS_STATE);
        };
        if publisher.stream.is_some() {
            return Ok(Answer::Done);
        }
        let sockets = std::mem::take(&mut publisher.inlets.sockets);
        let ports = std::mem::take(&mut publisher.inlets.ports);
        let (path, session) = (publisher.path.clone(), publisher.session.clone());
        let from = format!("RTSP publisher {peer}");
        if self.config.takeover {
            self.displace(&path);
        }
        let id = match self.feed_stream(path.clone(), from, session) {
            Ok(id) => id,
            Err(error) => {
                self.tell_refused(token, &path, &error.to_string());
                for (token, _, _) in sockets {
                    self.io.close(token);
                }
                return match error {
                    Error::PathTaken(_) => Ok(Answer::Refuse(taken())),
                    Error::Session(_) => Err(Status::BAD_REQUEST),
                    _ => Err(Status::SERVICE_UNAVAILABLE),
                };
            }
        };
        for (socket, track, kind) in sockets {
            let named = ports.iter().find(|(other, _, _)| *other == track);
            let port = named.map(|(_, rtp, rtcp)| if kind == Kind::Rtp { *rtp } else { *rtcp });
            let sender = Sender::Agreed { ip: peer.ip(), port, heard: None };
            let mut ingest = Ingest::new(id, track, kind, sender);
            ingest.session = Some(token);
            self.open_inlet(socket, ingest);
        }
        if let Some(publisher) = self.publisher(token) {
            publisher.stream = Some(id);
        }
        Ok(Answer::Done)
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
                if let Some(key) = player.child {
                    self.child_gone(player.stream, key, peer, reason);
                }
            }
            Part::Publisher(publisher) => {
                let Publisher { inlets, stream, ended, .. } = *publisher;
                for (socket, _, _) in inlets.sockets {
                    self.io.close(socket);
                }
                let reason = format!("its publisher is gone: {reason}");
                match stream {
                    Some(id) if ended => self.end_stream(id, &reason),
                    Some(id) => self.orphan(id, &reason),
                    None => {}
                }
            }
        }
    }

    fn child_gone(&mut self, id: StreamId, key: ChildKey, peer: SocketAddr, reason: &str) {
        let Some(live) = self.streams.get_mut(&id) else { return };
        let Some(ledger) = live.stream.remove_child(key) else { return };
        live.remember(ledger);
        let path = live.path.clone();
        self.tell(Event::ChildEnded { path, peer: peer.to_string(), reason: reason.to_owned() });
    }
}
