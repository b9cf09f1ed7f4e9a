//! The engine's thread: one loop over sockets, commands and timers.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use slab::Slab;

use crate::io::{self, Datagram, Io, Token, UdpOptions};
use crate::media::{rtcp, sdp};
use crate::relay::{ChildKey, MAX_BACKLOG, Packet, PairId, Stream};
use crate::ring::{Subscriber, Wake};
use crate::stats::Cause;

use super::access::Gate;
use super::asking::{Feeder, KeyFrameWishes};
use super::children::{Added, ChildId};
use super::cipher::Acceptor;
use super::command::{self, Command, Remote, StreamId};
use super::config::Config;
use super::connection::{Connection, Flushed, why_lost};
use super::egress::{Pair, Sockets};
use super::error::Error;
use super::event::Event;
use super::event_queue::Teller;
use super::figures::Figures;
use super::media::{Ingest, Live};
use super::reporters::Reporters;
use super::role::Role;

/// How often sessions, stalled connections and ended streams are looked at.
const HOUSEKEEPING: Duration = Duration::from_millis(100);
/// The clock of paced bursts.
const TICK: Duration = Duration::from_millis(1);
/// Bytes read from a connection without buffers of its own at once.
const SCRATCH: usize = 64 << 10;
/// How long the engine may take to end its streams when it is to stop.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Callers that may wait for streams to come.
const MAX_WAITING: usize = 1024;

/// What a socket is there for.
enum Owner {
    /// What encrypts the connections that come here.
    Listener(Option<Arc<dyn Acceptor>>),
    Connection,
    /// One of a pair from which UDP children are served.
    Pair,
    Ingest,
}

type ReaderReply = std::sync::mpsc::Sender<Result<(sdp::Session, Subscriber<Packet>), Error>>;

pub(super) struct Worker {
    pub(super) io: Box<dyn Io>,
    pub(super) config: Config,
    commands: Receiver<Command>,
    events: Teller,
    event_wake: Option<Arc<dyn Wake>>,
    owners: HashMap<Token, Owner>,
    pub(super) connections: HashMap<Token, Connection>,
    pub(super) streams: HashMap<StreamId, Live>,
    pub(super) paths: HashMap<String, StreamId>,
    pub(super) ingests: HashMap<Token, Ingest>,
    /// Children that the program has added.
    pub(super) added: HashMap<ChildId, Added>,
    pub(super) next_child: u64,
    /// Sockets for UDP children; those of RTSP players are shared, one pair per local address.
    pub(super) pairs: Slab<Pair>,
    shared_pairs: HashMap<IpAddr, PairId>,
    /// Connections of UDP players, by where their reports come from.
    pub(super) reporters: Reporters,
    /// Pushes of streams that are not there yet.
    pub(super) pushes: Vec<Remote>,
    /// Questions of who may come in.
    pub(super) gate: Gate,
    readers: Vec<(String, ReaderReply)>,
    next_stream: StreamId,
    /// SSRC under which reports to sources are sent.
    pub(super) reporter: u32,
    housekeeping: Duration,
    next_burst: Duration,
    /// Streams of which something waits for its time: bursts, packets behind a hole.
    ticking: Vec<StreamId>,
    warnings_told: usize,
    pub(super) scratch: Box<[u8]>,
    datagrams: Vec<Datagram>,
    /// Requests of players that are to be looked at next.
    heard: Vec<((StreamId, ChildKey), Vec<u8>)>,
    /// Commands are left in the queue.
    asked_for_more: bool,
    /// When the engine stops at the latest, once it was told to.
    pub(super) stop_by: Option<Duration>,
}

impl Worker {
    pub(super) fn new(
        io: Box<dyn Io>,
        config: Config,
        commands: Receiver<Command>,
        events: Teller,
        reporter: u32,
    ) -> Worker {
        let gate = Gate::new(config.access.clone(), config.access_timeout, io.waker());
        Worker {
            reporter,
            gate,
            io,
            config,
            commands,
            events,
            event_wake: None,
            owners: HashMap::new(),
            connections: HashMap::new(),
            streams: HashMap::new(),
            paths: HashMap::new(),
            ingests: HashMap::new(),
            added: HashMap::new(),
            next_child: 1,
            pairs: Slab::new(),
            shared_pairs: HashMap::new(),
            reporters: Reporters::default(),
            pushes: Vec::new(),
            readers: Vec::new(),
            next_stream: 1,
            housekeeping: Duration::ZERO,
            next_burst: Duration::ZERO,
            ticking: Vec::new(),
            warnings_told: 0,
            scratch: vec![0; SCRATCH].into(),
            datagrams: Vec::new(),
            heard: Vec::new(),
            asked_for_more: false,
            stop_by: None,
        }
    }

