//! The floor, in C (`bench/floor/`).

use std::ffi::c_int;
use std::io;
use std::net::{SocketAddrV4, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::fanout::Subject;

/// `struct floor_job` of `floor.h`.
#[repr(C)]
struct Job {
    mode: c_int,
    ingests: *const c_int,
    streams: u32,
    stop: c_int,
    children: *const libc::sockaddr_in,
    connections: *const c_int,
    count: u32,
    sent: u64,
    failed: u64,
}

unsafe extern "C" {
    fn floor_relay(job: *mut Job) -> c_int;
}

/// Where the floor sends.
pub(crate) enum Children {
    Udp(Vec<SocketAddrV4>),
    Tcp(Vec<TcpStream>),
}

/// Relays what comes in at each of `ingests` to its part of the children, the first one's first, as `subject` does it, until `stop` is readable or hung up. Returns
/// how many packets the kernel took and how many it refused.
///
/// # Errors
///
/// When a socket cannot be used, or `subject` does not send to children of this kind.
pub(crate) fn relay(
    subject: Subject,
    ingests: &[UdpSocket],
    stop: BorrowedFd<'_>,
    children: &Children,
) -> io::Result<(u64, u64)> {
    let mode = match (subject, children) {
        (Subject::Sendto, Children::Udp(_)) => 0,
        (Subject::Sendmmsg, Children::Udp(_)) => 1,
        (Subject::Gso | Subject::FloorOneStream, Children::Udp(_)) => 2,
        (Subject::Writev | Subject::FloorOneStream, Children::Tcp(_)) => 3,
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    let (addresses, connections): (Vec<_>, Vec<_>) = match children {
        Children::Udp(to) => (to.iter().map(packed).collect(), Vec::new()),
        Children::Tcp(to) => (Vec::new(), to.iter().map(AsRawFd::as_raw_fd).collect()),
    };
    let ingests: Vec<_> = ingests.iter().map(AsRawFd::as_raw_fd).collect();
    let count = addresses.len().max(connections.len()) / ingests.len().max(1);
    let number = |count| u32::try_from(count).map_err(|_| io::ErrorKind::InvalidInput);
    let mut job = Job {
        mode,
        ingests: ingests.as_ptr(),
        streams: number(ingests.len())?,
        stop: stop.as_raw_fd(),
        children: addresses.as_ptr(),
        connections: connections.as_ptr(),
        count: number(count)?,
        sent: 0,
        failed: 0,
    };
    // SAFETY: the lists have `count` elements for each of `streams` where `mode` reads them, they and the sockets outlive the
    // call, and nothing of the job is kept after it.
    match unsafe { floor_relay(&mut job) } {
        0 => Ok((job.sent, job.failed)),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

fn packed(address: &SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
        sin_zero: [0; 8],
    }
}
