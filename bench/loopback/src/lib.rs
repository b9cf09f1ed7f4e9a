//! A stream and its receivers on loopback, to measure what relays the one to the others.
//!
//! ```text
//!  source ──── RTP over UDP ────▶  a relay: an engine in this process, or another process
//!                                    │
//!  receivers ◀── UDP or TCP ─────────┘
//! ```
//!
//! [`Source`] and [`Receivers`] are the two ends, [`drive`] sends for a while and counts what arrives. It does
//! not know who relays: `rillcast bench fanout` drives processes by it, [`in_process`] an engine beside it.

use std::fmt;
use std::io;
use std::time::Duration;

mod attach;
mod drive;
mod in_process;
mod pin;
mod ports;
mod receivers;
mod source;
mod stalled;

pub use attach::{attach, connect};
pub use drive::{Driven, drive};
pub use in_process::{Measured, in_process};
pub use pin::{Processors, pin_to};
pub use ports::free_pair;
pub use receivers::{Arrived, Receivers};
pub use source::{Flowing, Frames, KEY_INTERVAL, PACKET, PAYLOAD, Source, description};

/// How packets go to the receivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// Interleaved RTP in TCP connections (RFC 2326 §10.12).
    Tcp,
}

/// What goes over the loopback.
#[derive(Clone, Debug)]
pub struct Load {
    /// Streams, each with a source and receivers of its own.
    pub streams: usize,
    /// Receivers of each.
    pub children: usize,
    /// How many of these take nothing, over TCP: connections that nobody reads. They count neither as receivers that
    /// are missed something nor otherwise.
    pub stalled: usize,
    /// How they receive.
    pub transport: Transport,
    /// Bits of RTP payload a second.
    pub bitrate: u32,
    /// Frames a second.
    pub fps: u32,
    /// Whether UDP receivers let the kernel join packets (GRO), as this engine's ingest does.
    pub gro: bool,
    /// How long it is measured.
    pub duration: Duration,
}

impl Load {
    /// Receivers of all streams.
    pub fn receivers(&self) -> usize {
        self.streams.saturating_mul(self.children)
    }

    /// Receivers of each stream that take what they are sent.
    pub fn served(&self) -> usize {
        self.children.saturating_sub(self.stalled)
    }

    /// The same receivers, all of one stream.
    pub fn of_one_stream(self) -> Load {
        Load { streams: 1, children: self.receivers(), ..self }
    }

    /// Packets of a frame.
    pub fn packets_per_frame(&self) -> usize {
        let bytes = f64::from(self.bitrate) / 8.0 / f64::from(self.fps.max(1));
        ((bytes / PAYLOAD as f64).round() as usize).clamp(1, 54)
    }

    /// Time from frame to frame.
    pub fn interval(&self) -> Duration {
        Duration::from_secs_f64(1.0 / f64::from(self.fps.max(1)))
    }
}

/// Why nothing could be measured.
#[derive(Debug)]
pub enum Error {
    /// The system refused something.
    Io {
        /// What was to be done.
        doing: &'static str,
        /// Why it could not.
        source: io::Error,
    },
    /// The engine refused something.
    Engine(rillcast::engine::Error),
    /// Something else, as a sentence.
    Other(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io { doing, source } => write!(f, "cannot {doing}: {source}"),
            Error::Engine(error) => error.fmt(f),
            Error::Other(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}

impl From<rillcast::engine::Error> for Error {
    fn from(error: rillcast::engine::Error) -> Error {
        Error::Engine(error)
    }
}

/// Names what was to be done when the system refuses it.
fn doing(doing: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io { doing, source }
}