    pub(super) fn run(mut self) {
        let mut ready = Vec::new();
        while !self.has_stopped() {
            let timeout = self.until_next_timer();
            if let Err(error) = self.io.wait(Some(timeout), &mut ready) {
                tracing::error!(%error, "the engine cannot wait for its sockets and stops");
                break;
            }
            for event in ready.drain(..) {
                self.handle(event);
            }
            self.obey_all();
            self.hear_verdicts();
            self.tick();
        }
        self.hang_up();
        for token in std::mem::take(&mut self.owners).into_keys() {
            self.io.close(token);
        }
        if let Some(wake) = &self.event_wake {
            wake.wake();
        }
    }

    /// Does what is asked, but no more than one queue full: sources that push without a pause must not
    /// keep sockets and timers waiting.
    fn obey_all(&mut self) {
        for _ in 0..command::QUEUE {
            match self.commands.try_recv() {
                Ok(command) => self.obey(command),
                Err(_) => {
                    self.asked_for_more = false;
                    return;
                }
            }
        }
        self.asked_for_more = true;
    }

    fn has_stopped(&mut self) -> bool {
        self.stop_by.is_some_and(|by| self.wind_up() || self.io.now() >= by)
    }

    fn until_next_timer(&self) -> Duration {
        if self.asked_for_more {
            return Duration::ZERO;
        }
        if !self.ticking.is_empty() {
            return self.next_burst.saturating_sub(self.io.now());
        }
        self.housekeeping.saturating_sub(self.io.now())
    }

    fn handle(&mut self, event: io::Event) {
        let token = event.token;
        match self.owners.get(&token) {
            Some(Owner::Listener(acceptor)) => self.accept(token, acceptor.clone()),
            Some(Owner::Connection) => self.connection_ready(token, &event),
            Some(Owner::Pair) => self.hear_receivers(token),
            Some(Owner::Ingest) => self.receive(token),
            None => {}
        }
    }

    fn obey(&mut self, command: Command) {
        // A caller that has gone away does not want its answer: failing to send one is no error.
        match command {
            Command::Listen(address, acceptor, reply) => {
                let _ = reply.send(self.listen(address, acceptor));
            }
            Command::Pull(remote, reply) => {
                let _ = reply.send(self.pull(remote));
            }
            Command::Push(remote, reply) => {
                let _ = reply.send(self.push(remote));
            }
            Command::IngestRtp { path, session, reply } => {
                let _ = reply.send(self.ingest_rtp(path, session));
            }
            Command::SendRtp { path, targets, reply } => {
                let _ = reply.send(self.send_rtp(&path, targets));
            }
            Command::Source { path, session, wishes, reply } => {
                let _ = reply.send(self.add_source(path, session, wishes));
            }
            Command::Feed { stream, mut packets, dropped, spare } => {
                self.feed(stream, &mut packets, dropped);
                packets.clear();
                // A full queue means that the source has enough of them.
                let _ = spare.try_send(packets);
            }
            Command::Child(command) => self.obey_about_child(command),
            Command::EndSource(stream) => self.end_stream(stream, "its source has ended"),
            Command::Reader { path, waits, reply } => self.add_reader(path, waits, reply),
            Command::End { path, reply } => {
                let _ = reply.send(self.end(&path));
            }
            Command::Figures(reply) => {
                let _ = reply.send(Ok(self.figures()));
            }
            Command::WakeOnEvent(wake) => self.event_wake = Some(wake),
            Command::Stop => self.stop_by = Some(self.io.now() + LAST_WORDS),
        }
    }

    /// Does what is due in a stream of which something waits for its time; true while more does.
    fn tick_stream(&mut self, id: StreamId, now: Duration) -> bool {
        let Some(live) = self.streams.get_mut(&id) else { return false };
        if live.stream.is_holding() {
            live.stream.tend(now);
            self.fan_out(id);
            self.ask_source(id, now);
        }
        let Worker { io, connections, pairs, streams, .. } = self;
        let Some(live) = streams.get_mut(&id) else { return false };
        live.stream.pace(now, &mut Sockets { io: &mut **io, connections, pairs });
        live.ticking = live.stream.wants_ticks();
        live.ticking
    }

