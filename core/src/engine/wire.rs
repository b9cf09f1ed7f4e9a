//! The writing end of a connection, and the reading end where both are one because of encryption: bytes in
//! and out, and what could not be written yet.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};

use crate::io::{Io, Token};
use crate::relay::Rest;

use super::cipher::Cipher;

/// Bytes of control messages that may wait for a peer that does not read.
const MAX_PENDING: usize = 256 << 10;
/// Bytes that another thread has decrypted and that may wait to be read here.
const MAX_UNREAD: usize = 256 << 10;

/// What is told of a peer that hung up. Players mostly do so without a word when they are closed.
pub(super) const CLOSED: &str = "it closed the connection";

/// What is told of a connection on which reading or writing failed. A peer that closes its socket
/// while media is on its way answers that with a reset, which is no fault.
pub(super) fn why_lost(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            CLOSED.to_owned()
        }
        ErrorKind::TimedOut => "it can no longer be reached".to_owned(),
        _ => format!("the connection is broken: {error}"),
    }
}

/// Something that has to be written before anything else.
enum Pending {
    /// RTSP messages.
    Control { bytes: Vec<u8>, sent: usize },
    /// The end of a packet.
    Packet(Rest),
}

/// What somebody else needs who takes over the writing: what waited to be written, and the encryption.
#[derive(Default)]
pub(super) struct Backlog {
    cipher: Option<Box<dyn Cipher>>,
    pending: VecDeque<Pending>,
    pending_control: usize,
}

/// A connection's socket, and what waits to be written to it.
pub(super) struct Wire {
    token: Token,
    /// Encrypts, where the connection is TLS.
    cipher: Option<Box<dyn Cipher>>,
    /// What has come and is decrypted, where somebody else does that: reading and writing go together then.
    decrypted: Option<Vec<u8>>,
    pending: VecDeque<Pending>,
    pending_control: usize,
}

/// What became of an attempt to write what is pending.
#[derive(Debug)]
pub(super) enum Flushed {
    /// Nothing is pending any more.
    All,
    /// The peer does not take more now.
    Blocked,
    /// The connection is over.
    Broken(io::Error),
}

impl Wire {
    pub(super) fn new(token: Token) -> Wire {
        let (cipher, decrypted) = (None, None);
        Wire { token, cipher, decrypted, pending: VecDeque::new(), pending_control: 0 }
    }

    pub(super) fn token(&self) -> Token {
        self.token
    }

    /// Gives up what waits to be written, for whoever writes from now on. Where the connection is encrypted he reads,
    /// too, and what he has read comes back by [`hear`](Wire::hear).
    pub(super) fn hand_over(&mut self) -> Backlog {
        let cipher = self.cipher.take();
        if cipher.is_some() {
            self.decrypted = Some(Vec::new());
        }
        Backlog {
            cipher,
            pending: std::mem::take(&mut self.pending),
            pending_control: std::mem::take(&mut self.pending_control),
        }
    }

    /// Another socket of the same connection, with what waited to be written.
    pub(super) fn take_over(token: Token, backlog: Backlog) -> Wire {
        let Backlog { cipher, pending, pending_control } = backlog;
        Wire { token, cipher, decrypted: None, pending, pending_control }
    }

    /// Whether somebody else reads from the socket.
    pub(super) fn is_read_elsewhere(&self) -> bool {
        self.decrypted.is_some()
    }

