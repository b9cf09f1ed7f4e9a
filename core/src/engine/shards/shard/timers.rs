//! What is done when its time has come.

use std::time::Duration;

use crate::relay::{ChildKey, ConnId};

use super::super::super::command::StreamId;
use super::super::super::egress::Sockets;
use super::super::order::Report;
use super::outlets::Outlet;
use super::{Branch, Shard};

/// How often stalled connections and ended streams are looked at.
const HOUSEKEEPING: Duration = Duration::from_millis(100);
/// The clock of paced bursts.
const TICK: Duration = Duration::from_millis(1);

impl Shard {
    pub(super) fn until_next_timer(&self) -> Duration {
        if self.again != 0 || self.asked_for_more {
            return Duration::ZERO;
        }
        let next = match self.ticking.is_empty() && !self.reports.are_kept() {
            true => self.housekeeping,
            false => self.next_tick,
        };
        next.saturating_sub(self.now())
    }

    /// Does what is due in a stream; true while more does.
    fn pace(&mut self, id: StreamId, now: Duration) -> bool {
        let Shard { io, outlets, pairs, branches, .. } = self;
        let Some(branch) = branches.get_mut(&id) else { return false };
        branch.fan.pace(now, &mut Sockets { io: &mut **io, connections: outlets, pairs });
        branch.ticking = branch.fan.pacing();
        branch.ticking
    }

    pub(super) fn tick(&mut self) {
        let now = self.now();
        if now >= self.next_tick {
            self.next_tick = now + TICK;
            let mut ticking = std::mem::take(&mut self.ticking);
            ticking.retain(|id| self.pace(*id, now));
            self.ticking.append(&mut ticking);
        }
        if now >= self.housekeeping {
            self.housekeeping = now + HOUSEKEEPING;
            self.give_up_stalled(now);
            self.tell_drained();
            self.tell_warnings();
        }
    }

    fn give_up_stalled(&mut self, now: Duration) {
        let stalled = |outlet: &Outlet| {
            outlet.child.is_some_and(|(id, key)| {
                self.branches.get(&id).is_some_and(|branch| branch.fan.is_stalled(key, now))
            })
        };
        let outlets = self.outlets.0.iter();
        let stalled: Vec<ConnId> =
            outlets.filter(|(_, outlet)| stalled(outlet)).map(|(conn, _)| *conn).collect();
        for conn in stalled {
            self.give_up(conn, "it does not read what it asked for".into());
        }
    }

    /// Tells which children of streams that are over have everything.
    fn tell_drained(&mut self) {
        let Shard { branches, outlets, reports, .. } = self;
        for (id, branch) in branches.iter_mut().filter(|(_, branch)| branch.fan.is_over()) {
            let Branch { fan, drained, .. } = branch;
            let waits = |key: ChildKey| {
                let conn = fan.connection(key).and_then(|conn| outlets.0.get(&conn));
                conn.is_some_and(|outlet| outlet.wire.has_pending())
            };
            let new =
                |key: &ChildKey| !drained.contains(key) && fan.is_drained(*key) && !waits(*key);
            let new: Vec<ChildKey> = fan.keys().filter(new).collect();
            for key in new {
                drained.insert(key);
                reports.tell(Report::Drained(*id, key));
            }
        }
    }

    fn tell_warnings(&mut self) {
        for warning in self.io.warnings().iter().skip(self.warnings_told) {
            self.warnings_told += 1;
            self.reports.tell(Report::Warning(warning.clone()));
        }
    }
}
