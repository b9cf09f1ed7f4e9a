//! The backend of io_uring(7): multishot receiving into provided buffers, a submission per message
//! that is sent, readiness by poll operations.
//!
//! It needs Linux 6.1 (`IORING_SETUP_DEFER_TASKRUN`) and a system that allows io_uring. What the ring
//! is told has to be told by one thread: the first that waits, or receives, or sends.
//!
//! | what | how |
//! |---|---|
//! | receiving | a multishot `recvmsg` per socket fills buffers that all share; what came is copied once, into the lanes, when it is asked for |
//! | no buffer left (`ENOBUFS`) | the datagrams stay in the socket; it is read by `recvmmsg` until buffers are free |
//! | the kernel refuses to receive so | that socket is read by `recvmmsg` from then on, and a warning says so |
//! | sending | a run to many destinations is a batch of `sendmsg` submissions, with segmentation, and one call |
//! | a message is refused, or its socket is full | it goes by `sendmmsg`, as in [`Mmsg`](super::Mmsg), which waits and does without segmentation |
//! | connections and listeners | one-shot polls, asked again with the next wait; reads and writes are calls |
//! | nobody reads from a socket for now | what has come for it is copied out of the buffers, which are for the others |
//! | the kernel refuses a call into the ring, or a poll | epoll, `recvmmsg` and `sendmmsg` serve all sockets from then on, and a warning says so |
//! | more completions than the queue has room for | the kernel keeps them (`IORING_FEAT_NODROP`) |
//! | closing | what the kernel still does with the socket is cancelled first, and waited for |

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use io_uring::IoUring;
use io_uring::types::{CancelBuilder, Fd, SubmitArgs, Timespec};

use super::mmsg::Batches;
use super::sockets::eventfd::Waker;
use super::sockets::{Driver, Entry, Sockets, Table};
use super::{Datagram, Destination, Event, Failure, FanOut, Gso, Lanes, Received, Run, Token};
use crate::ring::{Pool, Wake};

mod buffers;
mod open;
mod receive;
mod send;
mod state;
mod tag;
mod watch;

#[cfg(test)]
mod tests;

use send::{Headers, is_passing};
use state::State;
use watch::Watch;

/// io_uring, with GRO and GSO.
pub type Uring = Sockets<Ring>;

impl Uring {
    /// A backend without sockets.
    ///
    /// # Errors
    ///
    /// When the kernel does not have what is needed, or does not allow it: the text says which.
    pub fn new() -> io::Result<Self> {
        Ok(Self::with(Ring::new()?))
    }
}

/// A ring, and what it is used for.
///
/// Fields are dropped in this order: the kernel's half of the ring before what it writes to.
pub struct Ring {
    /// None once it has failed: then all is done by calls.
    ring: Option<IoUring>,
    watch: Watch,
    headers: Headers,
    /// What the ring cannot do, and all of it when there is none.
    calls: Batches<State>,
    /// The ring belongs to a thread.
    started: bool,
    /// Why the kernel has refused a call into the ring for good, or, when there is none any more, why sockets
    /// cannot be waited for.
    failure: Option<io::Error>,
}

impl Ring {
    fn new() -> io::Result<Self> {
        let (ring, buffers) = open::open()?;
        let waker = Arc::new(Waker::new()?);
        Ok(Self {
            ring: Some(ring),
            watch: Watch::new(buffers, waker.clone()),
            headers: Headers::default(),
            calls: Batches::new(waker)?,
            started: false,
            failure: None,
        })
    }

    /// Sees to it that the ring can be used; from now on it is this thread's.
    fn start(&mut self) -> io::Result<&mut IoUring> {
        if let Some(failure) = &self.failure {
            return Err(io::Error::new(failure.kind(), failure.to_string()));
        }
        let Some(ring) = &mut self.ring else {
            return Err(io::Error::other("the ring has failed before"));
        };
        if !self.started {
            ring.submitter().register_enable_rings()?;
            self.started = true;
        }
        Ok(ring)
    }

    /// Keeps in mind that a call into the ring has failed for good, if so it is.
    fn note_failure(&mut self, error: io::Error) {
        if !is_passing(&error) {
            self.failure.get_or_insert(error);
        }
    }

