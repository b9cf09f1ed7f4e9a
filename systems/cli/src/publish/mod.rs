//! `rillcast publish SOURCE URL`: the encoding server.
//!
//! The engine does the sending: the source becomes a stream of an engine of our own, which pushes
//! it to the RTSP server (or sends it as plain RTP) like to any other child.

mod args;
mod feed;
mod report;
mod target;

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use args::PublishArgs;

use rillcast::engine::{self, Config, Engine, Event, StreamFigures};

use crate::args::{Transport, shown};
use crate::failure::Failure;
use crate::output::Output;
use crate::signal::Stop;
use crate::source::{self, Source, Track, session};
use feed::Feed;
use report::{Line, Summary};
use target::Target;

/// Name of the stream within our engine.
const PATH: &str = "publish";
/// How often events and the end of the source are looked for.
const TICK: Duration = Duration::from_millis(50);
/// How long each step of the end may take: sending what is left, then TEARDOWN.
/// With [`SOURCE_END`] it stays below the two seconds that a signal gives.
const FAREWELL: Duration = Duration::from_millis(600);
/// How long a source may take to notice that it is to end.
const SOURCE_END: Duration = Duration::from_millis(300);

/// Publishes until the source ends or the end is asked for.
pub(crate) fn run(args: PublishArgs, output: Output, stop: Stop) -> Result<(), Failure> {
    let target = Target::new(&args)?;
    let Some(source) = open(args.source.clone(), args.source_options()?, &stop)? else {
        return Ok(());
    };
    if let Some(text) = what_is_left_out(&args.source, &*source) {
        output.warning(text);
    }
    output.line(&Line::Connecting {
        source: args.source.clone(),
        url: shown(&args.url),
        tracks: source.tracks().iter().map(report::codec).collect(),
    });
    let engine = Engine::start(Config { tls: Some(args.trust.config()?), ..Config::default() })
        .map_err(failed)?;
    let publisher = Publisher { engine, output, stop };
    publisher.publish(&args.url, &target, source)
}

/// Tells which tracks of a file are not sent, if any.
fn what_is_left_out(name: &str, source: &dyn Source) -> Option<String> {
    let tracks = source.left_out();
    let has_sound = source.tracks().iter().any(|track| matches!(track, Track::Aac { .. }));
    let advice = match has_sound {
        true => String::new(),
        false => format!(" (convert it: ffmpeg -i {name} -c:v copy -c:a aac OUT.mp4)"),
    };
    (!tracks.is_empty()).then(|| {
        let tracks = tracks.join(" and ");
        format!("{name}: {tracks} left out, one H.264 and one AAC track can be sent{advice}")
    })
}

/// Opens the source; `None` when the end is asked for first. A pipe may give nothing for a long time,
/// and waiting for it must not keep the program from ending.
fn open(
    name: String,
    options: source::Options,
    stop: &Stop,
) -> Result<Option<Box<dyn Source>>, Failure> {
    let (sender, opened) = mpsc::sync_channel(1);
    thread::Builder::new()
        .name("open".into())
        // Nobody listens any more when the end was asked for.
        .spawn(move || drop(sender.send(source::open(&name, &options))))
        .map_err(|error| Failure::runtime(format!("cannot start a thread: {error}")))?;
    loop {
        match opened.recv_timeout(TICK) {
            Ok(source) => return Ok(Some(source?)),
            Err(RecvTimeoutError::Timeout) if stop.is_requested() => return Ok(None),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Failure::runtime("opening the source has failed"));
            }
        }
    }
}

struct Publisher {
    engine: Engine,
    output: Output,
    stop: Stop,
}

