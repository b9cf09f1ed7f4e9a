//! `rillcast node`: a node of an OmniCast264 tree.

mod args;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

pub(crate) use args::NodeArgs;

use rillcast::engine;
use rillcast_omnicast::node::pluggable::{Machine, capacity};
use rillcast_omnicast::node::{Config, Error, Node};
use rillcast_omnicast::uscp::Credentials;
use serde::Serialize;

use crate::args::Transport;
use crate::failure::Failure;
use crate::files;
use crate::output::Output;
use crate::signal::Stop;

/// How often the request to end is looked for.
const TICK: Duration = Duration::from_millis(100);

/// How many nodes one serves that was told neither that nor its uplink.
const DEFAULT_CAPACITY: u32 = 4;

/// Receives and hands on until the end is asked for.
pub(crate) fn run(args: NodeArgs, output: Output, stop: Stop) -> Result<(), Failure> {
    files::raise_limit();
    let wanted = args.rtsp;
    let node = Node::start(config(args)?).map_err(|error| match error {
        Error::Engine(engine::Error::Io { source, .. }) => {
            Failure::runtime(format!("cannot serve at {wanted}: {source}"))
        }
        error => Failure::runtime(error.to_string()),
    })?;
    output.line(&Listening { event: "listening", rtsp: node.address() });
    while node.is_running() && !stop.is_requested() {
        if let Some(event) = node.next_event(TICK) {
            output.line(&event);
        }
    }
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
        Some(uplink) => capacity::children(uplink, args.bitrate, &Machine::look()),
        None => args.capacity.unwrap_or(DEFAULT_CAPACITY),
    };
    Ok(Config {
        proxy: args.proxy,
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
