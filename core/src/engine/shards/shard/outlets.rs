//! The connections that the thread writes to.

use std::collections::HashMap;
use std::os::fd::OwnedFd;

use crate::relay::{ChildKey, ConnId};

use super::super::super::command::StreamId;
use super::super::super::egress::{Sockets, Wires};
use super::super::super::wire::{Backlog, Flushed, Wire, why_lost};
use super::super::order::Report;
use super::Shard;

/// A connection that is written to here.
pub(super) struct Outlet {
    pub(super) wire: Wire,
    /// What is sent to it.
    pub(super) child: Option<(StreamId, ChildKey)>,
    /// It is closed when all is written.
    pub(super) closing: bool,
}

/// The connections that are written to here.
#[derive(Default)]
pub(super) struct Outlets(pub(super) HashMap<ConnId, Outlet>);

impl Wires for Outlets {
    fn wire(&mut self, conn: ConnId) -> Option<&mut Wire> {
        self.0.get_mut(&conn).map(|outlet| &mut outlet.wire)
    }
}

impl Shard {
    /// From now on this thread writes to a connection.
    pub(super) fn take_wire(&mut self, conn: ConnId, socket: OwnedFd, backlog: Backlog) {
        let adopted = self.io.adopt(socket).and_then(|token| {
            self.io.set_reading(token, false)?;
            Ok(token)
        });
        match adopted {
            Ok(token) => {
                let wire = Wire::take_over(token, backlog);
                self.conns.insert(token, conn);
                self.outlets.0.insert(conn, Outlet { wire, child: None, closing: false });
                self.flush(conn);
            }
            Err(error) => self.reports.tell(Report::Broken(conn, why_lost(&error))),
        }
    }

    /// Writes what waits for a connection, then lets its child go on.
    pub(super) fn flush(&mut self, conn: ConnId) {
        let now = self.now();
        let Shard { io, outlets, pairs, branches, .. } = self;
        let Some(outlet) = outlets.0.get_mut(&conn) else { return };
        match outlet.wire.flush(&mut **io) {
            Flushed::All => {}
            Flushed::Blocked => return,
            Flushed::Broken(error) => return self.give_up(conn, why_lost(&error)),
        }
        if !outlet.closing
            && let Some((id, key)) = outlet.child
            && let Some(branch) = branches.get_mut(&id)
        {
            let sockets = &mut Sockets { io: &mut **io, connections: &mut *outlets, pairs };
            branch.fan.writable(key, now, sockets);
        }
        let over = |outlet: &Outlet| outlet.closing && !outlet.wire.has_pending();
        if self.outlets.0.get(&conn).is_some_and(over) {
            self.drop_wire(conn);
            self.reports.tell(Report::Broken(conn, String::new()));
        }
    }

    /// A connection is of no use any more.
    pub(super) fn give_up(&mut self, conn: ConnId, reason: String) {
        self.drop_wire(conn);
        self.reports.tell(Report::Broken(conn, reason));
    }

    pub(super) fn drop_wire(&mut self, conn: ConnId) {
        if let Some(outlet) = self.outlets.0.remove(&conn) {
            self.conns.remove(&outlet.wire.token());
            self.io.close(outlet.wire.token());
        }
    }
}
