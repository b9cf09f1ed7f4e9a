//! From the URL to a reader of frames, and from there to the end.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rillcast::engine::{self, Config, Engine, Event};
use rillcast::media::{Payload, sdp};
use rillcast::relay::{Frame, FrameReader, Next};

use crate::args::{Transport, shown};
use crate::failure::Failure;
use crate::output::Output;
use crate::signal::Stop;
use crate::source::clock;

use super::PlayArgs;
use super::figures::{Figures, TrackFigures, millis};
use super::meter::{Meter, Track};
use super::sink::{self, Format, Sink};
use super::verdict::Fault;
use super::window::{Window, check_display};

/// Path of the stream within the player's own engine.
const PATH: &str = "play";
/// Longest wait before looking at signals and events again.
const STEP: Duration = Duration::from_millis(50);
/// Time between two lines of figures.
const PERIOD: Duration = Duration::from_secs(1);

/// A stream being played.
pub(super) struct Session {
    args: PlayArgs,
    output: Output,
    stop: Stop,
    engine: Engine,
    /// When the engine's clock read zero.
    epoch: Instant,
    /// When the stream was asked for.
    begun: Instant,
    reader: FrameReader,
    /// The track whose frames `--frames` counts: the first video, or the first.
    main: usize,
    sink: Option<Sink>,
    window: Option<Window>,
    meter: Meter,
    /// What the engine last counted, by track: it forgets a stream that is over.
    counted: Vec<rillcast::relay::TrackFigures>,
}

/// Why reading came to an end.
enum End {
    /// As many frames as asked for, Ctrl-C, or the window was closed.
    Asked,
    /// The publisher or the server ended the stream.
    Stream,
    /// Nothing came any more.
    Silence,
}

impl Session {
    /// Connects and waits until the stream is there.
    pub(super) fn start(args: PlayArgs, output: Output, stop: Stop) -> Result<Session, Failure> {
        let file = match args.output.clone() {
            Some(path) => match Format::of(&path) {
                Some(format) => Some((writable(path)?, format)),
                None => return Err(no_such_format(&path)),
            },
            None => None,
        };
        if args.window {
            check_display()?;
        }
        let engine = Engine::start(Config { tls: Some(args.trust.config()?), ..Config::default() })
            .map_err(runtime)?;
        let epoch = Instant::now();
        let transport = match args.transport {
            None => engine::Transport::Auto,
            Some(Transport::Udp) => engine::Transport::Udp,
            Some(Transport::Tcp) => engine::Transport::Tcp,
        };
        let begun = Instant::now();
        engine.pull(PATH, &args.url, transport).map_err(|error| match error {
            engine::Error::Url { .. } => Failure::usage(error.to_string()),
            _ => runtime(error),
        })?;
        let reader = wait_for_stream(&engine, &args, output, &stop)?;
        let media = &reader.session().media;
        let main = media.iter().position(|media| media.kind == sdp::Kind::Video).unwrap_or(0);
        let rate = media.get(main).map_or(1, |media| media.format.clock_rate);
        let meter = Meter::new(media.len(), rate);
        let sink = match file {
            Some((path, format)) => {
                let refused = |error| {
                    let text = format!("-o {}: {error}", path.display());
                    match error {
                        sink::Error::Io(_) => Failure::usage(text),
                        _ => Failure::runtime(text),
                    }
                };
                Some(Sink::create(&path, format, reader.session()).map_err(refused)?)
            }
            None => None,
        };
        let window = match args.window {
            true => Some(Window::open(&args.url, reader.session())?),
            false => None,
        };
        let counted = Vec::new();
        Ok(Session {
            args,
            output,
            stop,
            engine,
            epoch,
            begun,
            reader,
            main,
            sink,
            window,
            meter,
            counted,
        })
    }

    /// Receives until the end, and judges.
    pub(super) fn run(mut self) -> Result<(), Failure> {
        let end = self.receive()?;
        let figures = self.judge(&end);
        if let Some(sink) = self.sink.take() {
            sink.finish().map_err(runtime)?;
        }
        self.output.line(&figures);
        match figures.fault {
            Some(fault) => Err(Failure::runtime(fault)),
            None => Ok(()),
        }
    }

