//! UDP sockets of the players, read in batches of merged datagrams.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

/// Datagrams, each of up to 64 merged packets, that one system call takes.
const BATCH: usize = 8;
/// The most that GRO merges into one read, and the most that a datagram holds.
const DATAGRAM: usize = 64 * 1024;
/// Room for the two control messages asked for, `UDP_GRO` and `SO_RXQ_OVFL`.
const CONTROL: usize = 64;
/// Receive buffer asked for. A group of pictures that comes at once on joining must fit.
const RECEIVE_BUFFER: usize = 1 << 20;

/// Binds a pair of neighbouring ports, the even one for RTP and the odd one above it for RTCP
/// (RFC 3550 section 11), without blocking and with receive offload where the kernel has it.
pub(crate) fn bind_pair(address: IpAddr) -> io::Result<(UdpSocket, UdpSocket)> {
    for _ in 0..200 {
        let rtp = bind(SocketAddr::new(address, 0))?;
        let port = rtp.local_addr()?.port();
        // The kernel picks any free port; its neighbour completes the pair when that is free too.
        let other = if port % 2 == 0 { port.checked_add(1) } else { port.checked_sub(1) };
        let Some(other) = other else { continue };
        match bind(SocketAddr::new(address, other)) {
            Ok(rtcp) if port % 2 == 0 => return Ok((rtp, rtcp)),
            Ok(below) => return Ok((below, rtp)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "no pair of neighbouring UDP ports is free"))
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    // Refused by kernels before 5.0: then every datagram is read by itself, and the drop counter
    // stays at zero. Both are told by the results, so neither is an error here.
    let _ = set_flag(&socket, libc::SOL_UDP, libc::UDP_GRO);
    let _ = set_flag(&socket, libc::SOL_SOCKET, libc::SO_RXQ_OVFL);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn set_flag(socket: &Socket, level: i32, name: i32) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the option's value is an int that is valid for the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(&on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL]);

/// Buffers that all sockets are read through.
pub(crate) struct Reader {
    buffers: Vec<u8>,
    controls: Box<[Control; BATCH]>,
}

impl Default for Reader {
    fn default() -> Reader {
        Reader {
            buffers: vec![0; BATCH * DATAGRAM],
            controls: Box::new([Control([0; CONTROL]); BATCH]),
        }
    }
}

/// What one read found out besides the packets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Received {
    /// The socket may hold more: read again.
    pub(crate) more: bool,
    /// Datagrams that the kernel has dropped at this socket since it was made, because its buffer
    /// was full.
    pub(crate) overflow: Option<u32>,
}

impl Reader {
    /// Reads what has come, at most one batch, and hands each packet to `packet`.
    pub(crate) fn read(
        &mut self,
        socket: &UdpSocket,
        mut packet: impl FnMut(&[u8]),
    ) -> io::Result<Received> {
        let base = self.buffers.as_mut_ptr();
        let mut vectors: [libc::iovec; BATCH] = std::array::from_fn(|i| libc::iovec {
            // SAFETY: the buffer is BATCH times DATAGRAM long, so each part lies inside it.
            iov_base: unsafe { base.add(i * DATAGRAM) }.cast(),
            iov_len: DATAGRAM,
        });
        // SAFETY: all-zero bytes are a valid mmsghdr: null pointers with zero lengths.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
        for ((header, vector), control) in
            headers.iter_mut().zip(&mut vectors).zip(self.controls.iter_mut())
        {
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = CONTROL;
        }
        // SAFETY: every header points at a vector and a control buffer that live until the end of
        // this function and are referred to by no other header.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                BATCH as u32,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        if count < 0 {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(Received::default()),
                _ => Err(error),
            };
        }
        let count = count as usize;
        let mut received = Received { more: count == BATCH, overflow: None };
        for (header, buffer) in headers.iter().zip(self.buffers.chunks(DATAGRAM)).take(count) {
            let (segment, overflow) = control_messages(&header.msg_hdr);
            received.overflow = overflow.or(received.overflow);
            let Some(data) = buffer.get(..header.msg_len as usize) else { continue };
            let segment = segment.filter(|&size| size > 0).unwrap_or(data.len().max(1));
            data.chunks(segment).for_each(&mut packet);
        }
        Ok(received)
    }
}

/// The size of the packets that GRO merged, and the kernel's count of dropped ones.
fn control_messages(header: &libc::msghdr) -> (Option<usize>, Option<u32>) {
    let (mut segment, mut overflow) = (None, None);
    // SAFETY: the kernel filled in the header's control buffer and its length; CMSG_FIRSTHDR and
    // CMSG_NXTHDR return null or a message that lies inside it.
    let mut message = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !message.is_null() {
        // SAFETY: not null, so it points at a whole cmsghdr inside the control buffer.
        let head = unsafe { &*message };
        // SAFETY: as above; the data follows the head.
        let data = unsafe { libc::CMSG_DATA(message) };
        match (head.cmsg_level, head.cmsg_type) {
            (libc::SOL_UDP, libc::UDP_GRO) => {
                // SAFETY: the kernel writes an int for this type (net/ipv4/udp.c, udp_cmsg_recv).
                let size = unsafe { data.cast::<libc::c_int>().read_unaligned() };
                segment = usize::try_from(size).ok();
            }
            (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => {
                // SAFETY: the kernel writes a 32-bit number for this type (socket(7)).
                overflow = Some(unsafe { data.cast::<u32>().read_unaligned() });
            }
            _ => {}
        }
        // SAFETY: `message` is a message of this header.
        message = unsafe { libc::CMSG_NXTHDR(header, message) };
    }
    (segment, overflow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn ports_come_in_even_and_odd_pairs() {
        let (rtp, rtcp) = bind_pair(Ipv4Addr::LOCALHOST.into()).expect("ports are free");
        let (rtp, rtcp) = (rtp.local_addr().expect("bound"), rtcp.local_addr().expect("bound"));
        assert_eq!(rtp.port() % 2, 0);
        assert_eq!(rtp.port() + 1, rtcp.port());
    }

    #[test]
    fn datagrams_come_out_one_by_one() {
        let (rtp, _rtcp) = bind_pair(Ipv4Addr::LOCALHOST.into()).expect("ports are free");
        let to = rtp.local_addr().expect("bound");
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("bound");
        for n in 0..20u8 {
            sender.send_to(&[n; 100], to).expect("sent");
        }
        let mut reader = Reader::default();
        let mut got = Vec::new();
        while reader.read(&rtp, |packet| got.push(packet[0])).expect("read").more {}
        assert_eq!(got, (0..20).collect::<Vec<u8>>());
    }
}
