//! One lean player: an RTSP session, its sockets, and what it counts. It decodes nothing.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use rillcast::media::{rtp, sdp};
use rillcast::rtsp::client::{Negotiated, TrackSetup, Transports};
use rillcast::rtsp::{ClientConfig, ClientEvent, ClientSession, Parsed, Url, parse};
use socket2::{Domain, Protocol, Socket, Type};

use super::flow::{Flow, Times};
use super::poll::{Poll, Ready};
use super::receiver::{PacketContext, Receiver};
use super::udp;

/// Bytes read from a connection at once; more than the largest interleaved frame.
const READ: usize = 256 << 10;
/// Bytes of an unfinished message or frame that are kept. A longer one cannot be.
const MAX_INPUT: usize = 4 + u16::MAX as usize + READ;
/// Sockets of one player, the connection included, that tokens tell apart.
pub(super) const SOCKETS: u64 = 64;
/// Tracks whose sockets tokens can tell apart: the connection has one token, each track two.
const MAX_TRACKS: usize = (SOCKETS as usize - 1) / 2;

/// How a player receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Datagrams, on two sockets per track.
    Udp,
    /// Interleaved in the RTSP connection.
    Tcp,
}

/// How far a player has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Until PLAY is answered.
    Starting,
    /// PLAY was answered.
    Playing,
    /// TEARDOWN was sent.
    Leaving,
    /// Ended as asked for.
    Closed,
    /// Ended otherwise; a sentence that says why.
    Failed(String),
}

/// One player.
pub(super) struct Player {
    token: u64,
    pub(super) transport: Transport,
    pub(super) state: State,
    pub(super) times: Times,
    stream: Option<TcpStream>,
    connected: bool,
    session: ClientSession,
    /// The beginning of a message or interleaved frame that is not whole yet.
    input: Vec<u8>,
    /// What the connection has not taken yet.
    output: Vec<u8>,
    pub(super) tracks: Vec<Track>,
}

/// One track of a player.
pub(super) struct Track {
    pub(super) receiver: Receiver,
    sockets: Option<(UdpSocket, UdpSocket)>,
    /// Channels of RTP and RTCP in the connection.
    channels: Option<(u8, u8)>,
    /// Datagrams that the kernel dropped for want of room in this player's own buffers.
    pub(super) overflow: u32,
}

impl Track {
    /// What was counted.
    pub(super) fn flow(&self) -> &Flow {
        &self.receiver.flow
    }
}

impl Player {
    /// Begins to connect. Tokens from `token` on, [`SOCKETS`] of them, are this player's.
    pub(super) fn connect(
        url: &Url,
        address: SocketAddr,
        transport: Transport,
        token: u64,
        poll: &Poll,
        epoch: Instant,
    ) -> io::Result<Player> {
        let domain = Domain::for_address(address);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        match socket.connect(&address.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(error) => return Err(error),
        }
        let stream = TcpStream::from(socket);
        poll.add(&stream, token, true)?;
        let config = ClientConfig {
            transports: match transport {
                Transport::Udp => Transports::Udp,
                Transport::Tcp => Transports::Tcp,
            },
            ..ClientConfig::default()
        };
        // Client nonces are only for digest authentication, which a load does not use.
        let now = epoch.elapsed();
        let session = ClientSession::play(url.clone(), config, [0; 16], now);
        Ok(Player {
            token,
            transport,
            state: State::Starting,
            times: Times { connect: Some(Instant::now()), ..Times::default() },
            stream: Some(stream),
            connected: false,
            session,
            input: Vec::new(),
            output: Vec::new(),
            tracks: Vec::new(),
        })
    }

    /// Deals with one ready socket.
    pub(super) fn ready(
        &mut self,
        ready: Ready,
        buffers: &mut Buffers,
        poll: &Poll,
        context: &mut PacketContext,
    ) {
        let socket = ready.token - self.token;
        if socket == 0 {
            if ready.writable {
                self.connected = true;
            }
            if ready.readable {
                self.read(buffers, context);
            }
        } else {
            let (track, report) = ((socket - 1) / 2, (socket - 1) % 2 == 1);
            self.receive(track as usize, report, buffers, context);
        }
        self.drive(context.epoch.elapsed(), poll);
    }

