//! What the thread is told to do.

use std::collections::{HashMap, HashSet};
use std::sync::mpsc::{SendError, TryRecvError};

use crate::io;
use crate::relay::{ChildKey, Fan, Transport};
use crate::stats::Histogram;

use super::super::super::command::StreamId;
use super::super::super::egress::{Pair, Sockets};
use super::super::bells::bell_of;
use super::super::order::{ChildOrder, NewChild, Order, Report, ShardFigures};
use super::{Branch, Shard};

/// Orders obeyed before sockets are looked at again.
const ORDERS: usize = 1024;

impl Shard {
    /// Does what it was told, but no more than a part of a full queue.
    pub(super) fn obey_all(&mut self) {
        self.asked_for_more = false;
        for _ in 0..ORDERS {
            match self.orders.try_recv() {
                Ok(order) => self.obey(order),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.stopping = true;
                    return;
                }
            }
        }
        self.asked_for_more = true;
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Stream(id, fan) => self.add_stream(id, *fan),
            Order::Forget(id) => self.forget(id),
            Order::Child(id, key, order) => {
                // What came before the order goes to whom it concerned then.
                self.serve(id);
                self.obey_about_child(id, key, order);
                self.rest(id);
            }
            Order::Pair { local, options, reply } => {
                let bound = self.io.bind_udp_pair(local, &options).map(|(rtp, rtcp)| {
                    let ports = (rtp.local_addr.port(), rtcp.local_addr.port());
                    let pair = Pair { rtp: rtp.token, rtcp: rtcp.token, ports };
                    (self.pairs.insert(pair), ports)
                });
                // Whoever has asked does not wait for ever, and will ask for another pair.
                if let Err(SendError(Ok((pair, _)))) = reply.send(bound)
                    && let Some(pair) = self.pairs.try_remove(pair)
                {
                    self.io.close(pair.rtp);
                    self.io.close(pair.rtcp);
                }
            }
            Order::Wire(conn, socket, backlog) => self.take_wire(conn, socket, backlog),
            Order::Write(conn, bytes) => {
                let Some(outlet) = self.outlets.0.get_mut(&conn) else { return };
                match outlet.wire.send(bytes) {
                    true => self.flush(conn),
                    false => {
                        self.give_up(conn, "it does not read the answers to its requests".into());
                    }
                }
            }
            Order::CloseAfterFlush(conn) => {
                if let Some(outlet) = self.outlets.0.get_mut(&conn) {
                    outlet.closing = true;
                    self.flush(conn);
                }
            }
            Order::Close(conn) => {
                self.drop_wire(conn);
                self.reports.tell(Report::Closed(conn));
            }
            Order::Figures => self.tell_figures(),
            Order::Stop => self.stopping = true,
        }
    }

    fn add_stream(&mut self, id: StreamId, fan: Fan) {
        let branch = Branch {
            fan,
            latency: Histogram::default(),
            ticking: false,
            drained: HashSet::new(),
            reporters: HashMap::new(),
        };
        self.branches.insert(id, branch);
        if let Some(streams) = self.by_bell.get_mut(bell_of(id)) {
            streams.push(id);
        }
    }

    fn forget(&mut self, id: StreamId) {
        if let Some(streams) = self.by_bell.get_mut(bell_of(id)) {
            streams.retain(|other| *other != id);
        }
        let latency = self.branches.remove(&id).map(|branch| branch.latency).unwrap_or_default();
        self.reports.tell(Report::Forgotten(id, Box::new(latency)));
    }

    fn obey_about_child(&mut self, id: StreamId, key: ChildKey, order: ChildOrder) {
        let now = self.now();
        let Shard { io, outlets, pairs, branches, hearing, reports, sent_before, .. } = self;
        let Some(Branch { fan, reporters, drained, .. }) = branches.get_mut(&id) else { return };
        let sockets = &mut Sockets { io: &mut **io, connections: &mut *outlets, pairs };
        match order {
            ChildOrder::Add(child) => {
                let NewChild { transport, limits, tag, reporters: from } = *child;
                if let Transport::Tcp { conn, .. } = &transport
                    && let Some(outlet) = outlets.0.get_mut(conn)
                {
                    outlet.child = Some((id, key));
                }
                if let Some((conn, addresses)) = from {
                    hearing.add((id, key), conn, &addresses);
                    reporters.insert(key, addresses);
                }
                fan.add_child(key, transport, limits, tag, now);
            }
            ChildOrder::Play(begin) => {
                fan.play(key, begin);
                fan.kick(key, now, sockets);
            }
            ChildOrder::Pause => fan.pause(key),
            ChildOrder::DropTracks(tracks) => fan.drop_tracks(key, &tracks, now, sockets),
            ChildOrder::Hear(report) => fan.hear(key, &report, now, sockets),
            ChildOrder::Remove => {
                hearing.remove((id, key), &reporters.remove(&key).unwrap_or_default());
                drained.remove(&key);
                let outlet = fan.connection(key).and_then(|conn| outlets.0.get_mut(&conn));
                if let Some(outlet) = outlet {
                    outlet.child = None;
                }
                let ledger = fan.remove_child(key).unwrap_or_default();
                *sent_before += ledger.sent;
                reports.tell(Report::Left(id, key, ledger));
            }
        }
    }

    fn tell_figures(&mut self) {
        let figures = |(id, branch): (&StreamId, &mut Branch)| {
            (*id, branch.fan.child_figures(), branch.latency.clone())
        };
        let streams = self.branches.iter_mut().map(figures).collect();
        let cpu = io::thread_cpu_time();
        let figures = ShardFigures { streams, sent_before: self.sent_before, cpu };
        self.reports.tell(Report::Figures(Box::new(figures)));
    }
}
