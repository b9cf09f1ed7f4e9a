//! Many datagrams by one call: recvmmsg(2) with GRO.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use crate::io::sockets::call::retry;
use crate::io::sockets::cmsg::{Control, Notes, address, empty_header, notes};
use crate::io::sockets::options::new_drops;
use crate::io::{Datagram, Lanes, Received, SMALL_DATAGRAM};
use crate::ring::Pool;

/// The most messages of one call.
const MESSAGES: usize = 16;

/// Errors that ICMP messages left on the socket, passed over in one call.
const ASYNCHRONOUS: usize = 8;

/// Headers and buffers, kept from call to call.
pub(in crate::io) struct Receiver {
    headers: Box<[libc::mmsghdr]>,
    slices: Box<[libc::iovec]>,
    names: Box<[libc::sockaddr_storage]>,
    controls: Box<[Control]>,
    small: Box<[[u8; SMALL_DATAGRAM]]>,
}

// SAFETY: what is not `Send` of itself are the raw pointers in headers and slices. They are written
// and followed within one call; between calls nobody follows them.
unsafe impl Send for Receiver {}

/// One message of a batch, as the kernel described it.
struct Message {
    /// Its length, which may be more than there was room for.
    length: usize,
    /// The size of its segments.
    segment: usize,
    from: Option<SocketAddr>,
    truncated: bool,
}

impl Message {
    fn packets(&self) -> u64 {
        self.length.div_ceil(self.segment.max(1)).max(1) as u64
    }
}

impl Receiver {
    pub(in crate::io) fn new() -> Self {
        // SAFETY: `sockaddr_storage` consists of integers, for which zero is a value.
        let name: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
        let slice = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        Self {
            headers: vec![empty_header(); MESSAGES].into_boxed_slice(),
            slices: vec![slice; MESSAGES].into_boxed_slice(),
            names: vec![name; MESSAGES].into_boxed_slice(),
            controls: vec![Control::EMPTY; MESSAGES].into_boxed_slice(),
            small: vec![[0; SMALL_DATAGRAM]; MESSAGES].into_boxed_slice(),
        }
    }

    /// Into the lanes; see [`Io::receive_with`](crate::io::Io::receive_with). `drops` is the
    /// socket's count as far as it is told.
    #[expect(clippy::too_many_arguments, reason = "the trait's, and the socket's state")]
    pub(in crate::io) fn receive(
        &mut self,
        fd: BorrowedFd<'_>,
        drops: &mut u32,
        lanes: &mut Lanes,
        pool: &mut Pool,
        now: impl FnOnce() -> Duration,
        inspect: &mut dyn FnMut(&mut [u8], usize, SocketAddr) -> bool,
        out: &mut Vec<Datagram>,
    ) -> io::Result<Received> {
        let ready = lanes.prepare(pool).min(MESSAGES);
        if ready == 0 {
            return self.discard(fd, drops);
        }
        for (lane, slice) in self.slices.iter_mut().enumerate().take(ready) {
            *slice = room(lanes.unfilled(lane));
        }
        let count = self.call(fd, ready)?;
        let arrival = now();
        let mut received = Received { more: count == ready, ..Received::default() };
        for lane in 0..count {
            let Some(message) = self.message(lane, drops, &mut received) else { continue };
            let packets = message.packets();
            if message.truncated {
                received.truncated += packets;
                continue;
            }
            let Message { length, segment, from: Some(from), .. } = message else { continue };
            // An empty datagram is no packet of any protocol that is received here.
            let span =
                lanes.commit(lane, length, |bytes| length > 0 && inspect(bytes, segment, from));
            match span {
                Some(span) => {
                    received.packets += packets;
                    received.bytes += length as u64;
                    out.push(Datagram { span, segment, from, arrival });
                }
                None => received.refused += packets,
            }
        }
        if received.more {
            lanes.widen();
        }
        Ok(received)
    }

    /// Takes what is there out of the kernel and counts it as dropped.
    fn discard(&mut self, fd: BorrowedFd<'_>, drops: &mut u32) -> io::Result<Received> {
        self.slices.iter_mut().for_each(|slice| *slice = room(&mut []));
        let count = self.call(fd, MESSAGES)?;
        let mut received = Received { more: count == MESSAGES, ..Received::default() };
        for index in 0..count {
            if let Some(message) = self.message(index, drops, &mut received) {
                received.no_buffer += message.packets();
            }
        }
        Ok(received)
    }

