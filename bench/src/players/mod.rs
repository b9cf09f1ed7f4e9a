//! Many players on one thread: each an RTSP session over a connection of its own. They decode nothing, and count
//! what comes to them over UDP. How a session goes on is in `session.rs`.

mod session;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use rillcast::io::{Event, Io, Mmsg, Token};
use rillcast::rtsp::client::Transports;
use rillcast::rtsp::{ClientConfig, ClientSession, Url};

use crate::fanout::Transport;
use crate::sequence::Sequence;

/// Bytes read at once.
const BUFFER: usize = 64 << 10;

/// How often it is looked who has to say that it is still there.
const LOOK: Duration = Duration::from_secs(1);

/// Why players cannot play.
#[derive(Debug)]
pub(crate) enum Error {
    /// The system refuses something.
    System(io::Error),
    /// A player is not served.
    Unserved(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::System(error) => write!(f, "cannot open the sockets of a player: {error}"),
            Error::Unserved(reason) => write!(f, "as a player sees it: {reason}"),
        }
    }
}

/// How long players took since it was last asked.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) play: Vec<Duration>,
    pub(crate) packet: Vec<Duration>,
    pub(crate) leave: Vec<Duration>,
}

struct Player {
    session: ClientSession,
    /// When it connected, or began to leave.
    since: Instant,
    connected: bool,
    /// Its session is set up, and it does not play.
    held: bool,
    playing: bool,
    /// A packet has come.
    served: bool,
    leaving: bool,
    input: Vec<u8>,
    output: Vec<u8>,
    /// Where it receives, a track each.
    tracks: Vec<Track>,
}

/// One track of a player that receives over UDP.
struct Track {
    /// Its sockets for RTP and RTCP.
    pair: [Token; 2],
    /// What has come.
    packets: Sequence,
    /// When the last packets of its frames came, while that is noted.
    frames: Vec<Instant>,
}

/// What a socket is for.
#[derive(Clone, Copy)]
struct Socket {
    player: Token,
    /// The index of the track whose RTP comes here; `None`: this is for RTCP.
    track: Option<usize>,
}

/// What has come to all players over UDP so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Packets between the first and the last of each track that did not come.
    pub(crate) lost: u64,
    /// Packets that came again.
    pub(crate) twice: u64,
}

pub(crate) struct Players {
    io: Mmsg,
    /// Where players are.
    local: IpAddr,
    transport: Transport,
    /// Whether those that come do not begin to play.
    hold: bool,
    epoch: Instant,
    players: HashMap<Token, Player>,
    /// UDP sockets.
    sockets: HashMap<Token, Socket>,
    /// Those that play, the one that came first in front.
    order: VecDeque<Token>,
    told: Told,
    /// Whether it is noted when frames come.
    notes_frames: bool,
    events: Vec<Event>,
    buffer: Vec<u8>,
    next_look: Instant,
}

fn failed(reason: &dyn fmt::Display) -> Error {
    Error::Unserved(reason.to_string())
}

impl Players {
    /// Players at an address of this machine.
    pub(crate) fn new(local: IpAddr, transport: Transport) -> Result<Players, Error> {
        Ok(Players {
            io: Mmsg::new().map_err(Error::System)?,
            local,
            transport,
            hold: false,
            epoch: Instant::now(),
            players: HashMap::new(),
            sockets: HashMap::new(),
            order: VecDeque::new(),
            told: Told::default(),
            notes_frames: false,
            events: Vec::new(),
            buffer: vec![0; BUFFER],
            next_look: Instant::now() + LOOK,
        })
    }

    pub(crate) fn take_times(&mut self) -> Told {
        std::mem::take(&mut self.told)
    }

    /// Whether those that come from now on do not play when their session is set up.
    pub(crate) fn hold(&mut self, hold: bool) {
        self.hold = hold;
    }

    /// From now on it is noted when frames come over UDP.
    pub(crate) fn note_frames(&mut self) {
        self.notes_frames = true;
    }

    /// When the frames of each player's first track came, as far as that was noted.
    pub(crate) fn frames(&self) -> impl Iterator<Item = &[Instant]> {
        let tracks = self.players.values().filter_map(|player| player.tracks.first());
        tracks.map(|track| track.frames.as_slice())
    }

    /// What has come so far to all that are there.
    pub(crate) fn tally(&self) -> Tally {
        let mut all = Tally::default();
        for player in self.players.values() {
            for Track { packets, .. } in &player.tracks {
                all.lost += packets.lost();
                all.twice += packets.duplicates();
            }
        }
        all
    }

