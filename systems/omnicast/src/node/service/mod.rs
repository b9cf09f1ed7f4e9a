//! What a node does (section 3.4.3).

mod engine_events;
mod performance;
mod proxies;
mod proxy_connection;
mod quality;
mod relay;
mod streaming;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rillcast::engine::{self, Engine};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

use super::config::{Capacity, Config};
use super::event::Event;
use crate::uscp::ErrorReport;
use engine_events::{Children, EngineEvents};
use proxies::Proxies;
use proxy_connection::ProxyConnection;
use relay::TicketGate;
use streaming::StreamingConnection;

/// Events that may wait to be taken.
const EVENTS: usize = 1024;
/// Events of the engine that may wait.
const ENGINE_EVENTS: usize = 256;
/// Connections of one address that are no node's.
const PLAYERS: usize = 16;
/// How long the stream waits, with its children, for another server node.
const LINGER: Duration = Duration::from_secs(10);

/// Connections of one address at once. All that the proxy server sends here may be behind one NAT: the
/// children, four times as many that stand by, and some more for players.
fn connections_of_one(capacity: Capacity) -> usize {
    let most = engine::Config::default().max_connections_per_address;
    let nodes = capacity.most().and_then(|nodes| usize::try_from(nodes).ok()).unwrap_or(most);
    nodes.saturating_mul(5).saturating_add(PLAYERS).min(most)
}

/// Why a node does not start, or ends by itself.
#[derive(Debug)]
pub enum Error {
    /// The engine does not work.
    Engine(engine::Error),
    /// The system gives no threads.
    Thread(io::Error),
    /// The proxy server will not have this node.
    Refused(ErrorReport),
    /// It was told of no proxy server.
    NoProxy,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Engine(error) => error.fmt(f),
            Error::Thread(error) => write!(f, "cannot start a thread: {error}"),
            Error::Refused(report) => write!(f, "the proxy server refuses: {report}"),
            Error::NoProxy => f.write_str("no proxy server was named"),
        }
    }
}

impl std::error::Error for Error {}

/// A node that runs.
pub struct Node {
    address: SocketAddr,
    engine: Arc<Engine>,
    /// When the engine's clock read zero.
    epoch: Instant,
    events: Receiver<Event>,
    stop: Option<oneshot::Sender<()>>,
    worker: Option<JoinHandle<Result<(), Error>>>,
}

impl Node {
    /// Starts a node. It looks for the proxy server until it finds it.
    ///
    /// # Errors
    /// When its address cannot be bound, the system gives no threads, or no proxy server was named.
    pub fn start(config: Config) -> Result<Node, Error> {
        let proxies = Proxies::new(config.proxies.clone()).ok_or(Error::NoProxy)?;
        let (sender, events) = sync_channel(EVENTS);
        let gate = TicketGate::new(config.channel.clone(), config.local_players, sender.clone());
        let gate = Arc::new(gate);
        let engine = engine::Config {
            access: gate.clone(),
            linger: LINGER,
            max_connections_per_address: connections_of_one(config.capacity),
            ..engine::Config::default()
        };
        let engine = Arc::new(Engine::start(engine).map_err(Error::Engine)?);
        let epoch = Instant::now();
        let address = engine.listen(config.listen).map_err(Error::Engine)?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Thread)?;
        let stream =
            StreamingConnection::new(engine.clone(), config.channel.clone(), config.transport);
        let (forward, engine_events) = mpsc::channel(ENGINE_EVENTS);
        let children = Children::default();
        let taker = EngineEvents {
            engine: engine.clone(),
            channel: config.channel.clone(),
            children: children.clone(),
            events: sender.clone(),
            forward,
        };
        let named = |name: &str| thread::Builder::new().name(name.into());
        // Ends when the engine stops.
        named("node-events").spawn(move || taker.run()).map_err(Error::Thread)?;
        let (stop, stopped) = oneshot::channel();
        let worker = named("node").spawn(move || {
            let port = address.port();
            let proxy = ProxyConnection::new(config, proxies, port, gate, stream, children, sender);
            runtime.block_on(proxy.run(engine_events, stopped))
        });
        let worker = Some(worker.map_err(Error::Thread)?);
        Ok(Node { address, engine, epoch, events, stop: Some(stop), worker })
    }

    /// Where it serves others.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The engine, for reading the stream.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// When the clock of the engine, by which packets and frames are stamped, read zero; it may have been
    /// some microseconds earlier.
    pub fn epoch(&self) -> Instant {
        self.epoch
    }

    /// The next event, in the order in which they happened; `None` when there was none within
    /// `timeout`.
    pub fn next_event(&self, timeout: Duration) -> Option<Event> {
        self.events.recv_timeout(timeout).ok()
    }

    /// Whether it runs; it ends by itself when the proxy server will not have it.
    pub fn is_running(&self) -> bool {
        self.worker.as_ref().is_some_and(|worker| !worker.is_finished())
    }

    /// Logs out, and ends.
    ///
    /// # Errors
    /// Why it had ended before.
    pub fn stop(mut self) -> Result<(), Error> {
        self.end()
    }

    fn end(&mut self) -> Result<(), Error> {
        if let Some(stop) = self.stop.take() {
            // An error means that it has ended already.
            let _ = stop.send(());
        }
        let result = self.worker.take().map_or(Ok(()), |worker| {
            worker.join().unwrap_or_else(|_| Err(Error::Thread(io::Error::other("it panicked"))))
        });
        self.engine.stop();
        result
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Who wants to know why it ended calls `stop`.
        let _ = self.end();
    }
}