    /// Takes what somebody else has read; false when too much is unread.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> bool {
        let decrypted = self.decrypted.get_or_insert_default();
        decrypted.extend_from_slice(bytes);
        decrypted.len() <= MAX_UNREAD
    }

    /// From now on everything is encrypted.
    pub(super) fn encrypt(&mut self, cipher: Box<dyn Cipher>) {
        self.cipher = Some(cipher);
    }

    /// Whether everything is encrypted.
    pub(super) fn is_secure(&self) -> bool {
        self.cipher.is_some() || self.decrypted.is_some()
    }

    /// Reads what has come. `fresh`: from the socket too, not only what was read from it before.
    pub(super) fn read(
        &mut self,
        io: &mut dyn Io,
        buffer: &mut [u8],
        fresh: bool,
    ) -> io::Result<usize> {
        match (&mut self.cipher, &mut self.decrypted) {
            (Some(cipher), _) => cipher.read(io, self.token, buffer, fresh),
            (None, Some(decrypted)) => take(decrypted, buffer),
            (None, None) => io.read(self.token, buffer),
        }
    }

    /// Whether more was read from the socket than [`read`](Wire::read) has given.
    pub(super) fn has_buffered(&self) -> bool {
        let decrypted = self.decrypted.as_ref().is_some_and(|bytes| !bytes.is_empty());
        decrypted || self.cipher.as_ref().is_some_and(|cipher| cipher.has_buffered())
    }

    /// Writes as [`Io::write`] does.
    pub(super) fn write(&mut self, io: &mut dyn Io, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        write(&mut self.cipher, io, self.token, slices)
    }

    /// Says goodbye where the encryption has a word for it. The socket is to be closed next.
    pub(super) fn hang_up(&mut self, io: &mut dyn Io) {
        if let Some(cipher) = &mut self.cipher {
            cipher.close(io, self.token);
        }
    }

    pub(super) fn has_pending(&self) -> bool {
        let unsent = self.cipher.as_ref().is_some_and(|cipher| cipher.has_unsent());
        unsent || !self.pending.is_empty()
    }

    pub(super) fn keep(&mut self, rest: Rest) {
        self.pending.push_back(Pending::Packet(rest));
    }

    /// Queues a message; false when the peer has left too many unread.
    pub(super) fn send(&mut self, bytes: Vec<u8>) -> bool {
        self.pending_control += bytes.len();
        self.pending.push_back(Pending::Control { bytes, sent: 0 });
        self.pending_control <= MAX_PENDING
    }

    /// Writes what is pending.
    pub(super) fn flush(&mut self, io: &mut dyn Io) -> Flushed {
        let token = self.token;
        if let Some(cipher) = &mut self.cipher
            && let Err(error) = cipher.flush(io, token)
        {
            return match error.kind() {
                ErrorKind::WouldBlock => Flushed::Blocked,
                _ => Flushed::Broken(error),
            };
        }
        while let Some(first) = self.pending.front_mut() {
            let written = match first {
                Pending::Control { bytes, sent } => {
                    let rest = IoSlice::new(bytes.get(*sent..).unwrap_or(&[]));
                    write(&mut self.cipher, io, token, &[rest])
                }
                Pending::Packet(rest) => {
                    let [prefix, data] = rest.slices();
                    let slices = [IoSlice::new(prefix), IoSlice::new(data)];
                    write(&mut self.cipher, io, token, &slices)
                }
            };
            let taken = match written {
                Ok(taken) => taken,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Flushed::Blocked,
                Err(error) => return Flushed::Broken(error),
            };
            let done = match first {
                Pending::Control { bytes, sent } => {
                    *sent += taken;
                    self.pending_control = self.pending_control.saturating_sub(taken);
                    *sent >= bytes.len()
                }
                Pending::Packet(rest) => rest.advance(taken),
            };
            if done {
                self.pending.pop_front();
            } else {
                return Flushed::Blocked;
            }
        }
        Flushed::All
    }
}

/// Moves as many bytes as there is room for.
fn take(from: &mut Vec<u8>, to: &mut [u8]) -> io::Result<usize> {
    let count = from.len().min(to.len());
    let (Some(room), Some(bytes)) = (to.get_mut(..count), from.get(..count)) else { return Ok(0) };
    if count == 0 {
        return Err(ErrorKind::WouldBlock.into());
    }
    room.copy_from_slice(bytes);
    from.drain(..count);
    Ok(count)
}

fn write(
    cipher: &mut Option<Box<dyn Cipher>>,
    io: &mut dyn Io,
    token: Token,
    slices: &[IoSlice<'_>],
) -> io::Result<usize> {
    match cipher {
        Some(cipher) => cipher.write(io, token, slices),
        None => io.write(token, slices),
    }
}
