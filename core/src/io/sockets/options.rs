//! Socket options that socket2 does not have, and buffer sizes.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use socket2::SockRef;

/// `UDP_SEGMENT`: the size of the segments of a message (GSO), Linux 4.18.
#[cfg(feature = "linux")]
pub(in crate::io) const UDP_SEGMENT: libc::c_int = 103;
/// `UDP_GRO`: hand over aggregates, Linux 5.0.
pub(in crate::io) const UDP_GRO: libc::c_int = 104;
/// Unsent bytes above which a connection is not writable.
#[cfg(target_os = "linux")]
const NOTSENT_LOWAT: libc::c_int = 128 * 1024;
/// `SK_MEMINFO_DROPS` of `linux/sock_diag.h`.
#[cfg(target_os = "linux")]
const MEMINFO_DROPS: usize = 8;

pub(in crate::io) fn set_int(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: setsockopt(2):
    // > sockfd: open, because it is borrowed
    // > optval, optlen: used to access option values: the address and the size of a local integer
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Reads an option into an array of integers and tells how many the kernel filled.
#[cfg(target_os = "linux")]
fn get<const N: usize>(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
) -> io::Result<([u32; N], usize)> {
    let mut values = [0_u32; N];
    let mut length = size_of_val(&values) as libc::socklen_t;
    // SAFETY: getsockopt(2):
    // > optval: a buffer in which the value is to be returned: a local array of integers, any bits
    // >   of which are valid
    // > optlen: initially the size of that buffer; the kernel writes no more, and modifies it to
    // >   the size of the value
    let result = unsafe {
        libc::getsockopt(fd.as_raw_fd(), level, name, values.as_mut_ptr().cast(), &raw mut length)
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((values, length as usize / size_of::<u32>()))
}

/// Whether the kernel knows segmentation offload at all.
#[cfg(feature = "linux")]
pub(in crate::io) fn has_gso(fd: BorrowedFd<'_>) -> io::Result<()> {
    get::<1>(fd, libc::SOL_UDP, UDP_SEGMENT).map(drop)
}

/// Datagrams that a socket has dropped so far (Linux 4.12; a count that wraps).
#[cfg(target_os = "linux")]
pub(in crate::io) fn drops(fd: BorrowedFd<'_>) -> io::Result<u32> {
    let (values, filled) = get::<16>(fd, libc::SOL_SOCKET, libc::SO_MEMINFO)?;
    values
        .iter()
        .take(filled)
        .nth(MEMINFO_DROPS)
        .copied()
        .ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))
}

/// Other systems do not tell.
#[cfg(not(target_os = "linux"))]
pub(in crate::io) fn drops(_fd: BorrowedFd<'_>) -> io::Result<u32> {
    Ok(0)
}

/// What the kernel's count of drops, which wraps, says beyond what was `told`.
///
/// The count that comes with a datagram is as old as that datagram, so it may be behind one that
/// was asked for in between.
pub(in crate::io) fn new_drops(told: &mut u32, count: u32) -> u64 {
    let new = count.wrapping_sub(*told);
    if new > u32::MAX / 2 {
        return 0;
    }
    *told = count;
    new.into()
}

/// Which buffer of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::io) enum Buffer {
    Receive,
    Send,
}

impl Buffer {
    /// Asks for a size and gives what was granted: with the privilege of going over the limit if
    /// there is one, else within it.
    pub(in crate::io) fn request(self, fd: BorrowedFd<'_>, size: usize) -> io::Result<usize> {
        let socket = SockRef::from(&fd);
        if size > 0 {
            let value = libc::c_int::try_from(size).unwrap_or(libc::c_int::MAX);
            if !self.force(fd, value) {
                let plain = match self {
                    Self::Receive => libc::SO_RCVBUF,
                    Self::Send => libc::SO_SNDBUF,
                };
                set_int(fd, libc::SOL_SOCKET, plain, value)?;
            }
        }
        // socket(7): the kernel doubles the value to allow space for bookkeeping overhead, and
        // this doubled value is returned by getsockopt(2).
        let doubled = match self {
            Self::Receive => socket.recv_buffer_size()?,
            Self::Send => socket.send_buffer_size()?,
        };
        Ok(doubled / 2)
    }

    /// Asks for a size beyond the limit; false without the privilege.
    #[cfg(target_os = "linux")]
    fn force(self, fd: BorrowedFd<'_>, value: libc::c_int) -> bool {
        let option = match self {
            Self::Receive => libc::SO_RCVBUFFORCE,
            Self::Send => libc::SO_SNDBUFFORCE,
        };
        set_int(fd, libc::SOL_SOCKET, option, value).is_ok()
    }

    /// Other systems have no such privilege.
    #[cfg(not(target_os = "linux"))]
    fn force(self, _fd: BorrowedFd<'_>, _value: libc::c_int) -> bool {
        false
    }

    /// What to tell the user when the kernel granted less than was asked for.
    pub(in crate::io) fn warning(self, asked: usize, granted: usize) -> Option<String> {
        let (buffer, limit, consequence) = match self {
            Self::Receive => ("receive", "rmem_max", "bursts of packets may be lost on arrival"),
            Self::Send => ("send", "wmem_max", "bursts of packets may be refused when sent"),
        };
        (granted < asked).then(|| {
            format!(
                "the kernel grants UDP sockets {granted} bytes of {buffer} buffer instead of \
                 {asked}, so {consequence}; mend it with: sysctl -w net.core.{limit}={asked}"
            )
        })
    }
}

/// Sets a connection up for live media: nothing waits to be joined with later bytes, little waits
/// unsent (what waits here cannot be skipped any more when the child lags), and a peer that has
/// vanished is noticed.
pub(in crate::io) fn tune_connection(fd: BorrowedFd<'_>) -> io::Result<()> {
    let socket = SockRef::from(&fd);
    socket.set_tcp_nodelay(true)?;
    #[cfg(target_os = "linux")]
    set_int(fd, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, NOTSENT_LOWAT)?;
    // Bytes sent and not acknowledged for so long break the connection; when there are none, three
    // probes without an answer do.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(std::time::Duration::from_secs(20)))?;
    socket.set_tcp_keepalive(
        &socket2::TcpKeepalive::new()
            .with_time(std::time::Duration::from_secs(30))
            .with_interval(std::time::Duration::from_secs(10))
            .with_retries(3),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_buffer_is_warned_of_with_the_command_that_mends_it() {
        let warning = Buffer::Receive.warning(4_194_304, 212_992).unwrap();
        assert!(warning.contains("sysctl -w net.core.rmem_max=4194304"), "{warning}");
        assert!(warning.contains("212992"), "{warning}");
        let warning = Buffer::Send.warning(2, 1).unwrap();
        assert!(warning.contains("sysctl -w net.core.wmem_max=2"), "{warning}");
        assert_eq!(Buffer::Send.warning(4096, 4096), None);
    }

    #[test]
    fn the_count_of_losses_may_wrap() {
        let mut told = u32::MAX - 1;
        assert_eq!(new_drops(&mut told, 3), 5);
        assert_eq!(new_drops(&mut told, 3), 0);
        assert_eq!(new_drops(&mut told, 1), 0, "older than what was told");
        assert_eq!(new_drops(&mut told, 4), 1);
    }
}
