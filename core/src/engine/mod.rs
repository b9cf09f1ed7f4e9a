//! The thread that joins protocol, relay and sockets, and the handle by which it is driven.
//!
//! One thread does everything, unless the [children are spread over others](Config::workers): it waits for sockets ([`crate::io`]), hands what they bring to the
//! protocol machines ([`crate::rtsp`]) and streams ([`crate::relay`]), and lets these write back. The
//! handle only sends it commands.
//!
//! | file | what is there |
//! |---|---|
//! | `worker.rs`, `worker/` | the loop: events, commands, sockets, timers |
//! | `door.rs`, `budget.rs` | how many connections there may be, and how much memory for streams |
//! | `connection.rs`, `wire.rs`, `role.rs` | one RTSP connection, its bytes, and what it is there for |
//! | `traffic.rs` | the bytes of RTSP connections: messages and media |
//! | `server.rs`, `server/` | answers to those who play from here and publish to here |
//! | `access/`, `admission.rs` | who may play and publish, and the requests that wait to be let in |
//! | `client.rs` | connections that the engine opens itself: how they come about, go on and end |
//! | `pull.rs`, `push.rs` | what such a connection is for: to fetch a stream, to carry one on |
//! | `media.rs`, `inlet.rs` | streams and the sockets that feed them |
//! | `multicast.rs`, `multicast/` | streams sent to multicast groups |
//! | `upstreams.rs`, `upstreams/` | where streams are pulled from: one server feeds, others stand by |
//! | `on_demand.rs`, `backoff.rs` | streams that are fetched while somebody wants them |
//! | `fallback.rs` | streams that stand in where there is no publisher |
//! | `resume.rs` | streams whose source is gone, and comes back |
//! | `ending.rs` | how streams, connections and the engine itself end |
//! | `reporters.rs` | where the reports of UDP children come from |
//! | `cipher.rs`, `tls.rs` | encryption between a connection and its socket |
//! | `asking.rs` | what is asked of those who feed streams |
//! | `egress.rs` | the relay's way out |
//! | `shards/` | fan-out on threads of its own |
//! | `config.rs`, `error.rs` | what an engine is told, and why it cannot do something |
//! | `random.rs` | randomness from the system |
//! | `source.rs`, `rtp_source.rs` | media made in this process, and RTP that it has |
//! | `children.rs` | children that a program adds itself |
//! | `command.rs`, `event.rs`, `event_queue.rs`, `figures.rs` | what goes to and fro between handle and thread |
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
mod asking;
mod backoff;
mod budget;
mod children;
mod cipher;
mod client;
mod command;
mod config;
mod connection;
mod door;
mod egress;
mod ending;
mod error;
mod event;
mod event_queue;
mod fallback;
mod figures;
mod inlet;
mod media;
mod multicast;
mod on_demand;
mod pull;
mod push;
mod random;
mod reporters;
mod resume;
mod role;
mod rtp_source;
mod server;
mod shards;
mod source;
#[cfg(feature = "tls")]
mod tls;
mod traffic;
mod upstreams;
mod wire;
mod worker;

#[cfg(test)]
mod tests;

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::media::sdp;
use crate::relay::{FrameReader, Packet, PacketReader, ReaderOptions, Start};
use crate::ring::{Subscriber, Wake};
use crate::rtsp::Url;

pub use backoff::Backoff;
use children::ChildCommand;
pub use children::{ChildId, ChildOptions, Receiver};
use command::{Command, Commands, Remote, Reply};
pub use config::{Config, Transport};
pub use error::Error;
pub use event::Event;
pub use figures::{
    FallbackFigures, Figures, OnDemandFigures, OnDemandState, StreamFigures, WorkerFigures,
};
pub use multicast::{GroupRange, Multicast};
use on_demand::OnDemand;
pub use rtp_source::{PushError, RtpSource};
#[cfg(feature = "tls")]
pub use rustls;
use shards::{MAX_WORKERS, Shards};
pub use source::{Closed, Source};
pub use upstreams::{Sources, Switched, Upstream, Why};

