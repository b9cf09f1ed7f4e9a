//! What a test does that plays a peer by hand, and [`Io`](crate::io::Io) has no call for.

use std::io;
use std::net::SocketAddr;

use super::Simulated;
use super::datagrams::Datagrams;
use crate::io::Token;

/// For peers played by hand. The errors are those of the methods of [`Io`](crate::io::Io).
impl Simulated {
    /// Sends a datagram of any length.
    pub fn send(&mut self, token: Token, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        self.with(token, |world, socket| world.send_datagram(socket, to, bytes))?
    }

    /// The next datagram that has come, and its sender.
    pub fn take(&mut self, token: Token) -> io::Result<Option<(Vec<u8>, SocketAddr)>> {
        let taken = self.datagrams(token, Datagrams::take)?;
        Ok(taken.map(|(waiting, _)| (waiting.bytes, waiting.from)))
    }

    /// Sends no more on a connection, whose other end can still be heard.
    pub fn shut_down(&mut self, token: Token) -> io::Result<()> {
        self.with(token, |world, socket| world.end(socket))
    }

    /// Closes a connection so that its other end fails at once.
    pub fn abort(&mut self, token: Token) {
        self.forget(token, |world, socket| world.abort(socket));
    }
}
