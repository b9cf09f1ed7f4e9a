//! The connections that the thread writes to.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;

use crate::relay::{ChildKey, ConnId};

use super::super::super::command::StreamId;
use super::super::super::egress::{Sockets, Wires};
use super::super::super::wire::{Backlog, CLOSED, Flushed, Wire, why_lost};
use super::super::order::Report;
use super::Shard;

/// Bytes that are decrypted at once: requests and reports are small.
const INPUT: usize = 4 << 10;

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

impl Outlets {
    /// Whether a connection is encrypted, and so read here too.
    pub(super) fn is_secure(&self, conn: ConnId) -> bool {
        self.0.get(&conn).is_some_and(|outlet| outlet.wire.is_secure())
    }
}

impl Wires for Outlets {
    fn wire(&mut self, conn: ConnId) -> Option<&mut Wire> {
        self.0.get_mut(&conn).map(|outlet| &mut outlet.wire)
    }
}

impl Shard {
    /// From now on this thread writes to a connection.
    pub(super) fn take_wire(&mut self, conn: ConnId, socket: OwnedFd, backlog: Backlog) {
        let adopted = self.io.adopt(socket).and_then(|token| {
            let wire = Wire::take_over(token, backlog);
            self.io.set_reading(token, wire.is_secure())?;
            Ok((token, wire))
        });
        match adopted {
            Ok((token, wire)) => {
                self.conns.insert(token, conn);
                self.outlets.0.insert(conn, Outlet { wire, child: None, closing: false });
                self.flush(conn);
                // What was read before and not decrypted yet.
                self.hear_connection(conn, false);
            }
            Err(error) => self.reports.tell(Report::Broken(conn, why_lost(&error))),
        }
    }

    /// Decrypts what has come by a connection, and hands it to the engine's thread. `fresh`: from the socket too, not
    /// only what was read from it before.
    pub(super) fn hear_connection(&mut self, conn: ConnId, mut fresh: bool) {
        let mut buffer = [0; INPUT];
        let secure = |outlet: &&mut Outlet| outlet.wire.is_secure();
        while let Some(outlet) = self.outlets.0.get_mut(&conn).filter(secure)
            && (fresh || outlet.wire.has_buffered())
        {
            match outlet.wire.read(&mut *self.io, &mut buffer, fresh) {
                Ok(0) => self.give_up(conn, CLOSED.to_owned()),
                Ok(read) => {
                    let bytes = buffer.get(..read).unwrap_or_default().to_vec();
                    self.reports.tell(Report::Input(conn, bytes));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => self.give_up(conn, why_lost(&error)),
            }
            fresh = false;
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
        if let Some(mut outlet) = self.outlets.0.remove(&conn) {
            outlet.wire.hang_up(&mut *self.io);
            self.conns.remove(&outlet.wire.token());
            self.io.close(outlet.wire.token());
        }
    }
}
