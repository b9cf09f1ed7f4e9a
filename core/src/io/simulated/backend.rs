//! The backend.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::datagrams::Datagrams;
use super::events::{Backend, Entry};
use super::ports::Protocol;
use super::world::{HostId, Socket, SocketId, World};
use crate::io::{
    Datagram, Destination, Event, Failure, FanOut, Gso, Io, Lanes, Received, Run, SMALL_DATAGRAM,
    Token, UdpOptions, UdpSocket,
};
use crate::ring::{Pool, Wake};

/// The most datagrams of one batch.
const BATCH: usize = 16;

/// A backend at a [`Host`](super::Host). Dropping it closes its sockets.
pub struct Simulated {
    shared: Arc<Shared>,
    id: u64,
}

fn wrong_kind() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the socket is of another kind")
}

fn unsupported() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "the simulated network has no file descriptors")
}

impl Simulated {
    pub(super) fn new(shared: Arc<Shared>, host: HostId) -> Simulated {
        let mut world = shared.lock();
        let id = world.number();
        world.backends.insert(id, Backend::new(host));
        drop(world);
        Simulated { shared, id }
    }

    /// Does something with a socket.
    pub(super) fn with<R>(
        &self,
        token: Token,
        f: impl FnOnce(&mut World, SocketId) -> R,
    ) -> io::Result<R> {
        let socket = self.entry(token, |entry| entry.socket)?;
        Ok(self.shared.with(|world| f(world, socket)))
    }

    /// Takes a name away from its socket and ends that, unless the name is stale.
    pub(super) fn forget(&self, token: Token, end: impl FnOnce(&mut World, SocketId)) {
        self.shared.with(|world| {
            let backend = world.backends.get_mut(&self.id);
            if let Some(socket) = backend.and_then(|backend| backend.remove(token)) {
                end(world, socket);
            }
        });
    }

    fn entry<R>(&self, token: Token, f: impl FnOnce(&mut Entry) -> R) -> io::Result<R> {
        let mut world = self.shared.lock();
        let backend = world.backends.get_mut(&self.id).ok_or(io::ErrorKind::NotFound)?;
        backend.get_mut(token).map(f)
    }

    pub(super) fn datagrams<R>(
        &self,
        token: Token,
        f: impl FnOnce(&mut Datagrams) -> R,
    ) -> io::Result<R> {
        let socket = self.entry(token, |entry| entry.socket)?;
        match self.shared.lock().sockets.get_mut(&socket) {
            Some(Socket::Datagrams(socket)) => Ok(f(socket)),
            _ => Err(wrong_kind()),
        }
    }

    /// Makes a socket at this host and gives it a name.
    fn make<R>(
        &self,
        writing: bool,
        make: impl FnOnce(&mut World, HostId) -> io::Result<(SocketId, R)>,
    ) -> io::Result<(Token, R)> {
        self.shared.with(|world| {
            let host = world.backends.get(&self.id).map(|backend| backend.host);
            let (socket, result) = make(world, host.ok_or(io::ErrorKind::NotFound)?)?;
            let backend = world.backends.get_mut(&self.id).ok_or(io::ErrorKind::NotFound)?;
            Ok((backend.insert(socket, writing)?, result))
        })
    }

    fn bound(&self, addr: SocketAddr, options: &UdpOptions) -> io::Result<UdpSocket> {
        let (token, recv_buffer) =
            self.make(false, |world, host| Ok(world.bind(host, addr, options.recv_buffer)))?;
        let send_buffer = options.send_buffer;
        Ok(UdpSocket { token, local_addr: addr, recv_buffer, send_buffer, gro: false })
    }

    fn choose<R>(&self, f: impl FnOnce(&mut World, HostId) -> io::Result<R>) -> io::Result<R> {
        let mut world = self.shared.lock();
        let host = world.backends.get(&self.id).map(|backend| backend.host);
        f(&mut world, host.ok_or(io::ErrorKind::NotFound)?)
    }
}

impl Io for Simulated {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn now(&self) -> Duration {
        self.shared.lock().now
    }

