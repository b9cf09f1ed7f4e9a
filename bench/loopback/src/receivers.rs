//! All receivers, on one thread: what arrived, and how late.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rillcast::io::{Io, Lanes, Mmsg, Token, UdpOptions};
use rillcast::ring::Pool;

use super::source::sent_at;
use super::stalled::Stalled;
use super::{Error, Load, Transport, doing};

/// How long arrivals gather before the next look. Without it the relay, on the same machine, would pay
/// for waking this thread at nearly every send, which elsewhere it never does.
const GATHER: Duration = Duration::from_micros(500);
const WAIT: Duration = Duration::from_millis(10);
/// The longest interleaved frame, and what is read at once.
const INPUT: usize = 256 << 10;
/// Where receivers are: at a port of their own.
const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Buffers as the system gives them to any program.
fn options(load: &Load) -> UdpOptions {
    UdpOptions { gro: load.gro, send_buffer: 0, recv_buffer: 0, multicast: None }
}

/// What arrived so far.
#[derive(Clone, Debug, Default)]
pub struct Arrived {
    /// Packets.
    pub packets: u64,
    /// How long each whole frame took to each receiver, in microseconds, since the last time this was
    /// taken.
    pub latencies: Vec<u32>,
}

/// The receivers, until it is dropped.
pub struct Receivers {
    addresses: Vec<SocketAddr>,
    arrived: Arc<Mutex<Arrived>>,
    /// Connections of players that have begun. The thread ends with it.
    connections: Option<Sender<(TcpStream, Vec<u8>)>>,
    /// Where those connect to that take nothing.
    _stalled: Option<Stalled>,
    thread: Option<JoinHandle<()>>,
}

impl Receivers {
    /// Receivers that a relay is told of. Latencies are reckoned from the same `epoch` as the source's.
    ///
    /// # Errors
    ///
    /// When the system refuses sockets or a thread.
    pub fn start(load: &Load, epoch: Instant) -> Result<Receivers, Error> {
        let mut thread = Thread::new(epoch)?;
        let mut addresses = Vec::with_capacity(load.receivers());
        let mut stalled = None;
        match load.transport {
            Transport::Udp => {
                for _ in 0..load.receivers() {
                    let socket = thread
                        .io
                        .bind_udp(LOOPBACK, &options(load))
                        .map_err(doing("bind a receiver's socket"))?;
                    addresses.push(socket.local_addr);
                }
            }
            Transport::Tcp => {
                let (token, address) = thread
                    .io
                    .listen(LOOPBACK)
                    .map_err(doing("listen for the relay's connections"))?;
                addresses.resize(load.receivers(), address);
                thread.listener = Some(token);
                if load.stalled > 0 {
                    let taker = Stalled::start(load.stalled)?;
                    // Evenly among the others: a relay serves them in their order.
                    for number in 0..load.stalled {
                        let place = number * addresses.len() / load.stalled;
                        if let Some(address) = addresses.get_mut(place) {
                            *address = taker.address;
                        }
                    }
                    stalled = Some(taker);
                }
            }
        }
        let mut receivers = thread.spawn(addresses)?;
        receivers._stalled = stalled;
        Ok(receivers)
    }

    /// RTSP players: `play` opens the session of each, with the ports that it is to receive at over UDP, and
    /// returns its connection with what was read behind the answer to PLAY. The stream has to flow while this
    /// lasts.
    ///
    /// # Errors
    ///
    /// Those of `play`; when the system refuses sockets or a thread.
    pub fn players<E: From<Error>>(
        load: &Load,
        epoch: Instant,
        mut play: impl FnMut(Option<(u16, u16)>) -> Result<(TcpStream, Vec<u8>), E>,
    ) -> Result<Receivers, E> {
        let mut thread = Thread::new(epoch)?;
        let mut ports = vec![None; load.receivers()];
        if load.transport == Transport::Udp {
            for ports in &mut ports {
                let (rtp, rtcp) = thread
                    .io
                    .bind_udp_pair(LOOPBACK.ip(), &options(load))
                    .map_err(doing("bind a player's sockets"))?;
                thread.unread.insert(rtcp.token);
                *ports = Some((rtp.local_addr.port(), rtcp.local_addr.port()));
            }
        }
        let receivers = thread.spawn(Vec::new())?;
        for ports in ports {
            let connection = play(ports)?;
            // It reads from now on: a player that does not is no player for long.
            if let Some(connections) = &receivers.connections {
                let ended = Error::Other("the receivers ended");
                connections.send(connection).map_err(|_| ended)?;
            }
        }
        Ok(receivers)
    }

    /// Where a relay is to send to, one address a receiver; for TCP it connects to one for each.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What arrived since the beginning; the latencies are those since the last call.
    pub fn arrived(&self) -> Arrived {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        let latencies = std::mem::take(&mut arrived.latencies);
        Arrived { packets: arrived.packets, latencies }
    }
}

