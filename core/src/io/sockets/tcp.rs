//! Listening, connecting, reading and writing.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use socket2::{Domain, Protocol, Socket, Type};

use super::address;
use super::call::retry;
use super::options;

/// Connections that may wait to be accepted; the kernel cuts it to `net.core.somaxconn`.
const BACKLOG: libc::c_int = 4096;

/// Connections that were broken before they could be accepted, passed over in one call.
const BROKEN: usize = 64;

/// The most slices that one call takes (`UIO_MAXIOV` of the kernel).
pub(super) const MAX_SLICES: usize = 1024;

fn socket(addr: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

pub(super) fn listen(addr: SocketAddr) -> io::Result<Socket> {
    let socket = socket(addr)?;
    // A restarted server gets its port although connections of the former one linger.
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(!addr.ip().is_unspecified())?;
    }
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

pub(super) fn accept(listener: &Socket) -> io::Result<Option<(Socket, SocketAddr)>> {
    for _ in 0..BROKEN {
        match listener.accept() {
            Ok((socket, addr)) => {
                let addr = address::of(addr)?;
                // Fails only when the peer is gone already, which reading will tell.
                let _ = options::tune_connection(std::os::fd::AsFd::as_fd(&socket));
                return Ok(Some((socket, addr)));
            }
            Err(error) => match error.raw_os_error() {
                Some(libc::EAGAIN) => return Ok(None),
                Some(
                    libc::EMFILE
                    | libc::ENFILE
                    | libc::ENOBUFS
                    | libc::ENOMEM
                    | libc::EBADF
                    | libc::EINVAL
                    | libc::ENOTSOCK,
                ) => return Err(error),
                // > Linux accept() passes already-pending network errors on the new socket as an
                // > error code from accept(). For reliable operation the application should detect
                // > [them] and treat them like EAGAIN by retrying.
                _ => {}
            },
        }
    }
    Ok(None)
}

/// Begins to connect; whether it succeeds is known when the socket is writable.
pub(super) fn connect(addr: SocketAddr) -> io::Result<Socket> {
    let socket = socket(addr)?;
    options::tune_connection(std::os::fd::AsFd::as_fd(&socket))?;
    match socket.connect(&addr.into()) {
        Ok(()) => Ok(socket),
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(socket),
        // > EINTR: the connection will be established asynchronously.
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(socket),
        Err(error) => Err(error),
    }
}

/// How connecting ended.
pub(super) fn connect_result(socket: &Socket) -> io::Result<()> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Ok(_) => Ok(()),
        Err(error) if error.raw_os_error() == Some(libc::ENOTCONN) => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        Err(error) => Err(error),
    }
}

/// Looks whether a socket is a connected stream, and tunes it.
pub(super) fn adopt(fd: OwnedFd) -> io::Result<Socket> {
    let socket = Socket::from(fd);
    if socket.r#type()? != Type::STREAM {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no stream socket"));
    }
    // The error of a socket that is not connected is the one to be told.
    socket.peer_addr()?;
    // Reads and writes do not wait in any case: both are told not to.
    if socket.local_addr()?.domain() != Domain::UNIX {
        // Fails only when the peer is gone already, which reading will tell.
        let _ = options::tune_connection(std::os::fd::AsFd::as_fd(&socket));
    }
    Ok(socket)
}

pub(super) fn read(socket: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: recv(2) writes at most `len` bytes to `buf`: both are those of an exclusively
    // borrowed slice. The descriptor is open because it is borrowed.
    retry(|| unsafe {
        libc::recv(socket.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), libc::MSG_DONTWAIT)
    })
}

/// Writes at most [`MAX_SLICES`] slices, gathered, without waiting, and without a signal when the peer
/// is gone: the engine may live in a program that does not ignore SIGPIPE.
pub(super) fn write(socket: &Socket, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    loop {
        let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
        match socket.send_vectored_with_flags(slices, flags) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Whether a write that took `taken` bytes left some of the slices.
pub(super) fn is_partial(slices: &[IoSlice<'_>], taken: usize) -> bool {
    let mut left = taken;
    slices.iter().any(|slice| match left.checked_sub(slice.len()) {
        Some(rest) => {
            left = rest;
            false
        }
        None => true,
    })
}

/// Ends a connection that is about to be closed so that what was written still reaches the peer.
///
/// A socket closed with unread bytes in it (receiver reports of a player, say) sends a reset, upon
/// which the peer may forget the last answer before it has read it. So the end of the stream goes
/// first, and what is unread is thrown away; unless the connection is not read here (`reads`): then it is
/// for whoever has a duplicate of the socket.
pub(super) fn take_leave(socket: &Socket, reads: bool) {
    const UNREAD: usize = 1 << 20;
    // Both fail only when the connection is broken already.
    let _ = socket.shutdown(std::net::Shutdown::Write);
    if !reads {
        return;
    }
    // SAFETY: recv(2); tcp(7):
    // > Since version 2.4, Linux supports the use of MSG_TRUNC in the flags argument of recv(2).
    // > This flag causes the received bytes of data to be discarded, rather than passed back in a
    // > caller-supplied buffer.
    let _ = unsafe {
        libc::recv(
            socket.as_raw_fd(),
            std::ptr::null_mut(),
            UNREAD,
            libc::MSG_TRUNC | libc::MSG_DONTWAIT,
        )
    };
}
