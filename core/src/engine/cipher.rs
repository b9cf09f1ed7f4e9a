//! Connections whose bytes are encrypted.
//!
//! A [`Cipher`] stands between a connection and its socket. It is a trait so that the engine builds
//! without a TLS library; the one there is is `tls.rs`, behind the feature `tls`.

use std::io::{self, IoSlice};

use crate::io::{Io, Token};

/// One connection's encryption. Reads and writes are those of [`Io`], with the same errors, and the
/// same report of writability after a refusal.
pub(super) trait Cipher: Send {
    /// Reads what was received, decrypted. `fresh`: from the socket too; otherwise only what has
    /// been read from it before.
    fn read(
        &mut self,
        io: &mut dyn Io,
        token: Token,
        buffer: &mut [u8],
        fresh: bool,
    ) -> io::Result<usize>;

    /// Whether something was read from the socket that [`read`](Cipher::read) has not given yet: the
    /// socket will not be reported for it.
    fn has_buffered(&self) -> bool;

    /// Encrypts and writes. What was taken may be on its way still: see [`flush`](Cipher::flush).
    fn write(&mut self, io: &mut dyn Io, token: Token, slices: &[IoSlice<'_>])
    -> io::Result<usize>;

    /// Whether something that was taken is not written yet.
    fn has_unsent(&self) -> bool;

    /// Writes what was taken; [`io::ErrorKind::WouldBlock`] when the socket does not take all of it.
    fn flush(&mut self, io: &mut dyn Io, token: Token) -> io::Result<()>;

    /// Tells the peer that nothing more comes, as far as the socket takes it.
    fn close(&mut self, io: &mut dyn Io, token: Token);
}

/// Makes the ciphers of the connections that a listener accepts.
pub(super) trait Acceptor: Send + Sync {
    /// The cipher of a new connection.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    fn accept(&self) -> io::Result<Box<dyn Cipher>>;
}
