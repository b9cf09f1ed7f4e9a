//! TLS by rustls: RTSPS, both sides.

use std::io::{self, ErrorKind, IoSlice, Read as _, Write as _};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};

use super::cipher::{Acceptor, Cipher};
use crate::io::{Io, Token};

/// Bytes read from a socket at once.
const READ: usize = 16 << 10;
/// Bytes encrypted at once: the largest TLS record holds as many.
const RECORD: usize = 16 << 10;

/// TLS of one connection.
struct Tls {
    connection: Connection,
    /// What was read from the socket; the part from `from` on is not decrypted yet.
    received: Vec<u8>,
    from: usize,
    /// Decrypted bytes that rustls holds.
    readable: usize,
    /// What is gathered for a record.
    record: Vec<u8>,
}

impl Acceptor for Arc<ServerConfig> {
    fn accept(&self) -> io::Result<Box<dyn Cipher>> {
        let connection = ServerConnection::new(self.clone()).map_err(io::Error::other)?;
        Ok(Box::new(Tls::new(connection.into())))
    }
}

/// The cipher of a connection to a server of this name.
pub(super) fn connect(config: Arc<ClientConfig>, host: &str) -> Result<Box<dyn Cipher>, String> {
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let connection = ClientConnection::new(config, name).map_err(|error| error.to_string())?;
    Ok(Box::new(Tls::new(connection.into())))
}

impl Tls {
    fn new(connection: Connection) -> Tls {
        Tls { connection, received: Vec::new(), from: 0, readable: 0, record: Vec::new() }
    }

    /// Decrypts some of what was received; false when nothing is left to decrypt.
    fn decrypt(&mut self, io: &mut dyn Io, token: Token) -> io::Result<bool> {
        let mut rest = self.received.get(self.from..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(false);
        }
        let taken = self.connection.read_tls(&mut rest)?;
        self.from += taken;
        match self.connection.process_new_packets() {
            Ok(state) => self.readable = state.plaintext_bytes_to_read(),
            Err(error) => {
                // The alert that says so.
                let _ = self.flush(io, token);
                return Err(io::Error::new(ErrorKind::InvalidData, error));
            }
        }
        Ok(taken > 0)
    }

    /// Reads from the socket; false at its end.
    fn receive(&mut self, io: &mut dyn Io, token: Token) -> io::Result<bool> {
        self.received.resize(READ, 0);
        self.from = 0;
        let read = io.read(token, &mut self.received);
        self.received.truncate(*read.as_ref().unwrap_or(&0));
        Ok(read? > 0)
    }
}

impl Cipher for Tls {
    fn read(
        &mut self,
        io: &mut dyn Io,
        token: Token,
        buffer: &mut [u8],
        mut fresh: bool,
    ) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(buffer) {
                Ok(n) => {
                    self.readable = self.readable.saturating_sub(n);
                    return Ok(n);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = 0,
                Err(error) => return Err(error),
            }
            if self.decrypt(io, token)? {
                continue;
            }
            // The handshake's next message, before the next wait.
            match self.flush(io, token) {
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
            if !std::mem::take(&mut fresh) {
                return Err(ErrorKind::WouldBlock.into());
            }
            // Many hang up without a `close_notify`. What is cut off in RTSP shows by itself.
            if !self.receive(io, token)? {
                return Ok(0);
            }
        }
    }

    fn has_buffered(&self) -> bool {
        self.readable > 0 || self.from < self.received.len()
    }

    fn write(
        &mut self,
        io: &mut dyn Io,
        token: Token,
        slices: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        self.flush(io, token)?;
        let mut slices = slices.iter();
        let mut slice: &[u8] = &[];
        let mut taken = 0;
        loop {
            self.record.clear();
            while self.record.len() < RECORD {
                if slice.is_empty() {
                    match slices.next() {
                        Some(next) => slice = next,
                        None => break,
                    }
                }
                let (now, later) = slice.split_at(slice.len().min(RECORD - self.record.len()));
                self.record.extend_from_slice(now);
                slice = later;
            }
            if self.record.is_empty() {
                return Ok(taken);
            }
            // Before the handshake is done rustls keeps a bounded number of bytes.
            let kept = self.connection.writer().write(&self.record)?;
            taken += kept;
            match self.flush(io, token) {
                Ok(()) if kept == self.record.len() => {}
                Ok(()) if kept > 0 => return Ok(taken),
                Ok(()) => return Err(ErrorKind::WouldBlock.into()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(taken),
                Err(error) => return Err(error),
            }
        }
    }

    fn has_unsent(&self) -> bool {
        self.connection.wants_write()
    }

    fn flush(&mut self, io: &mut dyn Io, token: Token) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut Socket { io, token })?;
        }
        Ok(())
    }

    fn close(&mut self, io: &mut dyn Io, token: Token) {
        self.connection.send_close_notify();
        // A peer that does not read does not want to know.
        let _ = self.flush(io, token);
    }
}

/// A socket as rustls writes to one.
struct Socket<'a> {
    io: &'a mut dyn Io,
    token: Token,
}

impl io::Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.io.write(self.token, &[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.io.write(self.token, slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
