//! The engine's thread: one loop over sockets, commands and timers.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use slab::Slab;

use crate::io::{self, Datagram, Io, Opened, Token};
use crate::media::sdp;
use crate::relay::{ChildKey, Packet, PairId};
use crate::ring::{Subscriber, Wake};

use super::access::Gate;
use super::children::{Added, ChildId};
use super::cipher::Acceptor;
use super::command::{self, Command, Commands, Remote, StreamId};
use super::config::Config;
use super::connection::Connection;
use super::door::Door;
use super::egress::Pair;
use super::error::Error;
use super::event::Event;
use super::event_queue::Teller;
use super::media::{Ingest, Live};
use super::multicast::Casts;
use super::on_demand::OnDemand;
use super::reporters::Reporters;
use super::shards::{Gathering, Shards};
use super::turns::Turn;
use super::upstreams::{LinkId, Upstreams};

mod sockets;
mod streams;
mod timers;

/// Bytes read from a connection without buffers of its own at once.
const SCRATCH: usize = 64 << 10;
/// How long the engine may take to end its streams when it is to stop.
const LAST_WORDS: Duration = Duration::from_secs(1);

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
    /// The backend that was opened, and why.
    pub(super) backend: (&'static str, String),
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
    /// The threads that serve children, if there are some.
    pub(super) shards: Shards,
    /// Streams that are over, and how many threads have yet to tell of them.
    pub(super) closing: HashMap<StreamId, (Live, usize)>,
    /// Those who wait for figures.
    pub(super) gatherings: VecDeque<Gathering>,
    /// Connections of UDP players, by where their reports come from.
    pub(super) reporters: Reporters,
    /// Streams that are sent to multicast groups.
    pub(super) casts: Casts,
    /// Where streams are pulled from, by path.
    pub(super) upstreams: HashMap<String, Upstreams>,
    pub(super) next_link: LinkId,
    /// Streams that are going over from one server to another.
    pub(super) switches: usize,
    /// Pushes of streams that are not there yet.
    pub(super) pushes: Vec<Remote>,
    /// Connections by the address they come from.
    pub(super) door: Door,
    /// Paths at which the stream of another path stands in for a publisher.
    pub(super) fallbacks: HashMap<String, String>,
    /// Streams that stand in, and for which.
    pub(super) stand_ins: Vec<(StreamId, StreamId)>,
    /// Questions of who may come in.
    pub(super) gate: Gate,
    /// Streams that are fetched while somebody wants them, by path.
    pub(super) on_demand: HashMap<String, OnDemand>,
    /// Connections with a request that waits for a stream, and its path.
    pub(super) awaiting_streams: Vec<(String, Token)>,
    /// The way back into the queue of commands, for threads that work for this one.
    pub(super) handle: Commands,
    readers: Vec<(String, Duration, ReaderReply)>,
    next_stream: StreamId,
    /// SSRC under which reports to sources are sent.
    pub(super) reporter: u32,
    /// The number by which servers know this one: see [`Via`](crate::rtsp::Via).
    pub(super) node: u64,
    housekeeping: Duration,
    next_burst: Duration,
    next_watch: Duration,
    /// Streams of which something waits for its time: bursts, packets behind a hole.
    ticking: Vec<StreamId>,
    warnings_told: usize,
    /// Times that a connection has brought what is no RTSP.
    pub(super) bad_requests: u64,
    /// Interleaved frames of connections that neither play nor publish.
    pub(super) stray_frames: u64,
    pub(super) scratch: Box<[u8]>,
    datagrams: Vec<Datagram>,
    /// Requests of players that are to be looked at next.
    heard: Vec<((StreamId, ChildKey), Vec<u8>)>,
    /// Commands are left in the queue.
    asked_for_more: bool,
    /// Messages that this turn still has room for, and connections that wait for the next.
    pub(super) turn: Turn,
    /// When the engine stops at the latest, once it was told to.
    pub(super) stop_by: Option<Duration>,
}

