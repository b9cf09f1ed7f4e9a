//! Reports of UDP children that come to this thread's sockets.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::io::Token;
use crate::media::rtcp;
use crate::relay::{ChildKey, ConnId};

use super::super::super::command::StreamId;
use super::super::super::egress::Sockets;
use super::super::order::Report;
use super::Shard;

/// How often it is told that a receiver is alive, however often it says so.
const REST: Duration = Duration::from_millis(100);

type Child = (StreamId, ChildKey);

/// Who is heard at the pairs of sockets.
#[derive(Default)]
pub(super) struct Hearing {
    reporters: HashMap<SocketAddr, Reporter>,
    /// Requests that are to be looked at next.
    heard: Vec<(Child, Vec<u8>)>,
}

struct Reporter {
    child: Child,
    /// The connection that it keeps alive.
    conn: ConnId,
    /// When that was last told.
    told: Option<Duration>,
}

impl Hearing {
    /// What comes from these addresses is of this child, from now on.
    pub(super) fn add(&mut self, child: Child, conn: ConnId, addresses: &[SocketAddr]) {
        for address in addresses {
            self.reporters.insert(*address, Reporter { child, conn, told: None });
        }
    }

    /// The child has gone.
    pub(super) fn remove(&mut self, child: Child, addresses: &[SocketAddr]) {
        for address in addresses {
            // Another child may have come to the address since.
            if self.reporters.get(address).is_some_and(|reporter| reporter.child == child) {
                self.reporters.remove(address);
            }
        }
    }
}

impl Shard {
    /// Reports of UDP players: a sign of life, and perhaps requests. What else comes to these ports
    /// (hole punching) is taken out of the socket and needs no answer.
    pub(super) fn hear_receivers(&mut self, token: Token) {
        let now = self.now();
        let Shard { io, hearing, reports, .. } = self;
        let Hearing { reporters, heard } = hearing;
        let result = io.receive_small(token, &mut |data, from| {
            let Some(reporter) = reporters.get_mut(&from) else { return };
            let rested = |at: Duration| now.saturating_sub(at) >= REST;
            if !reports.are_kept() && reporter.told.is_none_or(rested) {
                reporter.told = Some(now);
                reports.tell(Report::Heard(reporter.conn));
            }
            if rtcp::asks(data) {
                heard.push((reporter.child, data.to_vec()));
            }
        });
        if let Err(error) = result {
            tracing::debug!(%error, "reports of players cannot be read");
        }
        let mut heard = std::mem::take(&mut self.hearing.heard);
        for ((id, key), report) in heard.drain(..) {
            let Shard { io, outlets, pairs, branches, .. } = self;
            if let Some(branch) = branches.get_mut(&id) {
                let sockets = &mut Sockets { io: &mut **io, connections: outlets, pairs };
                branch.fan.hear(key, &report, now, sockets);
            }
        }
        self.hearing.heard = heard;
    }
}