    /// Into buffers of its own; see [`Io::receive_small`](crate::io::Io::receive_small).
    pub(in crate::io) fn receive_small(
        &mut self,
        fd: BorrowedFd<'_>,
        drops: &mut u32,
        f: &mut dyn FnMut(&[u8], SocketAddr),
    ) -> io::Result<Received> {
        for (slice, buffer) in self.slices.iter_mut().zip(&mut self.small) {
            *slice = room(buffer);
        }
        let count = self.call(fd, MESSAGES)?;
        let mut received = Received { more: count == MESSAGES, ..Received::default() };
        for index in 0..count {
            let Some(message) = self.message(index, drops, &mut received) else { continue };
            let bytes = self.small.get(index).and_then(|buffer| buffer.get(..message.length));
            match (bytes, message.from) {
                (Some(bytes), Some(from)) if !message.truncated => {
                    received.packets += message.packets();
                    received.bytes += bytes.len() as u64;
                    if bytes.is_empty() {
                        f(bytes, from);
                    }
                    bytes.chunks(message.segment.max(1)).for_each(|packet| f(packet, from));
                }
                _ => received.truncated += message.packets(),
            }
        }
        Ok(received)
    }

    /// Receives up to `count` messages into `slices`, without blocking, and tells how many.
    fn call(&mut self, fd: BorrowedFd<'_>, count: usize) -> io::Result<usize> {
        let count = count.min(MESSAGES);
        let parts = self.slices.iter_mut().zip(&mut self.names).zip(&mut self.controls);
        for (message, ((slice, name), control)) in self.headers.iter_mut().zip(parts).take(count) {
            message.msg_len = 0;
            let header = &mut message.msg_hdr;
            header.msg_name = (&raw mut *name).cast();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_iov = &raw mut *slice;
            header.msg_iovlen = 1;
            header.msg_control = control.0.as_mut_ptr().cast();
            header.msg_controllen = Control::SIZE as _;
            header.msg_flags = 0;
        }
        for _ in 0..ASYNCHRONOUS {
            // SAFETY: recvmmsg(2):
            // > sockfd: the socket to receive data from: open, because it is borrowed
            // > msgvec, vlen: an array of mmsghdr structures and its size: `headers`, of which the
            // >   first `count` have just been set up
            // > msg_name, msg_iov, msg_control: where the kernel puts the source address, the data
            // >   and ancillary data, each with its size: elements of the other boxed slices of
            // >   `self`, which is borrowed exclusively; the data's room is what `room` was given,
            // >   which the callers hold exclusively until they have read the result, and which is
            // >   different for each message
            // > flags: MSG_DONTWAIT; MSG_TRUNC: return the real length of the datagram, even when
            // >   it was longer than the passed buffer
            // > timeout: NULL, nothing blocks
            let result = retry(|| unsafe {
                libc::recvmmsg(
                    fd.as_raw_fd(),
                    self.headers.as_mut_ptr(),
                    count as libc::c_uint,
                    (libc::MSG_DONTWAIT | libc::MSG_TRUNC) as _,
                    std::ptr::null_mut(),
                ) as isize
            });
            match result {
                Ok(received) => return Ok(received.min(count)),
                Err(error) => match error.raw_os_error() {
                    Some(libc::EAGAIN) => return Ok(0),
                    Some(libc::EBADF | libc::ENOTSOCK | libc::EFAULT | libc::ENOMEM) => {
                        return Err(error);
                    }
                    // What an earlier datagram of ours met with (ECONNREFUSED, EHOSTUNREACH …):
                    // reading it has taken it off the socket.
                    _ => {}
                },
            }
        }
        Ok(0)
    }

    /// What the last call says of a message; adds what the kernel has dropped to `received`.
    fn message(&self, index: usize, drops: &mut u32, received: &mut Received) -> Option<Message> {
        let message = self.headers.get(index)?;
        // SAFETY: `call` gave this header a control buffer aligned for `cmsghdr`, the kernel has
        // set its length, and both are untouched since.
        let Notes { segment, drops: count } = unsafe { notes(&message.msg_hdr) };
        if let Some(count) = count {
            received.overflow += new_drops(drops, count);
        }
        let length = message.msg_len as usize;
        Some(Message {
            length,
            segment: segment.filter(|&segment| segment < length).unwrap_or(length),
            from: self.names.get(index).and_then(address),
            truncated: message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
        })
    }
}

/// A buffer as the kernel wants it named.
fn room(buffer: &mut [u8]) -> libc::iovec {
    libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() }
}
