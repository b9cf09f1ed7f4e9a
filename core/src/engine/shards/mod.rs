//! Fan-out on threads of its own.
//!
//! With `workers = n` the children are spread over n threads. Each has its own sockets ([`Io`]) and, for
//! each stream, a reader of the ring with the children that it serves ([`Fan`](crate::relay::Fan)). What
//! comes in, RTSP and everything that is decided stay on the engine's thread; the two tell each other by
//! bounded queues, and nothing is locked for a packet.
//!
//! ```text
//!  engine's thread ── orders ─▶ shard     a child comes, plays, leaves; RTSP answers for its connection
//!                  ◀─ reports ─           it is alive, it is broken, its account
//!                  ─── ring ──▶           packets, and the bell that there are some
//! ```
//!
//! * A UDP child is served from a pair of sockets of its shard's, at which its reports arrive too: lost
//!   packets are sent again from there.
//! * A TCP child's connection goes on being read by the engine's thread. All writing is done by the shard,
//!   by a duplicate of the socket, from the child's first PLAY until the connection ends: so no answer ever
//!   comes to stand in the middle of a packet.
//! * An encrypted connection is read by the shard, too, since only who encrypts can decrypt: what has come is
//!   reported to the engine's thread.
//! * Multicast groups and pushes, which are few, stay on the engine's thread.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::io::{Io, UdpOptions};
use crate::relay::{PairId, Stream};
use crate::ring::Wake;

use super::command::StreamId;
use super::error::Error;

mod bells;
mod distant;
mod gathering;
mod order;
mod shard;

use bells::Bells;
pub(super) use distant::Distant;
pub(super) use gathering::Gathering;
use order::Reports;
pub(super) use order::{Order, Report, ShardFigures};

/// Orders that may wait for a thread before the engine's own does.
const ORDERS: usize = 4096;
/// Reports that may wait for the engine's thread.
const REPORTS: usize = 4096;
/// Fan-out threads at most.
pub(super) const MAX_WORKERS: usize = 256;
/// How long a thread may take to bind sockets, which it does between two batches.
const PATIENCE: Duration = Duration::from_secs(1);

/// Names a fan-out thread.
pub(super) type ShardId = usize;

/// The fan-out threads, as the engine's thread has them. Dropping it ends them.
pub(super) struct Shards {
    threads: Vec<Thread>,
    reports: Receiver<(ShardId, Report)>,
}

struct Thread {
    orders: SyncSender<Order>,
    waker: Arc<dyn Wake>,
    bells: Bells,
    /// Children that are or will be served there.
    load: usize,
    /// Sockets from which UDP children are served, by local address.
    pairs: HashMap<IpAddr, (PairId, (u16, u16))>,
    thread: Option<JoinHandle<()>>,
}

impl Shards {
    /// Starts so many threads, with sockets of their own from `open`. `engine` are those of the engine's.
    pub(super) fn start(
        count: usize,
        pin: bool,
        engine: &dyn Io,
        open: impl Fn() -> io::Result<Box<dyn Io>>,
    ) -> io::Result<Shards> {
        let (queue, reports) = sync_channel(REPORTS);
        let mut shards = Shards { threads: Vec::new(), reports };
        for id in 0..count {
            let io = open()?;
            let (orders, received) = sync_channel(ORDERS);
            let (waker, bells) = (io.waker(), Bells::default());
            let epoch = engine.now().saturating_sub(io.now());
            let reports = Reports::new(id, queue.clone(), engine.waker());
            let shard = shard::Shard::new(io, epoch, received, reports, bells.share());
            let thread = std::thread::Builder::new().name(format!("rillcast-fan-{id}"));
            let thread = thread.spawn(move || {
                if pin {
                    // The first is for the engine's thread.
                    pin_to(id + 1);
                }
                shard.run();
            })?;
            let (load, pairs, thread) = (0, HashMap::new(), Some(thread));
            shards.threads.push(Thread { orders, waker, bells, load, pairs, thread });
        }
        Ok(shards)
    }

    pub(super) fn count(&self) -> usize {
        self.threads.len()
    }

