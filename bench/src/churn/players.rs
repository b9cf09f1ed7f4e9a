//! Many players on one thread: each an RTSP session over a connection of its own.

use std::collections::{HashMap, VecDeque};
use std::io::{ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rillcast::io::{Event, Io, Mmsg, Token, UdpOptions};
use rillcast::media::sdp;
use rillcast::rtsp::client::{TrackSetup, Transports};
use rillcast::rtsp::{ClientConfig, ClientEvent, ClientSession, Parsed, Url, parse};

use super::stream::PATH;
use crate::fanout::{Error, Transport};

/// Bytes read at once.
const BUFFER: usize = 64 << 10;

/// How often it is looked who has to say that it is still there.
const LOOK: Duration = Duration::from_secs(1);

/// How long players took since it was last asked.
#[derive(Default)]
pub(super) struct Told {
    pub(super) play: Vec<Duration>,
    pub(super) packet: Vec<Duration>,
    pub(super) leave: Vec<Duration>,
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
    /// Its sockets for RTP and RTCP.
    pair: Option<[Token; 2]>,
}

pub(crate) struct Players {
    io: Mmsg,
    server: SocketAddr,
    transport: Transport,
    /// Whether those that come do not begin to play.
    hold: bool,
    epoch: Instant,
    players: HashMap<Token, Player>,
    /// Players by their UDP sockets.
    sockets: HashMap<Token, Token>,
    /// Those that play, the one that came first in front.
    order: VecDeque<Token>,
    told: Told,
    events: Vec<Event>,
    buffer: Vec<u8>,
    next_look: Instant,
}

fn failed(reason: &dyn std::fmt::Display) -> Error {
    Error::Relay(format!("as a player sees it: {reason}"))
}

fn refused(source: std::io::Error) -> Error {
    Error::Io { doing: "open the sockets of a player", source }
}

impl Players {
    pub(crate) fn new(server: SocketAddr, transport: Transport) -> Result<Players, Error> {
        Ok(Players {
            io: Mmsg::new().map_err(refused)?,
            server,
            transport,
            hold: false,
            epoch: Instant::now(),
            players: HashMap::new(),
            sockets: HashMap::new(),
            order: VecDeque::new(),
            told: Told::default(),
            events: Vec::new(),
            buffer: vec![0; BUFFER],
            next_look: Instant::now() + LOOK,
        })
    }

    pub(super) fn take_times(&mut self) -> Told {
        std::mem::take(&mut self.told)
    }

    /// Whether those that come from now on do not play when their session is set up.
    pub(crate) fn hold(&mut self, hold: bool) {
        self.hold = hold;
    }

    /// One more begins to come.
    pub(crate) fn come(&mut self) -> Result<(), Error> {
        let url = Url::parse(&format!("rtsp://{}/{PATH}", self.server));
        let url = url.map_err(|error| failed(&error))?;
        let transports = match self.transport {
            Transport::Udp => Transports::Udp,
            Transport::Tcp => Transports::Tcp,
        };
        let config = ClientConfig { transports, hold: self.hold, ..ClientConfig::default() };
        // The seed is for Digest authentication, which nobody asks for here.
        let session = ClientSession::play(url, config, [0; 16], self.epoch.elapsed());
        let token = self.io.connect(self.server).map_err(refused)?;
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
            pair: None,
        };
        self.players.insert(token, player);
        Ok(())
    }

    /// The one that plays longest begins to leave.
    pub(super) fn leave(&mut self) -> Result<(), Error> {
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

    /// Goes on until everybody who came plays, or is there and does not want to, and everybody who was to leave has left.
    pub(crate) fn settle(&mut self, deadline: Instant) -> Result<(), Error> {
        let settled =
            |player: &Player| player.held || (player.playing && player.served && !player.leaving);
        while !self.players.values().all(settled) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let late = self.players.values().filter(|player| !settled(player)).count();
                return Err(failed(&format_args!("{late} are not served in time")));
            }
            self.turn(left.min(Duration::from_millis(10)))?;
        }
        Ok(())
    }

    fn turn(&mut self, timeout: Duration) -> Result<(), Error> {
        let mut events = std::mem::take(&mut self.events);
        self.io.wait(Some(timeout), &mut events).map_err(refused)?;
        for event in events.drain(..) {
            if let Some(player) = self.sockets.get(&event.token).copied() {
                self.datagrams(event.token, player);
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

    fn datagrams(&mut self, socket: Token, token: Token) {
        let mut packets = 0;
        // What cannot be read is told by packets that do not come.
        let _ = self.io.receive_small(socket, &mut |_, _| packets += 1);
        if packets > 0 {
            self.packet(token);
        }
    }

    /// A packet has come to a player.
    fn packet(&mut self, token: Token) {
        let Some(player) = self.players.get_mut(&token) else { return };
        if !player.leaving && !std::mem::replace(&mut player.served, true) {
            self.told.packet.push(player.since.elapsed());
        }
    }

    fn connection(&mut self, event: &Event) -> Result<(), Error> {
        let token = event.token;
        if event.writable
            && let Some(player) = self.players.get_mut(&token)
        {
            if !player.connected {
                self.io.connect_result(token).map_err(refused)?;
                player.connected = true;
            }
            self.drive(token)?;
        }
        if event.readable || event.closed {
            self.read(token)?;
        }
        Ok(())
    }

    fn read(&mut self, token: Token) -> Result<(), Error> {
        let Some(player) = self.players.get_mut(&token) else { return Ok(()) };
        match self.io.read(token, &mut self.buffer) {
            Ok(0) if player.leaving => {
                self.gone(token);
                return Ok(());
            }
            Ok(0) => return Err(failed(&"the server hung up")),
            Ok(n) => player.input.extend_from_slice(self.buffer.get(..n).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(failed(&error)),
        }
        let now = self.epoch.elapsed();
        let mut input = std::mem::take(&mut player.input);
        let (mut at, mut packets) = (0, false);
        loop {
            let Some(player) = self.players.get_mut(&token) else { return Ok(()) };
            let rest = input.get(at..).unwrap_or_default();
            match parse(rest).map_err(|error| failed(&error))? {
                Parsed::Incomplete => break,
                Parsed::Blank(n) => at += n,
                Parsed::Interleaved { len, .. } if rest.len() >= 4 + len => {
                    at += 4 + len;
                    packets = true;
                }
                Parsed::Interleaved { .. } => break,
                Parsed::Message(message, n) => {
                    at += n;
                    player.session.handle_message(message, now);
                    self.drive(token)?;
                }
            }
        }
        input.drain(..at.min(input.len()));
        if let Some(player) = self.players.get_mut(&token) {
            player.input = input;
        }
        if packets {
            self.packet(token);
        }
        Ok(())
    }

    /// Does what a session wants done, and writes what it says.
    fn drive(&mut self, token: Token) -> Result<(), Error> {
        while let Some(event) =
            self.players.get_mut(&token).and_then(|player| player.session.poll_event())
        {
            self.hear(token, event)?;
        }
        let Some(player) = self.players.get_mut(&token).filter(|player| player.connected) else {
            return Ok(());
        };
        while let Some(bytes) = player.session.poll_transmit() {
            player.output.extend_from_slice(&bytes);
        }
        if player.output.is_empty() {
            return Ok(());
        }
        match self.io.write(token, &[IoSlice::new(&player.output)]) {
            Ok(taken) => drop(player.output.drain(..taken)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(failed(&error)),
        }
        Ok(())
    }

    fn hear(&mut self, token: Token, event: ClientEvent) -> Result<(), Error> {
        match event {
            ClientEvent::Described { sdp, .. } => {
                let described = sdp::Session::parse(&sdp).map_err(|error| failed(&error))?;
                let media = described.media.first().ok_or_else(|| failed(&"no track"))?;
                let control = media.control.clone().unwrap_or_default();
                let client_port = self.ports(token)?;
                let track = TrackSetup { control, client_port };
                let now = self.epoch.elapsed();
                if let Some(player) = self.players.get_mut(&token) {
                    player.session.set_up(described.control.as_deref(), vec![track], now);
                }
            }
            ClientEvent::Started { .. } => {
                if let Some(player) = self.players.get_mut(&token) {
                    player.playing = true;
                    self.told.play.push(player.since.elapsed());
                    self.order.push_back(token);
                }
            }
            ClientEvent::Held => {
                if let Some(player) = self.players.get_mut(&token) {
                    player.held = true;
                }
            }
            ClientEvent::TrackReady { .. } | ClientEvent::Announced => {}
            ClientEvent::Closed => self.gone(token),
            ClientEvent::Failed(error) => return Err(failed(&error)),
            ClientEvent::Redirected(_) => return Err(failed(&"it is sent elsewhere")),
        }
        Ok(())
    }

    /// The ports at which a player receives, if it does by UDP.
    fn ports(&mut self, token: Token) -> Result<Option<(u16, u16)>, Error> {
        if self.transport == Transport::Tcp {
            return Ok(None);
        }
        let options = UdpOptions { gro: false, recv_buffer: 0, ..UdpOptions::default() };
        let pair = self.io.bind_udp_pair([127, 0, 0, 1].into(), &options);
        let (rtp, rtcp) = pair.map_err(refused)?;
        let pair = [rtp.token, rtcp.token];
        self.sockets.extend(pair.map(|socket| (socket, token)));
        if let Some(player) = self.players.get_mut(&token) {
            player.pair = Some(pair);
        }
        Ok(Some((rtp.local_addr.port(), rtcp.local_addr.port())))
    }

    /// A player that was to leave has left.
    fn gone(&mut self, token: Token) {
        let Some(player) = self.players.remove(&token) else { return };
        self.told.leave.push(player.since.elapsed());
        self.io.close(token);
        for socket in player.pair.into_iter().flatten() {
            self.sockets.remove(&socket);
            self.io.close(socket);
        }
    }
}