impl Worker {
    pub(super) fn new(
        Opened { io, reason }: Opened,
        shards: Shards,
        config: Config,
        (handle, commands): (Commands, Receiver<Command>),
        events: Teller,
        (reporter, node): (u32, u64),
    ) -> Worker {
        let gate = Gate::new(config.access.clone(), config.access_timeout, io.waker());
        Worker {
            reporter,
            node,
            gate,
            fallbacks: HashMap::new(),
            stand_ins: Vec::new(),
            on_demand: HashMap::new(),
            awaiting_streams: Vec::new(),
            handle,
            backend: (io.name(), reason),
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
            shards,
            closing: HashMap::new(),
            gatherings: VecDeque::new(),
            reporters: Reporters::default(),
            casts: Casts::default(),
            upstreams: HashMap::new(),
            next_link: 0,
            switches: 0,
            pushes: Vec::new(),
            door: Door::default(),
            readers: Vec::new(),
            next_stream: 1,
            housekeeping: Duration::ZERO,
            next_burst: Duration::ZERO,
            next_watch: Duration::ZERO,
            ticking: Vec::new(),
            warnings_told: 0,
            bad_requests: 0,
            stray_frames: 0,
            scratch: vec![0; SCRATCH].into(),
            datagrams: Vec::new(),
            heard: Vec::new(),
            asked_for_more: false,
            turn: Turn::default(),
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
            self.begin_turn();
            for event in ready.drain(..) {
                self.handle(event);
            }
            self.obey_all();
            self.hear_shards();
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
        if self.asked_for_more || self.turn.is_owed() {
            return Duration::ZERO;
        }
        if !self.ticking.is_empty() {
            return self.next_burst.saturating_sub(self.io.now());
        }
        let next = match self.watches() {
            true => self.housekeeping.min(self.next_watch),
            false => self.housekeeping,
        };
        next.saturating_sub(self.io.now())
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
            Command::Pull { path, remotes, reply } => {
                let _ = reply.send(self.pull(path, remotes));
            }
            Command::SetUpstreams { path, remotes, reply } => {
                let _ = reply.send(self.set_upstreams(&path, remotes));
            }
            Command::Fallback { path, source, reply } => {
                let _ = reply.send(self.set_fallback(path, source));
            }
            Command::OnDemand { path, demand, reply } => {
                self.set_on_demand(path, demand);
                let _ = reply.send(Ok(()));
            }
            Command::Fetch { path, remote } => self.fetch_from(path, remote),
            Command::Push(remote, reply) => {
                let _ = reply.send(self.push(remote));
            }
            Command::IngestRtp { path, session, reply } => {
                let _ = reply.send(self.ingest_rtp(path, session));
            }
            Command::SendRtp { path, targets, reply } => {
                let _ = reply.send(self.send_rtp(&path, targets));
            }
            Command::Source { path, session, supply, reply } => {
                let _ = reply.send(self.add_source(path, session, supply));
            }
            Command::Room { stream, reply } => {
                let _ = reply.send(Ok(self.make_room_for_source(stream)));
            }
            Command::Feed { stream, mut packets, dropped, spare } => {
                self.feed(stream, &mut packets, dropped);
                packets.clear();
                // A full queue means that the source has enough of them.
                let _ = spare.try_send(packets);
            }
            Command::Child(command) => self.obey_about_child(command),
            Command::EndSource(stream) => self.end_source(stream),
            Command::Reader { path, patience, reply } => self.add_reader(path, patience, reply),
            Command::End { path, reply } => {
                let _ = reply.send(self.end(&path));
            }
            Command::Figures(reply) => self.tell_figures(reply),
            Command::WakeOnEvent(wake) => self.event_wake = Some(wake),
            Command::Stop => self.stop_by = Some(self.io.now() + LAST_WORDS),
        }
    }

    pub(super) fn tell(&self, event: Event) {
        tracing::info!("{event}");
        self.events.tell(event);
        if let Some(wake) = &self.event_wake {
            wake.wake();
        }
    }
}
