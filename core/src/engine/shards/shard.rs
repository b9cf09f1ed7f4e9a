//! A fan-out thread: its loop, and how it serves streams.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use slab::Slab;

use crate::io::{self, Io, Token};
use crate::relay::{ChildKey, ConnId, Fan};
use crate::stats::Histogram;

use super::super::command::StreamId;
use super::super::egress::{Pair, Sockets};
use super::super::wire::CLOSED;
use super::bells::{BELLS, Bells, bell_of};
use super::order::{Order, Report, Reports};

mod hearing;
mod obey;
mod outlets;
mod timers;

use outlets::Outlets;

/// The children of one stream on this thread.
struct Branch {
    fan: Fan,
    latency: Histogram,
    /// It is among the streams that are looked at each tick.
    ticking: bool,
    /// Children of which it was told that they have everything.
    drained: HashSet<ChildKey>,
    /// Where the reports of its UDP children come from.
    reporters: HashMap<ChildKey, Vec<SocketAddr>>,
}

/// A fan-out thread.
pub(super) struct Shard {
    io: Box<dyn Io>,
    /// What the engine's clock showed when this one's began.
    epoch: Duration,
    orders: Receiver<Order>,
    reports: Reports,
    bells: Bells,
    /// Bells to be looked at again without having rung.
    again: u64,
    branches: HashMap<StreamId, Branch>,
    /// Streams by their bells.
    by_bell: Vec<Vec<StreamId>>,
    outlets: Outlets,
    /// Connections by their sockets here.
    conns: HashMap<Token, ConnId>,
    pairs: Slab<Pair>,
    hearing: hearing::Hearing,
    /// Streams of which some child waits for its time.
    ticking: Vec<StreamId>,
    next_tick: Duration,
    housekeeping: Duration,
    warnings_told: usize,
    sent_before: u64,
    /// Orders are left in the queue.
    asked_for_more: bool,
    stopping: bool,
}

impl Shard {
    /// `epoch`: what the engine's clock shows when this one's shows zero.
    pub(super) fn new(
        io: Box<dyn Io>,
        epoch: Duration,
        orders: Receiver<Order>,
        reports: Reports,
        bells: Bells,
    ) -> Shard {
        Shard {
            io,
            epoch,
            orders,
            reports,
            bells,
            again: 0,
            branches: HashMap::new(),
            by_bell: vec![Vec::new(); BELLS],
            outlets: Outlets::default(),
            conns: HashMap::new(),
            pairs: Slab::new(),
            hearing: hearing::Hearing::default(),
            ticking: Vec::new(),
            next_tick: Duration::ZERO,
            housekeeping: Duration::ZERO,
            warnings_told: 0,
            sent_before: 0,
            asked_for_more: false,
            stopping: false,
        }
    }

    pub(super) fn run(mut self) {
        let mut ready = Vec::new();
        while !self.stopping {
            let timeout = self.until_next_timer();
            if let Err(error) = self.io.wait(Some(timeout), &mut ready) {
                self.reports.tell(Report::Failed(error));
                break;
            }
            for event in ready.drain(..) {
                self.handle(&event);
            }
            self.answer_bells();
            self.obey_all();
            self.tick();
            if !self.reports.flush() {
                return;
            }
        }
        // Who still gives orders is not to wait for room.
        drop(self.orders);
        for (id, mut branch) in std::mem::take(&mut self.branches) {
            // None are left after an orderly end.
            for key in branch.fan.keys().collect::<Vec<_>>() {
                let ledger = branch.fan.remove_child(key).unwrap_or_default();
                self.reports.tell(Report::Left(id, key, ledger));
            }
            self.reports.tell(Report::Forgotten(id, Box::new(branch.latency)));
        }
        self.reports.finish();
    }

    /// The engine's time.
    fn now(&self) -> Duration {
        self.epoch + self.io.now()
    }

    fn handle(&mut self, event: &io::Event) {
        let Some(conn) = self.conns.get(&event.token).copied() else {
            return self.hear_receivers(event.token);
        };
        if self.outlets.is_secure(conn) {
            // Where the engine's thread has no room for it, it stays in the kernel.
            if (event.readable || event.closed) && !self.reports.are_kept() {
                self.hear_connection(conn, true);
            }
        } else if event.closed {
            // The engine's thread reads what came before; here nothing can be written any more.
            return self.give_up(conn, CLOSED.to_owned());
        }
        if event.writable {
            self.flush(conn);
        }
    }

    fn answer_bells(&mut self) {
        let mut rung = self.bells.take() | std::mem::take(&mut self.again);
        while rung != 0 {
            let bell = rung.trailing_zeros() as usize;
            rung &= rung - 1;
            let mut streams = std::mem::take(self.by_bell.get_mut(bell).unwrap_or(&mut Vec::new()));
            for id in &streams {
                self.serve(*id);
            }
            if let Some(place) = self.by_bell.get_mut(bell) {
                std::mem::swap(place, &mut streams);
            }
        }
    }

    /// Sends what is new of a stream to its live children.
    fn serve(&mut self, id: StreamId) {
        let now = self.now();
        let Shard { io, outlets, pairs, branches, epoch, .. } = self;
        let Some(branch) = branches.get_mut(&id) else { return };
        let sockets = &mut Sockets { io: &mut **io, connections: outlets, pairs };
        if let Some(arrival) = branch.fan.fan_out(now, sockets) {
            branch.latency.record((*epoch + io.now()).saturating_sub(arrival));
        }
        self.rest(id);
    }

    /// Sees to it that the thread comes back to a stream when there is something to do.
    fn rest(&mut self, id: StreamId) {
        let Some(branch) = self.branches.get_mut(&id) else { return };
        if !branch.fan.park() {
            self.again |= 1 << bell_of(id);
        }
        if branch.fan.pacing() && !std::mem::replace(&mut branch.ticking, true) {
            self.ticking.push(id);
        }
    }
}
