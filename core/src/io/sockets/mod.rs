//! What all backends on the kernel's sockets share: the table of sockets, TCP, binding, and what is
//! left when a send fails. They differ in their [`Driver`]: how readiness is learnt, and how
//! datagrams are carried.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::Socket;

use super::{
    Datagram, Destination, Event, Failure, FanOut, Gso, Io, Lanes, Received, Run, Token,
    UdpOptions, UdpSocket,
};
use crate::ring::{Pool, Wake};

pub(super) mod account;
pub(super) mod address;
pub(super) mod call;
#[cfg(feature = "linux")]
pub(super) mod cmsg;
mod driver;
#[cfg(feature = "linux")]
pub(super) mod eventfd;
#[cfg(feature = "linux")]
pub(super) mod offload;
pub(super) mod options;
pub(super) mod patience;
pub(super) mod pending;
pub(super) mod plan;
mod table;
mod tcp;
mod udp_bind;

pub(super) use driver::Driver;
use options::Buffer;
use table::wrong_kind;
pub(super) use table::{Entry, Kind, Table};

/// How long a listener is left alone when there is no descriptor for its next connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A backend on the kernel's sockets.
pub struct Sockets<D: Driver> {
    pub(super) driver: D,
    pub(super) table: Table<D::State>,
    started: Instant,
    /// When listeners that were paused are heard again.
    resume: Option<Duration>,
    warnings: Vec<String>,
}

impl<D: Driver> Sockets<D> {
    pub(super) fn with(driver: D) -> Self {
        Self {
            driver,
            table: Table::new(),
            started: Instant::now(),
            resume: None,
            warnings: Vec::new(),
        }
    }

    fn register(&mut self, socket: Socket, kind: Kind, writing: bool) -> io::Result<Token> {
        let token = self.table.insert(socket, kind, writing)?;
        let watched = self.driver.add(token, self.table.get_mut(token)?);
        if let Err(error) = watched {
            self.table.remove(token);
            return Err(error);
        }
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
        for (token, entry) in self.table.iter_mut() {
            if entry.kind == (Kind::Listener { paused: true }) {
                entry.kind = Kind::Listener { paused: false };
                self.driver.update(token, entry)?;
            }
        }
        Ok(())
    }

    /// Registers a bound UDP socket, and tells the user of limits.
    fn bound(&mut self, bound: udp_bind::Bound, options: &UdpOptions) -> io::Result<UdpSocket> {
        self.warn(Buffer::Receive.warning(options.recv_buffer, bound.recv_buffer));
        self.warn(Buffer::Send.warning(options.send_buffer, bound.send_buffer));
        let udp_bind::Bound { socket, local_addr, recv_buffer, send_buffer, gro } = bound;
        let token = self.register(socket, Kind::Udp { drops: 0 }, false)?;
        Ok(UdpSocket { token, local_addr, recv_buffer, send_buffer, gro })
    }
}

impl<D: Driver> Io for Sockets<D> {
    fn name(&self) -> &'static str {
        self.driver.name()
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn waker(&self) -> Arc<dyn Wake> {
        self.driver.waker()
    }

    fn wait(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>) -> io::Result<()> {
        events.clear();
        self.resume_listeners()?;
        let resume = self.resume.map(|at| at.saturating_sub(self.now()));
        let timeout = match (timeout, resume) {
            (Some(timeout), Some(resume)) => Some(timeout.min(resume)),
            (timeout, resume) => timeout.or(resume),
        };
        self.driver.wait(timeout, &mut self.table, events)?;
        let warning = self.driver.warning();
        self.warn(warning);
        Ok(())
    }

    fn close(&mut self, token: Token) {
        if let Some(mut entry) = self.table.remove(token) {
            self.driver.remove(token, &mut entry);
            if entry.kind == Kind::Connection {
                tcp::take_leave(&entry.socket, entry.reading);
            }
        }
    }

    fn set_reading(&mut self, token: Token, on: bool) -> io::Result<()> {
        let entry = self.table.get_mut(token)?;
        if entry.reading != on {
            entry.reading = on;
            self.driver.update(token, entry)?;
        }
        Ok(())
    }

    fn local_addr(&self, token: Token) -> io::Result<SocketAddr> {
        address::of(self.table.get(token)?.socket.local_addr()?)
    }

