//! The relay's way out, over the engine's sockets.

use std::collections::HashMap;
use std::io::{ErrorKind, IoSlice};

use crate::io::{Destination, Failure, Io, Run, Token};
use crate::relay::{ConnId, Egress, Kind, PairId, Rest, Written};

use super::connection::Connection;
use super::wire::Wire;

/// A pair of UDP sockets, RTP and RTCP.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) rtp: Token,
    pub(super) rtcp: Token,
    pub(super) ports: (u16, u16),
}

/// Connections to be written to.
pub(super) trait Wires {
    /// What is written to when something is for this connection.
    fn wire(&mut self, conn: ConnId) -> Option<&mut Wire>;
}

impl Wires for HashMap<Token, Connection> {
    fn wire(&mut self, conn: ConnId) -> Option<&mut Wire> {
        self.get_mut(&conn).map(|connection| &mut connection.wire)
    }
}

/// The sockets of a thread, borrowed for one fan-out.
pub(super) struct Sockets<'a, W> {
    pub(super) io: &'a mut dyn Io,
    pub(super) connections: &'a mut W,
    pub(super) pairs: &'a slab::Slab<Pair>,
}

impl<W: Wires> Egress for Sockets<'_, W> {
    fn datagrams(
        &mut self,
        pair: PairId,
        kind: Kind,
        runs: &[Run<'_>],
        to: &[Destination],
        failed: &mut Vec<Failure>,
    ) {
        let before = failed.len();
        let token = self.pairs.get(pair).map(|pair| match kind {
            Kind::Rtp => pair.rtp,
            Kind::Rtcp => pair.rtcp,
        });
        let sent = match token {
            Some(token) => self.io.fan_out(token, runs, to, failed).map(|_| ()),
            None => Err(ErrorKind::NotFound.into()),
        };
        let Err(error) = sent else { return };
        tracing::warn!(%error, "a UDP socket cannot be sent from");
        failed.truncate(before);
        for destination in 0..to.len() {
            failed.extend(runs.iter().enumerate().map(|(run, packets)| Failure {
                destination,
                run,
                segments: 0..packets.segments(),
                error: error.kind().into(),
            }));
        }
    }

    fn interleaved(&mut self, conn: ConnId, slices: &[IoSlice<'_>]) -> Written {
        let Some(wire) = self.connections.wire(conn) else { return Written::Closed };
        if wire.has_pending() {
            return Written::Blocked;
        }
        match wire.write(&mut *self.io, slices) {
            Ok(taken) => Written::Bytes(taken),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Written::Blocked,
            Err(_) => Written::Closed,
        }
    }

    fn keep(&mut self, conn: ConnId, rest: Rest) {
        if let Some(wire) = self.connections.wire(conn) {
            wire.keep(rest);
        }
    }
}