    /// Sees to it that a stream of which something waits for its time is looked at each tick.
    pub(super) fn arm(&mut self, id: StreamId) {
        let live = self.streams.get_mut(&id).filter(|live| !live.ticking);
        if let Some(live) = live.filter(|live| live.stream.wants_ticks()) {
            live.ticking = true;
            self.ticking.push(id);
        }
    }

    fn tick(&mut self) {
        let now = self.io.now();
        if now >= self.next_burst {
            self.next_burst = now + TICK;
            let mut ticking = std::mem::take(&mut self.ticking);
            ticking.retain(|id| self.tick_stream(*id, now));
            self.ticking.append(&mut ticking);
        }
        if now < self.housekeeping {
            return;
        }
        self.housekeeping = now + HOUSEKEEPING;
        self.give_up_waiting(now);
        self.check_sessions(now);
        self.end_announced(now);
        self.end_left();
        self.end_orphaned(now);
        self.cut_off_stalled(now);
        self.forget_ended(now);
        self.send_reports(now);
        self.ask_for_key_frames(now);
        self.tell_warnings();
    }

    pub(super) fn tell(&self, event: Event) {
        tracing::info!("{event}");
        self.events.tell(event);
        if let Some(wake) = &self.event_wake {
            wake.wake();
        }
    }

    fn tell_warnings(&mut self) {
        let new: Vec<_> = self.io.warnings().iter().skip(self.warnings_told).cloned().collect();
        self.warnings_told += new.len();
        for warning in new {
            self.tell(Event::Warning(warning));
        }
    }

    // --- sockets ---

    fn listen(
        &mut self,
        address: SocketAddr,
        acceptor: Option<Arc<dyn Acceptor>>,
    ) -> Result<SocketAddr, Error> {
        let (token, bound) = self
            .io
            .listen(address)
            .map_err(|source| Error::Io { doing: "listen for RTSP connections", source })?;
        self.owners.insert(token, Owner::Listener(acceptor));
        Ok(bound)
    }

