//! `rillcast serve`: the streaming server.

mod args;
mod fallbacks;
mod http;
mod on_demand;
mod pulls;
mod reload;
mod report;
mod settings;
mod supervisor;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) use args::ServeArgs;
pub(crate) use pulls::{PullBoard, PullPhase, PullState};
pub(crate) use settings::read_key;
#[cfg(test)]
pub(crate) use settings::with_defaults;

use rillcast::engine::{self, Engine, Event};

use crate::access::Policy;
use crate::config;
use crate::failure::Failure;
use crate::files;
use crate::http::{Observer, Site};
use crate::output::Output;
use crate::signal::{Hangup, Stop};
use crate::tls;
use fallbacks::Fallbacks;
use on_demand::OnDemand;
use pulls::Pulls;
use reload::Reload;
use report::{Line, Refusals, StreamLedger};
use supervisor::Supervisor;

/// How often the request to end is looked for.
const TICK: Duration = Duration::from_millis(100);
/// How often the configuration file is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Serves until the end is asked for.
pub(crate) fn run(args: ServeArgs, output: Output, stop: Stop) -> Result<(), Failure> {
    let options = settings::options(&args.options, args.config.as_deref())?;
    if args.print_config {
        output.text(&config::print(&settings::with_defaults(options)));
        return Ok(());
    }
    let sessions = settings::sessions(&options)?;
    let policy = settings::rules(&options).map(Policy::new)?;
    let policy = Arc::new(policy.map_err(|error| {
        Failure::runtime(format!("cannot start the threads that check passwords: {error}"))
    })?);
    let hangup = Hangup::install()
        .map_err(|error| Failure::runtime(format!("cannot handle SIGHUP: {error}")))?;
    files::raise_limit();
    let engine = Engine::start(settings::engine(&options, policy.clone())?).map_err(failed)?;
    let engine = Arc::new(engine);
    let wanted = settings::rtsp_address(&options);
    let address = engine.listen(wanted).map_err(|error| cannot_listen(wanted, &error))?;
    let (rtsps, certificate) = match settings::rtsps(&options)? {
        Some((wanted, certificate)) => {
            let config = tls::server_config(certificate.clone()).map_err(Failure::runtime)?;
            let address =
                engine.listen_tls(wanted, config).map_err(|error| cannot_listen(wanted, &error))?;
            (Some(address), Some(certificate))
        }
        None => (None, None),
    };
    let pulled = options.pull.iter().chain(&options.pull_on_demand).map(|(path, _)| path);
    let paths: Vec<String> = pulled.chain(sessions.iter().map(|(path, _)| path)).cloned().collect();
    for (path, session) in sessions {
        engine.ingest_rtp(&path, session).map_err(|error| match error {
            engine::Error::Session(_) | engine::Error::PathTaken(_) => {
                Failure::usage(format!("--rtp {path}: {error}"))
            }
            _ => Failure::runtime(format!("--rtp {path}: {error}")),
        })?;
    }
    let backend = engine.figures().map_err(failed)?.backend;
    let pulls = Pulls::start(&engine, &options, output)?;
    let mut on_demand = OnDemand::default();
    on_demand.tell(&engine, &options)?;
    let mut fallbacks = Fallbacks::default();
    fallbacks.tell(&engine, &options)?;
    let site = Site::new(Observer::new(engine.clone(), pulls.board()));
    let figures = http::start(options.http, site)?;
    output.line(&listening(address, rtsps, figures.url(), backend, &paths));
    figures.warn(output);
    let reload = Reload::new(args, options, policy, certificate, hangup);
    let supervisor = Supervisor::new();
    supervisor.ready(&format!("serving at rtsp://{address}/"));
    let look = Instant::now();
    let mut server =
        Server { engine, address, output, pulls, on_demand, fallbacks, reload, supervisor, look };
    server.warn_of_a_closed_door();
    while !stop.is_requested() {
        server.turn(TICK);
    }
    server.supervisor.stopping();
    while server.turn(Duration::ZERO) {}
    server.print_ledgers();
    drop(figures);
    Ok(())
}

