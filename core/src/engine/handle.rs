//! The handle by which a program drives an engine.
//!
//! | file | what is there |
//! |---|---|
//! | `handle.rs` | start, listen, events, figures, stop |
//! | `handle/streams.rs` | where streams come from and are pushed to |
//! | `handle/receivers.rs` | children that the program adds, and readers |

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::io::Opened;
use crate::ring::Wake;
use crate::rtsp::Url;
use crate::sync::{AtomicBool, Ordering};

use super::command::{self, Command, Commands, Remote};
use super::config::{Config, Transport};
use super::error::Error;
use super::event::Event;
use super::figures::Figures;
use super::shards::{self, MAX_WORKERS, Shards};
use super::{event_queue, random, worker};

mod receivers;
mod streams;

/// A running engine. All methods may be called from any thread; dropping it stops the engine and
/// waits until its thread has ended and its sockets are closed.
pub struct Engine {
    pub(super) commands: Commands,
    events: event_queue::Taker,
    thread: Mutex<Option<JoinHandle<()>>>,
    stopping: AtomicBool,
}

impl Engine {
    /// Starts the engine's thread, which is named `rillcast`, and those that it has for sending
    /// ([`Config::workers`]), `rillcast-fan-0` and so on.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when [`Config::backend`] cannot be had, or the system gives no thread, [`Error::TooMany`] when
    /// the workers are more than an engine may have.
    pub fn start(config: Config) -> Result<Engine, Error> {
        let backend = config.backend;
        Engine::start_with(config, || crate::io::open(backend))
    }

    /// Starts an engine at a host of a simulated network. [`Config::backend`] has no say there, and TCP children
    /// cannot be served by threads of their own.
    ///
    /// # Errors
    ///
    /// As [`start`](Engine::start).
    #[cfg(any(test, feature = "simulated"))]
    pub fn start_at(host: &crate::io::simulated::Host, config: Config) -> Result<Engine, Error> {
        let reason = || "the network is simulated".to_owned();
        Engine::start_with(config, || Ok(Opened { io: Box::new(host.open()), reason: reason() }))
    }

    fn start_with(config: Config, open: impl Fn() -> io::Result<Opened>) -> Result<Engine, Error> {
        let opened =
            open().map_err(|source| Error::Io { doing: "open the I/O backend", source })?;
        let [a, b, c, d, node @ .., _, _, _, _] =
            random::seed().map_err(|source| Error::Io { doing: "choose a random SSRC", source })?;
        let names = (u32::from_be_bytes([a, b, c, d]), u64::from_be_bytes(node));
        let (queue, commands) = sync_channel(command::QUEUE);
        let (teller, events) = event_queue::event_queue();
        let handle = Commands::new(queue, opened.io.waker());
        let own = handle.clone();
        if config.workers > MAX_WORKERS {
            return Err(Error::TooMany("workers"));
        }
        let open = || open().map(|opened| opened.io);
        let shards = Shards::start(config.workers, config.pin, &*opened.io, open)
            .map_err(|source| Error::Io { doing: "start the threads that send", source })?;
        let thread = std::thread::Builder::new()
            .name("rillcast".into())
            .spawn(move || {
                if config.pin {
                    shards::pin_to(0);
                }
                worker::Worker::new(opened, shards, config, (own, commands), teller, names).run();
            })
            .map_err(|source| Error::Io { doing: "start the engine's thread", source })?;
        let (thread, stopping) = (Mutex::new(Some(thread)), AtomicBool::new(false));
        Ok(Engine { commands: handle, events, thread, stopping })
    }

    /// Serves RTSP at `address`; port 0 picks a free one. Returns the address in use.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the address cannot be bound.
    pub fn listen(&self, address: SocketAddr) -> Result<SocketAddr, Error> {
        self.commands.ask(|reply| Command::Listen(address, None, reply))
    }

    /// Serves RTSP over TLS (RTSPS) at `address`; port 0 picks a free one. Returns the address in
    /// use. Media goes over the same connection, encrypted once for each player; UDP is refused.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the address cannot be bound.
    #[cfg(feature = "tls")]
    pub fn listen_tls(
        &self,
        address: SocketAddr,
        config: std::sync::Arc<rustls::ServerConfig>,
    ) -> Result<SocketAddr, Error> {
        let acceptor = std::sync::Arc::new(config);
        self.commands.ask(|reply| Command::Listen(address, Some(acceptor), reply))
    }

    /// Everything that is counted, at this moment.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`].
    pub fn figures(&self) -> Result<Figures, Error> {
        self.commands.ask(Command::Figures)
    }

    /// As [`figures`](Engine::figures), if the engine's thread comes to it within `patience`; `None` when
    /// it does not, which is a sign that something is wrong with it.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`].
    pub fn figures_within(&self, patience: Duration) -> Result<Option<Figures>, Error> {
        self.commands.ask_within(patience, Command::Figures).transpose()
    }

    /// The next event, in the order in which they happened. `None` when there was none within
    /// `timeout` (`None` waits for ever) or the engine has stopped. Several threads may ask; each
    /// event goes to one of them.
    pub fn next_event(&self, timeout: Option<Duration>) -> Option<Event> {
        self.events.take(timeout)
    }

    /// From now on `wake` is called after each event, and when the engine has stopped: for taking
    /// events in an event loop. It takes the place of one set before.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`].
    pub fn wake_on_event(&self, wake: Arc<dyn Wake>) -> Result<(), Error> {
        self.commands.send(Command::WakeOnEvent(wake))
    }

    /// Whether the engine's thread runs. It ends by [`stop`](Engine::stop), or by itself when the
    /// system's event queue fails.
    pub fn is_running(&self) -> bool {
        let runs = |thread: &Option<JoinHandle<()>>| {
            thread.as_ref().is_some_and(|thread| !thread.is_finished())
        };
        match self.thread.try_lock() {
            Ok(thread) => runs(&thread),
            Err(TryLockError::Poisoned(poisoned)) => runs(&poisoned.into_inner()),
            // Another thread looks too, or it is stopping the engine. Nothing is read because of it but this.
            Err(TryLockError::WouldBlock) => !self.stopping.load(Ordering::Relaxed),
        }
    }

    /// Ends every stream in order, and returns when the engine's thread has ended and its sockets are
    /// closed. All calls made after it fail with [`Error::Stopped`]; frames and packets that were read
    /// stay valid. A second call does nothing but wait for the first.
    pub fn stop(&self) {
        // Only a hint for `is_running`: the lock below orders everything else.
        self.stopping.store(true, Ordering::Relaxed);
        // An error means that the thread has ended already.
        let _ = self.commands.send(Command::Stop);
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the engine's thread had panicked");
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A path as streams are named by: without slashes at its ends.
pub(super) fn normal_path(path: &str) -> String {
    path.trim_matches('/').to_owned()
}

/// A server that is to be called.
pub(super) fn remote(path: &str, url: &str, transport: Transport) -> Result<Remote, Error> {
    let bad = |reason: String| Error::Url { url: url.to_owned(), reason };
    let parsed = Url::parse(url).map_err(|error| bad(error.to_string()))?;
    let addresses: Vec<_> = (parsed.host(), parsed.port())
        .to_socket_addrs()
        .map_err(|error| bad(format!("host {} is not found: {error}", parsed.host())))?
        .collect();
    if addresses.is_empty() {
        return Err(bad(format!("host {} has no address", parsed.host())));
    }
    Ok(Remote { path: normal_path(path), url: url.to_owned(), addresses, transport })
}