    fn waker(&self) -> Arc<dyn Wake> {
        Arc::new(Waker { shared: self.shared.clone(), backend: self.id })
    }

    fn wait(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>) -> io::Result<()> {
        events.clear();
        let mut world = self.shared.lock();
        let until = timeout.map(|timeout| world.now.saturating_add(timeout));
        while !world.look(self.id, until, events) {
            if world.settle() {
                self.shared.changed.notify_all();
            } else {
                world = self.shared.wait(world);
            }
        }
        Ok(())
    }

    fn close(&mut self, token: Token) {
        self.forget(token, |world, socket| world.close(socket));
    }

    fn set_reading(&mut self, token: Token, on: bool) -> io::Result<()> {
        self.entry(token, |entry| entry.reading = on)
    }

    fn local_addr(&self, token: Token) -> io::Result<SocketAddr> {
        let socket = self.entry(token, |entry| entry.socket)?;
        match self.shared.lock().sockets.get(&socket) {
            Some(Socket::Datagrams(socket)) => Ok(socket.local),
            Some(Socket::Listener(listener)) => Ok(listener.local),
            Some(Socket::Connection(connection)) => Ok(connection.local),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn peer_addr(&self, token: Token) -> io::Result<SocketAddr> {
        let socket = self.entry(token, |entry| entry.socket)?;
        let mut world = self.shared.lock();
        world.connection(socket).map(|connection| connection.peer).ok_or_else(wrong_kind)
    }

    fn warnings(&self) -> &[String] {
        &[]
    }

    fn listen(&mut self, addr: SocketAddr) -> io::Result<(Token, SocketAddr)> {
        self.make(false, |world, host| {
            let addr = world.choose(host, Protocol::Tcp, addr)?;
            Ok((world.listen(host, addr), addr))
        })
    }

    fn accept(&mut self, listener: Token) -> io::Result<Option<(Token, SocketAddr)>> {
        let accepted = self.with(listener, |world, listener| world.accept(listener))??;
        let Some((socket, peer)) = accepted else { return Ok(None) };
        let (token, ()) = self.make(false, |_, _| Ok((socket, ())))?;
        Ok(Some((token, peer)))
    }

    fn connect(&mut self, addr: SocketAddr) -> io::Result<Token> {
        let (token, ()) = self.make(true, |world, host| Ok((world.call(host, addr)?, ())))?;
        Ok(token)
    }

    fn connect_result(&mut self, token: Token) -> io::Result<()> {
        let result = self.with(token, |world, socket| {
            world.connection(socket).ok_or_else(wrong_kind)?.result()
        })?;
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            self.entry(token, |entry| entry.writing = true)?;
        }
        result
    }

    fn adopt(&mut self, _socket: OwnedFd) -> io::Result<Token> {
        Err(unsupported())
    }

    fn duplicate(&self, _token: Token) -> io::Result<OwnedFd> {
        Err(unsupported())
    }

    fn read(&mut self, token: Token, buffer: &mut [u8]) -> io::Result<usize> {
        self.with(token, |world, socket| world.read(socket, buffer))?
    }

    fn write(&mut self, token: Token, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let result = self.with(token, |world, socket| world.write(socket, slices))?;
        let refused = match &result {
            Ok((_, all)) => !all,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        if refused {
            self.entry(token, |entry| entry.writing = true)?;
        }
        result.map(|(taken, _)| taken)
    }

    fn bind_udp(&mut self, addr: SocketAddr, options: &UdpOptions) -> io::Result<UdpSocket> {
        let addr = self.choose(|world, host| world.choose(host, Protocol::Udp, addr))?;
        self.bound(addr, options)
    }

    fn bind_udp_pair(
        &mut self,
        ip: IpAddr,
        options: &UdpOptions,
    ) -> io::Result<(UdpSocket, UdpSocket)> {
        let [rtp, rtcp] = self.choose(|world, host| world.choose_pair(host, ip))?;
        let small = UdpOptions { recv_buffer: 0, send_buffer: 0, ..options.clone() };
        Ok((self.bound(rtp, options)?, self.bound(rtcp, &small)?))
    }

    fn receive_with(
        &mut self,
        token: Token,
        lanes: &mut Lanes,
        pool: &mut Pool,
        inspect: &mut dyn FnMut(&mut [u8], usize, SocketAddr) -> bool,
        out: &mut Vec<Datagram>,
    ) -> io::Result<Received> {
        let mut received = Received { more: true, ..Received::default() };
        let arrival = self.now();
        for _ in 0..BATCH {
            let Some((waiting, drops)) = self.datagrams(token, Datagrams::take)? else {
                received.more = false;
                break;
            };
            received.overflow += drops;
            let room = lanes.prepare(pool) > 0;
            let (length, from) = (waiting.bytes.len(), waiting.from);
            match lanes.unfilled(0).get_mut(..length) {
                _ if !room => received.no_buffer += 1,
                None => received.truncated += 1,
                Some(unfilled) => {
                    unfilled.copy_from_slice(&waiting.bytes);
                    // An empty datagram is no packet of any protocol that is received here.
                    let keep = |bytes: &mut [u8]| length > 0 && inspect(bytes, length, from);
                    let Some(span) = lanes.commit(0, length, keep) else {
                        received.refused += 1;
                        continue;
                    };
                    received.packets += 1;
                    received.bytes += length as u64;
                    out.push(Datagram { span, segment: length, from, arrival });
                }
            }
        }
        Ok(received)
    }

    fn receive_small(
        &mut self,
        token: Token,
        f: &mut dyn FnMut(&[u8], SocketAddr),
    ) -> io::Result<Received> {
        let mut received = Received { more: true, ..Received::default() };
        for _ in 0..BATCH {
            let Some((waiting, drops)) = self.datagrams(token, Datagrams::take)? else {
                received.more = false;
                break;
            };
            received.overflow += drops;
            if waiting.bytes.len() > SMALL_DATAGRAM {
                received.truncated += 1;
                continue;
            }
            received.packets += 1;
            received.bytes += waiting.bytes.len() as u64;
            f(&waiting.bytes, waiting.from);
        }
        Ok(received)
    }

    fn overflow(&mut self, token: Token) -> io::Result<u64> {
        self.datagrams(token, Datagrams::untold)
    }

    fn fan_out(
        &mut self,
        token: Token,
        runs: &[Run<'_>],
        to: &[Destination],
        failed: &mut Vec<Failure>,
    ) -> io::Result<FanOut> {
        let socket = self.entry(token, |entry| entry.socket)?;
        self.datagrams(token, |_| ())?;
        Ok(self.shared.with(|world| {
            let mut done = FanOut::default();
            for (run, packets) in runs.iter().enumerate().filter(|(_, run)| run.bytes() > 0) {
                let bytes = packets.slices().iter().flat_map(|slice| slice.iter().copied());
                let bytes: Vec<u8> = bytes.collect();
                for (destination, address) in to.iter().enumerate() {
                    for (number, packet) in bytes.chunks(packets.segment()).enumerate() {
                        done.calls += 1;
                        match world.send_datagram(socket, address.addr(), packet) {
                            Ok(()) => {
                                done.sent += 1;
                                done.messages += 1;
                                done.bytes += packet.len() as u64;
                            }
                            Err(error) => {
                                // What is wrong with one packet is wrong with the rest.
                                let segments = number..packets.segments();
                                done.failed += segments.len() as u64;
                                failed.push(Failure { destination, run, segments, error });
                                break;
                            }
                        }
                    }
                }
            }
            done
        }))
    }

    fn gso(&self) -> Gso {
        Gso::Off("the simulated network carries packet by packet".into())
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        self.shared.with(|world| {
            let Some(backend) = world.backends.remove(&self.id) else { return };
            backend.sockets().for_each(|socket| world.close(socket));
        });
    }
}

/// What ends a wait from another thread.
struct Waker {
    shared: Arc<Shared>,
    backend: u64,
}

impl Wake for Waker {
    fn wake(&self) {
        if let Some(backend) = self.shared.lock().backends.get_mut(&self.backend) {
            backend.woken = true;
        }
        self.shared.changed.notify_all();
    }
}
