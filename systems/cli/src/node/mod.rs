//! `rillcast node`: a node of an OmniCast264 tree.

mod args;
mod watch;

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub(crate) use args::NodeArgs;

use rillcast::engine;
use rillcast_omnicast::node::{Capacity, Config, Error, Event, Node};
use rillcast_omnicast::uscp::Credentials;
use serde::Serialize;

use crate::args::Transport;
use crate::failure::Failure;
use crate::files;
use crate::output::Output;
use crate::play::millis;
use crate::signal::Stop;
use watch::{FirstFrame, Report, Watch};

/// How often the request to end is looked for.
const TICK: Duration = Duration::from_millis(100);

/// How many nodes one serves that was told neither that nor its uplink.
const DEFAULT_CAPACITY: u32 = 4;

/// Receives and hands on until the end is asked for.
pub(crate) fn run(args: NodeArgs, output: Output, stop: Stop) -> Result<(), Failure> {
    files::raise_limit();
    let wanted = args.rtsp;
    let (channel, stats, trace) = (args.channel.clone(), args.stats, args.trace.clone());
    let node = Node::start(config(args)?).map_err(|error| match error {
        Error::Engine(engine::Error::Io { source, .. }) => {
            Failure::runtime(format!("cannot serve at {wanted}: {source}"))
        }
        error => Failure::runtime(error.to_string()),
    })?;
    let watch = match stats || trace.is_some() {
        true => Some(Watch::start(&node, &channel, trace.as_deref()).map_err(|error| {
            let file = trace.unwrap_or_default();
            Failure::usage(format!("--trace {}: {error}", file.display()))
        })?),
        false => None,
    };
    output.line(&Listening { event: "listening", rtsp: node.address() });
    let mut first = FirstPicture::default();
    while node.is_running() && !stop.is_requested() {
        if let Some(event) = node.next_event(TICK) {
            output.line(&event);
            first.connected(&event);
        }
        for report in watch.iter().flat_map(|watch| watch.reports.try_iter()) {
            match report {
                Report::First { at, lost } => first.seen = Some((at, lost)),
                Report::Stats(figures) if stats => output.line(&figures),
                Report::Stats(_) => {}
            }
        }
        if let Some(line) = first.take() {
            output.line(&line);
        }
    }
    drop(watch);
    node.stop().map_err(|error| Failure::runtime(error.to_string()))
}

fn config(args: NodeArgs) -> Result<Config, Failure> {
    let file = args.password_file.display().to_string();
    let wrong = |why: String| Failure::usage(format!("--password-file: cannot use {file}: {why}"));
    let text = std::fs::read_to_string(&args.password_file);
    let text = text.map_err(|error| wrong(error.to_string()))?;
    let password = text.lines().next().unwrap_or_default().to_owned();
    if password.is_empty() {
        return Err(wrong("its first line is empty".into()));
    }
    let tls = if args.tls { Some(args.trust.config()?) } else { None };
    let capacity = match args.uplink {
        Some(uplink) => Capacity::Reckoned { uplink, bitrate: args.bitrate },
        None => Capacity::Fixed(args.capacity.unwrap_or(DEFAULT_CAPACITY)),
    };
    Ok(Config {
        proxies: args.proxy,
        tls,
        credentials: Credentials { user: args.user, password },
        subscribe: args.subscribe,
        channel: args.channel,
        listen: args.rtsp,
        host: args.host,
        capacity,
        transport: match args.transport {
            None => engine::Transport::Auto,
            Some(Transport::Tcp) => engine::Transport::Tcp,
            Some(Transport::Udp) => engine::Transport::Udp,
        },
        local_players: args.allow_local_players,
    })
}

/// How long the first picture took, which two threads know together.
#[derive(Default)]
struct FirstPicture {
    /// When the node turned to the proxy server, and the times from there, in milliseconds.
    connected: Option<(Instant, f64, f64)>,
    /// When the picture was there, and how many had been lost before.
    seen: Option<(Instant, u64)>,
}

impl FirstPicture {
    fn connected(&mut self, event: &Event) {
        if let Event::Connected { began, uscp_ms, rtsp_ms } = event {
            self.connected = Some((*began, *uscp_ms, *rtsp_ms));
        }
    }

    /// Once, when all is known.
    fn take(&mut self) -> Option<FirstFrame> {
        let (began, uscp_ms, rtsp_ms) = self.connected?;
        let (at, lost_frames) = self.seen.take()?;
        let total_ms = millis(at.saturating_duration_since(began));
        // The first picture may be here before it is told that it is about to come.
        let rtsp_ms = rtsp_ms.min(total_ms - uscp_ms).max(0.0);
        let first_frame_ms = (total_ms - uscp_ms - rtsp_ms).max(0.0);
        let event = "first_frame";
        Some(FirstFrame { event, uscp_ms, rtsp_ms, first_frame_ms, lost_frames, total_ms })
    }
}

/// Where the node serves others.
#[derive(Debug, Serialize)]
struct Listening {
    event: &'static str,
    rtsp: SocketAddr,
}

impl fmt::Display for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "serving other nodes at {}", self.rtsp)
    }
}
