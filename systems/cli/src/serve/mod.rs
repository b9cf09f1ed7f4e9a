//! `rillcast serve`: the streaming server.

mod args;
mod pulls;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) use args::ServeArgs;

use rillcast::engine::{self, Config, Engine, Event, StreamFigures};
use rillcast::media::sdp::Session;

use crate::failure::Failure;
use crate::output::Output;
use crate::signal::Stop;
use pulls::Pulls;
use report::{Line, StreamLedger};

/// How often the request to end is looked for.
const TICK: Duration = Duration::from_millis(100);
/// How often figures are noted, for the ledger of streams that end.
const NOTE: Duration = Duration::from_secs(1);
/// Most streams that the ledger at the end tells of.
const MAX_NOTED: usize = 10_000;
/// Largest SDP file that is read.
const MAX_SDP: u64 = 1 << 20;

/// Serves until the end is asked for.
pub(crate) fn run(args: ServeArgs, output: Output, stop: Stop) -> Result<(), Failure> {
    let sessions = args
        .rtp
        .into_iter()
        .map(|(path, file)| Ok((path, read_sdp(&file)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    let engine = Engine::start(Config::default()).map_err(failed)?;
    let address = engine
        .listen(args.rtsp)
        .map_err(|error| Failure::runtime(format!("cannot serve at {}: {error}", args.rtsp)))?;
    for (path, session) in sessions {
        engine.ingest_rtp(&path, session).map_err(|error| match error {
            engine::Error::Session(_) | engine::Error::PathTaken(_) => {
                Failure::usage(format!("--rtp {path}: {error}"))
            }
            _ => Failure::runtime(format!("--rtp {path}: {error}")),
        })?;
    }
    let backend = engine.figures().map_err(failed)?.backend;
    output.line(&Line::Listening { rtsp: format!("rtsp://{address}/"), backend });
    let pulls = Pulls::start(&engine, args.pull)?;
    let mut server = Server {
        engine,
        address,
        output,
        pulls,
        noted: BTreeMap::new(),
        live: BTreeSet::new(),
        note: Instant::now(),
    };
    while !stop.is_requested() {
        server.turn();
    }
    server.print_ledger();
    Ok(())
}

struct Server {
    engine: Engine,
    address: SocketAddr,
    output: Output,
    pulls: Pulls,
    /// The newest figures of every stream that was seen.
    noted: BTreeMap<String, StreamFigures>,
    /// Paths whose stream is there.
    live: BTreeSet<String>,
    /// When figures are to be noted next.
    note: Instant,
}

impl Server {
    /// Waits for an event, at most [`TICK`], and does what is due.
    fn turn(&mut self) {
        if let Some(event) = self.engine.next_event(Some(TICK)) {
            self.handle(event);
        }
        let now = Instant::now();
        self.pulls.retry(&self.engine, now);
        if now >= self.note {
            self.note = now + NOTE;
            self.note_figures();
        }
    }

    fn handle(&mut self, event: Event) {
        let now = Instant::now();
        let retry = match &event {
            Event::StreamStarted { path, .. } => {
                self.live.insert(path.clone());
                self.pulls.started(path);
                None
            }
            Event::StreamEnded { path, .. } | Event::PullFailed { path, .. } => {
                self.live.remove(path);
                self.pulls.failed(path, now)
            }
            _ => None,
        };
        let mut line = report::line(event, self.address);
        if let Line::PullFailed { retry_in_s, .. } = &mut line {
            *retry_in_s = retry.unwrap_or_default().as_secs();
        }
        self.output.line(&line);
    }

    fn note_figures(&mut self) {
        let Ok(figures) = self.engine.figures() else { return };
        for stream in figures.streams {
            if self.noted.len() < MAX_NOTED || self.noted.contains_key(&stream.path) {
                self.noted.insert(stream.path.clone(), stream);
            }
        }
    }

    fn print_ledger(&mut self) {
        self.note_figures();
        for (path, stream) in &self.noted {
            let ledger = StreamLedger::new(stream, !self.live.contains(path));
            self.output.line(&Line::Ledger(ledger));
        }
    }
}

fn read_sdp(file: &Path) -> Result<Session, Failure> {
    let wrong =
        |why: String| Failure::usage(format!("--rtp: cannot use {}: {why}", file.display()));
    let size = std::fs::metadata(file).map_err(|error| wrong(error.to_string()))?.len();
    if size > MAX_SDP {
        return Err(wrong("it is too large for an SDP file".into()));
    }
    let bytes = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    Session::parse(&bytes).map_err(|error| wrong(error.to_string()))
}

fn failed(error: engine::Error) -> Failure {
    Failure::runtime(error.to_string())
}