    fn receive(&mut self) -> Result<End, Failure> {
        let patience = Duration::from_secs(self.args.timeout);
        let mut last_frame = Instant::now();
        let mut last_line = (Instant::now(), self.meter.tracks().to_vec());
        let mut ended = false;
        loop {
            while let Some(event) = self.engine.next_event(Some(Duration::ZERO)) {
                match event {
                    Event::StreamEnded { .. } => ended = true,
                    Event::Warning(text) => self.output.warning(text),
                    _ => {}
                }
            }
            let is_open = self.window.as_ref().map_or(Ok(true), Window::is_open)?;
            if self.stop.is_requested() || !is_open {
                return Ok(End::Asked);
            }
            match self.reader.next(STEP) {
                Next::Frame(frame) => {
                    last_frame = Instant::now();
                    self.take(&frame)?;
                    let wanted = self.args.frames;
                    if wanted.is_some_and(|wanted| self.meter.frames(self.main) >= wanted) {
                        return Ok(End::Asked);
                    }
                }
                Next::Lagged(packets) => self.meter.fault(Fault::Lagged { packets }),
                // The engine keeps a stream that is over for those who are behind; this reader has
                // all of it.
                Next::TimedOut if ended => return Ok(End::Stream),
                Next::TimedOut if last_frame.elapsed() >= patience => return Ok(End::Silence),
                Next::TimedOut => {}
                Next::Ended => return Ok(End::Stream),
            }
            if last_line.0.elapsed() >= PERIOD {
                let line = self.figures("stats", last_line.0, &last_line.1);
                if self.args.stats {
                    self.output.line(&line);
                }
                last_line = (Instant::now(), self.meter.tracks().to_vec());
            }
        }
    }

    fn take(&mut self, frame: &Frame) -> Result<(), Failure> {
        let arrived = self.epoch + frame.arrival;
        if let Payload::H264(unit) = &frame.data.payload
            && let Some(data) = unit.user_data(&clock::UUID)
            && let Some(stamp) = clock::decode(&data)
        {
            // The wall clock is read now and set back by how long ago the frame came. Frames from
            // before this player began were kept for it by the server: their age is no latency.
            let at = |instant: Instant| SystemTime::now().checked_sub(instant.elapsed());
            let latency = at(arrived).and_then(|at| at.duration_since(stamp.captured).ok());
            if let Some(latency) = latency
                && at(self.begun).is_some_and(|begun| stamp.captured >= begun)
            {
                self.meter.latency(latency);
            }
        }
        self.meter.frame(frame, frame.track == self.main);
        if let Some(window) = &mut self.window {
            window.show(frame);
        }
        let Some(sink) = &mut self.sink else { return Ok(()) };
        if let Some(reference) = self.reader.reference(frame.track) {
            sink.synchronise(frame.track, reference);
        }
        sink.write(frame).map_err(runtime)
    }

    /// The last line of figures, with what was wrong.
    fn judge(&mut self, end: &End) -> Figures {
        let nothing = vec![Track::default(); self.meter.tracks().len()];
        let mut figures = self.figures("end", self.begun, &nothing);
        let fault = self.fault(end, figures.tracks.iter().map(|track| track.lost).sum());
        let since = |time: Option<Duration>| {
            time.map(|time| millis((self.epoch + time).saturating_duration_since(self.begun)))
        };
        figures.first_packet_ms = since(self.reader.first_arrival());
        figures.first_key_ms = since(self.meter.first_key);
        figures.latency_ms = self.meter.latency.mean().map(millis);
        figures.latency_max_ms = figures.latency_ms.map(|_| millis(self.meter.latency.max));
        figures.shown = self.window.as_ref().map(Window::shown);
        figures.whole = Some(fault.is_none());
        figures.fault = fault.map(|fault| fault.to_string());
        figures
    }

    /// What keeps the stream from being whole; the cause before its consequences.
    fn fault(&self, end: &End, lost: u64) -> Option<Fault> {
        let frames = self.meter.frames(self.main);
        if let End::Silence = end {
            let patience = Duration::from_secs(self.args.timeout);
            return Some(Fault::Silence { patience, frames });
        }
        if frames == 0 {
            return Some(Fault::Empty);
        }
        if let Some(fault @ Fault::Lagged { .. }) = self.meter.first_fault() {
            return Some(fault.clone());
        }
        if lost > 0 {
            return Some(Fault::Lost { packets: lost });
        }
        for (media, track) in self.reader.session().media.iter().zip(self.meter.tracks()) {
            if !super::is_h264(media) || track.frames == 0 {
                continue;
            }
            if track.before_key > 0 {
                return Some(Fault::NoKeyAtStart { before: track.before_key, keys: track.keys });
            }
            if !track.parameter_sets && !super::parameter_sets(media).is_complete() {
                return Some(Fault::NoParameterSets);
            }
        }
        if let Some(fault) = self.meter.first_fault() {
            return Some(fault.clone());
        }
        match (end, self.args.frames) {
            (End::Stream, Some(wanted)) => Some(Fault::Short { wanted, got: frames }),
            _ => None,
        }
    }