impl Publisher {
    fn publish(&self, url: &str, target: &Target, source: Box<dyn Source>) -> Result<(), Failure> {
        let tracks = source.tracks().to_vec();
        let session = session::describe("Rillcast", &tracks);
        let out = self.engine.source(PATH, session.clone()).map_err(failed)?;
        let mut sdp_file = None;
        match target {
            Target::Rtsp { url, transport } => {
                self.engine.push(PATH, url, engine_transport(*transport)).map_err(failed)?;
                if !self.wait_for_server()? {
                    return Ok(());
                }
            }
            Target::Rtp { address, sdp } => {
                let text = target::description(&session, *address);
                std::fs::write(sdp, text).map_err(|error| {
                    Failure::usage(format!("cannot write {}: {error}", sdp.display()))
                })?;
                let addresses = target::addresses(*address, tracks.len());
                self.engine.send_rtp(PATH, addresses).map_err(failed)?;
                sdp_file = Some(sdp.display().to_string());
            }
        }
        self.output.line(&Line::Publishing { url: shown(url), sdp: sdp_file });
        let begun = Instant::now();
        let feed = Feed::start(source, out, self.stop.clone())?;
        let watched = self.watch(&feed);
        let sent = feed.sent();
        let figures = self.figures();
        let summary = Summary::new(begun.elapsed(), &tracks, &sent, figures.as_ref());
        self.output.line(&Line::Summary(summary));
        let result = match feed.finish(SOURCE_END) {
            Some(end) => {
                drop(end.out);
                self.tell_delays(end.delays);
                end.result
            }
            None => Ok(()),
        };
        if matches!(target, Target::Rtsp { .. }) && watched.is_ok() {
            self.say_goodbye();
        }
        watched.and(result)
    }

    fn tell_delays(&self, delays: u64) {
        let times = match delays {
            0 => return,
            1 => "once".to_owned(),
            more => format!("{more} times"),
        };
        self.output.warning(format!(
            "the stream was more than a second late {times}, and went on from there: the source or \
             this machine is too slow"
        ));
    }

    /// Waits until the server takes the stream; false when the end was asked for before.
    fn wait_for_server(&self) -> Result<bool, Failure> {
        while !self.stop.is_requested() {
            match self.engine.next_event(Some(TICK)) {
                Some(Event::PushStarted { .. }) => return Ok(true),
                Some(Event::PushEnded { url, reason, .. }) => {
                    return Err(Failure::runtime(format!("cannot publish to {url}: {reason}")));
                }
                Some(event) => self.tell(event),
                None => {}
            }
        }
        Ok(false)
    }

    /// Looks on until the source has ended and everything is sent, the server goes away, or the
    /// end is asked for.
    fn watch(&self, feed: &Feed) -> Result<(), Failure> {
        let mut deadline = None;
        loop {
            match self.engine.next_event(Some(TICK)) {
                Some(Event::PushEnded { url, reason, .. }) => {
                    self.stop.request();
                    return Err(Failure::runtime(format!(
                        "{url} no longer takes the stream: {reason}"
                    )));
                }
                Some(event) => self.tell(event),
                None => {}
            }
            if self.stop.is_requested() || feed.is_finished() {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + FAREWELL);
                let drained = self.figures().is_none_or(|stream| is_drained(&stream));
                if drained || Instant::now() >= deadline {
                    return Ok(());
                }
            }
        }
    }

    /// The stream has ended: waits until the server has been told so (TEARDOWN).
    fn say_goodbye(&self) {
        let deadline = Instant::now() + FAREWELL;
        while Instant::now() < deadline {
            match self.engine.next_event(Some(TICK)) {
                Some(Event::PushEnded { .. }) => return,
                Some(event) => self.tell(event),
                None => {}
            }
        }
    }

    fn figures(&self) -> Option<StreamFigures> {
        let figures = self.engine.figures().ok()?;
        figures.streams.into_iter().find(|stream| stream.path == PATH)
    }

    fn tell(&self, event: Event) {
        match event {
            Event::Warning(text) => self.output.warning(text),
            other => tracing::info!("{other}"),
        }
    }
}

/// Whether nothing waits to be sent.
fn is_drained(stream: &StreamFigures) -> bool {
    stream.children.iter().all(|child| child.ledger.waiting == 0)
}

fn engine_transport(transport: Transport) -> engine::Transport {
    match transport {
        Transport::Tcp => engine::Transport::Tcp,
        Transport::Udp => engine::Transport::Udp,
    }
}

/// A URL that cannot be used is the user's to mend.
fn failed(error: engine::Error) -> Failure {
    match error {
        engine::Error::Url { .. } => Failure::usage(error.to_string()),
        _ => Failure::runtime(error.to_string()),
    }
}