    fn accept(&mut self, listener: Token, acceptor: Option<Arc<dyn Acceptor>>) {
        loop {
            match self.io.accept(listener) {
                Ok(Some((token, peer))) => {
                    if self.connections.len() >= self.config.max_connections {
                        tracing::warn!(%peer, "refused: all connections are taken");
                        self.io.close(token);
                        continue;
                    }
                    let cipher = match acceptor.as_ref().map(|acceptor| acceptor.accept()) {
                        Some(Err(error)) => {
                            tracing::warn!(%peer, %error, "refused: TLS cannot begin");
                            self.io.close(token);
                            continue;
                        }
                        Some(Ok(cipher)) => Some(cipher),
                        None => None,
                    };
                    match self.server_role(cipher.is_some()) {
                        Some(role) => self.add_connection(token, peer, role),
                        None => self.io.close(token),
                    }
                    if let (Some(cipher), Some(connection)) =
                        (cipher, self.connections.get_mut(&token))
                    {
                        connection.encrypt(cipher);
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(%error, "an RTSP connection cannot be accepted");
                    return;
                }
            }
        }
    }

    pub(super) fn add_connection(&mut self, token: Token, peer: SocketAddr, role: Role) {
        let connection = Connection::new(token, peer, role, self.io.now());
        self.owners.insert(token, Owner::Connection);
        self.connections.insert(token, connection);
    }

    /// Closes the socket of a connection that is already out of the table.
    pub(super) fn close_socket(&mut self, token: Token) {
        self.owners.remove(&token);
        self.io.close(token);
    }

    /// Sends what waits on a connection, then lets its child go on.
    pub(super) fn flush(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        match connection.flush(&mut *self.io) {
            Flushed::All => {}
            Flushed::Blocked => return,
            Flushed::Broken(error) => return self.lose(token, &why_lost(&error)),
        }
        let child = connection.role.child();
        if let Some((id, key)) = child
            && let Some(live) = self.streams.get_mut(&id)
        {
            let now = self.io.now();
            let Worker { io, connections, pairs, .. } = self;
            live.stream.writable(key, now, &mut Sockets { io: &mut **io, connections, pairs });
        }
        if let Some(connection) = self.connections.get(&token)
            && let Some(reason) = connection.closing.clone()
            && !connection.has_pending()
        {
            self.lose(token, &reason);
        }
    }

    /// The pair of sockets from which players at `local` are served.
    pub(super) fn shared_pair(&mut self, local: IpAddr) -> Result<PairId, Error> {
        if let Some(pair) = self.shared_pairs.get(&local) {
            return Ok(*pair);
        }
        let pair = self.add_pair(local)?;
        self.shared_pairs.insert(local, pair);
        Ok(pair)
    }

    /// A new pair of sockets to send from.
    pub(super) fn add_pair(&mut self, local: IpAddr) -> Result<PairId, Error> {
        let options = UdpOptions { gro: false, ..self.config.udp.clone() };
        let (rtp, rtcp) = self
            .io
            .bind_udp_pair(local, &options)
            .map_err(|source| Error::Io { doing: "bind a pair of UDP ports", source })?;
        self.owners.insert(rtp.token, Owner::Pair);
        self.owners.insert(rtcp.token, Owner::Pair);
        let ports = (rtp.local_addr.port(), rtcp.local_addr.port());
        Ok(self.pairs.insert(Pair { rtp: rtp.token, rtcp: rtcp.token, ports }))
    }

    pub(super) fn remove_pair(&mut self, id: PairId) {
        if let Some(pair) = self.pairs.try_remove(id) {
            self.close_socket(pair.rtp);
            self.close_socket(pair.rtcp);
        }
    }

    /// Registers a bound socket as one that feeds a stream.
    pub(super) fn add_ingest(&mut self, token: Token, ingest: Ingest) {
        self.owners.insert(token, Owner::Ingest);
        self.ingests.insert(token, ingest);
    }

    /// Reports of UDP players: a sign of life, and perhaps requests. What else comes to these ports
    /// (hole punching) is taken out of the socket and needs no answer.
    fn hear_receivers(&mut self, token: Token) {
        let now = self.io.now();
        let Worker { io, connections, reporters, heard, .. } = self;
        let result = io.receive_small(token, &mut |data, from| {
            let connection = reporters.get(&from).and_then(|token| connections.get_mut(&token));
            if let Some(connection) = connection {
                connection.role.alive(now);
                if rtcp::asks(data) {
                    heard.extend(connection.role.child().map(|child| (child, data.to_vec())));
                }
            }
        });
        if let Err(error) = result {
            tracing::debug!(%error, "reports of players cannot be read");
        }
        let mut heard = std::mem::take(&mut self.heard);
        for ((id, key), report) in heard.drain(..) {
            self.hear_child(id, key, &report);
        }
        self.heard = heard;
    }

    /// A socket that feeds a stream has something.
    fn receive(&mut self, token: Token) {
        let now = self.io.now();
        let Some(ingest) = self.ingests.get_mut(&token) else { return };
        let id = ingest.stream;
        let Some(live) = self.streams.get_mut(&id) else { return };
        match ingest.receive(token, live, &mut *self.io, &mut self.datagrams) {
            Ok(true) => {
                let session = ingest.session.and_then(|token| self.connections.get_mut(&token));
                if let Some(connection) = session {
                    connection.role.alive(now);
                }
            }
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "a media socket cannot be read"),
        }
        self.fan_out(id);
    }

    // --- streams ---

    /// Makes a stream and whatever waited for it.
    pub(super) fn add_stream(
        &mut self,
        path: String,
        from: String,
        session: sdp::Session,
    ) -> Result<StreamId, Error> {
        if self.has_source(&path) {
            return Err(Error::PathTaken(path));
        }
        if let Some(waiting) = self.paths.get(&path).copied() {
            self.end_stream(waiting, "another source has come in its place");
        }
        if self.streams.len() >= self.config.max_streams {
            return Err(Error::TooMany("streams"));
        }
        let stream = Stream::new(session, self.config.limits.clone())
            .map_err(|reason| Error::Session(reason.to_owned()))?;
        let id = self.next_stream;
        self.next_stream += 1;
        let mut live = Live::new(path.clone(), from.clone(), stream, self.config.buffer);
        for (_, reply) in self.readers.extract_if(.., |(wanted, _)| *wanted == path) {
            let _ = reply.send(Ok((live.stream.session().clone(), live.stream.subscriber())));
        }
        self.streams.insert(id, live);
        self.paths.insert(path.clone(), id);
        self.tell(Event::StreamStarted { path: path.clone(), from });
        for remote in self.pushes.extract_if(.., |push| push.path == path).collect::<Vec<_>>() {
            self.begin_push(remote);
        }
        Ok(id)
    }

