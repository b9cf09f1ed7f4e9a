//! The proxy server as a whole.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rillcast::engine::rustls::ServerConfig;
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::event::{Event, Events};
use super::interface::{Limits, Listener};
use super::pluggable::directory::{self, Directory, Opened, Registry};
use super::service::authentication::{self, AuthenticationManager};
use super::service::connections::ProxyServiceManager;
use super::service::responses::{HAD_NODES, ResponseManager};
use super::service::sharing::{Journal, Seats};
use super::service::topology::{Now, Settings, TopologyConfiguration};
use crate::ticket::Signer;

/// Threads that serve nodes.
const THREADS: usize = 2;
/// Events that may wait to be taken.
const EVENTS: usize = 4096;
/// How long connections may take to end.
const GOODBYE: Duration = Duration::from_secs(1);
/// The name under which the proxy servers of a directory share the key of the tickets.
const TICKET_KEY: &str = "ticket-key";

/// What a proxy server is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens; port 0 picks a free one.
    pub listen: SocketAddr,
    /// How it speaks TLS; `None`: it does not.
    pub tls: Option<Arc<ServerConfig>>,
    /// The accounts: a file of SQLite, or `postgres://…`, where other proxy servers may share them, and the trees
    /// of the channels.
    pub directory: String,
    /// HOST:PORT at which nodes reach this proxy server that have turned to another one of the directory; `None`:
    /// where it listens, if that is one address.
    pub advertise: Option<String>,
    /// How long another proxy server waits for a sign of life until it takes a shared tree over.
    pub lease: Duration,
    /// Whether nodes may make themselves accounts.
    pub subscription: bool,
    /// Connections at once.
    pub max_connections: usize,
    /// Connections at once from one address, or from one IPv6 network (/64).
    pub max_connections_per_address: usize,
    /// The channels, and how nodes are placed.
    pub topology: Settings,
}

/// Why a proxy server does not start.
#[derive(Debug)]
pub enum Error {
    /// The system refuses.
    Io {
        /// What was to be done, as in "cannot …".
        doing: String,
        /// The reason.
        source: io::Error,
    },
    /// The accounts cannot be used.
    Directory(directory::Error),
    /// The accounts cannot be guarded.
    Authentication(authentication::Error),
    /// There is no key to sign tickets with; the reason.
    Key(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io { doing, source } => write!(f, "cannot {doing}: {source}"),
            Error::Directory(error) => error.fmt(f),
            Error::Authentication(error) => error.fmt(f),
            Error::Key(reason) => write!(f, "cannot sign tickets: {reason}"),
        }
    }
}

impl std::error::Error for Error {}

/// A proxy server that runs. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    events: Receiver<Event>,
    /// Where the trees are shared with others.
    shared: Option<Shared>,
    /// Taken when it is dropped.
    runtime: Option<Runtime>,
}

/// What has to be given back.
#[derive(Debug)]
struct Shared {
    registry: Registry,
    responses: Arc<ResponseManager>,
    seats: AbortHandle,
}

impl Proxy {
    /// Starts it. To be called outside of any async runtime.
    ///
    /// # Errors
    /// When the address cannot be bound or the accounts cannot be used.
    pub fn start(config: Config) -> Result<Proxy, Error> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(THREADS).thread_name("proxy").enable_all().build();
        let io = |doing: &str| {
            let doing = doing.to_owned();
            move |source| Error::Io { doing, source }
        };
        let runtime = runtime.map_err(io("start threads"))?;
        let (sender, events) = sync_channel(EVENTS);
        let (address, shared) = runtime.block_on(async {
            let opened = directory::open_with_trees(&config.directory).await;
            let Opened { directory, registry } = opened.map_err(Error::Directory)?;
            let signer = signer(&*directory).await?;
            let had_nodes = directory.value(HAD_NODES).await.map_err(Error::Directory)?.is_some();
            let authentication = AuthenticationManager::new(directory, config.subscription);
            let authentication = authentication.map_err(Error::Authentication)?;
            let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let clock = (Instant::now(), epoch);
            let keepalive = config.topology.keepalive;
            let channels = config.topology.channels.iter().map(|channel| channel.name.clone());
            let channels: Vec<String> = channels.collect();
            let now = Now { time: epoch, date: epoch.as_secs() };
            let topology = TopologyConfiguration::new(config.topology, signer, now);
            let topology = topology.ok_or_else(|| Error::Key("the key is damaged".into()))?;
            let topology = if had_nodes { topology.anew() } else { topology };
            let (topology, journal, writer) = match registry.clone() {
                None => (topology, None, None),
                Some(registry) => {
                    let (journal, writer) = Journal::new(registry);
                    (topology.shared(), Some(journal), Some(writer))
                }
            };
            let events = Events(sender);
            let responses =
                ResponseManager::new(authentication, topology, events, clock, keepalive, journal);
            let responses = Arc::new(responses);
            let limits = Limits {
                connections: config.max_connections,
                per_address: config.max_connections_per_address,
            };
            let listener = Listener::bind(config.listen, config.tls, limits).await;
            let listener = listener.map_err(io(&format!("listen at {}", config.listen)))?;
            let address = listener.address().map_err(io("find the address in use"))?;
            let advertise = config.advertise.or_else(|| reachable(address));
            let shared = registry.zip(writer).map(|(registry, writer)| {
                tokio::spawn(writer.run(responses.clone()));
                let seats = Seats::new(registry.clone(), channels, advertise, config.lease);
                let seats = tokio::spawn(seats.run(responses.clone())).abort_handle();
                Shared { registry, responses: responses.clone(), seats }
            });
            tokio::spawn(responses.clone().watch());
            tokio::spawn(ProxyServiceManager::new(listener, responses).run());
            Ok((address, shared))
        })?;
        Ok(Proxy { address, events, shared, runtime: Some(runtime) })
    }

    /// The address in use.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next event, in the order in which they happened; `None` when there was none within
    /// `timeout`.
    pub fn next_event(&self, timeout: Duration) -> Option<Event> {
        self.events.recv_timeout(timeout).ok()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        if let Some(Shared { registry, responses, seats }) = self.shared.take() {
            seats.abort();
            // Whoever takes the trees over need not wait. If this fails, he waits.
            let _ = runtime
                .block_on(async { timeout(GOODBYE, registry.release(&responses.seats())).await });
        }
        runtime.shutdown_timeout(GOODBYE);
    }
}

/// The public key of the tickets that the proxy servers of a directory sign; it is made when there is none yet.
/// To be called outside of any async runtime.
///
/// # Errors
/// When the directory cannot be used.
pub fn ticket_key(directory: &str) -> Result<String, Error> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|source| Error::Io { doing: "start an event loop".into(), source })?;
    runtime.block_on(async {
        let directory = directory::open(directory).await.map_err(Error::Directory)?;
        Ok(signer(&*directory).await?.public_key())
    })
}

/// Where others find who listens there, if that can be told.
fn reachable(address: SocketAddr) -> Option<String> {
    (!address.ip().is_unspecified()).then(|| address.to_string())
}

/// The key of the tickets, made when this is the first proxy server of the directory.
async fn signer(directory: &dyn Directory) -> Result<Signer, Error> {
    let proposal =
        Signer::generate().map_err(|_| Error::Key("the system gives no randomness".into()))?;
    let key = directory.shared_value(TICKET_KEY, &proposal).await.map_err(Error::Directory)?;
    Signer::read(&key).ok_or_else(|| Error::Key("the key in the directory is damaged".into()))
}