/// A running engine. All methods may be called from any thread; dropping it stops the engine and
/// waits until its thread has ended and its sockets are closed.
pub struct Engine {
    commands: Commands,
    events: event_queue::Taker,
    thread: Mutex<Option<JoinHandle<()>>>,
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
        let opened = crate::io::open(config.backend)
            .map_err(|source| Error::Io { doing: "open the I/O backend", source })?;
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
        let open = || crate::io::open(config.backend).map(|opened| opened.io);
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
        Ok(Engine { commands: handle, events, thread: Mutex::new(Some(thread)) })
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

    /// Plays `url` and makes what comes the stream at `path`. Returns when the attempt has begun;
    /// how it goes on is told by [`Event::StreamStarted`] or [`Event::PullFailed`].
    ///
    /// # Errors
    ///
    /// When the URL cannot be used, its host is not found, or the path is taken.
    pub fn pull(&self, path: &str, url: &str, transport: Transport) -> Result<(), Error> {
        self.pull_from(path, &Sources::new(Upstream::new(url).over(transport)))
    }

    /// As [`pull`](Engine::pull), from a server for which others [stand by](Sources::standbys): each has a connection
    /// with all set up, and plays not. When the one that feeds the stream is gone or silent, one of them goes on
    /// from the last packet that is here ([`crate::rtsp::Resume`]): the children lose nothing, get nothing twice and
    /// notice nothing. [`Event::UpstreamSwitched`] tells of it. Servers that were lost are tried again, and stand by
    /// when they are back. When none is left the stream waits as long as [`Config::linger`] says, and goes on with
    /// the first that comes back.
    ///
    /// A server stands by only if it has the same tracks from the same source (SSRC). One that has not, or that has
    /// the stream from this engine itself, is refused: [`Event::StandbyLost`].
    ///
    /// # Errors
    ///
    /// As [`pull`](Engine::pull), for any of the servers; [`Error::TooMany`].
    pub fn pull_from(&self, path: &str, sources: &Sources) -> Result<(), Error> {
        let remotes = sources.remotes(path)?;
        let path = normal_path(path);
        self.commands.ask(|reply| Command::Pull { path, remotes, reply })
    }

    /// From now on a stream that is [pulled](Engine::pull_from) has these sources. When its parent is another, the
    /// stream goes over to that one as soon as it plays, and only then leaves the present one: nothing is lost.
    /// Until then, and when it does not come about, all stays as it is.
    ///
    /// # Errors
    ///
    /// [`Error::NoStream`] when nothing is pulled at the path; as [`pull_from`](Engine::pull_from) but for
    /// [`Error::PathTaken`].
    pub fn set_upstreams(&self, path: &str, sources: &Sources) -> Result<(), Error> {
        let remotes = sources.remotes(path)?;
        let path = normal_path(path);
        self.commands.ask(|reply| Command::SetUpstreams { path, remotes, reply })
    }

    /// Plays `url` while somebody wants the stream at `path`: from the first DESCRIBE or SETUP for it, which
    /// waits until the stream is there (at most [`Config::connect_timeout`]), until it has had no player, push or
    /// child for `grace`. Readers in this process are not counted. A pull that fails is told to those who wait, by
    /// 404, 503 or 504, and is not tried again at once (see [`Backoff`]). It takes the place of one that the
    /// path had before, but a stream that is there goes on.
    ///
    /// # Errors
    ///
    /// When the URL cannot be used. A host that is not found is told by [`Event::PullFailed`] when it is wanted.
    pub fn pull_on_demand(
        &self,
        path: &str,
        url: &str,
        transport: Transport,
        grace: Duration,
    ) -> Result<(), Error> {
        let bad = |reason: String| Error::Url { url: url.to_owned(), reason };
        Url::parse(url).map_err(|error| bad(error.to_string()))?;
        let demand = Some(OnDemand::new(url.to_owned(), transport, grace));
        let path = normal_path(path);
        self.commands.ask(|reply| Command::OnDemand { path, demand, reply })
    }

