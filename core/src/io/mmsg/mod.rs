//! The backend of epoll(7), recvmmsg(2) with GRO and sendmmsg(2) with GSO.
//!
//! It needs no privilege and runs on every Linux since 5.0; what an older kernel or a device
//! lacks (segmentation, aggregation, loss counts) is done without.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use slab::Slab;
use socket2::Socket;

use super::{
    Datagram, Destination, Event, Failure, FanOut, Gso, Io, Lanes, Received, Run, Token,
    UdpOptions, UdpSocket,
};
use crate::ring::{Pool, Wake};

mod cmsg;
mod entry;
mod epoll;
mod offload;
mod patience;
mod plan;
mod sockopt;
mod tcp;
mod udp_bind;
mod udp_receive;
mod udp_send;
mod waker;

#[cfg(test)]
mod tests;

use entry::{Entry, Kind, connection, entry, entry_mut, udp, update, wrong_kind};
use epoll::Epoll;
use udp_receive::Receiver;
use udp_send::Sender;
use waker::Waker;

/// What the waker is registered as; no token has this number (see [`Mmsg::register`]).
const WAKER: u64 = u64::MAX;

/// How long a listener is left alone when there is no descriptor for its next connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// epoll, recvmmsg and sendmmsg, with GRO and GSO.
pub struct Mmsg {
    epoll: Epoll,
    waker: Arc<Waker>,
    sockets: Slab<Entry>,
    /// Generation of the socket registered last.
    generation: u32,
    started: Instant,
    /// When listeners that were paused are heard again.
    resume: Option<Duration>,
    receiver: Receiver,
    sender: Sender,
    /// Whether the kernel was asked for segmentation offload.
    probed: bool,
    warnings: Vec<String>,
}

impl Mmsg {
    /// A backend without sockets.
    ///
    /// # Errors
    ///
    /// When the process is out of descriptors.
    pub fn new() -> io::Result<Self> {
        let epoll = Epoll::new()?;
        let waker = Arc::new(Waker::new()?);
        epoll.add(waker.as_raw_fd(), WAKER, libc::EPOLLIN | libc::EPOLLET)?;
        Ok(Self {
            epoll,
            waker,
            sockets: Slab::new(),
            generation: 0,
            started: Instant::now(),
            resume: None,
            receiver: Receiver::new(),
            sender: Sender::new(),
            probed: false,
            warnings: Vec::new(),
        })
    }

    /// Sends every packet as a message of its own from now on, for the reason given: for
    /// measurements, and for networks that cannot bear trains of packets.
    pub fn disable_gso(&mut self, reason: &str) {
        self.sender.disable_gso(reason.into());
    }

    fn register(&mut self, socket: Socket, kind: Kind, writing: bool) -> io::Result<Token> {
        // Half the numbers, so that no token is the waker's.
        self.generation = self.generation.wrapping_add(1) & (u32::MAX >> 1);
        let generation = self.generation;
        let entry = Entry { generation, socket, kind, reading: true, writing };
        let slot = self.sockets.vacant_entry();
        let index = u32::try_from(slot.key()).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let token = Token::new(index, generation);
        self.epoll.add(entry.socket.as_raw_fd(), token.to_u64(), entry.interest())?;
        slot.insert(entry);
        Ok(token)
    }

    fn warn(&mut self, warning: Option<String>) {
        if let Some(warning) = warning.filter(|warning| !self.warnings.contains(warning)) {
            tracing::warn!("{warning}");
            self.warnings.push(warning);
        }
    }

    /// Hears paused listeners again when it is time.
    fn resume_listeners(&mut self) -> io::Result<()> {
        if self.resume.is_none_or(|at| self.now() < at) {
            return Ok(());
        }
        self.resume = None;
        for (index, entry) in &mut self.sockets {
            if entry.kind == (Kind::Listener { paused: true }) {
                entry.kind = Kind::Listener { paused: false };
                let token = Token::new(index as u32, entry.generation);
                update(&self.epoll, token, entry)?;
            }
        }
        Ok(())
    }
}

