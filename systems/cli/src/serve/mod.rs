//! `rillcast serve`: the streaming server.

mod args;
mod pulls;
mod report;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) use args::ServeArgs;

use rillcast::engine::{self, Config, Engine, Event};
use rillcast::media::sdp::Session;

use crate::failure::Failure;
use crate::output::Output;
use crate::signal::Stop;
use pulls::Pulls;
use report::{Line, StreamLedger};

/// How often the request to end is looked for.
const TICK: Duration = Duration::from_millis(100);
/// Largest SDP file that is read.
const MAX_SDP: u64 = 1 << 20;

/// Serves until the end is asked for.
pub(crate) fn run(args: ServeArgs, output: Output, stop: Stop) -> Result<(), Failure> {
    let sessions = args
        .rtp
        .into_iter()
        .map(|(path, file)| Ok((path, read_sdp(&file)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    let linger = Duration::from_secs(args.linger);
    let config = Config { linger, takeover: args.takeover, ..Config::default() };
    let engine = Engine::start(config).map_err(failed)?;
    let address = engine.listen(args.rtsp).map_err(|error| cannot_listen(args.rtsp, &error))?;
    let paths: Vec<String> = args
        .pull
        .iter()
        .map(|(path, _)| path)
        .chain(sessions.iter().map(|(path, _)| path))
        .cloned()
        .collect();
    for (path, session) in sessions {
        engine.ingest_rtp(&path, session).map_err(|error| match error {
            engine::Error::Session(_) | engine::Error::PathTaken(_) => {
                Failure::usage(format!("--rtp {path}: {error}"))
            }
            _ => Failure::runtime(format!("--rtp {path}: {error}")),
        })?;
    }
    let backend = engine.figures().map_err(failed)?.backend;
    output.line(&listening(address, backend, &paths));
    let pulls = Pulls::start(&engine, args.pull, output)?;
    let mut server = Server { engine, address, output, pulls };
    while !stop.is_requested() {
        server.turn(TICK);
    }
    while server.turn(Duration::ZERO) {}
    server.print_ledgers();
    Ok(())
}

struct Server {
    engine: Engine,
    address: SocketAddr,
    output: Output,
    pulls: Pulls,
}

impl Server {
    /// Waits for an event, at most `patience`, and does what is due. False when there was none.
    fn turn(&mut self, patience: Duration) -> bool {
        let event = self.engine.next_event(Some(patience));
        let came = event.is_some();
        if let Some(event) = event {
            self.handle(event);
        }
        self.pulls.retry(&self.engine, Instant::now());
        came
    }

    fn handle(&mut self, event: Event) {
        let now = Instant::now();
        let retry = match &event {
            Event::StreamStarted { path, .. } | Event::StreamResumed { path, .. } => {
                self.pulls.started(path);
                None
            }
            Event::StreamInterrupted { path, .. }
            | Event::StreamEnded { path, .. }
            | Event::PullFailed { path, .. } => self.pulls.failed(path, now),
            Event::Warning(text) => return self.output.warning(text),
            _ => None,
        };
        let mut line = report::line(event, self.address);
        if let Line::PullFailed { retry_in_s, .. } = &mut line {
            *retry_in_s = retry.unwrap_or_default().as_secs();
        }
        self.output.line(&line);
    }

    /// The ledgers of the streams that are there when the server ends; the others are told already.
    fn print_ledgers(&mut self) {
        let Ok(figures) = self.engine.figures() else { return };
        for stream in &figures.streams {
            self.output.line(&Line::Ledger(StreamLedger::new(stream)));
        }
    }
}

/// Tells the streams that will be there, or an example where anybody may publish.
fn listening(address: SocketAddr, backend: &'static str, paths: &[String]) -> Line {
    let example = report::url(address, "live");
    let (publish, play) = match paths {
        [] => (Some(example.clone()), vec![example]),
        paths => (None, paths.iter().map(|path| report::url(address, path)).collect()),
    };
    Line::Listening { rtsp: format!("rtsp://{address}/"), backend, publish, play }
}

fn cannot_listen(address: SocketAddr, error: &engine::Error) -> Failure {
    let kind = match error {
        engine::Error::Io { source, .. } => source.kind(),
        _ => ErrorKind::Other,
    };
    match kind {
        ErrorKind::AddrInUse => Failure::runtime(format!(
            "cannot serve at {address}: another program listens there already \
             (--rtsp {} picks a free port)",
            SocketAddr::new(address.ip(), 0)
        )),
        ErrorKind::AddrNotAvailable => Failure::usage(format!(
            "cannot serve at {address}: this machine does not have the address {} \
             (--rtsp 0.0.0.0:{} takes all that it has)",
            address.ip(),
            address.port()
        )),
        _ => Failure::runtime(format!("cannot serve at {address}: {error}")),
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
