//! What it costs to come and to go: many players at once, and players that come and leave all the time.
//!
//! ```text
//!  the engine, with a stream          players, on one thread of their own
//!  RTSP ◀──── TCP over loopback ────▶  OPTIONS, DESCRIBE, SETUP, PLAY … TEARDOWN
//! ```
//!
//! The players are of the same process: what is measured is time, and the processor time of the engine's
//! threads, which the kernel counts by thread.

use std::fmt;
use std::time::{Duration, Instant};

use rillcast::engine::{Config, Engine};
use rillcast::rtsp::Url;
use serde::Serialize;

use crate::fanout::{Error, Transport};
use crate::players::{self, Players};

mod report;
mod stream;

pub use report::{Report, Times};

use stream::{PATH, Stream};

/// What is measured.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// Players that come at once, and that are there while others come and go.
    pub children: usize,
    /// How they receive.
    pub transport: Transport,
    /// Players that come, and leave, each second.
    pub rate: u32,
    /// How long they do.
    pub seconds: f64,
    /// Fan-out threads of the engine.
    pub workers: usize,
    /// Bits of payload a second of the stream.
    pub bitrate: u32,
}

/// Longest time that a player may take to come or to go.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is on its way while it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// All come at once.
    Setup,
    /// Some come and some go.
    Churn,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Phase::Setup => write!(f, "all come at once"),
            Phase::Churn => write!(f, "some come and some go"),
        }
    }
}

impl From<players::Error> for Error {
    fn from(error: players::Error) -> Error {
        match error {
            players::Error::System(source) => {
                Error::Io { doing: "open the sockets of a player", source }
            }
            players::Error::Unserved(_) => Error::Relay(error.to_string()),
        }
    }
}

/// Measures both; `told` is called when either begins.
///
/// # Errors
///
/// When the engine or the system refuses something, or players are not served in time.
pub fn run(plan: &Plan, told: &mut dyn FnMut(Phase)) -> Result<Report, Error> {
    let everyone = plan.children.saturating_mul(2).saturating_add(1000);
    let config = Config {
        workers: plan.workers,
        max_connections: everyone,
        max_connections_per_address: everyone,
        ..Config::default()
    };
    let engine = Engine::start(config)?;
    let server = engine.listen(([127, 0, 0, 1], 0).into())?;
    let stream = Stream::start(&engine, plan.bitrate)?;
    let url = Url::parse(&format!("rtsp://{server}/{PATH}"));
    let url = url.map_err(|error| Error::Relay(error.to_string()))?;
    let mut players = Players::new(server.ip(), plan.transport)?;

    told(Phase::Setup);
    let (used, began) = (report::engine_cpu(), Instant::now());
    (0..plan.children).try_for_each(|_| players.come(url.clone()))?;
    players.settle(began + PATIENCE)?;
    let setup =
        Times::new(began.elapsed(), report::engine_cpu().saturating_sub(used), &mut players);

    told(Phase::Churn);
    let (used, began) = (report::engine_cpu(), Instant::now());
    let interval = Duration::from_secs_f64(1.0 / f64::from(plan.rate.max(1)));
    let rounds = (plan.seconds * f64::from(plan.rate)).round() as u32;
    for round in 0..rounds {
        players.run_until(began + interval * round)?;
        players.leave()?;
        players.come(url.clone())?;
    }
    players.settle(Instant::now() + PATIENCE)?;
    let churn =
        Times::new(began.elapsed(), report::engine_cpu().saturating_sub(used), &mut players);

    stream.stop();
    Ok(Report { plan: plan.clone(), setup, churn })
}