fn address(addr: socket2::SockAddr) -> io::Result<SocketAddr> {
    addr.as_socket().map(cmsg::canonical).ok_or_else(|| io::ErrorKind::Unsupported.into())
}

impl Io for Mmsg {
    fn name(&self) -> &'static str {
        "mmsg"
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn waker(&self) -> Arc<dyn Wake> {
        self.waker.clone()
    }

    fn wait(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>) -> io::Result<()> {
        events.clear();
        self.sender.renew_patience();
        self.resume_listeners()?;
        let resume = self.resume.map(|at| at.saturating_sub(self.now()));
        let timeout = match (timeout, resume) {
            (Some(timeout), Some(resume)) => Some(timeout.min(resume)),
            (timeout, resume) => timeout.or(resume),
        };
        for (data, ready) in self.epoll.wait(timeout)? {
            if data == WAKER {
                self.waker.acknowledge();
                continue;
            }
            let token = Token::from_u64(data);
            let Ok(entry) = entry(&self.sockets, token) else { continue };
            let event = entry.event(token, ready);
            events.push(event);
        }
        for event in events.iter().filter(|event| event.writable) {
            let entry = entry_mut(&mut self.sockets, event.token)?;
            entry.writing = false;
            update(&self.epoll, event.token, entry)?;
        }
        Ok(())
    }

    fn close(&mut self, token: Token) {
        if entry(&self.sockets, token).is_ok() {
            let entry = self.sockets.remove(token.index() as usize);
            if entry.kind == Kind::Connection {
                tcp::take_leave(&entry.socket);
            }
        }
    }

    fn set_reading(&mut self, token: Token, on: bool) -> io::Result<()> {
        let entry = entry_mut(&mut self.sockets, token)?;
        if entry.reading != on {
            entry.reading = on;
            update(&self.epoll, token, entry)?;
        }
        Ok(())
    }

    fn local_addr(&self, token: Token) -> io::Result<SocketAddr> {
        address(entry(&self.sockets, token)?.socket.local_addr()?)
    }

    fn peer_addr(&self, token: Token) -> io::Result<SocketAddr> {
        address(entry(&self.sockets, token)?.socket.peer_addr()?)
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn listen(&mut self, addr: SocketAddr) -> io::Result<(Token, SocketAddr)> {
        let socket = tcp::listen(addr)?;
        let addr = address(socket.local_addr()?)?;
        Ok((self.register(socket, Kind::Listener { paused: false }, false)?, addr))
    }

    fn accept(&mut self, listener: Token) -> io::Result<Option<(Token, SocketAddr)>> {
        let entry = entry_mut(&mut self.sockets, listener)?;
        let Kind::Listener { paused } = &mut entry.kind else { return Err(wrong_kind()) };
        match tcp::accept(&entry.socket) {
            Ok(None) => Ok(None),
            Ok(Some((socket, peer))) => {
                Ok(Some((self.register(socket, Kind::Connection, false)?, peer)))
            }
            Err(error) => {
                // The connection stays in the queue, and would be reported at once again.
                *paused = true;
                update(&self.epoll, listener, entry)?;
                self.resume = Some(self.now() + ACCEPT_PAUSE);
                Err(error)
            }
        }
    }

    fn connect(&mut self, addr: SocketAddr) -> io::Result<Token> {
        let socket = tcp::connect(addr)?;
        self.register(socket, Kind::Connection, true)
    }

    fn connect_result(&mut self, token: Token) -> io::Result<()> {
        let entry = connection(&mut self.sockets, token)?;
        let result = tcp::connect_result(&entry.socket);
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            entry.writing = true;
            update(&self.epoll, token, entry)?;
        }
        result
    }

    fn adopt(&mut self, socket: OwnedFd) -> io::Result<Token> {
        let socket = tcp::adopt(socket)?;
        self.register(socket, Kind::Connection, false)
    }

    fn duplicate(&self, token: Token) -> io::Result<OwnedFd> {
        let entry = entry(&self.sockets, token)?;
        if entry.kind == Kind::Connection {
            entry.socket.try_clone().map(OwnedFd::from)
        } else {
            Err(wrong_kind())
        }
    }