    /// The thread that is to serve one more child: the one with the fewest. `None` when there are none, and
    /// the engine's thread serves all.
    pub(super) fn choose(&mut self) -> Option<ShardId> {
        let least = self.threads.iter_mut().enumerate().min_by_key(|(_, thread)| thread.load)?;
        least.1.load += 1;
        Some(least.0)
    }

    /// One more child will be served by this thread.
    pub(super) fn join(&mut self, shard: ShardId) {
        if let Some(thread) = self.threads.get_mut(shard) {
            thread.load += 1;
        }
    }

    /// A child that was to be served by a thread is not, or not any more.
    pub(super) fn leave(&mut self, shard: ShardId) {
        if let Some(thread) = self.threads.get_mut(shard) {
            thread.load = thread.load.saturating_sub(1);
        }
    }

    /// Tells a thread to do something. A thread that is over does nothing, which was told by
    /// [`Report::Failed`].
    pub(super) fn order(&self, shard: ShardId, order: Order) {
        let Some(thread) = self.threads.get(shard) else { return };
        if thread.orders.send(order).is_ok() {
            thread.waker.wake();
        }
    }

    /// Tells all of them.
    pub(super) fn order_all(&self, order: impl Fn() -> Order) {
        (0..self.threads.len()).for_each(|shard| self.order(shard, order()));
    }

    /// Gives every thread its branch of a new stream.
    pub(super) fn add_stream(&self, id: StreamId, stream: &Stream) -> Result<(), Error> {
        for (shard, thread) in self.threads.iter().enumerate() {
            let ringer = thread.bells.ringer(id, thread.waker.clone());
            let fan = stream.branch(ringer).map_err(|_| Error::TooMany("readers of one stream"))?;
            self.order(shard, Order::Stream(id, Box::new(fan)));
        }
        Ok(())
    }

    /// The pair of sockets from which a thread serves UDP children at a local address, with its ports.
    /// The first time the thread has to bind it.
    pub(super) fn pair(
        &mut self,
        shard: ShardId,
        local: IpAddr,
        options: UdpOptions,
    ) -> Result<(PairId, (u16, u16)), Error> {
        let failed = |source| Error::Io { doing: "bind a pair of UDP ports", source };
        let known = self.threads.get(shard).and_then(|thread| thread.pairs.get(&local));
        if let Some(pair) = known {
            return Ok(*pair);
        }
        let (reply, bound) = channel();
        self.order(shard, Order::Pair { local, options, reply });
        let bound = bound.recv_timeout(PATIENCE);
        let pair = bound.map_err(|_| failed(io::ErrorKind::TimedOut.into()))?.map_err(failed)?;
        if let Some(thread) = self.threads.get_mut(shard) {
            thread.pairs.insert(local, pair);
        }
        Ok(pair)
    }

    /// Whether a port is one of the threads'.
    pub(super) fn has_port(&self, port: u16) -> bool {
        let mut pairs = self.threads.iter().flat_map(|thread| thread.pairs.values());
        pairs.any(|(_, ports)| ports.0 == port || ports.1 == port)
    }

    /// Whether all threads run.
    pub(super) fn are_running(&self) -> bool {
        let runs = |thread: &JoinHandle<()>| !thread.is_finished();
        self.threads.iter().all(|thread| thread.thread.as_ref().is_some_and(runs))
    }

    /// The next report, if there is one.
    pub(super) fn next_report(&self) -> Option<(ShardId, Report)> {
        self.reports.try_recv().ok()
    }

    /// Ends all threads; gives `hear` what they have to say.
    pub(super) fn stop(&mut self, mut hear: impl FnMut(ShardId, Report)) {
        self.order_all(|| Order::Stop);
        let threads: Vec<_> =
            self.threads.drain(..).filter_map(|mut thread| thread.thread.take()).collect();
        // Until the last of them has closed its end.
        while let Ok((shard, report)) = self.reports.recv() {
            hear(shard, report);
        }
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a fan-out thread had panicked");
            }
        }
    }
}

/// Keeps the calling thread on one of the CPUs that the process may use.
pub(super) fn pin_to(number: usize) {
    if let Err(error) = crate::io::pin_thread(number) {
        tracing::warn!(%error, "a thread cannot be kept on one CPU");
    }
}
