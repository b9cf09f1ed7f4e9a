//! What runs in a relaying process.

use std::io::{BufRead, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;

use rillcast::engine::{Config, Engine};
use rillcast_loopback::{attach, connect};
use serde::{Deserialize, Serialize};

use super::{Error, Plan, Subject, Transport, doing};
use crate::floor::{self, Children};

/// What a relay is told on its standard input, as one line of JSON. It relays until the input ends.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) subject: Subject,
    pub(super) transport: Transport,
    /// What packets are carried by in the engine, by its name.
    pub(super) backend: String,
    /// Fan-out threads of the engine.
    pub(super) workers: usize,
    pub(super) streams: usize,
    /// Of all streams, the first one's first.
    pub(super) children: Vec<SocketAddr>,
}

impl Task {
    /// One stream to these.
    pub(super) fn of(plan: &Plan, subject: Subject, children: Vec<SocketAddr>) -> Task {
        let Plan { transport, backend, workers, .. } = *plan;
        Task { subject, transport, backend: backend.to_string(), workers, streams: 1, children }
    }
}

/// What it says when it is ready, as one line of JSON on its standard output.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ready {
    /// Where it takes the streams.
    pub(super) ingests: Vec<SocketAddr>,
}

/// What it says at the end.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Done {
    /// Packets that it could not hand to the kernel, or not yet.
    pub(super) refused: u64,
}

/// Becomes the relay that standard input describes, until it ends.
///
/// # Errors
///
/// When the description cannot be read or sockets are refused.
pub fn relay() -> Result<(), Error> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(doing("read what to relay"))?;
    let task: Task = serde_json::from_str(&line)
        .map_err(|error| Error::Relay(format!("what to relay cannot be read: {error}")))?;
    let done = match task.subject {
        Subject::Engine | Subject::Stalled | Subject::OneStream => by_engine(task)?,
        Subject::Peer(_) => return Err(Error::Relay("another relay has a command".into())),
        _ => by_floor(task)?,
    };
    say(&done)
}

fn say(what: &impl Serialize) -> Result<(), Error> {
    let line = serde_json::to_string(what).map_err(|error| Error::Relay(error.to_string()))?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(doing("answer"))
}

fn by_engine(task: Task) -> Result<Done, Error> {
    let config = Config {
        backend: task.backend.parse().map_err(Error::Relay)?,
        workers: task.workers,
        max_connections: task.children.len().max(100),
        max_streams: task.streams,
        ..Config::default()
    };
    let engine = Engine::start(config)?;
    let ingests = attach(&engine, task.transport, task.streams, &task.children)?;
    say(&Ready { ingests })?;
    until_told();
    let figures = engine.figures()?;
    let children = figures.streams.iter().flat_map(|stream| &stream.children);
    let kept = children.map(|child| {
        let ledger = child.ledger;
        ledger.too_slow + ledger.refused + ledger.waiting
    });
    Ok(Done { refused: kept.sum() })
}

fn by_floor(task: Task) -> Result<Done, Error> {
    let children = match task.transport {
        Transport::Udp => {
            let v4 = |address: &SocketAddr| match address {
                SocketAddr::V4(address) => Some(*address),
                SocketAddr::V6(_) => None,
            };
            Children::Udp(task.children.iter().filter_map(v4).collect())
        }
        Transport::Tcp => {
            let connected = task.children.iter().map(connect);
            Children::Tcp(connected.collect::<Result<_, rillcast_loopback::Error>>()?)
        }
    };
    let bind = || UdpSocket::bind(("127.0.0.1", 0)).map_err(doing("bind a port"));
    let sockets = (0..task.streams).map(|_| bind()).collect::<Result<Vec<_>, _>>()?;
    let address = |socket: &UdpSocket| socket.local_addr().map_err(doing("bind a port"));
    say(&Ready { ingests: sockets.iter().map(address).collect::<Result<_, _>>()? })?;
    let stdin = std::io::stdin();
    let (_, refused) =
        floor::relay(task.subject, &sockets, stdin.as_fd(), &children).map_err(doing("relay"))?;
    Ok(Done { refused })
}

/// Waits until standard input ends.
fn until_told() {
    // An error ends the wait as the end of the input does.
    let _ = std::io::stdin().lock().read_to_end(&mut Vec::new());
}