    /// The path is no longer fetched on demand. A stream that is there stays until its source ends.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`].
    pub fn forget_on_demand(&self, path: &str) -> Result<(), Error> {
        let path = normal_path(path);
        self.commands.ask(|reply| Command::OnDemand { path, demand: None, reply })
    }

    /// From now on the stream at `source`, another path of this engine, stands in at `path` while it has no source
    /// of its own: before the first comes, and after it has gone, whether it has said so or not. Players of `path`
    /// stay; a publisher, a source of this program or plain RTP takes over at its next key frame. Both have to have the same
    /// tracks, coded alike, as for a publisher that comes back ([`Config::linger`]); else the players are sent
    /// away and may come again. Its packets are copied once for `path`. `None`: nothing stands in any more.
    ///
    /// # Errors
    ///
    /// [`Error::Circle`] when `path` would stand in for itself.
    pub fn set_fallback(&self, path: &str, source: Option<&str>) -> Result<(), Error> {
        let (path, source) = (normal_path(path), source.map(normal_path));
        self.commands.ask(|reply| Command::Fallback { path, source, reply })
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

    /// A stream at `path` made of RTP packets that this process has: see [`RtpSource`].
    ///
    /// # Errors
    ///
    /// When the path is taken or the description cannot be used.
    pub fn rtp_source(&self, path: &str, session: sdp::Session) -> Result<RtpSource, Error> {
        RtpSource::new(self.commands.clone(), normal_path(path), session)
    }

    /// Sends the stream at `path` to one more receiver. It is served like a player that came by RTSP:
    /// from the same buffers, in the same batches. [`Event::AddedChildEnded`] tells when it is gone by
    /// itself; its figures are among those of the stream, with its number as their
    /// [`tag`](crate::relay::ChildFigures::tag).
    ///
    /// # Errors
    ///
    /// [`Error::NoStream`]; [`Error::Session`] when it wants no track; [`Error::Io`] when its socket is
    /// none that can be sent to; [`Error::TooMany`].
    pub fn add_child(
        &self,
        path: &str,
        receiver: Receiver,
        options: ChildOptions,
    ) -> Result<ChildId, Error> {
        let path = normal_path(path);
        self.about_child(|reply| ChildCommand::Add { path, receiver, options, reply })
    }

    /// Stops sending to a child, until it is resumed.
    ///
    /// # Errors
    ///
    /// [`Error::NoChild`].
    pub fn pause_child(&self, child: ChildId) -> Result<(), Error> {
        self.about_child(|reply| ChildCommand::Pause { child, reply })
    }

    /// Sends to a paused child again, from where `start` says. Does nothing to one that plays.
    ///
    /// # Errors
    ///
    /// [`Error::NoChild`].
    pub fn resume_child(&self, child: ChildId, start: Start) -> Result<(), Error> {
        self.about_child(|reply| ChildCommand::Resume { child, start, reply })
    }

    /// Writes bytes between two packets into the connection of a child: an answer to an RTSP request
    /// that the program has read from it, say.
    ///
    /// # Errors
    ///
    /// [`Error::NoChild`] when there is none, or it has no connection.
    pub fn write_to_child(&self, child: ChildId, bytes: Vec<u8>) -> Result<(), Error> {
        self.about_child(|reply| ChildCommand::Write { child, bytes, reply })
    }

    /// Removes a child; its connection is shut down and closed. No event tells it.
    ///
    /// # Errors
    ///
    /// [`Error::NoChild`].
    pub fn remove_child(&self, child: ChildId) -> Result<(), Error> {
        self.about_child(|reply| ChildCommand::Remove { child, reply })
    }

    fn about_child<T>(&self, command: impl FnOnce(Reply<T>) -> ChildCommand) -> Result<T, Error> {
        self.commands.ask(|reply| Command::Child(command(reply)))
    }

    /// Reads frames of the stream at `path`; waits up to `patience` for the stream to come.
    ///
    /// # Errors
    ///
    /// [`Error::NoStream`] when it did not come, [`Error::TooMany`] when all readers are taken.
    pub fn reader(&self, path: &str, patience: Duration) -> Result<FrameReader, Error> {
        self.reader_with(path, patience, ReaderOptions::default())
    }

    /// As [`reader`](Engine::reader), with options.
    ///
    /// # Errors
    ///
    /// As [`reader`](Engine::reader), and [`Error::NoTrack`].
    pub fn reader_with(
        &self,
        path: &str,
        patience: Duration,
        options: ReaderOptions,
    ) -> Result<FrameReader, Error> {
        let (session, subscriber) = self.subscribe(path, patience, &options)?;
        FrameReader::with(&subscriber, session, options).map_err(|_| TOO_MANY_READERS)
    }

    /// Reads the packets of the stream at `path` as they come; waits up to `patience` for the stream
    /// to come.
    ///
    /// # Errors
    ///
    /// As [`reader_with`](Engine::reader_with).
    pub fn packet_reader(
        &self,
        path: &str,
        patience: Duration,
        options: ReaderOptions,
    ) -> Result<PacketReader, Error> {
        let (session, subscriber) = self.subscribe(path, patience, &options)?;
        PacketReader::new(&subscriber, session, options).map_err(|_| TOO_MANY_READERS)
    }

    fn subscribe(
        &self,
        path: &str,
        patience: Duration,
        options: &ReaderOptions,
    ) -> Result<(sdp::Session, Subscriber<Packet>), Error> {
        let path = normal_path(path);
        let (asked, waits) = (path.clone(), !patience.is_zero());
        let question = |reply| Command::Reader { path: asked, waits, reply };
        let answer = match waits {
            true => self.commands.ask_within(patience, question),
            // The engine knows at once, though not in no time.
            false => Some(self.commands.ask(question)),
        };
        let parts = match answer {
            Some(answer) => answer?,
            None => return Err(Error::NoStream(path)),
        };
        match options.track {
            Some(track) if track >= parts.0.media.len() => Err(Error::NoTrack { path, track }),
            _ => Ok(parts),
        }
    }

    /// Ends what this engine does at `path`: the stream, whatever it comes from, with its players and
    /// pushes; a pull that has not come about yet; pushes that wait for the stream. Players are given
    /// what is left and the end; a publisher is hung up on. A [`Source`] or an [`RtpSource`] is not
    /// told, and takes media for nobody until it is dropped. Returns when the end has begun:
    /// [`Event::StreamEnded`], [`Event::PullFailed`] and [`Event::PushEnded`] tell of it.
    ///
    /// # Errors
    ///
    /// [`Error::NoStream`] when there is nothing of the kind.
    pub fn end(&self, path: &str) -> Result<(), Error> {
        let path = normal_path(path);
        self.commands.ask(|reply| Command::End { path, reply })
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
        // Whoever has the lock is stopping the engine.
        let thread = self.thread.try_lock().ok();
        thread.is_some_and(|thread| thread.as_ref().is_some_and(|thread| !thread.is_finished()))
    }

    /// Ends every stream in order, and returns when the engine's thread has ended and its sockets are
    /// closed. All calls made after it fail with [`Error::Stopped`]; frames and packets that were read
    /// stay valid. A second call does nothing but wait for the first.
    pub fn stop(&self) {
        // An error means that the thread has ended already.
        let _ = self.commands.send(Command::Stop);
        let mut thread = self.thread.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
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

const TOO_MANY_READERS: Error = Error::TooMany("readers of one stream");

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
