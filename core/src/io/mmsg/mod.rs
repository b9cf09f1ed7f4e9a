//! The backend of epoll(7), recvmmsg(2) with GRO and sendmmsg(2) with GSO.
//!
//! It needs no privilege and runs on every Linux since 5.0; what an older kernel or a device
//! lacks (segmentation, aggregation, loss counts) is done without.

use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::sockets::eventfd::Waker;
use super::sockets::{Driver, Entry, Kind, Sockets, Table, options};
use super::{Datagram, Destination, Event, Failure, FanOut, Gso, Lanes, Received, Run, Token};
use crate::ring::{Pool, Wake};

mod epoll;
mod udp_receive;
mod udp_send;

#[cfg(test)]
mod tests;

use epoll::Epoll;
use udp_receive::Receiver;
use udp_send::Sender;

/// What the waker is registered as; no token has this number (see [`Table::insert`]).
const WAKER: u64 = u64::MAX;

/// epoll, recvmmsg and sendmmsg, with GRO and GSO.
pub type Mmsg = Sockets<Batches>;

impl Mmsg {
    /// A backend without sockets.
    ///
    /// # Errors
    ///
    /// When the process is out of descriptors.
    pub fn new() -> io::Result<Self> {
        Ok(Self::with(Batches::new(Arc::new(Waker::new()?))?))
    }

    /// Sends every packet as a message of its own from now on, for the reason given: for
    /// measurements, and for networks that cannot bear trains of packets.
    pub fn disable_gso(&mut self, reason: &str) {
        self.driver.sender.disable_gso(reason.into());
    }
}

/// Batches of datagrams, by one call each.
pub struct Batches<S = ()> {
    epoll: Epoll,
    waker: Arc<Waker>,
    pub(super) receiver: Receiver,
    pub(super) sender: Sender,
    /// Whether the kernel was asked for segmentation offload.
    probed: bool,
    /// What another driver keeps for each socket whose work this one does.
    state: PhantomData<fn() -> S>,
}

impl<S> Batches<S> {
    /// `waker` ends the waits.
    pub(super) fn new(waker: Arc<Waker>) -> io::Result<Self> {
        let epoll = Epoll::new()?;
        epoll.add(waker.as_raw_fd(), WAKER, libc::EPOLLIN | libc::EPOLLET)?;
        let (receiver, sender) = (Receiver::new(), Sender::new());
        Ok(Self { epoll, waker, receiver, sender, probed: false, state: PhantomData })
    }

    /// Asks the kernel for segmentation offload, when the first socket for datagrams comes.
    pub(super) fn probe(&mut self, entry: &Entry<S>) {
        if matches!(entry.kind, Kind::Udp { .. }) && !self.probed {
            self.probed = true;
            if let Err(error) = options::has_gso(entry.socket.as_fd()) {
                self.sender.disable_gso(format!("the kernel does not know UDP_SEGMENT: {error}"));
            }
        }
    }
}

/// What epoll is to tell of a socket.
fn interest<S>(entry: &Entry<S>) -> libc::c_int {
    let read = match entry.kind {
        Kind::Listener { .. } | Kind::Udp { .. } => libc::EPOLLIN,
        Kind::Connection => libc::EPOLLIN | libc::EPOLLRDHUP,
    };
    let write = if entry.writing { libc::EPOLLOUT } else { 0 };
    if entry.wants_input() { read | write } else { write }
}

/// What epoll has told, as the trait says it.
fn event<S>(entry: &Entry<S>, token: Token, ready: libc::c_int) -> Event {
    let broken = ready & (libc::EPOLLERR | libc::EPOLLHUP) != 0;
    if entry.kind != Kind::Connection {
        // An error is taken off the socket by receiving or accepting.
        let readable = broken || ready & libc::EPOLLIN != 0;
        return Event { token, readable, writable: false, closed: false };
    }
    Event {
        token,
        readable: ready & libc::EPOLLIN != 0,
        writable: ready & libc::EPOLLOUT != 0 || (broken && entry.writing),
        closed: broken || ready & libc::EPOLLRDHUP != 0,
    }
}

impl<S: Default + Send> Driver for Batches<S> {
    type State = S;

    const NAME: &'static str = "mmsg";

    const AGGREGATES: bool = true;

    fn waker(&self) -> Arc<dyn Wake> {
        self.waker.clone()
    }

    fn add(&mut self, token: Token, entry: &mut Entry<S>) -> io::Result<()> {
        self.probe(entry);
        self.epoll.add(entry.socket.as_raw_fd(), token.to_u64(), interest(entry))
    }

    fn update(&mut self, token: Token, entry: &mut Entry<S>) -> io::Result<()> {
        self.epoll.modify(entry.socket.as_raw_fd(), token.to_u64(), interest(entry))
    }

    fn remove(&mut self, _: Token, entry: &mut Entry<S>) {
        // Closing takes a socket out of epoll, unless there is another descriptor of it.
        if entry.kind == Kind::Connection {
            self.epoll.remove(entry.socket.as_raw_fd());
        }
    }

    fn wait(
        &mut self,
        timeout: Option<Duration>,
        sockets: &mut Table<S>,
        events: &mut Vec<Event>,
    ) -> io::Result<()> {
        self.sender.renew_patience();
        for (data, ready) in self.epoll.wait(timeout)? {
            if data == WAKER {
                self.waker.acknowledge();
                continue;
            }
            let token = Token::from_u64(data);
            if let Ok(entry) = sockets.get(token) {
                events.push(event(entry, token, ready));
            }
        }
        for event in events.iter().filter(|event| event.writable) {
            let entry = sockets.get_mut(event.token)?;
            entry.writing = false;
            self.epoll.modify(entry.socket.as_raw_fd(), event.token.to_u64(), interest(entry))?;
        }
        Ok(())
    }

    fn receive(
        &mut self,
        (token, sockets): (Token, &mut Table<S>),
        (lanes, pool): (&mut Lanes, &mut Pool),
        started: Instant,
        inspect: &mut dyn FnMut(&mut [u8], usize, SocketAddr) -> bool,
        out: &mut Vec<Datagram>,
    ) -> io::Result<Received> {
        let (socket, drops, _) = sockets.udp(token)?;
        let now = || started.elapsed();
        self.receiver.receive(socket.as_fd(), drops, lanes, pool, now, inspect, out)
    }

    fn receive_small(
        &mut self,
        (token, sockets): (Token, &mut Table<S>),
        f: &mut dyn FnMut(&[u8], SocketAddr),
    ) -> io::Result<Received> {
        let (socket, drops, _) = sockets.udp(token)?;
        self.receiver.receive_small(socket.as_fd(), drops, f)
    }

    fn fan_out(
        &mut self,
        (token, sockets): (Token, &mut Table<S>),
        runs: &[Run<'_>],
        to: &[Destination],
        failed: &mut Vec<Failure>,
    ) -> io::Result<FanOut> {
        let (socket, ..) = sockets.udp(token)?;
        Ok(self.sender.fan_out(socket.as_fd(), runs, to, failed))
    }

    fn gso(&self) -> Gso {
        self.sender.gso()
    }
}
