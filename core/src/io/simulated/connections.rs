//! Connections.
//!
//! What one end does reaches the other in pieces, in order: bytes, the end of the stream, that the connection
//! is broken, and how much was read. A writer may have [`WINDOW`] bytes under way and unread.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::ports::Protocol;
use super::world::{Content, HostId, Socket, SocketId, World};

/// Bytes that may be under way to one end, and unread there.
pub(super) const WINDOW: usize = 256 << 10;
/// Connections that may wait to be accepted.
const BACKLOG: usize = 1024;
/// How long it takes to see that a piece was lost, as the shortest of Linux's.
const RETRANSMISSION: Duration = Duration::from_millis(200);
/// How often a piece is sent of which each is lost; the last one comes through.
const TRIES: u32 = 6;
/// How often somebody is called who does not answer, and how long after each other.
const CALLS: (u32, Duration) = (6, Duration::from_secs(1));

/// A socket that takes connections.
pub(super) struct Listener {
    pub(super) host: HostId,
    pub(super) local: SocketAddr,
    pub(super) waiting: VecDeque<SocketId>,
}

/// One end of a connection.
pub(super) struct Connection {
    pub(super) host: HostId,
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
    pub(super) other: Other,
    /// Under way to here.
    coming: VecDeque<Piece>,
    /// When the last of these arrives.
    last_arrival: Duration,
    pub(super) inbox: VecDeque<u8>,
    /// The other end sends no more.
    pub(super) ended: bool,
    /// It takes nothing any more either.
    pub(super) broken: bool,
    /// Why, if that has not been told.
    pub(super) error: Option<io::ErrorKind>,
    /// Bytes written that the other end has not read, as far as is known here.
    pub(super) unread: usize,
    /// It has a port of its own, and not its listener's.
    pub(super) caller: bool,
}

/// The other end.
#[derive(Clone, Copy)]
pub(super) enum Other {
    /// It has been called so often, and has not answered.
    Called(u32),
    Is(HostId, SocketId),
}

pub(super) enum Piece {
    Accepted(HostId, SocketId),
    Refused,
    Bytes(Vec<u8>),
    Read(usize),
    End,
    Reset,
}

impl Connection {
    fn new(host: HostId, (local, peer): (SocketAddr, SocketAddr), other: Other) -> Connection {
        Connection {
            host,
            local,
            peer,
            other,
            coming: VecDeque::new(),
            last_arrival: Duration::ZERO,
            inbox: VecDeque::new(),
            ended: false,
            broken: false,
            error: None,
            unread: 0,
            caller: matches!(other, Other::Called(_)),
        }
    }

    pub(super) fn fail(&mut self, error: io::ErrorKind) {
        (self.ended, self.broken, self.error) = (true, true, Some(error));
    }