    /// Submits what is to be asked, and waits for a completion if `wait`, at most `timeout`.
    ///
    /// # Errors
    ///
    /// When the ring cannot be used any more.
    fn turn(
        &mut self,
        wait: bool,
        timeout: Option<Duration>,
        sockets: &mut Table<State>,
    ) -> io::Result<()> {
        self.start()?;
        let Some(ring) = &mut self.ring else { return Ok(()) };
        let asked = self.watch.ask(ring, sockets);
        let want = usize::from(wait && asked.is_ok());
        let result = asked.and_then(|()| match timeout {
            Some(timeout) => {
                let time = Timespec::from(timeout);
                ring.submitter().submit_with_args(want, &SubmitArgs::new().timespec(&time))
            }
            None => ring.submit_and_wait(want),
        });
        self.complete(sockets);
        if let Err(error) = result {
            self.note_failure(error);
        }
        if let Some(error) = self.watch.failure.take() {
            self.note_failure(error);
        }
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Takes all completions that are there.
    fn complete(&mut self, sockets: &mut Table<State>) {
        let Some(ring) = &mut self.ring else { return };
        for completion in ring.completion() {
            self.watch.take(&completion, sockets);
        }
    }

    /// Brings in what has arrived for a socket of which nothing is here.
    fn fetch(&mut self, token: Token, sockets: &mut Table<State>) -> io::Result<()> {
        let (_, _, state) = sockets.udp(token)?;
        if !state.arrived.is_empty() || self.ring.is_none() {
            return Ok(());
        }
        if let Err(error) = self.turn(false, None, sockets) {
            self.do_without(&error, sockets);
        }
        Ok(())
    }

    /// The ring has failed: from now on sockets are waited for, received from and sent by as
    /// [`Mmsg`](super::Mmsg) does it. What the ring has received is kept.
    /// Should epoll refuse one of them, the next wait says so: it would never be heard of.
    fn do_without(&mut self, error: &io::Error, sockets: &mut Table<State>) {
        self.complete(sockets);
        // What may be queued for sending points to what is gone: it is not handed over.
        self.retire(false);
        // It was the ring's.
        self.failure = None;
        self.watch.warning = Some(format!(
            "io_uring has failed ({error}), so sockets are served by epoll, recvmmsg and sendmmsg \
             from now on"
        ));
        for (token, entry) in sockets.iter_mut() {
            self.watch.release(&mut entry.state);
            // Epoll tells it again.
            entry.state.polled = 0;
            if let Err(error) = self.calls.add(token, entry) {
                self.failure.get_or_insert(error);
            }
        }
    }

    /// Ends the ring, and what the kernel still does with its sockets. `orderly`: what is queued may
    /// be handed over.
    fn retire(&mut self, orderly: bool) {
        let Some(ring) = self.ring.take().filter(|_| self.started) else { return };
        let submitter = ring.submitter();
        let cancelled = match submitter.register_sync_cancel(None, CancelBuilder::any()) {
            Err(error) => error.kind() == io::ErrorKind::NotFound,
            Ok(()) => orderly && submitter.submit().is_ok(),
        };
        if !orderly || !cancelled {
            // Another thread's ring, say: its end is the kernel's, and comes later.
            self.watch.buffers.leak();
        }
    }
}

impl Driver for Ring {
    type State = State;

    const NAME: &'static str = "uring";

    const AGGREGATES: bool = true;

    fn waker(&self) -> Arc<dyn Wake> {
        self.watch.waker.clone()
    }

    fn add(&mut self, token: Token, entry: &mut Entry<State>) -> io::Result<()> {
        if self.ring.is_none() {
            return self.calls.add(token, entry);
        }
        self.calls.probe(entry);
        self.watch.add(token, entry);
        Ok(())
    }

    fn update(&mut self, token: Token, entry: &mut Entry<State>) -> io::Result<()> {
        if self.ring.is_none() {
            return self.calls.update(token, entry);
        }
        self.watch.note(token, &mut entry.state);
        if !entry.wants_input() {
            self.watch.release(&mut entry.state);
        }
        Ok(())
    }

    fn remove(&mut self, token: Token, entry: &mut Entry<State>) {
        let busy = self.watch.remove(token, &mut entry.state);
        let Some(ring) = &self.ring else { return self.calls.remove(token, entry) };
        if !busy || self.failure.is_some() {
            return;
        }
        // An operation holds the socket open after its descriptor is closed. So all are cancelled,
        // and their ends, which let go of it, are brought about by a call.
        let all = CancelBuilder::fd(Fd(entry.socket.as_raw_fd())).all();
        let submitter = ring.submitter();
        // First what could not be handed over yet, or it would begin after this. An error shows with the
        // next wait.
        let _ = submitter.submit();
        if let Err(error) = submitter.register_sync_cancel(None, all)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::debug!(%error, "operations on a closed socket are not cancelled");
        }
        // An error shows with the next wait.
        let _ = submitter.submit();
    }