    /// Lets time pass: keep-alives, answers that do not come.
    pub(super) fn tick(&mut self, now: Duration, poll: &Poll) {
        if self.session.poll_timeout().is_some_and(|at| at <= now) && !self.ended() {
            self.session.handle_timeout(now);
            self.drive(now, poll);
        }
    }

    /// Says goodbye.
    pub(super) fn leave(&mut self, now: Duration, poll: &Poll) {
        if self.ended() {
            return;
        }
        self.state = State::Leaving;
        self.session.teardown(now);
        self.drive(now, poll);
    }

    /// Whether nothing more will come.
    pub(super) fn ended(&self) -> bool {
        matches!(self.state, State::Closed | State::Failed(_))
    }

    fn end(&mut self, state: State) {
        if !self.ended() {
            self.state = state;
        }
        self.stream = None;
        for track in &mut self.tracks {
            track.sockets = None;
        }
    }

    fn fail(&mut self, doing: &str, error: &dyn std::fmt::Display) {
        self.end(State::Failed(format!("{doing}: {error}")));
    }

    /// Does what the session wants, until it wants nothing more, and writes.
    fn drive(&mut self, now: Duration, poll: &Poll) {
        while let Some(event) = self.session.poll_event() {
            match event {
                ClientEvent::Described { sdp, .. } => self.described(&sdp, now, poll),
                ClientEvent::TrackReady { track, transport, .. } => {
                    if let Negotiated::Tcp { rtp, rtcp } = transport
                        && let Some(track) = self.tracks.get_mut(track)
                    {
                        track.channels = Some((rtp, rtcp));
                    }
                }
                ClientEvent::Started { .. } => self.state = State::Playing,
                ClientEvent::Closed => self.end(State::Closed),
                ClientEvent::Failed(error) => self.fail("RTSP", &error),
                ClientEvent::Redirected(url) => self.fail("redirected to", &url),
                ClientEvent::Announced | ClientEvent::Held => {}
            }
        }
        while let Some(bytes) = self.session.poll_transmit() {
            if bytes.starts_with(b"PLAY ") {
                self.times.play = Some(Instant::now());
            }
            self.output.extend_from_slice(&bytes);
        }
        self.write(poll);
    }

    /// Sets up every track of the session.
    fn described(&mut self, text: &[u8], now: Duration, poll: &Poll) {
        let session = match sdp::Session::parse(text) {
            Ok(session) => session,
            Err(error) => return self.fail("session description", &error),
        };
        let mut setups = Vec::new();
        for (index, media) in session.media.iter().take(MAX_TRACKS).enumerate() {
            let sockets = match self.transport {
                Transport::Tcp => None,
                Transport::Udp => match self.bind(index, poll) {
                    Ok(sockets) => Some(sockets),
                    Err(error) => return self.fail("a UDP port", &error),
                },
            };
            let port = |socket: &UdpSocket| socket.local_addr().map_or(0, |address| address.port());
            setups.push(TrackSetup {
                control: media.control.clone().unwrap_or_default(),
                client_port: sockets.as_ref().map(|(rtp, rtcp)| (port(rtp), port(rtcp))),
            });
            let receiver = Receiver::new(media);
            self.tracks.push(Track { receiver, sockets, channels: None, overflow: 0 });
        }
        self.session.set_up(session.control.as_deref(), setups, now);
    }

    fn bind(&self, track: usize, poll: &Poll) -> io::Result<(UdpSocket, UdpSocket)> {
        let local = self.stream.as_ref().ok_or(io::ErrorKind::NotConnected)?.local_addr()?;
        let (rtp, rtcp) = udp::bind_pair(local.ip())?;
        let token = self.token + 1 + 2 * track as u64;
        poll.add(&rtp, token, false)?;
        poll.add(&rtcp, token + 1, false)?;
        Ok((rtp, rtcp))
    }

