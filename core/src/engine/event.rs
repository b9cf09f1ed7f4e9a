//! What the engine tells its owner.

use std::fmt;

use super::children::ChildId;
use super::figures::StreamFigures;
use super::upstreams::Switched;

/// Something that happened. Events are kept in a queue of 1,024. When nobody takes them out
/// ([`Engine::next_event`](super::Engine::next_event)) the newest are lost, but for accounts
/// ([`StreamClosed`](Event::StreamClosed)), which take the place of others; [`EventsLost`](Event::EventsLost) tells how many.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A stream is there: it can be played.
    StreamStarted {
        /// Its path.
        path: String,
        /// Where it comes from.
        from: String,
    },
    /// A stream's source is gone; the stream waits for it to come back.
    StreamInterrupted {
        /// Its path.
        path: String,
        /// Why, as a sentence for people.
        reason: String,
    },
    /// A stream that waited goes on.
    StreamResumed {
        /// Its path.
        path: String,
        /// Where it comes from now.
        from: String,
    },
    /// A stream is over.
    StreamEnded {
        /// Its path.
        path: String,
        /// Why, as a sentence for people.
        reason: String,
    },
    /// The books of a stream that is over are closed: its last child has gone, or was given up.
    StreamClosed(Box<StreamFigures>),
    /// Somebody wanted to publish and was refused.
    PublisherRefused {
        /// The path that he asked for.
        path: String,
        /// His address.
        peer: String,
        /// Why, as a sentence for people.
        reason: String,
    },
    /// A player began.
    ChildStarted {
        /// Path of the stream.
        path: String,
        /// Address of the player.
        peer: String,
        /// `udp`, `multicast` or `tcp`.
        transport: &'static str,
    },
    /// A player is gone.
    ChildEnded {
        /// Path of the stream.
        path: String,
        /// Address of the player.
        peer: String,
        /// Why, as a sentence for people.
        reason: String,
    },
    /// A child that the program had added is gone.
    AddedChildEnded {
        /// Path of the stream; empty when the stream was gone before.
        path: String,
        /// The child.
        child: ChildId,
        /// Why, as a sentence for people.
        reason: String,
    },
    /// The server that a stream is pushed to takes it.
    PushStarted {
        /// Path of the stream.
        path: String,
        /// Where it goes.
        url: String,
    },
    /// A push did not come about, or ended.
    PushEnded {
        /// Path of the stream.
        path: String,
        /// Where it went.
        url: String,
        /// Why, as a sentence for people.
        reason: String,
    },
    /// A pull did not come about.
    PullFailed {
        /// Path of the stream.
        path: String,
        /// Where it was to come from.
        url: String,
        /// Why, as a sentence for people.
        reason: String,
    },
    /// Events were lost here, as nobody took them out in time. Accounts of streams
    /// ([`StreamClosed`](Event::StreamClosed)) are the last to be lost.
    EventsLost {
        /// How many.
        count: u64,
    },
    /// A server stands by: it could take a stream over at once.
    StandbyReady {
        /// Path of the stream.
        path: String,
        /// The server.
        url: String,
    },
    /// A server does not stand by any more, or cannot. It is tried again.
    StandbyLost {
        /// Path of the stream.
        path: String,
        /// The server.
        url: String,
        /// Why, as a sentence for people.
        reason: String,
    },
    /// A stream comes from another server than before; its children have not noticed.
    UpstreamSwitched(Box<Switched>),
    /// Something that the operator should mend, with the command that does.
    Warning(String),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::StreamStarted { path, from } => write!(f, "stream {path} started, from {from}"),
            Event::StreamInterrupted { path, reason } => {
                write!(f, "stream {path} waits: {reason}")
            }
            Event::StreamResumed { path, from } => write!(f, "stream {path} goes on, from {from}"),
            Event::StreamEnded { path, reason } => write!(f, "stream {path} ended: {reason}"),
            Event::StreamClosed(stream) => {
                let ledger = &stream.ledger;
                write!(
                    f,
                    "stream {} is closed: {} packets in, {} passed on, {} ended here, {} dropped",
                    stream.path,
                    ledger.received,
                    ledger.published,
                    ledger.consumed,
                    ledger.total_dropped()
                )
            }
            Event::PublisherRefused { path, peer, reason } => {
                write!(f, "{peer} may not publish at {path}: {reason}")
            }
            Event::ChildStarted { path, peer, transport } => {
                write!(f, "{peer} plays {path} over {transport}")
            }
            Event::ChildEnded { path, peer, reason } => {
                write!(f, "{peer} stopped playing {path}: {reason}")
            }
            Event::AddedChildEnded { path, child, reason } => {
                write!(f, "{child} of {path} is gone: {reason}")
            }
            Event::PushStarted { path, url } => write!(f, "stream {path} goes to {url}"),
            Event::PushEnded { path, url, reason } => {
                write!(f, "stream {path} no longer goes to {url}: {reason}")
            }
            Event::PullFailed { path, url, reason } => {
                write!(f, "stream {path} cannot be pulled from {url}: {reason}")
            }
            Event::EventsLost { count } => {
                write!(f, "{count} events were lost, as nobody took them out in time")
            }
            Event::StandbyReady { path, url } => write!(f, "{url} stands by for {path}"),
            Event::StandbyLost { path, url, reason } => {
                write!(f, "{url} does not stand by for {path}: {reason}")
            }
            Event::UpstreamSwitched(switched) => switched.fmt(f),
            Event::Warning(text) => f.write_str(text),
        }
    }
}
