//! `rillcast demo`: the whole picture on this machine, with figures. First nodes in a chain and in a tree, of
//! which one is killed (`tree/`); then a publisher, a server and many viewers:
//!
//! | thread | what it does |
//! |---|---|
//! | `rillcast` | the engine: the server that is shown and measured |
//! | `picture` | makes and encodes the test picture, hands it to the engine |
//! | `players` | all viewers: real RTSP sessions over loopback sockets, nothing decoded |
//! | main | the display |
//!
//! Only the engine's thread is charged to the relay. On loopback the kernel does the receiving half
//! of every packet in the sender's system call, so that half is in the figure too.

mod args;
mod cpu;
mod feed;
mod progress;
mod result;
mod table;
mod tree;

pub(crate) use args::DemoArgs;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use rillcast::engine::{Config, Engine, Event};
use rillcast::rtsp::Url;

use crate::failure::Failure;
use crate::load::{Load, Plan, PublishLog};
use crate::output::Output;
use crate::signal::Stop;

use feed::Feed;
use progress::Progress;
use result::{Effort, Outcome};
use table::Table;

/// Path of the demonstration's stream.
const PATH: &str = "demo";
/// Time over which the viewers come: about a group of pictures, so that they meet it at all ages.
const RAMP: Duration = Duration::from_secs(2);
/// After this time without all viewers having a picture, something is wrong.
const PATIENCE: Duration = Duration::from_secs(20);
/// Time between the last viewer's first picture and the beginning of the measurement.
const SETTLE: Duration = Duration::from_millis(500);
/// Time between two looks at the figures.
const PERIOD: Duration = Duration::from_secs(1);

/// Runs the demonstration.
pub(crate) fn run(args: DemoArgs, output: Output, stop: Stop) -> Result<(), Failure> {
    if args.nodes > 0 && !args.stay {
        tree::run(args.nodes as usize, output, &stop)?;
    }
    let before = cpu::threads();
    let engine = Engine::start(Config::default()).map_err(runtime)?;
    let relay: Vec<_> = cpu::threads().difference(&before).copied().collect();
    let address = engine.listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).map_err(runtime)?;
    let url = format!("rtsp://{address}/{PATH}");
    let log = PublishLog::default();
    let feed = Feed::start(&engine, PATH, &args.source(), log.clone())?;
    say_how_to_watch(&args, output, &url);

    let children = args.children as usize;
    let plan = Plan {
        url: Url::parse(&url).map_err(runtime)?,
        address,
        udp: children.div_ceil(2),
        tcp: children / 2,
        ramp: RAMP.min(Duration::from_millis(10) * args.children),
        log,
    };
    let before = cpu::threads();
    let load = Load::start(plan)?;
    let viewers = cpu::threads().difference(&before).copied().collect();
    let progress = Progress::new(cpu::threads_time(&relay));
    let mut stage = Stage {
        demo: Demo { load, engine, relay, viewers },
        table: Table::new(output),
        stop,
        progress,
        begun: Instant::now(),
    };
    stage.gather(children)?;
    let outcome = stage.measure(&args)?;
    // The viewers say goodbye first, and the publisher ends its stream before the server goes.
    let Demo { load, engine, .. } = stage.demo;
    drop(load);
    feed.finish()?;
    drop(engine);
    output.line(&outcome);
    match outcome.fault {
        Some(fault) => Err(Failure::runtime(fault)),
        None => Ok(()),
    }
}

/// What takes part.
struct Demo {
    load: Load,
    engine: Engine,
    /// Threads of the engine.
    relay: Vec<libc::pid_t>,
    /// Threads of the viewers.
    viewers: Vec<libc::pid_t>,
}

impl Demo {
    /// What the threads have used and waited so far.
    fn effort(&self) -> Effort {
        Effort {
            relay: cpu::threads_time(&self.relay),
            relay_wait: cpu::threads_wait(&self.relay),
            viewers_wait: cpu::threads_wait(&self.viewers),
        }
    }
}

/// The demonstration under way.
struct Stage {
    demo: Demo,
    table: Table,
    stop: Stop,
    progress: Progress,
    begun: Instant,
}

impl Stage {
    /// Waits until every viewer has its first picture.
    fn gather(&mut self, children: usize) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let snapshot = self.demo.load.snapshot();
            if let Some(reason) = &snapshot.failure {
                let failed = snapshot.failed;
                let text = format!("{failed} of {children} viewers could not play: {reason}");
                return Err(Failure::runtime(text));
            }
            if snapshot.playing >= children {
                break;
            }
            if Instant::now() >= deadline {
                let (playing, seconds) = (snapshot.playing, PATIENCE.as_secs());
                return Err(Failure::runtime(format!(
                    "only {playing} of {children} viewers had a picture after {seconds} s"
                )));
            }
            self.show();
            if self.stop.wait(Duration::from_millis(100)) {
                return Err(Failure::runtime("ended before all viewers were there"));
            }
        }
        if self.stop.wait(SETTLE) {
            return Err(Failure::runtime("ended before anything was measured"));
        }
        Ok(())
    }

    /// Measures for the time asked for, or until Ctrl-C.
    fn measure(&mut self, args: &DemoArgs) -> Result<Outcome, Failure> {
        self.demo.load.measure();
        let before = self.demo.effort();
        let deadline = Instant::now() + Duration::from_secs(args.seconds);
        loop {
            self.show();
            let left = match args.stay {
                true => PERIOD,
                false => deadline.saturating_duration_since(Instant::now()),
            };
            if left.is_zero() || self.stop.wait(left.min(Duration::from_millis(200))) {
                break;
            }
        }
        let used = self.demo.effort().since(&before);
        let report = self.demo.load.report();
        let report = report.ok_or_else(|| Failure::runtime("the viewers' thread has ended"))?;
        let figures = self.demo.engine.figures().map_err(runtime)?;
        self.table.finish();
        Ok(Outcome::new(args.children as usize, report, used, &figures))
    }

    /// Renews the display once a period, and passes warnings on.
    fn show(&mut self) {
        while let Some(event) = self.demo.engine.next_event(Some(Duration::ZERO)) {
            if let Event::Warning(text) = event {
                self.table.warning(text);
            }
        }
        if self.progress.due(PERIOD) {
            let snapshot = self.demo.load.snapshot();
            let relay = cpu::threads_time(&self.demo.relay);
            let line = self.progress.line(self.begun.elapsed(), snapshot, relay);
            self.table.show(&line);
        }
    }
}

fn say_how_to_watch(args: &DemoArgs, output: Output, url: &str) {
    if !args.stay || output.is_json() {
        return;
    }
    println!(
        "Open it in a player (any number of them), Ctrl-C ends:\n  \
         ffplay -fflags nobuffer -flags low_delay {url}\n  \
         mpv --profile=low-latency {url}\n  \
         vlc {url}\n  \
         gst-launch-1.0 playbin uri={url}\n  \
         rillcast play --stats {url}\n"
    );
}

fn runtime(error: impl std::fmt::Display) -> Failure {
    Failure::runtime(error.to_string())
}