    /// One more begins to come, to a server that is named by its address.
    pub(crate) fn come(&mut self, url: Url) -> Result<(), Error> {
        let host: IpAddr = url.host().parse().map_err(|error| failed(&error))?;
        let server = (host, url.port()).into();
        let transports = match self.transport {
            Transport::Udp => Transports::Udp,
            Transport::Tcp => Transports::Tcp,
        };
        let config = ClientConfig { transports, hold: self.hold, ..ClientConfig::default() };
        // The seed is for Digest authentication, which nobody asks for here.
        let session = ClientSession::play(url, config, [0; 16], self.epoch.elapsed());
        let token = self.io.connect(server).map_err(Error::System)?;
        let player = Player {
            session,
            since: Instant::now(),
            connected: false,
            held: false,
            playing: false,
            served: false,
            leaving: false,
            input: Vec::new(),
            output: Vec::new(),
            tracks: Vec::new(),
        };
        self.players.insert(token, player);
        Ok(())
    }

    /// The one that plays longest begins to leave.
    pub(crate) fn leave(&mut self) -> Result<(), Error> {
        let Some(token) = self.order.pop_front() else { return Ok(()) };
        let now = self.epoch.elapsed();
        let Some(player) = self.players.get_mut(&token) else { return Ok(()) };
        player.leaving = true;
        player.since = Instant::now();
        player.session.teardown(now);
        self.drive(token)
    }

    /// Goes on until a moment.
    pub(crate) fn run_until(&mut self, moment: Instant) -> Result<(), Error> {
        loop {
            // At least once: who is late must not leave the players unserved.
            let left = moment.saturating_duration_since(Instant::now());
            self.turn(left)?;
            if left.is_zero() {
                return Ok(());
            }
        }
    }

    /// How many that want to play are not served yet, or have not left yet though they were to.
    pub(crate) fn waiting(&self) -> usize {
        let settled =
            |player: &Player| player.held || (player.playing && player.served && !player.leaving);
        self.players.values().filter(|player| !settled(player)).count()
    }

    /// Goes on until everybody who came plays, or is there and does not want to, and everybody who was to leave
    /// has left.
    pub(crate) fn settle(&mut self, deadline: Instant) -> Result<(), Error> {
        while self.waiting() > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(failed(&format_args!("{} are not served in time", self.waiting())));
            }
            self.turn(left.min(Duration::from_millis(10)))?;
        }
        Ok(())
    }

    fn turn(&mut self, timeout: Duration) -> Result<(), Error> {
        let mut events = std::mem::take(&mut self.events);
        self.io.wait(Some(timeout), &mut events).map_err(Error::System)?;
        for event in events.drain(..) {
            if let Some(socket) = self.sockets.get(&event.token).copied() {
                self.datagrams(event.token, socket);
            } else if self.players.contains_key(&event.token) {
                self.connection(&event)?;
            }
        }
        self.events = events;
        if Instant::now() >= self.next_look {
            self.next_look = Instant::now() + LOOK;
            self.keep_alive()?;
        }
        Ok(())
    }

    fn keep_alive(&mut self) -> Result<(), Error> {
        let now = self.epoch.elapsed();
        let due = |(token, player): (&Token, &Player)| {
            player.session.poll_timeout().is_some_and(|at| at <= now).then_some(*token)
        };
        for token in self.players.iter().filter_map(due).collect::<Vec<_>>() {
            if let Some(player) = self.players.get_mut(&token) {
                player.session.handle_timeout(now);
            }
            self.drive(token)?;
        }
        Ok(())
    }

    fn datagrams(&mut self, token: Token, socket: Socket) {
        let Some(player) = self.players.get_mut(&socket.player) else { return };
        let mut track = socket.track.and_then(|track| player.tracks.get_mut(track));
        let (mut packets, notes_frames) = (0, self.notes_frames);
        let mut count = |packet: &[u8], _| {
            packets += 1;
            // The marker bit and the number (RFC 3550 section 5.1); of video the marker ends a frame.
            if let (Some(track), Some([_, marker, high, low])) = (&mut track, packet.get(..4)) {
                track.packets.packet(u16::from_be_bytes([*high, *low]));
                if notes_frames && marker & 0x80 != 0 {
                    track.frames.push(Instant::now());
                }
            }
        };
        // What cannot be read is told by packets that do not come.
        let _ = self.io.receive_small(token, &mut count);
        if packets > 0 && socket.track.is_some() {
            self.packet(socket.player);
        }
    }

    /// A packet has come to a player.
    fn packet(&mut self, token: Token) {
        let Some(player) = self.players.get_mut(&token) else { return };
        if !player.leaving && !std::mem::replace(&mut player.served, true) {
            self.told.packet.push(player.since.elapsed());
        }
    }
}
