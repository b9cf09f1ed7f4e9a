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
//! | more completions than the queue has room for | the kernel keeps them (`IORING_FEAT_NODROP`) |
//! | closing | what the kernel still does with the socket is cancelled first, and waited for |

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use io_uring::IoUring;
use io_uring::types::{CancelBuilder, Fd, SubmitArgs, Timespec};

use super::mmsg::{Receiver, Sender};
use super::sockets::eventfd::Waker;
use super::sockets::{Driver, Entry, Kind, Sockets, Table, options};
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
    ring: IoUring,
    watch: Watch,
    headers: Headers,
    receiver: Receiver,
    sender: Sender,
    /// The ring belongs to a thread.
    started: bool,
    /// The kernel has refused a call into the ring for good.
    broken: bool,
    /// Whether the kernel was asked for segmentation offload.
    probed: bool,
}

impl Ring {
    fn new() -> io::Result<Self> {
        let (ring, buffers) = open::open()?;
        Ok(Self {
            ring,
            watch: Watch::new(buffers, Arc::new(Waker::new()?)),
            headers: Headers::default(),
            receiver: Receiver::new(),
            sender: Sender::new(),
            started: false,
            broken: false,
            probed: false,
        })
    }

    /// Sees to it that the ring can be used; from now on it is this thread's.
    fn start(&mut self) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("the ring has failed before"));
        }
        if !self.started {
            self.ring.submitter().register_enable_rings()?;
            self.started = true;
        }
        Ok(())
    }

    /// Submits what is to be asked, and waits for a completion if `wait`, at most `timeout`.
    fn turn(
        &mut self,
        wait: bool,
        timeout: Option<Duration>,
        sockets: &mut Table<State>,
    ) -> io::Result<()> {
        self.start()?;
        self.watch.ask(&mut self.ring, sockets)?;
        let want = usize::from(wait);
        let result = match timeout {
            Some(timeout) => {
                let time = Timespec::from(timeout);
                self.ring.submitter().submit_with_args(want, &SubmitArgs::new().timespec(&time))
            }
            None => self.ring.submit_and_wait(want),
        };
        self.complete(sockets);
        match result {
            Err(error) if !is_passing(&error) => {
                self.broken = true;
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// Takes all completions that are there.
    fn complete(&mut self, sockets: &mut Table<State>) {
        for completion in self.ring.completion() {
            self.watch.take(&completion, sockets);
        }
    }

    /// Brings in what has arrived for a socket of which nothing is here.
    fn fetch(&mut self, token: Token, sockets: &mut Table<State>) -> io::Result<()> {
        let (_, _, state) = sockets.udp(token)?;
        if state.arrived.is_empty() { self.turn(false, None, sockets) } else { Ok(()) }
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
        if matches!(entry.kind, Kind::Udp { .. }) && !self.probed {
            self.probed = true;
            if let Err(error) = options::has_gso(entry.socket.as_fd()) {
                self.sender.disable_gso(format!("the kernel does not know UDP_SEGMENT: {error}"));
            }
        }
        self.watch.add(token, entry);
        Ok(())
    }

    fn update(&mut self, token: Token, entry: &mut Entry<State>) -> io::Result<()> {
        self.watch.note(token, &mut entry.state);
        Ok(())
    }

    fn remove(&mut self, token: Token, entry: &mut Entry<State>) {
        if !self.watch.remove(token, &mut entry.state) || self.broken {
            return;
        }
        // An operation holds the socket open after its descriptor is closed. So all are cancelled,
        // and their ends, which let go of it, are brought about by a call.
        let all = CancelBuilder::fd(Fd(entry.socket.as_raw_fd())).all();
        let submitter = self.ring.submitter();
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
        self.sender.renew_patience();
        let wait = !self.watch.has_answers(sockets);
        self.turn(wait, timeout, sockets)?;
        self.watch.report(sockets, events);
        Ok(())
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
        let Self { watch, receiver, .. } = self;
        let (socket, drops, state) = sockets.udp(token)?;
        let now = || started.elapsed();
        if state.arrived.is_empty() && state.by_calls {
            let place = (socket.as_fd(), drops);
            let received = receiver.receive(place.0, place.1, lanes, pool, now, inspect, out)?;
            if !received.more {
                watch.read_by_calls(token, state);
            }
            return Ok(received);
        }
        let mut received = Received::default();
        for _ in 0..receive::BATCH {
            let Some(arrived) = state.arrived.pop_front() else { break };
            let message = (arrived, &watch.buffers);
            let place = (&mut *lanes, &mut *pool);
            out.extend(receive::into_lanes(message, drops, place, now, inspect, &mut received));
            watch.buffers.give(arrived.buffer);
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
        let Self { watch, receiver, .. } = self;
        let (socket, drops, state) = sockets.udp(token)?;
        if state.arrived.is_empty() && state.by_calls {
            let received = receiver.receive_small(socket.as_fd(), drops, f)?;
            if !received.more {
                watch.read_by_calls(token, state);
            }
            return Ok(received);
        }
        let mut received = Received::default();
        for _ in 0..receive::BATCH {
            let Some(arrived) = state.arrived.pop_front() else { break };
            receive::small((arrived, &watch.buffers), drops, f, &mut received);
            watch.buffers.give(arrived.buffer);
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
        self.sender.gso()
    }

    fn warning(&mut self) -> Option<String> {
        self.watch.warning.take()
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        if !self.started {
            return;
        }
        let submitter = self.ring.submitter();
        let cancelled = submitter.register_sync_cancel(None, CancelBuilder::any());
        let cancelled = match cancelled {
            Err(error) => error.kind() == io::ErrorKind::NotFound,
            // A broken ring may still hold sends that point to what is gone: they stay where they are.
            Ok(()) => !self.broken && submitter.submit().is_ok(),
        };
        if self.broken || !cancelled {
            // Another thread's ring, say: its end is the kernel's, and comes later.
            self.watch.buffers.leak();
        }
    }
}
