//! The way out of a stream, as the relay sees it.

use std::io::IoSlice;

use crate::io::{Destination, Failure, Run, Token};

use super::packet::{Kind, PREFIX, Packet};

/// A connection that carries interleaved RTP.
pub type ConnId = Token;

/// Number of a pair of UDP sockets (RTP and RTCP) that serves many children.
pub type PairId = usize;

/// What became of a write to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// So many bytes were taken, possibly not all.
    Bytes(usize),
    /// Nothing can be taken now; the relay is told by [`Stream::writable`](super::Stream::writable).
    Blocked,
    /// The connection is gone; its owner will remove the child.
    Closed,
}

/// The end of a packet whose beginning is already on the wire of a connection. It has to be the next
/// thing written there.
#[derive(Clone, Debug)]
pub struct Rest {
    prefix: [u8; PREFIX],
    packet: Packet,
    sent: usize,
}

impl Rest {
    /// What is left of `packet` behind `prefix` when `sent` bytes of the two are gone.
    pub fn new(prefix: [u8; PREFIX], packet: Packet, sent: usize) -> Rest {
        Rest { prefix, packet, sent }
    }

    /// The bytes left, in at most two pieces.
    pub fn slices(&self) -> [&[u8]; 2] {
        let data = self.packet.data();
        [
            self.prefix.get(self.sent..).unwrap_or(&[]),
            data.get(self.sent.saturating_sub(PREFIX)..).unwrap_or(&[]),
        ]
    }

    /// Takes note of `bytes` more being gone; true when nothing is left.
    pub fn advance(&mut self, bytes: usize) -> bool {
        self.sent = self.sent.saturating_add(bytes);
        self.sent >= PREFIX + self.packet.data().len()
    }
}

/// What the relay needs of the world below it.
pub trait Egress {
    /// Sends every run to every destination from the pair's RTP or RTCP socket. What the kernel
    /// refuses is added to `failed`.
    fn datagrams(
        &mut self,
        pair: PairId,
        kind: Kind,
        runs: &[Run<'_>],
        to: &[Destination],
        failed: &mut Vec<Failure>,
    );

    /// Writes to a connection what it can take of `slices`.
    fn interleaved(&mut self, conn: ConnId, slices: &[IoSlice<'_>]) -> Written;

    /// Keeps the end of a partly written packet and writes it before anything else.
    fn keep(&mut self, conn: ConnId, rest: Rest);
}
