//! What is done with connections: accepting, reading, writing, ending.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read};
use std::net::SocketAddr;

use super::connections::{Other, Piece, WINDOW};
use super::ports::Protocol;
use super::world::{HostId, Socket, SocketId, World};

/// Slices that one write takes, as the kernels do (`IOV_MAX`).
const MAX_SLICES: usize = 1024;

impl World {
    /// The next connection of a listener, and its peer.
    pub(super) fn accept(
        &mut self,
        listener: SocketId,
    ) -> io::Result<Option<(SocketId, SocketAddr)>> {
        let Some(Socket::Listener(listener)) = self.sockets.get_mut(&listener) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let Some(id) = listener.waiting.pop_front() else { return Ok(None) };
        Ok(self.connection(id).map(|connection| (id, connection.peer)))
    }

    pub(super) fn read(&mut self, id: SocketId, buffer: &mut [u8]) -> io::Result<usize> {
        let connection = self.connection(id).ok_or(io::ErrorKind::InvalidInput)?;
        if connection.inbox.is_empty() && !buffer.is_empty() {
            return match connection.error.take() {
                Some(error) => Err(error.into()),
                None if connection.ended => Ok(0),
                None => Err(io::ErrorKind::WouldBlock.into()),
            };
        }
        let mut read = 0;
        // A deque gives one of its two halves at a time.
        while read < buffer.len() && !connection.inbox.is_empty() {
            read += connection.inbox.read(buffer.get_mut(read..).unwrap_or_default())?;
        }
        if let Other::Is(host, other) = connection.other {
            let here = connection.host;
            self.send_piece(here, (host, other), Piece::Read(read));
        }
        Ok(read)
    }

    /// Writes what there is room for, and tells whether that is all.
    pub(super) fn write(
        &mut self,
        id: SocketId,
        slices: &[IoSlice<'_>],
    ) -> io::Result<(usize, bool)> {
        let connection = self.connection(id).ok_or(io::ErrorKind::InvalidInput)?;
        if connection.broken {
            return Err(connection.error.take().unwrap_or(io::ErrorKind::BrokenPipe).into());
        }
        let room = WINDOW.saturating_sub(connection.unread);
        let Other::Is(host, other) = connection.other else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let all: usize = slices.iter().map(|slice| slice.len()).sum();
        if room == 0 && all > 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut bytes = Vec::new();
        for slice in slices.iter().take(MAX_SLICES) {
            let taken = slice.len().min(room - bytes.len());
            bytes.extend_from_slice(slice.get(..taken).unwrap_or_default());
        }
        let (here, taken) = (connection.host, bytes.len());
        connection.unread += taken;
        if self.sockets.contains_key(&other) {
            self.send_piece(here, (host, other), Piece::Bytes(bytes));
        } else {
            // Nobody is there any more, which is told when the bytes have been there and back.
            self.send_piece(host, (here, id), Piece::Reset);
        }
        Ok((taken, taken == all))
    }

    /// Sends no more; the other end can still be heard.
    pub(super) fn end(&mut self, id: SocketId) {
        self.leave(id, || Piece::End);
    }

    /// Closes a socket of any kind. What a connection has written still arrives.
    pub(super) fn close(&mut self, id: SocketId) {
        self.remove(id, || Piece::End);
    }

    /// Closes a connection so that the other end fails at once.
    pub(super) fn abort(&mut self, id: SocketId) {
        self.remove(id, || Piece::Reset);
    }

    fn leave(&mut self, id: SocketId, last: impl Fn() -> Piece) {
        let Some(here) = self.connection(id).map(|connection| connection.host) else { return };
        // Found by what they say themselves: of an answer that is under way this end knows nothing.
        for other in self.ends_at(id).collect::<Vec<_>>() {
            self.send_piece(here, other, last());
        }
    }

    fn remove(&mut self, id: SocketId, last: impl Fn() -> Piece) {
        self.leave(id, last);
        match self.sockets.remove(&id) {
            Some(Socket::Connection(connection)) if connection.caller => {
                let (host, port) = (connection.host, connection.local.port());
                self.ports.give_back(host, Protocol::Tcp, port, id);
            }
            Some(Socket::Listener(listener)) => {
                let (host, port) = (listener.host, listener.local.port());
                self.ports.give_back(host, Protocol::Tcp, port, id);
                let waiting: VecDeque<SocketId> = listener.waiting;
                waiting.into_iter().for_each(|connection| self.abort(connection));
            }
            Some(Socket::Datagrams(socket)) => {
                self.ports.give_back(socket.host, Protocol::Udp, socket.local.port(), id);
            }
            Some(Socket::Connection(_)) | None => {}
        }
    }

    /// Breaks all connections between two hosts, at once.
    pub(super) fn reset_between(&mut self, one: HostId, other: HostId) {
        for socket in self.sockets.values_mut() {
            let Socket::Connection(connection) = socket else { continue };
            let Other::Is(there, _) = connection.other else { continue };
            let ends = (connection.host, there);
            if (ends == (one, other) || ends == (other, one)) && connection.is_open() {
                connection.fail(io::ErrorKind::ConnectionReset);
            }
        }
    }
}