    /// Whether it has somebody at its other end, or had.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.other, Other::Is(..)) && !self.broken
    }

    pub(super) fn is_writable(&self) -> bool {
        self.broken || self.is_open() && self.unread < WINDOW
    }

    /// How the attempt to connect ended.
    pub(super) fn result(&mut self) -> io::Result<()> {
        match self.error.take() {
            Some(error) => Err(error.into()),
            None if self.is_open() => Ok(()),
            None if self.broken => Err(io::ErrorKind::NotConnected.into()),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl World {
    pub(super) fn listen(&mut self, host: HostId, local: SocketAddr) -> SocketId {
        let listener = Listener { host, local, waiting: VecDeque::new() };
        let id = self.add_socket(Socket::Listener(listener));
        self.ports.take(host, Protocol::Tcp, local, id);
        id
    }

    /// Begins a connection.
    pub(super) fn call(&mut self, host: HostId, peer: SocketAddr) -> io::Result<SocketId> {
        let ip = self.source(host, peer.ip()).ok_or(io::ErrorKind::NetworkUnreachable)?;
        let local = self.choose(host, Protocol::Tcp, (ip, 0).into())?;
        let connection = Connection::new(host, (local, peer), Other::Called(0));
        let id = self.add_socket(Socket::Connection(connection));
        self.ports.take(host, Protocol::Tcp, local, id);
        self.call_again(host, id);
        Ok(id)
    }

    pub(super) fn connection(&mut self, id: SocketId) -> Option<&mut Connection> {
        match self.sockets.get_mut(&id) {
            Some(Socket::Connection(connection)) => Some(connection),
            _ => None,
        }
    }

    /// Calls the peer, if it has not answered, and sees to it that this is done once more.
    pub(super) fn call_again(&mut self, host: HostId, caller: SocketId) {
        let Some(connection) = self.connection(caller) else { return };
        let Other::Called(times) = &mut connection.other else { return };
        *times += 1;
        let times = *times;
        let (local, peer) = (connection.local, connection.peer);
        if times > CALLS.0 {
            connection.fail(io::ErrorKind::TimedOut);
            return;
        }
        if let Some(there) = self.host_of(peer.ip(), host)
            && let Some(time) = self.carry((host, there), (local, peer))
        {
            self.dispatch((host, there), time, Content::Call(caller));
        }
        self.dispatch((host, host), CALLS.1, Content::Unanswered(caller));
    }

    /// Somebody at `from` wants to connect.
    pub(super) fn call_arrives(&mut self, from: HostId, caller: SocketId) {
        let Some(connection) = self.connection(caller) else { return };
        let (local, peer, called) = (connection.local, connection.peer, connection.other);
        let Some(here) = self.host_of(peer.ip(), from) else { return };
        // The answer to an earlier call may be under way.
        if !matches!(called, Other::Called(_)) || self.ends_at(caller).next().is_some() {
            return;
        }
        let listener = self.ports.find(here, Protocol::Tcp, peer);
        let id = self.number();
        match listener.and_then(|listener| self.sockets.get_mut(&listener)) {
            // Who is not heard calls again.
            Some(Socket::Listener(listener)) if listener.waiting.len() >= BACKLOG => return,
            Some(Socket::Listener(listener)) => listener.waiting.push_back(id),
            _ => return self.send_piece(here, (from, caller), Piece::Refused),
        }
        let accepted = Connection::new(here, (peer, local), Other::Is(from, caller));
        self.sockets.insert(id, Socket::Connection(accepted));
        self.send_piece(here, (from, caller), Piece::Accepted(here, id));
    }

    /// The connections whose other end is this one.
    pub(super) fn ends_at(&self, id: SocketId) -> impl Iterator<Item = (HostId, SocketId)> {
        self.sockets.iter().filter_map(move |(other, socket)| match socket {
            Socket::Connection(Connection { host, other: Other::Is(_, end), .. }) if *end == id => {
                Some((*host, *other))
            }
            _ => None,
        })
    }

    /// Sends a piece from a host to a connection, behind all that is under way there.
    pub(super) fn send_piece(
        &mut self,
        from: HostId,
        (host, to): (HostId, SocketId),
        piece: Piece,
    ) {
        let Some(connection) = self.connection(to) else { return };
        connection.coming.push_back(piece);
        self.carry_piece((from, host), to);
    }

    /// Sends the piece that is next on its way, or tries it later.
    pub(super) fn carry_piece(&mut self, (from, host): (HostId, HostId), to: SocketId) {
        let now = self.now;
        if self.link(from, host).down {
            self.dispatch((from, host), RETRANSMISSION, Content::Again(to));
            return;
        }
        // What a datagram's loss is to others is a delay to a connection.
        let Some(connection) = self.connection(to) else { return };
        let ends = (connection.peer, connection.local);
        let mut time = Duration::ZERO;
        for _ in 0..TRIES {
            match self.carry((from, host), ends) {
                Some(more) => {
                    time += more;
                    break;
                }
                None => time += RETRANSMISSION,
            }
        }
        let Some(connection) = self.connection(to) else { return };
        connection.last_arrival = connection.last_arrival.max(now.saturating_add(time));
        let time = connection.last_arrival.saturating_sub(now);
        self.dispatch((from, host), time, Content::Piece(to));
    }

    pub(super) fn piece_arrives(&mut self, id: SocketId) {
        let Some(connection) = self.connection(id) else { return };
        match connection.coming.pop_front() {
            Some(Piece::Accepted(host, other)) => connection.other = Other::Is(host, other),
            Some(Piece::Refused) => connection.fail(io::ErrorKind::ConnectionRefused),
            Some(Piece::Bytes(bytes)) => connection.inbox.extend(bytes),
            Some(Piece::Read(bytes)) => {
                connection.unread = connection.unread.saturating_sub(bytes);
            }
            Some(Piece::End) => connection.ended = true,
            Some(Piece::Reset) => connection.fail(io::ErrorKind::ConnectionReset),
            None => {}
        }
    }
}
