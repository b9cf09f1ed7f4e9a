//! The thread that joins protocol, relay and sockets, and the handle by which it is driven.
//!
//! One thread does everything: it waits for sockets ([`crate::io`]), hands what they bring to the
//! protocol machines ([`crate::rtsp`]) and streams ([`crate::relay`]), and lets these write back. The
//! handle only sends it commands.
//!
//! | file | what is there |
//! |---|---|
//! | `worker.rs` | the loop: events, commands, timers |
//! | `connection.rs`, `role.rs` | one RTSP connection, and what it is there for |
//! | `traffic.rs` | the bytes of RTSP connections: messages and media |
//! | `server.rs` | answers to those who play from here and publish to here |
//! | `access/`, `admission.rs` | who may play and publish, and the requests that wait to be let in |
//! | `client.rs` | pulls and pushes: connections that the engine opens itself |
//! | `media.rs`, `inlet.rs` | streams and the sockets that feed them |
//! | `egress.rs` | the relay's way out |
//! | `source.rs` | media made in this process |
//!
//! ```no_run
//! use rillcast::engine::{Config, Engine};
//!
//! let engine = Engine::start(Config::default())?;
//! let address = engine.listen("127.0.0.1:8554".parse().expect("an address"))?;
//! println!("publish to and play from rtsp://{address}/any/path");
//! while let Some(event) = engine.next_event(None) {
//!     println!("{event}");
//! }
//! # Ok::<(), rillcast::engine::Error>(())
//! ```

pub mod access;
mod admission;
mod client;
mod command;
mod config;
mod connection;
mod egress;
mod ending;
mod error;
mod event;
mod figures;
mod inlet;
mod media;
mod pull;
mod push;
mod random;
mod reporters;
mod resume;
mod role;
mod server;
mod source;
mod traffic;
mod worker;

#[cfg(test)]
mod tests;

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::io::Io;
use crate::io::mmsg::Mmsg;
use crate::media::sdp;
use crate::relay::FrameReader;
use crate::rtsp::Url;

use command::{Command, Commands, Remote};
pub use config::{Config, Transport};
pub use error::Error;
pub use event::Event;
pub use figures::{Figures, StreamFigures};
pub use source::{Closed, Source};

/// Events that wait to be taken at most.
const EVENTS: usize = 1024;

/// A running engine. All methods may be called from any thread; dropping it stops the engine and
/// waits until its thread has ended and its sockets are closed.
pub struct Engine {
    commands: Commands,
    events: Mutex<Receiver<Event>>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// Starts the engine's thread. It is named `rillcast`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the system gives no event queue or no thread.
    pub fn start(config: Config) -> Result<Engine, Error> {
        let io = Mmsg::new()
            .map_err(|source| Error::Io { doing: "open the event queue of the sockets", source })?;
        let [a, b, c, d, ..] =
            random::seed().map_err(|source| Error::Io { doing: "choose a random SSRC", source })?;
        let reporter = u32::from_be_bytes([a, b, c, d]);
        let (queue, commands) = sync_channel(command::QUEUE);
        let (event_queue, events) = sync_channel(EVENTS);
        let handle = Commands::new(queue, io.waker());
        let thread = std::thread::Builder::new()
            .name("rillcast".into())
            .spawn(move || {
                let io = Box::new(io);
                worker::Worker::new(io, config, commands, event_queue, reporter).run();
            })
            .map_err(|source| Error::Io { doing: "start the engine's thread", source })?;
        Ok(Engine { commands: handle, events: Mutex::new(events), thread: Some(thread) })
    }

    /// Serves RTSP at `address`; port 0 picks a free one. Returns the address in use.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the address cannot be bound.
    pub fn listen(&self, address: SocketAddr) -> Result<SocketAddr, Error> {
        self.commands.ask(|reply| Command::Listen(address, reply))
    }