    fn peer_addr(&self, token: Token) -> io::Result<SocketAddr> {
        address::of(self.table.get(token)?.socket.peer_addr()?)
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn listen(&mut self, addr: SocketAddr) -> io::Result<(Token, SocketAddr)> {
        let socket = tcp::listen(addr)?;
        let addr = address::of(socket.local_addr()?)?;
        Ok((self.register(socket, Kind::Listener { paused: false }, false)?, addr))
    }

    fn accept(&mut self, listener: Token) -> io::Result<Option<(Token, SocketAddr)>> {
        let entry = self.table.get_mut(listener)?;
        let Kind::Listener { paused } = &mut entry.kind else { return Err(wrong_kind()) };
        match tcp::accept(&entry.socket) {
            Ok(None) => {
                D::emptied(entry);
                Ok(None)
            }
            Ok(Some((socket, peer))) => {
                Ok(Some((self.register(socket, Kind::Connection, false)?, peer)))
            }
            Err(error) => {
                // The connection stays in the queue, and would be reported at once again.
                *paused = true;
                self.driver.update(listener, entry)?;
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
        let entry = self.table.connection(token)?;
        let result = tcp::connect_result(&entry.socket);
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            D::filled(entry);
            entry.writing = true;
            self.driver.update(token, entry)?;
        }
        result
    }

    fn adopt(&mut self, socket: OwnedFd) -> io::Result<Token> {
        let socket = tcp::adopt(socket)?;
        self.register(socket, Kind::Connection, false)
    }

    fn duplicate(&self, token: Token) -> io::Result<OwnedFd> {
        let entry = self.table.get(token)?;
        if entry.kind != Kind::Connection {
            return Err(wrong_kind());
        }
        entry.socket.try_clone().map(OwnedFd::from)
    }

    fn read(&mut self, token: Token, buffer: &mut [u8]) -> io::Result<usize> {
        let entry = self.table.connection(token)?;
        let result = tcp::read(&entry.socket, buffer);
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            D::emptied(entry);
        }
        result
    }

    fn write(&mut self, token: Token, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let entry = self.table.connection(token)?;
        let offered = slices.get(..slices.len().min(tcp::MAX_SLICES)).unwrap_or_default();
        let result = tcp::write(&entry.socket, offered);
        let (full, left) = match &result {
            Ok(taken) => (tcp::is_partial(offered, *taken), tcp::is_partial(slices, *taken)),
            Err(error) => [error.kind() == io::ErrorKind::WouldBlock; 2].into(),
        };
        if full {
            D::filled(entry);
        }
        if left && !entry.writing {
            entry.writing = true;
            self.driver.update(token, entry)?;
        }
        result
    }

    fn bind_udp(&mut self, addr: SocketAddr, options: &UdpOptions) -> io::Result<UdpSocket> {
        let options = UdpOptions { gro: options.gro && D::AGGREGATES, ..options.clone() };
        let bound = udp_bind::bind(addr, &options)?;
        self.bound(bound, &options)
    }

    fn bind_udp_pair(
        &mut self,
        ip: IpAddr,
        options: &UdpOptions,
    ) -> io::Result<(UdpSocket, UdpSocket)> {
        let options = UdpOptions { gro: options.gro && D::AGGREGATES, ..options.clone() };
        let rtcp_options =
            UdpOptions { recv_buffer: 0, send_buffer: 0, gro: false, multicast: options.multicast };
        let (rtp, rtcp) = udp_bind::bind_pair(ip, &options, &rtcp_options)?;
        let rtp = self.bound(rtp, &options)?;
        match self.bound(rtcp, &rtcp_options) {
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
        let socket = (token, &mut self.table);
        self.driver.receive(socket, (lanes, pool), self.started, inspect, out)
    }

    fn receive_small(
        &mut self,
        token: Token,
        f: &mut dyn FnMut(&[u8], SocketAddr),
    ) -> io::Result<Received> {
        self.driver.receive_small((token, &mut self.table), f)
    }

    fn overflow(&mut self, token: Token) -> io::Result<u64> {
        let (socket, told, _) = self.table.udp(token)?;
        Ok(options::new_drops(told, options::drops(socket.as_fd())?))
    }

    fn fan_out(
        &mut self,
        token: Token,
        runs: &[Run<'_>],
        to: &[Destination],
        failed: &mut Vec<Failure>,
    ) -> io::Result<FanOut> {
        self.driver.fan_out((token, &mut self.table), runs, to, failed)
    }

    fn gso(&self) -> Gso {
        self.driver.gso()
    }
}