    fn wait(
        &mut self,
        timeout: Option<Duration>,
        sockets: &mut Table<State>,
        events: &mut Vec<Event>,
    ) -> io::Result<()> {
        if self.ring.is_some() {
            self.calls.sender.renew_patience();
            let wait = !self.watch.has_answers(sockets);
            match self.turn(wait, timeout, sockets) {
                Ok(()) => {
                    self.watch.report(sockets, events);
                    return Ok(());
                }
                Err(error) => self.do_without(&error, sockets),
            }
        }
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        // What the ring had received before it failed.
        let left = self.watch.has_answers(sockets);
        self.watch.report(sockets, events);
        self.calls.wait(if left { Some(Duration::ZERO) } else { timeout }, sockets, events)
    }

    fn receive(
        &mut self,
        (token, sockets): (Token, &mut Table<State>),
        (lanes, pool): (&mut Lanes, &mut Pool),
        started: Instant,
        inspect: &mut dyn FnMut(&mut [u8], usize, SocketAddr) -> bool,
        out: &mut Vec<Datagram>,
    ) -> io::Result<Received> {
        self.fetch(token, sockets)?;
        let fallen = self.ring.is_none();
        let Self { watch, calls: Batches { receiver, .. }, .. } = self;
        let (socket, drops, state) = sockets.udp(token)?;
        let now = || started.elapsed();
        if state.arrived.is_empty() && (state.by_calls || fallen) {
            let place = (socket.as_fd(), drops);
            let received = receiver.receive(place.0, place.1, lanes, pool, now, inspect, out)?;
            if !received.more && !fallen {
                watch.read_by_calls(token, state);
            }
            return Ok(received);
        }
        let mut received = Received::default();
        for _ in 0..receive::BATCH {
            let Some(arrived) = state.arrived.pop_front() else { break };
            let (message, place) = (arrived.bytes(&watch.buffers), (&mut *lanes, &mut *pool));
            out.extend(receive::into_lanes(message, drops, place, now, inspect, &mut received));
            watch.buffers.done(&arrived);
        }
        // One that is not being received from has more than there were buffers for.
        received.more = !state.arrived.is_empty() || !state.receiving;
        Ok(received)
    }

    fn receive_small(
        &mut self,
        (token, sockets): (Token, &mut Table<State>),
        f: &mut dyn FnMut(&[u8], SocketAddr),
    ) -> io::Result<Received> {
        self.fetch(token, sockets)?;
        let fallen = self.ring.is_none();
        let Self { watch, calls: Batches { receiver, .. }, .. } = self;
        let (socket, drops, state) = sockets.udp(token)?;
        if state.arrived.is_empty() && (state.by_calls || fallen) {
            let received = receiver.receive_small(socket.as_fd(), drops, f)?;
            if !received.more && !fallen {
                watch.read_by_calls(token, state);
            }
            return Ok(received);
        }
        let mut received = Received::default();
        for _ in 0..receive::BATCH {
            let Some(arrived) = state.arrived.pop_front() else { break };
            receive::small(arrived.bytes(&watch.buffers), drops, f, &mut received);
            watch.buffers.done(&arrived);
        }
        // One that is not being received from has more than there were buffers for.
        received.more = !state.arrived.is_empty() || !state.receiving;
        Ok(received)
    }

    fn fan_out(
        &mut self,
        (token, sockets): (Token, &mut Table<State>),
        runs: &[Run<'_>],
        to: &[Destination],
        failed: &mut Vec<Failure>,
    ) -> io::Result<FanOut> {
        let fd = sockets.udp(token)?.0.as_raw_fd();
        // SAFETY: it is open: its socket is in the table, and what is called here closes none.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        Ok(self.send(fd, sockets, runs, to, failed))
    }

    fn gso(&self) -> Gso {
        self.calls.sender.gso()
    }

    fn name(&self) -> &'static str {
        if self.ring.is_some() { Self::NAME } else { Batches::<State>::NAME }
    }

    fn warning(&mut self) -> Option<String> {
        self.watch.warning.take()
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // A broken ring may still hold sends that point to what is gone: they stay where they are.
        self.retire(self.failure.is_none());
    }
}