impl Drop for Receivers {
    fn drop(&mut self) {
        drop(self.connections.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the receivers' thread had panicked");
        }
    }
}

struct Thread {
    io: Mmsg,
    epoch: Instant,
    listener: Option<Token>,
    /// What is left over of an interleaved frame.
    connections: HashMap<Token, Vec<u8>>,
    /// Sockets at which reports arrive, which do not count.
    unread: HashSet<Token>,
    pool: Pool,
    lanes: Lanes,
    input: Vec<u8>,
    arrived: Arc<Mutex<Arrived>>,
    fresh: Arrived,
}

impl Thread {
    fn new(epoch: Instant) -> Result<Thread, Error> {
        Ok(Thread {
            io: Mmsg::new().map_err(doing("open the sockets of the receivers"))?,
            epoch,
            listener: None,
            connections: HashMap::new(),
            unread: HashSet::new(),
            // Nothing is kept, so few buffers are enough.
            pool: Pool::new(Pool::CHUNK_SIZE, 16),
            lanes: Lanes::default(),
            input: vec![0; INPUT],
            arrived: Arc::default(),
            fresh: Arrived::default(),
        })
    }

    fn spawn(self, addresses: Vec<SocketAddr>) -> Result<Receivers, Error> {
        let arrived = self.arrived.clone();
        let (connections, begun) = channel();
        let thread = std::thread::Builder::new()
            .name("receivers".into())
            .spawn(move || self.run(&begun))
            .map_err(doing("start the receivers' thread"))?;
        let connections = Some(connections);
        Ok(Receivers { addresses, arrived, connections, _stalled: None, thread: Some(thread) })
    }

    fn run(mut self, begun: &Receiver<(TcpStream, Vec<u8>)>) {
        let mut events = Vec::new();
        loop {
            match begun.try_recv() {
                Ok((connection, left_over)) => self.adopt(connection, left_over),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return,
            }
            if let Err(error) = self.io.wait(Some(WAIT), &mut events) {
                return tracing::error!(%error, "the receivers' sockets cannot be waited for");
            }
            for event in events.drain(..) {
                let token = event.token;
                if self.listener == Some(token) {
                    self.accept(token);
                } else if self.connections.contains_key(&token) {
                    self.read(token);
                } else {
                    self.receive(token);
                }
            }
            self.publish();
            std::thread::sleep(GATHER);
        }
    }

    fn publish(&mut self) {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        arrived.packets += std::mem::take(&mut self.fresh.packets);
        arrived.latencies.append(&mut self.fresh.latencies);
    }

    fn accept(&mut self, listener: Token) {
        while let Ok(Some((token, _))) = self.io.accept(listener) {
            self.connections.insert(token, Vec::new());
        }
    }

    fn adopt(&mut self, connection: TcpStream, left_over: Vec<u8>) {
        let nonblocking = connection.set_nonblocking(true);
        match nonblocking.and_then(|()| self.io.adopt(connection.into())) {
            Ok(token) => drop(self.connections.insert(token, left_over)),
            Err(error) => tracing::error!(%error, "a player's connection cannot be used"),
        }
    }

    fn receive(&mut self, token: Token) {
        let mut datagrams = Vec::new();
        loop {
            let received = self.io.receive(token, &mut self.lanes, &mut self.pool, &mut datagrams);
            if self.unread.contains(&token) {
                datagrams.clear();
            }
            for datagram in datagrams.drain(..) {
                for packet in datagram.span.chunks(datagram.segment.max(1)) {
                    self.fresh.take(packet, self.epoch);
                }
            }
            if !received.is_ok_and(|received| received.more) {
                return;
            }
        }
    }

    fn read(&mut self, token: Token) {
        let Some(kept) = self.connections.get_mut(&token) else { return };
        let length = kept.len();
        let Some((head, room)) = self.input.split_at_mut_checked(length) else { return };
        head.copy_from_slice(kept);
        let read = match self.io.read(token, room) {
            Ok(0) => {
                self.connections.remove(&token);
                return self.io.close(token);
            }
            Ok(read) => read,
            Err(_) => return,
        };
        let mut rest = self.input.get(..length + read).unwrap_or_default();
        while let [b'$', channel, high, low, behind @ ..] = rest {
            let size = usize::from(u16::from_be_bytes([*high, *low]));
            let Some((packet, next)) = behind.split_at_checked(size) else { break };
            // RTCP has a channel of its own. No answers come between: nothing is asked any more.
            if *channel == 0 {
                self.fresh.take(packet, self.epoch);
            }
            rest = next;
        }
        kept.clear();
        kept.extend_from_slice(rest);
    }
}

impl Arrived {
    fn take(&mut self, packet: &[u8], epoch: Instant) {
        self.packets += 1;
        if let Some(sent) = sent_at(packet) {
            let late = epoch.elapsed().saturating_sub(sent).as_micros();
            self.latencies.push(u32::try_from(late).unwrap_or(u32::MAX));
        }
    }
}
