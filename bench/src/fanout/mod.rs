//! What it costs to send one stream to many receivers: the engine, and beside it, in the same run, the
//! least that the kernel takes (`bench/floor/`, in C).
//!
//! ```text
//!  this process, one processor          a process per relay, another processor
//!  source ──── RTP over loopback ────▶  engine | sendto | sendmmsg | GSO | writev
//!                                         │
//!  receivers ◀──── UDP or TCP ────────────┘
//! ```
//!
//! Other relays can take part, as commands: these are fed the same packets, and their receivers are RTSP
//! players (`rtsp.rs`).
//!
//! Each relay gets the same stream for the same time, all of them in turn and that several times over,
//! so that what else the machine does hits all alike. What counts is the processor time of the relaying
//! process for each packet that has arrived; on loopback the kernel does the receiver's half of the work
//! in the sender's call, and so it is in the figure, for all alike.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use rillcast::io::Backend;
use rillcast_loopback::{Load, Processors, pin_to};

pub mod beside;
mod calls;
pub mod chart;
mod growth;
mod process;
mod relay;
mod report;
mod round;
mod rtsp;
pub mod scaling;
mod sink;

pub use growth::Growth;
pub(crate) use process::Process;
pub use relay::relay;
pub use report::{Figures, Report, Spread};
pub use rillcast_loopback::Transport;
pub use round::Round;
pub(crate) use rtsp::play;

/// Who relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// The engine.
    Engine,
    /// The engine, while some of the receivers take nothing: see [`Plan::stalled`].
    Stalled,
    /// The engine, with one stream for all receivers where there are several.
    OneStream,
    /// C, the best for the transport, with one stream for all receivers where there are several.
    FloorOneStream,
    /// C: a `sendto` per packet and receiver.
    Sendto,
    /// C: a `sendmmsg` per packet, to all receivers.
    Sendmmsg,
    /// C: a `sendmmsg` per frame, to all receivers, with segmentation offload.
    Gso,
    /// C: a `writev` per frame and receiver.
    Writev,
    /// Another relay: its place in [`Plan::peers`].
    Peer(usize),
}

/// Another relay, to be measured beside.
#[derive(Clone, Debug, Serialize)]
pub struct Peer {
    /// What it is called in the report.
    pub name: String,
    /// What a shell starts it by, as one process. The variables `RTP_PORT` (where the stream comes in,
    /// plain RTP over UDP at 127.0.0.1), `RTSP_PORT` (where players are awaited) and `SDP` (a file that
    /// describes the stream) are set. It has to serve the stream at `rtsp://127.0.0.1:$RTSP_PORT/bench`.
    pub command: String,
}

/// What is measured.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// Streams, each from a source of its own; other relays take no more than one.
    pub streams: usize,
    /// Receivers of each.
    pub children: usize,
    /// Of a hundred receivers so many take nothing while [`Subject::Stalled`] is measured, over TCP.
    pub stalled: usize,
    /// How they receive.
    pub transport: Transport,
    /// Bits of RTP payload a second.
    pub bitrate: u32,
    /// Frames a second.
    pub fps: u32,
    /// What packets are carried by in the engine.
    #[serde(serialize_with = "by_name")]
    pub backend: Backend,
    /// Fan-out threads of the engine. With any, the relays are not kept on one processor.
    pub workers: usize,
    /// Whether UDP receivers let the kernel join packets (GRO), as this engine's ingest does.
    pub gro: bool,
    /// Whether the packets go by a device to nowhere instead of to receivers; over UDP, and without peers.
    pub sink: bool,
    /// How long each relay is measured each time.
    pub seconds: f64,
    /// How many times.
    pub repetitions: usize,
    /// Other relays, measured in the same turns.
    pub peers: Vec<Peer>,
    /// The program that becomes a relay: it has to call [`relay`] when it is started with `arguments`.
    #[serde(skip)]
    pub program: PathBuf,
    /// Its arguments.
    #[serde(skip)]
    pub arguments: Vec<String>,
}

impl Plan {
    /// What goes from the source to the receivers.
    pub fn load(&self) -> Load {
        Load {
            streams: self.streams.max(1),
            children: self.children,
            stalled: 0,
            transport: self.transport,
            bitrate: self.bitrate,
            fps: self.fps,
            gro: self.gro,
            duration: Duration::from_secs_f64(self.seconds.max(0.1)),
        }
    }