    fn read(&mut self, token: Token, buffer: &mut [u8]) -> io::Result<usize> {
        tcp::read(&connection(&mut self.sockets, token)?.socket, buffer)
    }

    fn write(&mut self, token: Token, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let entry = connection(&mut self.sockets, token)?;
        let result = tcp::write(&entry.socket, slices);
        let left = match &result {
            Ok(taken) => tcp::is_partial(slices, *taken),
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        if left && !entry.writing {
            entry.writing = true;
            update(&self.epoll, token, entry)?;
        }
        result
    }

    fn bind_udp(&mut self, addr: SocketAddr, options: &UdpOptions) -> io::Result<UdpSocket> {
        let bound = udp_bind::bind(addr, options)?;
        self.adopt(bound, options)
    }

    fn bind_udp_pair(
        &mut self,
        ip: IpAddr,
        options: &UdpOptions,
    ) -> io::Result<(UdpSocket, UdpSocket)> {
        let rtcp_options =
            UdpOptions { recv_buffer: 0, send_buffer: 0, gro: false, multicast: options.multicast };
        let (rtp, rtcp) = udp_bind::bind_pair(ip, options, &rtcp_options)?;
        let rtp = self.adopt(rtp, options)?;
        match self.adopt(rtcp, &rtcp_options) {
            Ok(rtcp) => Ok((rtp, rtcp)),
            Err(error) => {
                self.close(rtp.token);
                Err(error)
            }
        }
    }

    fn receive_with(
        &mut self,
        token: Token,
        lanes: &mut Lanes,
        pool: &mut Pool,
        inspect: &mut dyn FnMut(&mut [u8], usize, SocketAddr) -> bool,
        out: &mut Vec<Datagram>,
    ) -> io::Result<Received> {
        let started = self.started;
        let (socket, drops) = udp(&mut self.sockets, token)?;
        let now = || started.elapsed();
        self.receiver.receive(socket.as_fd(), drops, lanes, pool, now, inspect, out)
    }

    fn receive_small(
        &mut self,
        token: Token,
        f: &mut dyn FnMut(&[u8], SocketAddr),
    ) -> io::Result<Received> {
        let (socket, drops) = udp(&mut self.sockets, token)?;
        self.receiver.receive_small(socket.as_fd(), drops, f)
    }

    fn overflow(&mut self, token: Token) -> io::Result<u64> {
        let (socket, told) = udp(&mut self.sockets, token)?;
        Ok(udp_receive::new_drops(told, sockopt::drops(socket.as_fd())?))
    }

    fn fan_out(
        &mut self,
        token: Token,
        runs: &[Run<'_>],
        to: &[Destination],
        failed: &mut Vec<Failure>,
    ) -> io::Result<FanOut> {
        let (socket, _) = udp(&mut self.sockets, token)?;
        Ok(self.sender.fan_out(socket.as_fd(), runs, to, failed))
    }

    fn gso(&self) -> Gso {
        self.sender.gso()
    }
}

impl Mmsg {
    /// Registers a bound UDP socket, and tells the user of limits.
    fn adopt(&mut self, bound: udp_bind::Bound, options: &UdpOptions) -> io::Result<UdpSocket> {
        use sockopt::Buffer;
        self.warn(Buffer::Receive.warning(options.recv_buffer, bound.recv_buffer));
        self.warn(Buffer::Send.warning(options.send_buffer, bound.send_buffer));
        if !self.probed {
            self.probed = true;
            if let Err(error) = sockopt::has_gso(bound.socket.as_fd()) {
                self.sender.disable_gso(format!("the kernel does not know UDP_SEGMENT: {error}"));
            }
        }
        let udp_bind::Bound { socket, local_addr, recv_buffer, send_buffer, gro } = bound;
        let token = self.register(socket, Kind::Udp { drops: 0 }, false)?;
        Ok(UdpSocket { token, local_addr, recv_buffer, send_buffer, gro })
    }
}