struct Server {
    engine: Arc<Engine>,
    address: SocketAddr,
    output: Output,
    pulls: Pulls,
    on_demand: OnDemand,
    fallbacks: Fallbacks,
    reload: Reload,
    supervisor: Supervisor,
    /// When the configuration file is to be looked at next.
    look: Instant,
}

impl Server {
    /// Waits for an event, at most `patience`, and does what is due. False when there was none.
    fn turn(&mut self, patience: Duration) -> bool {
        let event = self.engine.next_event(Some(patience));
        let came = event.is_some();
        if let Some(event) = event {
            self.handle(event);
        }
        let now = Instant::now();
        self.pulls.retry(&self.engine, now);
        let look = now >= self.look;
        if look {
            self.look = now + LOOK;
        }
        if self.reload.is_due(look) {
            self.read_configuration(now);
        }
        // It is the engine's thread that has to be alive, so it is asked something.
        if self.supervisor.is_due(now) && self.engine.figures().is_ok() {
            self.supervisor.alive(now);
        }
        came
    }

    /// Takes over what has changed in the configuration, or says why it cannot be used.
    fn read_configuration(&mut self, now: Instant) {
        match self.reload.read() {
            Ok(needs_restart) => {
                let options = self.reload.options();
                let pulls = self.pulls.change(&self.engine, options, now);
                let on_demand = self.on_demand.tell(&self.engine, options);
                let fallbacks = self.fallbacks.tell(&self.engine, options);
                for failure in [pulls.err(), on_demand.err(), fallbacks.err()].into_iter().flatten()
                {
                    self.output.warning(failure.to_string());
                }
                self.output.line(&Line::Reloaded { needs_restart });
                self.warn_of_a_closed_door();
            }
            Err(failure) => {
                let text = format!("{failure}; the former configuration stays in force");
                self.output.warning(text);
            }
        }
    }

    /// Says so when others can reach this server, but not publish because nobody can log in.
    fn warn_of_a_closed_door(&self) {
        if !self.address.ip().is_loopback() && self.reload.publishing_is_unconfigured() {
            self.output.warning(
                "nobody can log in here, so only this machine may publish. Name a user (`rillcast \
                 hash-password NAME` makes the line for --user), or let everyone publish by \
                 --allow-publish '*=all'",
            );
        }
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
            Event::EventsLost { .. } => return self.output.warning(event.to_string()),
            Event::Warning(text) => return self.output.warning(text),
            _ => None,
        };
        let mut line = report::line(event, self.address);
        if let Line::PullFailed { retry_in_s, .. } = &mut line {
            *retry_in_s = retry.map(|wait| wait.as_secs_f64().ceil() as u64);
        }
        self.output.line(&line);
    }

    /// The ledgers of the streams that are there when the server ends (the others are told already), and
    /// what was refused.
    fn print_ledgers(&mut self) {
        let Ok(figures) = self.engine.figures() else { return };
        for stream in &figures.streams {
            self.output.line(&Line::Ledger(StreamLedger::new(stream)));
        }
        if let Some(refusals) = Refusals::new(&figures) {
            self.output.line(&Line::Refusals(refusals));
        }
    }
}

/// Tells the streams that will be there, or an example where anybody may publish.
fn listening(
    address: SocketAddr,
    rtsps: Option<SocketAddr>,
    http: Option<String>,
    backend: &'static str,
    paths: &[String],
) -> Line {
    let example = report::url(address, "live");
    let (publish, play) = match paths {
        [] => (Some(example.clone()), vec![example]),
        paths => (None, paths.iter().map(|path| report::url(address, path)).collect()),
    };
    let rtsps = rtsps.map(|address| format!("rtsps://{address}/"));
    Line::Listening { rtsp: format!("rtsp://{address}/"), rtsps, http, backend, publish, play }
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

fn failed(error: engine::Error) -> Failure {
    Failure::runtime(error.to_string())
}
