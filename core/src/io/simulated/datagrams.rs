//! Datagrams.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use super::ports::Protocol;
use super::world::{Content, HostId, Socket, SocketId, World};
use crate::io::MAX_DATAGRAM;

/// What a datagram takes of the receive buffer besides its bytes.
const OVERHEAD: usize = 64;
/// The receive buffer of who does not ask for one: Linux's default.
const DEFAULT_BUFFER: usize = 212_992;

/// A UDP socket.
pub(super) struct Datagrams {
    pub(super) host: HostId,
    pub(super) local: SocketAddr,
    /// Bytes that may wait to be received.
    pub(super) room: usize,
    held: usize,
    pub(super) inbox: VecDeque<Waiting>,
    /// Dropped because the buffer was full.
    drops: u64,
    /// How many of these are told.
    told: u64,
}

/// A datagram that waits to be received.
pub(super) struct Waiting {
    pub(super) bytes: Vec<u8>,
    pub(super) from: SocketAddr,
    /// Drops before it came.
    drops: u64,
}

impl Datagrams {
    /// The next one, and how many were lost before it that have not been told of.
    pub(super) fn take(&mut self) -> Option<(Waiting, u64)> {
        let waiting = self.inbox.pop_front()?;
        self.held = self.held.saturating_sub(waiting.bytes.len() + OVERHEAD);
        let new = waiting.drops.saturating_sub(self.told);
        self.told += new;
        Some((waiting, new))
    }

    /// Drops that have not been told of.
    pub(super) fn untold(&mut self) -> u64 {
        let new = self.drops.saturating_sub(self.told);
        self.told = self.drops;
        new
    }

    fn put(&mut self, bytes: Vec<u8>, from: SocketAddr) {
        let size = bytes.len() + OVERHEAD;
        if self.held.saturating_add(size) > self.room {
            self.drops += 1;
            return;
        }
        self.held += size;
        self.inbox.push_back(Waiting { bytes, from, drops: self.drops });
    }
}

impl World {
    /// Binds a socket to an address that was [chosen](World::choose). A `buffer` of 0 is the default.
    pub(super) fn bind(
        &mut self,
        host: HostId,
        local: SocketAddr,
        buffer: usize,
    ) -> (SocketId, usize) {
        let room = if buffer == 0 { DEFAULT_BUFFER } else { buffer };
        let inbox = VecDeque::new();
        let socket = Datagrams { host, local, room, held: 0, inbox, drops: 0, told: 0 };
        let id = self.add_socket(Socket::Datagrams(socket));
        self.ports.take(host, Protocol::Udp, local, id);
        (id, room)
    }

    /// Sends a datagram. That nobody gets it is no error.
    pub(super) fn send_datagram(
        &mut self,
        socket: SocketId,
        to: SocketAddr,
        bytes: &[u8],
    ) -> io::Result<()> {
        let Some(Socket::Datagrams(sender)) = self.sockets.get(&socket) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let (host, local) = (sender.host, sender.local);
        if to.port() == 0 || bytes.len() > MAX_DATAGRAM {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if let SocketAddr::V4(v4) = to
            && v4.ip().is_broadcast()
        {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let same_family = local.is_ipv4() == to.is_ipv4();
        let ip = match local.ip().is_unspecified() {
            true if same_family || local.is_ipv6() => self.source(host, to.ip()),
            false if same_family => Some(local.ip()),
            _ => None,
        };
        let ip =
            ip.filter(|ip| !to.ip().is_multicast() && (!ip.is_loopback() || to.ip().is_loopback()));
        let from = (ip.ok_or(io::ErrorKind::NetworkUnreachable)?, local.port()).into();
        let Some(there) = self.host_of(to.ip(), host) else { return Ok(()) };
        if let Some(time) = self.carry((host, there), (from, to)) {
            let content = Content::Datagram { from, to, bytes: bytes.to_vec() };
            self.dispatch((host, there), time, content);
        }
        Ok(())
    }

    pub(super) fn datagram_arrives(
        &mut self,
        host: HostId,
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    ) {
        let socket = self.ports.find(host, Protocol::Udp, to);
        if let Some(Socket::Datagrams(socket)) = socket.and_then(|id| self.sockets.get_mut(&id)) {
            socket.put(bytes, from);
        }
    }
}