    /// Figures of now, with rates since `since`, when the counts were those of `before`; since the
    /// beginning of the live stream when that is later.
    fn figures(&mut self, event: &'static str, since: Instant, before: &[Track]) -> Figures {
        let nothing = vec![Track::default(); self.meter.tracks().len()];
        let (began, burst) = match self.meter.live() {
            Some((at, burst)) => (Some(self.epoch + *at), burst.clone()),
            None => (None, nothing),
        };
        let (since, before) = match began {
            Some(began) if began > since => (began, burst.as_slice()),
            _ => (since, before),
        };
        // Only then are there rates.
        let shown =
            self.meter.frames(self.main) > burst.get(self.main).map_or(0, |main| main.frames);
        let seconds = since.elapsed().as_secs_f64().max(1e-3);
        let rate = |count: u64| shown.then(|| count as f64 / seconds);
        let latency = self.meter.take_latency();
        let stream = self.engine.figures().ok().and_then(|all| all.streams.into_iter().next());
        if let Some(stream) = stream {
            self.counted = stream.tracks;
        }
        let tracks = self
            .reader
            .session()
            .media
            .iter()
            .zip(self.meter.tracks().iter().zip(before).zip(&burst))
            .enumerate()
            .map(|(index, (media, ((now, before), burst)))| {
                let counted = self.counted.get(index);
                TrackFigures {
                    kind: media.kind.to_string(),
                    codec: media.format.encoding.clone(),
                    frames: now.frames,
                    key_frames: now.keys,
                    damaged: now.damaged,
                    burst: burst.frames,
                    frames_per_second: rate(now.frames - before.frames),
                    bits_per_second: rate((now.bytes - before.bytes) * 8),
                    lost: counted.map_or(0, |track| track.lost).max(now.lost),
                    jitter_ms: counted.map_or(0.0, |track| millis(track.jitter)),
                }
            })
            .collect();
        Figures {
            event,
            seconds: millis(self.begun.elapsed()) / 1e3,
            tracks,
            packets: self.reader.packets(),
            latency_ms: latency.mean().map(millis),
            latency_max_ms: latency.mean().map(|_| millis(latency.max)),
            shown: None,
            first_packet_ms: None,
            first_key_ms: None,
            whole: None,
            fault: None,
        }
    }
}

/// Waits for the stream to come, and subscribes to it.
fn wait_for_stream(
    engine: &Engine,
    args: &PlayArgs,
    output: Output,
    stop: &Stop,
) -> Result<FrameReader, Failure> {
    let deadline = Instant::now() + Duration::from_secs(args.timeout);
    loop {
        match engine.next_event(Some(STEP)) {
            Some(Event::StreamStarted { .. }) => {
                return engine.reader(PATH, PERIOD).map_err(runtime);
            }
            Some(Event::PullFailed { reason, .. } | Event::StreamEnded { reason, .. }) => {
                return Err(Failure::runtime(format!("{}: {reason}", shown(&args.url))));
            }
            Some(Event::Warning(text)) => output.warning(text),
            Some(_) | None => {}
        }
        if stop.is_requested() {
            return Err(Failure::runtime("ended before the stream came"));
        }
        if Instant::now() >= deadline {
            let seconds = args.timeout;
            let url = shown(&args.url);
            return Err(Failure::runtime(format!("{url}: nothing came within {seconds} s")));
        }
    }
}

/// The path, if a file can be there; whether it can be written is known when the stream has come.
fn writable(path: PathBuf) -> Result<PathBuf, Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => {
            let (file, folder) = (path.display(), folder.display());
            Err(Failure::usage(format!("-o {file}: there is no folder {folder}")))
        }
        _ => Ok(path),
    }
}

fn no_such_format(path: &Path) -> Failure {
    let name = path.display();
    Failure::usage(format!("-o {name}: the name must end in .264, .h264 or .mp4"))
}

fn runtime(error: impl std::fmt::Display) -> Failure {
    Failure::runtime(error.to_string())
}
