//! What a connection is there for.

use std::time::Duration;

use crate::io::Token;
use crate::media::sdp;
use crate::relay::{ChildKey, Kind, PairId};
use crate::rtsp::server::Chosen;
use crate::rtsp::{ClientSession, ServerSession, Status};

use super::access::{Action, Pass};
use super::admission::Waiting;
use super::children::ChildId;
use super::command::{Remote, StreamId};
use super::shards::ShardId;
use super::upstreams::LinkId;

/// What a connection is there for.
pub(super) enum Role {
    /// Somebody connected to us.
    Server(Box<Server>),
    /// We connected to somebody.
    Client(Box<Client>),
    /// The program has handed it over, to be sent to.
    Child { id: ChildId, stream: StreamId, key: ChildKey },
}

/// The server's end of a connection.
pub(super) struct Server {
    pub(super) session: ServerSession,
    pub(super) part: Part,
    /// What the peer was last allowed to do, and at which path.
    pub(super) granted: Option<(Action, String)>,
    /// What it was given when it was let in, one for each path at most: kept to the end of the connection.
    pub(super) passes: Vec<(String, Pass)>,
    /// Its request that waits to be let in, or for a stream.
    pub(super) waiting: Option<Waiting>,
}

/// What the peer of a server does.
pub(super) enum Part {
    /// It has not said yet.
    Idle,
    /// It plays a stream.
    Player(Player),
    /// It publishes one.
    Publisher(Box<Publisher>),
}

/// A player, from its first SETUP on.
pub(super) struct Player {
    pub(super) stream: StreamId,
    /// The fan-out thread that is to serve it, if not the engine's own.
    pub(super) shard: Option<ShardId>,
    /// Transports by track.
    pub(super) tracks: Vec<Option<Chosen>>,
    /// Payload types by track of packets sent again, where a stream of their own was agreed for them.
    pub(super) retransmissions: Vec<Option<u8>>,
    /// Its child of the stream, from its first PLAY on.
    pub(super) child: Option<ChildKey>,
}

impl Player {
    /// Whether it listens to a group, and shares its child with others.
    pub(super) fn is_multicast(&self) -> bool {
        self.tracks.iter().flatten().any(|chosen| *chosen == Chosen::Multicast)
    }
}

/// A publisher, from its ANNOUNCE on.
pub(super) struct Publisher {
    pub(super) path: String,
    pub(super) session: sdp::Session,
    pub(super) inlets: Inlets,
    /// When it announced the stream.
    pub(super) announced: Duration,
    /// The stream, from RECORD on.
    pub(super) stream: Option<StreamId>,
    /// It has said that it is over.
    pub(super) ended: bool,
}

/// Where the packets of each track come in.
#[derive(Default)]
pub(super) struct Inlets {
    /// Interleaved: channel, track, kind.
    pub(super) channels: Vec<(u8, u8, Kind)>,
    /// Sockets that are bound but do not feed the stream yet: token, track, kind.
    pub(super) sockets: Vec<(Token, u8, Kind)>,
    /// Ports of the other side for RTP and RTCP, by track, where it has named them.
    pub(super) ports: Vec<(u8, u16, u16)>,
}

impl Inlets {
    pub(super) fn track_of(&self, channel: u8) -> Option<(u8, Kind)> {
        let known = self.channels.iter().find(|(known, _, _)| *known == channel)?;
        Some((known.1, known.2))
    }

    /// Forgets how a track comes in; returns the sockets to close.
    pub(super) fn forget(&mut self, track: u8) -> Vec<Token> {
        self.channels.retain(|(_, other, _)| *other != track);
        self.ports.retain(|(other, _, _)| *other != track);
        let former = self.sockets.extract_if(.., |(_, other, _)| *other == track);
        former.map(|(socket, _, _)| socket).collect()
    }

    /// Adds the channels of a track, in place of those it had.
    pub(super) fn add_channels(&mut self, track: u8, rtp: u8, rtcp: u8) {
        self.channels.retain(|(_, other, _)| *other != track);
        self.channels.push((rtp, track, Kind::Rtp));
        self.channels.push((rtcp, track, Kind::Rtcp));
    }
}

