//! All receivers, on one thread: what arrived, and how late.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rillcast::io::{Io, Lanes, Mmsg, Token, UdpOptions};
use rillcast::ring::Pool;

use super::source::sent_at;
use super::{Error, Plan, Transport, doing};

/// How long arrivals gather before the next look. Without it the relay, on the same machine, would pay
/// for waking this thread at nearly every send, which elsewhere it never does.
const GATHER: Duration = Duration::from_micros(500);
const WAIT: Duration = Duration::from_millis(10);
/// The longest interleaved frame, and what is read at once.
const INPUT: usize = 256 << 10;

/// What arrived so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrived {
    pub(super) packets: u64,
    /// How long each whole frame took to each receiver, in microseconds, since the last time this was
    /// taken.
    pub(super) latencies: Vec<u32>,
}

/// The receivers, until it is dropped.
pub(super) struct Receivers {
    /// Where relays send to, one address a receiver; for TCP they all connect to one.
    pub(super) addresses: Vec<SocketAddr>,
    arrived: Arc<Mutex<Arrived>>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Receivers {
    pub(super) fn start(plan: &Plan, epoch: Instant) -> Result<Receivers, Error> {
        let mut io = Mmsg::new().map_err(doing("open the sockets of the receivers"))?;
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut addresses = Vec::with_capacity(plan.children);
        let listener = match plan.transport {
            Transport::Udp => {
                let options = UdpOptions { gro: plan.gro, send_buffer: 0, recv_buffer: 0 };
                for _ in 0..plan.children {
                    let socket =
                        io.bind_udp(any, &options).map_err(doing("bind a receiver's socket"))?;
                    addresses.push(socket.local_addr);
                }
                None
            }
            Transport::Tcp => {
                let (token, address) =
                    io.listen(any).map_err(doing("listen for the relay's connections"))?;
                addresses.resize(plan.children, address);
                Some(token)
            }
        };
        let arrived = Arc::new(Mutex::new(Arrived::default()));
        let (stop, stopped) = channel();
        let thread = Thread {
            io,
            epoch,
            listener,
            connections: HashMap::new(),
            // One buffer is enough: nothing is kept.
            pool: Pool::new(Pool::CHUNK_SIZE, 16),
            lanes: Lanes::default(),
            input: vec![0; INPUT],
            arrived: arrived.clone(),
            fresh: Arrived::default(),
        };
        let thread = std::thread::Builder::new()
            .name("receivers".into())
            .spawn(move || thread.run(&stopped))
            .map_err(doing("start the receivers' thread"))?;
        Ok(Receivers { addresses, arrived, stop: Some(stop), thread: Some(thread) })
    }

    /// What arrived since the beginning; the latencies are those since the last call.
    pub(super) fn arrived(&self) -> Arrived {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        let latencies = std::mem::take(&mut arrived.latencies);
        Arrived { packets: arrived.packets, latencies }
    }
}

impl Drop for Receivers {
    fn drop(&mut self) {
        drop(self.stop.take());
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
    pool: Pool,
    lanes: Lanes,
    input: Vec<u8>,
    arrived: Arc<Mutex<Arrived>>,
    fresh: Arrived,
}

impl Thread {
    fn run(mut self, stopped: &Receiver<()>) {
        let mut events = Vec::new();
        while stopped.try_recv() != Err(TryRecvError::Disconnected) {
            if let Err(error) = self.io.wait(Some(WAIT), &mut events) {
                return tracing::error!(%error, "the receivers' sockets cannot be waited for");
            }
            for event in events.drain(..) {
                match self.listener {
                    Some(listener) if listener == event.token => self.accept(listener),
                    Some(_) => self.read(event.token),
                    None => self.receive(event.token),
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

    fn receive(&mut self, token: Token) {
        let mut datagrams = Vec::new();
        loop {
            let received = self.io.receive(token, &mut self.lanes, &mut self.pool, &mut datagrams);
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
            // RTCP has a channel of its own.
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
