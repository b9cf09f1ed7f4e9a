//! What the handle asks of the engine's thread.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel};
use std::time::Duration;

use crate::media::sdp;
use crate::relay::Packet;
use crate::ring::{Filling, Subscriber, Wake};

use super::children::ChildCommand;
use super::cipher::Acceptor;
use super::config::Transport;
use super::error::Error;
use super::figures::Figures;
use super::on_demand::OnDemand;
use super::supply::Supply;

/// Names a stream for as long as the engine lives; never used again.
pub(super) type StreamId = u64;

/// Commands that may wait for the engine's thread before their senders do.
pub(super) const QUEUE: usize = 1024;

pub(super) type Reply<T> = Sender<Result<T, Error>>;

/// The other end of an RTSP connection that the engine opens itself.
#[derive(Clone)]
pub(super) struct Remote {
    pub(super) path: String,
    pub(super) url: String,
    /// Addresses of the URL's host, looked up by the caller: name resolution blocks.
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) transport: Transport,
}

pub(super) enum Command {
    /// Where, and what encrypts the connections.
    Listen(SocketAddr, Option<Arc<dyn Acceptor>>, Reply<SocketAddr>),
    /// The first feeds the stream, the others stand by.
    Pull {
        path: String,
        remotes: Vec<Remote>,
        reply: Reply<()>,
    },
    /// The same for a stream that is pulled already.
    SetUpstreams {
        path: String,
        remotes: Vec<Remote>,
        reply: Reply<()>,
    },
    /// From now on the stream at `source` stands in at `path` for a publisher; `None`: none does.
    Fallback {
        path: String,
        source: Option<String>,
        reply: Reply<()>,
    },
    /// From now on the path is fetched when somebody wants it; `None`: no longer.
    OnDemand {
        path: String,
        demand: Option<OnDemand>,
        reply: Reply<()>,
    },
    /// The host of a stream that is fetched on demand was looked up.
    Fetch {
        path: String,
        remote: Result<Remote, Error>,
    },
    Push(Remote, Reply<()>),
    IngestRtp {
        path: String,
        session: sdp::Session,
        reply: Reply<()>,
    },
    SendRtp {
        path: String,
        targets: Vec<(SocketAddr, SocketAddr)>,
        reply: Reply<()>,
    },
    Source {
        path: String,
        session: sdp::Session,
        /// The source's buffers, and where it is told what concerns it.
        supply: Arc<Supply>,
        reply: Reply<StreamId>,
    },
    Feed {
        stream: StreamId,
        packets: Vec<Packet>,
        dropped: u64,
        /// Where the emptied list goes, to be filled again.
        spare: SyncSender<Vec<Packet>>,
    },
    /// A source has no buffer: the stream gives up old packets for one. `None` when that did not help.
    Room {
        stream: StreamId,
        reply: Reply<Option<Filling>>,
    },
    EndSource(StreamId),
    Child(ChildCommand),
    /// Who has `patience` is answered when the stream comes, others at once.
    Reader {
        path: String,
        patience: Duration,
        reply: Reply<(sdp::Session, Subscriber<Packet>)>,
    },
    End {
        path: String,
        reply: Reply<()>,
    },
    Figures(Reply<Figures>),
    WakeOnEvent(Arc<dyn Wake>),
    Stop,
}

/// The sending side of the command queue; cloned freely.
#[derive(Clone)]
pub(super) struct Commands {
    queue: SyncSender<Command>,
    waker: Arc<dyn Wake>,
}

impl Commands {
    pub(super) fn new(queue: SyncSender<Command>, waker: Arc<dyn Wake>) -> Commands {
        Commands { queue, waker }
    }

    /// Hands a command over; waits while the queue is full.
    pub(super) fn send(&self, command: Command) -> Result<(), Error> {
        self.queue.send(command).map_err(|_| Error::Stopped)?;
        self.waker.wake();
        Ok(())
    }

    /// Hands a command over and waits for its answer.
    pub(super) fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Error> {
        self.ask_for(command)?.recv().map_err(|_| Error::Stopped)?
    }

    /// As [`ask`](Commands::ask), for at most `patience`; `None` when that is over.
    pub(super) fn ask_within<T>(
        &self,
        patience: Duration,
        command: impl FnOnce(Reply<T>) -> Command,
    ) -> Option<Result<T, Error>> {
        let answer = match self.ask_for(command) {
            Ok(answer) => answer,
            Err(error) => return Some(Err(error)),
        };
        match answer.recv_timeout(patience) {
            Ok(result) => Some(result),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Err(Error::Stopped)),
        }
    }

    fn ask_for<T>(
        &self,
        command: impl FnOnce(Reply<T>) -> Command,
    ) -> Result<Receiver<Result<T, Error>>, Error> {
        let (reply, answer) = channel();
        self.send(command(reply))?;
        Ok(answer)
    }
}
