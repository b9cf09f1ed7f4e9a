//! Addresses as the rest of the program sees them.

use std::io;
use std::net::{IpAddr, SocketAddr};

/// An IPv4 address that is mapped into IPv6, as IPv4.
pub(in crate::io) fn canonical(addr: SocketAddr) -> SocketAddr {
    match addr.ip().to_canonical() {
        IpAddr::V4(ip) => (ip, addr.port()).into(),
        IpAddr::V6(_) => addr,
    }
}

/// The address that a system call has given, canonical.
pub(in crate::io) fn of(addr: socket2::SockAddr) -> io::Result<SocketAddr> {
    addr.as_socket().map(canonical).ok_or_else(|| io::ErrorKind::Unsupported.into())
}
