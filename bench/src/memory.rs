//! What a player takes of the memory of `rillcast serve`: while it waits with its session set up, and while it plays.
//!
//! ```text
//!  this process                         rillcast serve, a process
//!  source ─── RTP over loopback ──────▶
//!  players ◀── RTSP, UDP or TCP ──────
//! ```
//!
//! First the fewest players come, then the others, and what the server has grown by in between is divided by their
//! number. The stream is of few bits: what its own buffers grow by meanwhile must not show.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rillcast::rtsp::Url;
use rillcast_loopback::{Flowing, Load, Source};
use serde::Serialize;

use crate::fanout::{Error, Peer, Process, Spread, Transport, play};
use crate::players::Players;

/// Bits of payload a second of the stream.
const BITRATE: u32 = 200_000;
const FPS: u32 = 25;
/// Longest time that all players may take to come.
const PATIENCE: Duration = Duration::from_secs(30);
/// From when the last player has come until it is looked how large the server is.
const SETTLE: Duration = Duration::from_millis(500);

/// What is measured.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// Players at first.
    pub few: usize,
    /// Players then.
    pub many: usize,
    /// How many times.
    pub repetitions: usize,
    /// The program whose `serve` is measured.
    #[serde(skip)]
    pub program: PathBuf,
}

/// What players do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Their session is set up, and they have not begun to play.
    Idle,
    /// They play.
    Playing,
}

/// Players of one kind, measured once.
#[derive(Clone, Debug, Serialize)]
pub struct Growth {
    /// Which time it was, from 0.
    pub repetition: usize,
    /// How they receive.
    pub transport: Transport,
    /// What they do.
    pub state: State,
    /// Bytes that each player more has taken.
    pub bytes: f64,
}

/// Players of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// How they receive.
    pub transport: Transport,
    /// What they do.
    pub state: State,
    /// Bytes that each player more has taken.
    pub bytes: Spread,
}

/// The outcome.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was measured.
    pub plan: Plan,
    /// The figures.
    pub rows: Vec<Row>,
}

const KINDS: [(Transport, State); 4] = [
    (Transport::Udp, State::Idle),
    (Transport::Udp, State::Playing),
    (Transport::Tcp, State::Idle),
    (Transport::Tcp, State::Playing),
];

/// Measures players of all kinds in turn; `told` is called after each.
///
/// # Errors
///
/// When the server cannot be started, or does not serve the players in time.
pub fn run(plan: &Plan, told: &mut dyn FnMut(&Growth)) -> Result<Report, Error> {
    let mut all = Vec::new();
    for repetition in 0..plan.repetitions.max(1) {
        for (transport, state) in KINDS {
            let bytes = measure(plan, transport, state)?;
            let growth = Growth { repetition, transport, state, bytes };
            told(&growth);
            all.push(growth);
        }
    }
    let row = |(transport, state)| {
        let own = all.iter().filter(|one| (one.transport, one.state) == (transport, state));
        Row { transport, state, bytes: Spread::of(own.map(|one| one.bytes)) }
    };
    Ok(Report { plan: plan.clone(), rows: KINDS.into_iter().map(row).collect() })
}

fn measure(plan: &Plan, transport: Transport, state: State) -> Result<f64, Error> {
    let load = Load {
        streams: 1,
        children: plan.many,
        stalled: 0,
        transport,
        bitrate: BITRATE,
        fps: FPS,
        gro: false,
        duration: Duration::ZERO,
    };
    let (mut process, server) = Process::peer(&serve(plan))?;
    let source = Source::new(&load, &process.ingests, Instant::now())?;
    let flowing = Flowing::start(source, load.interval())?;
    // It is up, and has the stream.
    drop(play(server, Transport::Tcp, None, || process.runs())?);
    let url = Url::parse(&format!("rtsp://{server}/bench"));
    let url = url.map_err(|error| Error::Relay(error.to_string()))?;
    let mut players = Players::new(server.ip(), transport)?;
    players.hold(state == State::Idle);
    let mut size = |players_there: usize, more: usize| {
        (0..more).try_for_each(|_| players.come(url.clone()))?;
        let settled = players.settle(Instant::now() + PATIENCE);
        settled.map_err(|error| process.blame(error.into()))?;
        players.run_until(Instant::now() + SETTLE)?;
        Ok::<_, Error>((players_there + more, process.usage()?.resident))
    };
    let (few, before) = size(0, plan.few)?;
    let (many, after) = size(few, plan.many.saturating_sub(few))?;
    flowing.stop()?;
    Ok((after as f64 - before as f64) / (many - few).max(1) as f64)
}

/// The server, as whoever runs it has it.
fn serve(plan: &Plan) -> Peer {
    let program = plan.program.display().to_string().replace('\'', r"'\''");
    let options = "serve --rtsp 127.0.0.1:$RTSP_PORT --http off --rtp bench=$SDP";
    Peer { name: "serve".into(), command: format!("'{program}' {options}") }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { few, many, repetitions, .. } = self.plan;
        writeln!(
            f,
            "memory of `rillcast serve` per player, from {few} to {many}; {repetitions} times"
        )?;
        writeln!(f, "{:<9} {:<9} {:>22}", "players", "", "KiB each")?;
        for Row { transport, state, bytes } in &self.rows {
            let transport = match transport {
                Transport::Udp => "UDP",
                Transport::Tcp => "TCP",
            };
            let state = match state {
                State::Idle => "idle",
                State::Playing => "playing",
            };
            let kib = |bytes: f64| bytes / 1024.0;
            let Spread { median, min, max } = *bytes;
            let bytes = format!("{:.1} ({:.1}-{:.1})", kib(median), kib(min), kib(max));
            writeln!(f, "{transport:<9} {state:<9} {bytes:>22}")?;
        }
        Ok(())
    }
}
