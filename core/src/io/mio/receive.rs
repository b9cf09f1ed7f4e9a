//! Datagrams, one by one.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::time::Instant;

use socket2::{MaybeUninitSlice, Socket};

use crate::io::sockets::address;
use crate::io::{Datagram, Lanes, Received, SMALL_DATAGRAM};
use crate::ring::Pool;

/// The most datagrams of one batch.
const BATCH: usize = 16;

/// Errors that ICMP messages left on the socket, passed over in one call.
const ASYNCHRONOUS: usize = 8;

/// Into the first lane; see [`Io::receive_with`](crate::io::Io::receive_with).
pub(super) fn into_lanes(
    socket: &Socket,
    lanes: &mut Lanes,
    pool: &mut Pool,
    started: Instant,
    inspect: &mut dyn FnMut(&mut [u8], usize, SocketAddr) -> bool,
    out: &mut Vec<Datagram>,
) -> io::Result<Received> {
    let mut received = Received { more: true, ..Received::default() };
    for _ in 0..BATCH {
        let room = lanes.prepare(pool) > 0;
        let message = receive(socket, if room { lanes.unfilled(0) } else { &mut [] })?;
        let Some(Message { length, from, truncated }) = message else {
            received.more = false;
            break;
        };
        match from {
            _ if !room => received.no_buffer += 1,
            Some(from) if !truncated => {
                // An empty datagram is no packet of any protocol that is received here.
                let keep = |bytes: &mut [u8]| length > 0 && inspect(bytes, length, from);
                if let Some(span) = lanes.commit(0, length, keep) {
                    received.packets += 1;
                    received.bytes += length as u64;
                    out.push(Datagram { span, segment: length, from, arrival: started.elapsed() });
                } else {
                    received.refused += 1;
                }
            }
            _ => received.truncated += 1,
        }
    }
    Ok(received)
}

/// Into a buffer of its own; see [`Io::receive_small`](crate::io::Io::receive_small).
pub(super) fn small(socket: &Socket, f: &mut dyn FnMut(&[u8], SocketAddr)) -> io::Result<Received> {
    let mut buffer = [0; SMALL_DATAGRAM];
    let mut received = Received { more: true, ..Received::default() };
    for _ in 0..BATCH {
        let Some(Message { length, from, truncated }) = receive(socket, &mut buffer)? else {
            received.more = false;
            break;
        };
        match (buffer.get(..length), from) {
            (Some(bytes), Some(from)) if !truncated => {
                received.packets += 1;
                received.bytes += length as u64;
                f(bytes, from);
            }
            _ => received.truncated += 1,
        }
    }
    Ok(received)
}

/// A datagram, as the kernel described it.
struct Message {
    length: usize,
    from: Option<SocketAddr>,
    truncated: bool,
}

/// The next datagram, if there is one.
fn receive(socket: &Socket, buffer: &mut [u8]) -> io::Result<Option<Message>> {
    let (bytes, length) = (buffer.as_mut_ptr().cast::<MaybeUninit<u8>>(), buffer.len());
    // SAFETY: the same bytes, borrowed exclusively. They stay initialised, because socket2 promises
    // never to write uninitialised bytes to the buffers it is given.
    let buffer = unsafe { std::slice::from_raw_parts_mut(bytes, length) };
    let mut buffers = [MaybeUninitSlice::new(buffer)];
    for _ in 0..ASYNCHRONOUS {
        match socket.recv_from_vectored_with_flags(&mut buffers, libc::MSG_DONTWAIT) {
            Ok((length, flags, from)) => {
                let from = address::of(from).ok();
                return Ok(Some(Message { length, from, truncated: flags.is_truncated() }));
            }
            Err(error) => match error.raw_os_error() {
                Some(libc::EBADF | libc::ENOTSOCK | libc::EFAULT | libc::ENOMEM) => {
                    return Err(error);
                }
                _ if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                // What an earlier datagram of ours met with (ECONNREFUSED, EHOSTUNREACH …): reading
                // it has taken it off the socket. Or a signal.
                _ => {}
            },
        }
    }
    Ok(None)
}