    /// Plays `url` and makes what comes the stream at `path`. Returns when the attempt has begun;
    /// how it goes on is told by [`Event::StreamStarted`] or [`Event::PullFailed`].
    ///
    /// # Errors
    ///
    /// When the URL cannot be used, its host is not found, or the path is taken.
    pub fn pull(&self, path: &str, url: &str, transport: Transport) -> Result<(), Error> {
        let remote = remote(path, url, transport)?;
        self.commands.ask(|reply| Command::Pull(remote, reply))
    }

    /// Publishes the stream at `path`, now or as soon as it comes, to `url` by RTSP RECORD. Returns
    /// when this is noted; how it goes on is told by [`Event::PushStarted`] and [`Event::PushEnded`].
    ///
    /// # Errors
    ///
    /// When the URL cannot be used or its host is not found.
    pub fn push(&self, path: &str, url: &str, transport: Transport) -> Result<(), Error> {
        let remote = remote(path, url, transport)?;
        self.commands.ask(|reply| Command::Push(remote, reply))
    }

    /// Receives plain RTP as `session` describes it (ports, payload types) and makes it the stream
    /// at `path`.
    ///
    /// # Errors
    ///
    /// When the path is taken, the description has no port, or a port cannot be bound.
    pub fn ingest_rtp(&self, path: &str, session: sdp::Session) -> Result<(), Error> {
        let path = normal_path(path);
        self.commands.ask(|reply| Command::IngestRtp { path, session, reply })
    }

    /// Sends the stream at `path` as plain RTP: one pair of addresses (RTP, RTCP) per track.
    ///
    /// # Errors
    ///
    /// [`Error::NoStream`] when there is no such stream, [`Error::Io`] when no socket can be bound.
    pub fn send_rtp(
        &self,
        path: &str,
        targets: Vec<(SocketAddr, SocketAddr)>,
    ) -> Result<(), Error> {
        let path = normal_path(path);
        self.commands.ask(|reply| Command::SendRtp { path, targets, reply })
    }

    /// A stream at `path` made of media that this process has: see [`Source`].
    ///
    /// # Errors
    ///
    /// When the path is taken or the description has a track that a [`Source`] cannot packetise.
    pub fn source(&self, path: &str, session: sdp::Session) -> Result<Source, Error> {
        Source::new(self.commands.clone(), normal_path(path), session)
    }

    /// Reads frames of the stream at `path`; waits up to `patience` for the stream to come.
    ///
    /// # Errors
    ///
    /// [`Error::NoStream`] when it did not come, [`Error::TooMany`] when all readers are taken.
    pub fn reader(&self, path: &str, patience: Duration) -> Result<FrameReader, Error> {
        let path = normal_path(path);
        let asked = path.clone();
        let answer =
            self.commands.ask_within(patience, |reply| Command::Reader { path: asked, reply });
        let (session, subscriber) = answer.unwrap_or(Err(Error::NoStream(path)))?;
        FrameReader::new(&subscriber, session).map_err(|_| Error::TooMany("readers of one stream"))
    }

    /// Everything that is counted, at this moment.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`].
    pub fn figures(&self) -> Result<Figures, Error> {
        self.commands.ask(Command::Figures)
    }

    /// The next event, in the order in which they happened. `None` when there was none within
    /// `timeout` (`None` waits for ever) or the engine has stopped. Several threads may ask; each
    /// event goes to one of them.
    pub fn next_event(&self, timeout: Option<Duration>) -> Option<Event> {
        let events = self.events.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match timeout {
            None => events.recv().ok(),
            Some(timeout) => events.recv_timeout(timeout).ok(),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // An error means that the thread has ended already.
        let _ = self.commands.send(Command::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the engine's thread had panicked");
        }
    }
}

/// A path as streams are named by: without slashes at its ends.
fn normal_path(path: &str) -> String {
    path.trim_matches('/').to_owned()
}

fn remote(path: &str, url: &str, transport: Transport) -> Result<Remote, Error> {
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
