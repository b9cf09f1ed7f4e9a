//! What goes into and comes out of the UDP operations of an [`Io`](super::Io).

use std::fmt;
use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

use super::Token;
use crate::ring::Span;

/// The most segments that one message with segmentation offload may have (`UDP_MAX_SEGMENTS` of
/// the kernels up to 6.8; later ones allow 128, which no device needs).
pub const MAX_SEGMENTS: usize = 64;

/// The most bytes that a UDP datagram, or a message made of several, may carry over IPv4.
pub const MAX_DATAGRAM: usize = 65_507;

/// How a UDP socket is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UdpOptions {
    /// Bytes of receive buffer to ask for; 0 takes the system's default.
    pub recv_buffer: usize,
    /// Bytes of send buffer to ask for; 0 takes the system's default.
    pub send_buffer: usize,
    /// Whether the kernel may hand over several datagrams as one aggregate (GRO).
    pub gro: bool,
    /// How it sends to IPv4 multicast groups; `None`: as the system has it, which is not beyond the local
    /// network.
    pub multicast: Option<MulticastOptions>,
}

impl Default for UdpOptions {
    /// 4 MiB each way, GRO on.
    fn default() -> Self {
        Self { recv_buffer: 4 << 20, send_buffer: 4 << 20, gro: true, multicast: None }
    }
}

/// How a UDP socket sends to IPv4 multicast groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MulticastOptions {
    /// Time to live: routers that a datagram may pass, plus one.
    pub ttl: u8,
    /// Address of the interface to send from; `None`: the one that the route to the group has.
    pub interface: Option<Ipv4Addr>,
}

/// A UDP socket that was bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdpSocket {
    /// Its name in further calls.
    pub token: Token,
    /// The address in use.
    pub local_addr: SocketAddr,
    /// Bytes of receive buffer granted, in the unit in which they are asked for (the kernel counts
    /// twice as many, for its own overhead).
    pub recv_buffer: usize,
    /// Bytes of send buffer granted.
    pub send_buffer: usize,
    /// Whether GRO is on.
    pub gro: bool,
}

/// One datagram, or several of one sender and one size joined by the kernel (GRO).
#[derive(Debug, Clone)]
pub struct Datagram {
    /// The bytes of all segments, one after the other.
    pub span: Span,
    /// Bytes per segment; the last may be shorter. The length of `span` when there is only one.
    pub segment: usize,
    /// The sender, in canonical form.
    pub from: SocketAddr,
    /// When it was read, by [`Io::now`](super::Io::now).
    pub arrival: Duration,
}

impl Datagram {
    /// The packets.
    pub fn segments(&self) -> impl Iterator<Item = Span> + '_ {
        let step = self.segment.max(1);
        (0..self.span.len()).step_by(step).filter_map(move |start| {
            self.span.slice(start..start.saturating_add(step).min(self.span.len()))
        })
    }
}

/// What one receiving call found. Counts are of packets (segments), unless it says otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Received {
    /// Handed over.
    pub packets: u64,
    /// Bytes handed over.
    pub bytes: u64,
    /// Refused by the caller's `inspect`.
    pub refused: u64,
    /// Dropped because the pool was spent.
    pub no_buffer: u64,
    /// Dropped because they were longer than the buffer.
    pub truncated: u64,
    /// Lost in the kernel before, for want of socket buffer, and not told yet. The kernel counts
    /// an aggregate that it had to drop as one.
    pub overflow: u64,
    /// Whether the batch was full, so that more may be there.
    pub more: bool,
}

impl Received {
    /// Whether the call found no packet at all, of whatever fate.
    pub fn is_empty(&self) -> bool {
        self.packets + self.refused + self.no_buffer + self.truncated == 0
    }
}

/// Consecutive packets of one size, the last may be shorter, to be sent by one message.
///
/// At most [`MAX_SEGMENTS`] packets and [`MAX_DATAGRAM`] bytes go into one message; a longer run
/// is cut into several.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    slices: &'a [IoSlice<'a>],
    segment: usize,
    bytes: usize,
}

impl<'a> Run<'a> {
    /// A run whose bytes are those of `slices`, one after the other, cut into packets of `segment`
    /// bytes. Slices and packets need not coincide: a packet may be gathered from several slices
    /// (a header of the child's own, and shared payload).
    ///
    /// A `segment` of 0 means that all bytes are one packet.
    pub fn new(slices: &'a [IoSlice<'a>], segment: usize) -> Self {
        let bytes = slices.iter().map(|slice| slice.len()).sum();
        Self { slices, segment: if segment == 0 { bytes } else { segment.min(bytes) }, bytes }
    }

    /// The bytes to be gathered.
    pub fn slices(&self) -> &'a [IoSlice<'a>] {
        self.slices
    }

    /// Bytes per packet.
    pub fn segment(&self) -> usize {
        self.segment
    }

    /// Bytes in all.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Packets. 0 only for a run without bytes, of which nothing is sent.
    pub fn segments(&self) -> usize {
        if self.segment == 0 { 0 } else { self.bytes.div_ceil(self.segment) }
    }
}

/// Packets that [`Io::fan_out`](super::Io::fan_out) could not send.
#[derive(Debug)]
pub struct Failure {
    /// Index of the destination.
    pub destination: usize,
    /// Index of the run.
    pub run: usize,
    /// Which packets of the run.
    pub segments: Range<usize>,
    /// Why. [`io::ErrorKind::WouldBlock`] when the socket's buffer stayed full.
    pub error: io::Error,
}

/// What one [`Io::fan_out`](super::Io::fan_out) did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FanOut {
    /// Packets that the kernel took.
    pub sent: u64,
    /// Packets that it did not take.
    pub failed: u64,
    /// Bytes of payload that it took.
    pub bytes: u64,
    /// Messages that it took (a message is one packet, or several by offload).
    pub messages: u64,
    /// System calls made.
    pub calls: u64,
}

/// Whether runs go out by segmentation offload (`UDP_SEGMENT`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gso {
    /// One message carries a run.
    On,
    /// One message per packet, for the reason given.
    Off(String),
}

impl fmt::Display for Gso {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On => f.write_str("on"),
            Self::Off(reason) => write!(f, "off: {reason}"),
        }
    }
}