    /// Writes as much as the connection takes.
    fn write(&mut self, poll: &Poll) {
        let Some(stream) = self.stream.as_mut().filter(|_| self.connected) else { return };
        if self.output.is_empty() {
            return;
        }
        match stream.write(&self.output) {
            Ok(count) => drop(self.output.drain(..count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return self.fail("write", &error),
        }
        if let Err(error) = poll.modify(stream, self.token, !self.output.is_empty()) {
            self.fail("epoll", &error);
        }
    }

    /// Reads the connection: messages, and packets between them.
    fn read(&mut self, buffers: &mut Buffers, context: &mut PacketContext) {
        let Some(stream) = &mut self.stream else { return };
        // What was left over goes in front of what is read now.
        let kept = self.input.len();
        let Some(front) = buffers.stream.get_mut(..kept) else {
            return self.fail("read", &"a message is longer than any can be");
        };
        front.copy_from_slice(&self.input);
        let room = buffers.stream.get_mut(kept..).unwrap_or_default();
        let count = match stream.read(room) {
            Ok(0) => return self.fail("the server", &"closed the connection"),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) => return self.fail("read", &error),
        };
        context.now = Instant::now();
        let mut rest = buffers.stream.get(..kept + count).unwrap_or_default();
        loop {
            match parse(rest) {
                Ok(Parsed::Incomplete) => break,
                Ok(Parsed::Blank(skip)) => rest = rest.get(skip..).unwrap_or_default(),
                Ok(Parsed::Interleaved { channel, len }) => {
                    let Some(frame) = rest.get(4..4 + len) else { break };
                    self.interleaved(channel, frame, context);
                    rest = rest.get(4 + len..).unwrap_or_default();
                }
                Ok(Parsed::Message(message, consumed)) => {
                    self.session.handle_message(message, context.epoch.elapsed());
                    rest = rest.get(consumed..).unwrap_or_default();
                }
                Err(error) => return self.fail("the server sent", &error),
            }
        }
        self.input.clear();
        self.input.extend_from_slice(rest);
    }

    fn interleaved(&mut self, channel: u8, frame: &[u8], context: &mut PacketContext) {
        let track = self
            .tracks
            .iter_mut()
            .find(|track| track.channels.is_some_and(|(rtp, _)| rtp == channel));
        if let Some(track) = track
            && let Ok(header) = rtp::parse(frame)
        {
            track.receiver.packet(frame, &header, self.transport, &mut self.times, context);
        }
    }

    /// Reads one of the UDP sockets.
    fn receive(
        &mut self,
        track: usize,
        report: bool,
        buffers: &mut Buffers,
        context: &mut PacketContext,
    ) {
        let Some(track) = self.tracks.get_mut(track) else { return };
        let Some((rtp, rtcp)) = &track.sockets else { return };
        let (socket, receiver) = (if report { rtcp } else { rtp }, &mut track.receiver);
        loop {
            let (times, transport) = (&mut self.times, self.transport);
            // The time is taken once per read, when the first packet of it is looked at.
            let mut fresh = true;
            let received = buffers.udp.read(socket, |packet| {
                if std::mem::take(&mut fresh) {
                    context.now = Instant::now();
                }
                if let Some(header) = rtp::parse(packet).ok().filter(|_| !report) {
                    receiver.packet(packet, &header, transport, times, context);
                }
            });
            match received {
                Ok(received) => {
                    track.overflow = received.overflow.unwrap_or(track.overflow);
                    if !received.more {
                        return;
                    }
                }
                Err(error) => return self.fail("a UDP socket", &error),
            }
        }
    }
}

/// Buffers that all players read through.
pub(super) struct Buffers {
    stream: Vec<u8>,
    udp: udp::Reader,
}

impl Default for Buffers {
    fn default() -> Buffers {
        Buffers { stream: vec![0; MAX_INPUT], udp: udp::Reader::default() }
    }
}