/// The client's end of a connection.
pub(super) struct Client {
    pub(super) remote: Remote,
    /// There once the connection is.
    pub(super) session: Option<ClientSession>,
    pub(super) job: Job,
    /// Redirections followed so far.
    pub(super) redirects: u8,
    /// When media began.
    pub(super) started: Option<Duration>,
    /// Packets that the stream had received before that.
    pub(super) received_before: u64,
    /// It asks for TCP, since UDP stays silent; the server has not agreed yet.
    pub(super) falling_back: bool,
    /// What it fetched is over, by the server's word.
    pub(super) ended: bool,
    /// Why it says TEARDOWN.
    pub(super) farewell: Option<String>,
    /// What players are told when it does not come about.
    pub(super) failure: Status,
}

impl Client {
    pub(super) fn new(remote: Remote, job: Job, redirects: u8) -> Client {
        Client {
            remote,
            session: None,
            job,
            redirects,
            started: None,
            received_before: 0,
            falling_back: false,
            ended: false,
            farewell: None,
            failure: Status::SERVICE_UNAVAILABLE,
        }
    }
}

/// What a client wants of the server.
pub(super) enum Job {
    /// Its stream.
    Pull {
        /// What the server described.
        session: Option<Box<sdp::Session>>,
        inlets: Inlets,
        /// Servers' ports by track, where UDP was agreed.
        server_ports: Vec<Option<(std::net::SocketAddr, std::net::SocketAddr)>>,
        /// The stream that takes what comes.
        stream: Option<StreamId>,
        /// Which server of the stream's it is.
        link: LinkId,
        /// It is set up and waits until it is to play.
        held: bool,
        /// Sources of its tracks, as far as the server names them.
        ssrcs: Vec<Option<u32>>,
    },
    /// That it takes ours.
    Push {
        stream: StreamId,
        /// Transports by track.
        tracks: Vec<Option<crate::rtsp::client::Negotiated>>,
        /// Sockets by track, where UDP was asked for.
        pairs: Vec<PairId>,
        child: Option<ChildKey>,
    },
}

impl Role {
    /// The child that this connection serves.
    pub(super) fn child(&self) -> Option<(StreamId, ChildKey)> {
        match self {
            Role::Server(server) => match &server.part {
                Part::Player(player) => Some((player.stream, player.child?)),
                Part::Idle | Part::Publisher(_) => None,
            },
            Role::Client(client) => match client.job {
                Job::Push { stream, child, .. } => Some((stream, child?)),
                Job::Pull { .. } => None,
            },
            Role::Child { stream, key, .. } => Some((*stream, *key)),
        }
    }

    /// The stream that this connection carries to another server.
    pub(super) fn pushes(&self) -> Option<StreamId> {
        match self {
            Role::Client(client) => match client.job {
                Job::Push { stream, .. } => Some(stream),
                Job::Pull { .. } => None,
            },
            Role::Server(_) | Role::Child { .. } => None,
        }
    }

    /// The stream that this connection fetches from another server.
    pub(super) fn pulls(&self) -> Option<StreamId> {
        match self {
            Role::Client(client) => match client.job {
                Job::Pull { stream, .. } => stream,
                Job::Push { .. } => None,
            },
            Role::Server(_) | Role::Child { .. } => None,
        }
    }

    /// Which server of a stream's it is that this connection leads to.
    pub(super) fn link(&self) -> Option<LinkId> {
        match self {
            Role::Client(client) => match client.job {
                Job::Pull { link, .. } => Some(link),
                Job::Push { .. } => None,
            },
            Role::Server(_) | Role::Child { .. } => None,
        }
    }

    /// The path for which this connection leads to a server.
    pub(super) fn pulled_path(&self) -> Option<&str> {
        match self {
            Role::Client(client) => match client.job {
                Job::Pull { .. } => Some(&client.remote.path),
                Job::Push { .. } => None,
            },
            Role::Server(_) | Role::Child { .. } => None,
        }
    }

    /// The stream that this connection feeds, and by which channels.
    pub(super) fn feeds(&self) -> Option<(StreamId, &Inlets)> {
        match self {
            Role::Server(server) => match &server.part {
                Part::Publisher(publisher) => Some((publisher.stream?, &publisher.inlets)),
                Part::Idle | Part::Player(_) => None,
            },
            Role::Client(client) => match &client.job {
                Job::Pull { stream, inlets, .. } => Some(((*stream)?, inlets)),
                Job::Push { .. } => None,
            },
            Role::Child { .. } => None,
        }
    }

    /// Whether a request of the peer's waits.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self, Role::Server(server) if server.is_waiting())
    }

    /// Takes note of a sign of life.
    pub(super) fn alive(&mut self, now: Duration) {
        if let Role::Server(server) = self {
            server.session.alive(now);
        }
    }
}