    /// What goes to the receivers when this one relays.
    pub(crate) fn load_of(&self, subject: Subject) -> Load {
        let load = self.load();
        match subject {
            Subject::OneStream | Subject::FloorOneStream => load.of_one_stream(),
            Subject::Stalled => Load { stalled: self.children * self.stalled / 100, ..load },
            _ => load,
        }
    }

    /// Who takes part, the engine first.
    pub fn subjects(&self) -> Vec<Subject> {
        let own: &[Subject] = match self.transport {
            Transport::Udp => &[Subject::Engine, Subject::Gso, Subject::Sendmmsg, Subject::Sendto],
            Transport::Tcp => &[Subject::Engine, Subject::Writev],
        };
        let one: &[Subject] = match self.streams {
            0 | 1 => &[],
            _ => &[Subject::OneStream, Subject::FloorOneStream],
        };
        let peers = (0..self.peers.len()).map(Subject::Peer);
        own.iter().chain(one).copied().chain(peers).collect()
    }

    /// The cheapest of what is written in C.
    pub(crate) fn floor(&self) -> Subject {
        match self.transport {
            Transport::Udp => Subject::Gso,
            Transport::Tcp => Subject::Writev,
        }
    }

    /// What a relay is called.
    pub fn name(&self, subject: Subject) -> &str {
        match subject {
            Subject::Engine => "engine",
            Subject::Stalled => "stalled",
            Subject::OneStream => "1 stream",
            Subject::FloorOneStream => "C, 1",
            Subject::Sendto => "sendto",
            Subject::Sendmmsg => "sendmmsg",
            Subject::Gso => "gso",
            Subject::Writev => "writev",
            Subject::Peer(index) => self.peers.get(index).map_or("", |peer| &peer.name),
        }
    }

    /// Where the relay is kept.
    fn processors(&self) -> Option<Processors> {
        Processors::choose().filter(|_| self.workers == 0)
    }
}

fn by_name<S: serde::Serializer>(backend: &Backend, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(backend.name())
}

/// Why nothing could be measured.
#[derive(Debug)]
pub enum Error {
    /// The system refused something.
    Io {
        /// What was to be done.
        doing: &'static str,
        /// Why it could not.
        source: std::io::Error,
    },
    /// The relaying process did not do its part.
    Relay(String),
    /// There can be no device that leads nowhere.
    Sink(String),
    /// The engine refused something.
    Engine(rillcast::engine::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io { doing, source } => write!(f, "cannot {doing}: {source}"),
            Error::Relay(reason) => write!(f, "the relaying process: {reason}"),
            Error::Sink(reason) => write!(f, "the sink (it needs root, ip and nft): {reason}"),
            Error::Engine(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<rillcast::engine::Error> for Error {
    fn from(error: rillcast::engine::Error) -> Error {
        Error::Engine(error)
    }
}

impl From<rillcast_loopback::Error> for Error {
    fn from(error: rillcast_loopback::Error) -> Error {
        match error {
            rillcast_loopback::Error::Io { doing, source } => Error::Io { doing, source },
            rillcast_loopback::Error::Engine(error) => Error::Engine(error),
            rillcast_loopback::Error::Other(text) => Error::Relay(text.into()),
        }
    }
}

/// Names what was to be done when the system refuses it.
fn doing(doing: &'static str) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Io { doing, source }
}

/// Measures all relays in turn, `plan.repetitions` times; `told` is called after each.
///
/// # Errors
///
/// When a relay cannot be started or sockets are refused.
pub fn run(plan: &Plan, told: &mut dyn FnMut(&Round)) -> Result<Report, Error> {
    Ok(Report::new(plan, measure_each(plan, &plan.subjects(), told)?))
}

/// Measures these in turn.
pub(crate) fn measure_each(
    plan: &Plan,
    subjects: &[Subject],
    told: &mut dyn FnMut(&Round),
) -> Result<Vec<Round>, Error> {
    let processors = plan.processors();
    if let Some(processors) = processors {
        pin_to(processors.harness);
    }
    let mut rounds = Vec::new();
    for repetition in 0..plan.repetitions.max(1) {
        for subject in subjects {
            let round = round::measure(plan, *subject, repetition, processors)?;
            told(&round);
            rounds.push(round);
        }
    }
    Ok(rounds)
}
