//! UDP sockets, bound and set up.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, Socket, Type};

use super::options::{Buffer, UDP_GRO, set_int};
use crate::io::{MulticastOptions, UdpOptions};

/// Ports tried for a pair.
const TRIES: usize = 64;

/// A socket, and what the kernel granted it.
pub(super) struct Bound {
    pub(super) socket: Socket,
    pub(super) local_addr: SocketAddr,
    pub(super) recv_buffer: usize,
    pub(super) send_buffer: usize,
    pub(super) gro: bool,
}

pub(super) fn bind(addr: SocketAddr, options: &UdpOptions) -> io::Result<Bound> {
    set_up(bind_only(addr)?, options)
}

/// An even port and the odd one above it.
pub(super) fn bind_pair(
    ip: IpAddr,
    rtp: &UdpOptions,
    rtcp: &UdpOptions,
) -> io::Result<(Bound, Bound)> {
    let mut refused = Vec::new();
    for _ in 0..TRIES {
        // The kernel picks the first from its ephemeral range; the partner is its neighbour.
        let first = bind_only((ip, 0).into())?;
        let port = local_port(&first)?;
        match bind_only((ip, port ^ 1).into()) {
            Ok(second) => {
                let (even, odd) = if port % 2 == 0 { (first, second) } else { (second, first) };
                return Ok((set_up(even, rtp)?, set_up(odd, rtcp)?));
            }
            // Kept until the end, so that the kernel does not offer it again.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => refused.push(first),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AddrInUse,
        format!("no free pair of UDP ports on {ip} in {TRIES} tries"),
    ))
}

fn bind_only(addr: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(!addr.ip().is_unspecified())?;
    }
    socket.bind(&addr.into())?;
    Ok(socket)
}

fn local_port(socket: &Socket) -> io::Result<u16> {
    let addr = socket.local_addr()?;
    Ok(addr.as_socket().map_or(0, |addr| addr.port()))
}

fn set_up(socket: Socket, options: &UdpOptions) -> io::Result<Bound> {
    let fd = socket.as_fd();
    let recv_buffer = Buffer::Receive.request(fd, options.recv_buffer)?;
    let send_buffer = Buffer::Send.request(fd, options.send_buffer)?;
    if let Some(MulticastOptions { ttl, interface }) = options.multicast {
        socket.set_multicast_ttl_v4(ttl.into())?;
        if let Some(interface) = interface {
            socket.set_multicast_if_v4(&interface)?;
        }
    }
    // Without it (before Linux 5.0) every datagram comes by itself.
    let gro = options.gro && set_int(fd, libc::IPPROTO_UDP, UDP_GRO, 1).is_ok();
    // Losses are then counted as they are reported, or not at all.
    #[cfg(target_os = "linux")]
    if let Err(error) = set_int(fd, libc::SOL_SOCKET, libc::SO_RXQ_OVFL, 1) {
        tracing::debug!(%error, "the kernel does not report lost datagrams (SO_RXQ_OVFL)");
    }
    let local_addr = socket
        .local_addr()?
        .as_socket()
        .ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))?;
    Ok(Bound { socket, local_addr, recv_buffer, send_buffer, gro })
}
