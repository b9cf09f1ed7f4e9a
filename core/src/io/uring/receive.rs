//! Datagrams out of the buffers that the kernel has filled.

use std::net::SocketAddr;
use std::time::Duration;

use io_uring::types::RecvMsgOut;

use super::buffers::header;
use crate::io::sockets::cmsg::{Notes, address, notes};
use crate::io::sockets::options::new_drops;
use crate::io::{Datagram, Lanes, Received, SMALL_DATAGRAM};
use crate::ring::Pool;

/// The most messages of one batch.
pub(super) const BATCH: usize = 16;

/// A message in a buffer.
struct Message<'a> {
    bytes: &'a [u8],
    /// The size of its segments.
    segment: usize,
    from: Option<SocketAddr>,
    truncated: bool,
}

impl Message<'_> {
    fn packets(&self) -> u64 {
        self.bytes.len().div_ceil(self.segment.max(1)).max(1) as u64
    }
}

/// What the kernel wrote to a buffer, copied into the first lane; see [`Io::receive_with`](crate::io::Io::receive_with).
pub(super) fn into_lanes(
    filled: &[u8],
    drops: &mut u32,
    (lanes, pool): (&mut Lanes, &mut Pool),
    now: impl FnOnce() -> Duration,
    inspect: &mut dyn FnMut(&mut [u8], usize, SocketAddr) -> bool,
    received: &mut Received,
) -> Option<Datagram> {
    let message = message(filled, drops, received)?;
    let (packets, Message { bytes, segment, from, truncated }) = (message.packets(), message);
    if lanes.prepare(pool) == 0 {
        received.no_buffer += packets;
        return None;
    }
    let room = lanes.unfilled(0).get_mut(..bytes.len());
    let (Some(room), Some(from), false) = (room, from, truncated) else {
        received.truncated += packets;
        return None;
    };
    room.copy_from_slice(bytes);
    // An empty datagram is no packet of any protocol that is received here.
    let keep = |lane: &mut [u8]| !lane.is_empty() && inspect(lane, segment, from);
    match lanes.commit(0, bytes.len(), keep) {
        Some(span) => {
            received.packets += packets;
            received.bytes += bytes.len() as u64;
            Some(Datagram { span, segment, from, arrival: now() })
        }
        None => {
            received.refused += packets;
            None
        }
    }
}

/// Handed over where it is; see [`Io::receive_small`](crate::io::Io::receive_small).
pub(super) fn small(
    filled: &[u8],
    drops: &mut u32,
    f: &mut dyn FnMut(&[u8], SocketAddr),
    received: &mut Received,
) {
    let Some(message) = message(filled, drops, received) else { return };
    match message.from {
        Some(from) if message.bytes.len() <= SMALL_DATAGRAM && !message.truncated => {
            received.packets += message.packets();
            received.bytes += message.bytes.len() as u64;
            if message.bytes.is_empty() {
                f(message.bytes, from);
            }
            message.bytes.chunks(message.segment.max(1)).for_each(|packet| f(packet, from));
        }
        _ => received.truncated += message.packets(),
    }
}

/// Reads what the kernel wrote; adds what it has dropped to `received`.
fn message<'a>(filled: &'a [u8], drops: &mut u32, received: &mut Received) -> Option<Message<'a>> {
    let mut header = header();
    let Ok(out) = RecvMsgOut::parse(filled, &header) else {
        // Not known to happen: less than the kernel promises to write.
        received.truncated += 1;
        return None;
    };
    // The slices of `out` borrow from it, so the payload, which is the rest, is found anew.
    let payload = filled.get(filled.len().saturating_sub(out.payload_data().len())..)?;
    header.msg_control = out.control_data().as_ptr().cast_mut().cast();
    header.msg_controllen = out.control_data().len() as _;
    // SAFETY: the control messages are bytes that the kernel has written, as many as it says. They
    // begin at a multiple of eight, as buffers and what lies before do (`Buffers::new`). They are
    // only read.
    let Notes { segment, drops: count } = unsafe { notes(&header) };
    if let Some(count) = count {
        received.overflow += new_drops(drops, count);
    }
    Some(Message {
        bytes: payload,
        segment: segment.filter(|&size| size < payload.len()).unwrap_or(payload.len()),
        from: name(out.name_data()),
        truncated: out.is_payload_truncated(),
    })
}

/// The address that the kernel wrote.
fn name(bytes: &[u8]) -> Option<SocketAddr> {
    // SAFETY: `sockaddr_storage` consists of integers, for which zero is a value.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let length = bytes.len().min(size_of_val(&storage));
    // SAFETY: `length` bytes are there on both sides, and a local and a slice do not overlap. Any
    // bytes are valid integers.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), (&raw mut storage).cast::<u8>(), length);
    }
    address(&storage)
}