    /// Makes a stream of what this process will hand over.
    fn add_source(
        &mut self,
        path: String,
        session: sdp::Session,
        wishes: Arc<KeyFrameWishes>,
    ) -> Result<StreamId, Error> {
        let id = self.add_stream(path, "this process".into(), session)?;
        if let Some(live) = self.streams.get_mut(&id) {
            live.feeder = Feeder::Program(wishes);
        }
        Ok(id)
    }

    pub(super) fn stream_at(&mut self, path: &str) -> Option<(StreamId, &mut Live)> {
        let id = *self.paths.get(path)?;
        self.streams.get_mut(&id).map(|live| (id, live))
    }

    /// Sends what is new of a stream to its live children.
    pub(super) fn fan_out(&mut self, id: StreamId) {
        let now = self.io.now();
        let Worker { io, connections, pairs, streams, .. } = self;
        if let Some(live) = streams.get_mut(&id) {
            live.stream.fan_out(now, &mut Sockets { io: &mut **io, connections, pairs });
        }
        self.ask_for_key_frame(id, now);
        self.arm(id);
    }

    fn feed(&mut self, id: StreamId, packets: &mut Vec<Packet>, dropped: u64) {
        let Some(live) = self.streams.get_mut(&id).filter(|live| live.ended.is_none()) else {
            return;
        };
        let now = self.io.now();
        if dropped > 0 {
            live.stream.count_drop(Cause::PoolSpent, dropped);
            live.stream.make_room();
        }
        for mut packet in packets.drain(..) {
            let Some(live) = self.streams.get_mut(&id) else { return };
            packet.arrival = now;
            live.stream.ingest(packet);
            if live.stream.backlog() >= MAX_BACKLOG {
                self.fan_out(id);
            }
        }
        self.fan_out(id);
    }

    fn add_reader(&mut self, path: String, waits: bool, reply: ReaderReply) {
        if let Some((_, live)) = self.stream_at(&path) {
            let parts = (live.stream.session().clone(), live.stream.subscriber());
            let _ = reply.send(Ok(parts));
        } else if !waits {
            let _ = reply.send(Err(Error::NoStream(path)));
        } else if self.readers.len() < MAX_WAITING {
            self.readers.push((path, reply));
        } else {
            let _ = reply.send(Err(Error::TooMany("readers that wait for a stream")));
        }
    }

    /// Sessions that fell silent, connections that do not come about.
    fn check_sessions(&mut self, now: Duration) {
        // Mostly nothing is due, and an empty list takes no memory.
        let due = |connection: &Connection| match &connection.role {
            Role::Server(server) => server.session.poll_timeout().is_some_and(|at| at <= now),
            Role::Client(_) => true,
            Role::Child { .. } => false,
        };
        let tokens: Vec<Token> = self
            .connections
            .iter()
            .filter(|(_, connection)| due(connection))
            .map(|(token, _)| *token)
            .collect();
        for token in tokens {
            let Some(connection) = self.connections.get_mut(&token) else { continue };
            match &mut connection.role {
                Role::Server(server) => {
                    if server.session.poll_timeout().is_some_and(|at| at <= now) {
                        server.session.handle_timeout(now);
                        self.server_events(token);
                    }
                }
                Role::Client(client) => {
                    let Some(session) = &mut client.session else {
                        if now.saturating_sub(connection.opened) > self.config.connect_timeout {
                            self.try_next(token, "it does not answer");
                        }
                        continue;
                    };
                    if session.poll_timeout().is_some_and(|at| at <= now) {
                        session.handle_timeout(now);
                        self.drive(token);
                    }
                    self.check_silence(token, now);
                }
                Role::Child { .. } => {}
            }
        }
    }

    fn figures(&self) -> Figures {
        Figures {
            backend: self.io.name(),
            gso: self.io.gso().to_string(),
            connections: self.connections.len(),
            streams: self.streams.values().map(Live::figures).collect(),
        }
    }
}
