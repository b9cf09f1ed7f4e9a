//! The figures of one moment.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rillcast::engine::{Engine, Figures};

use crate::serve::{PullBoard, PullState};

/// How old figures may be that are shown again: however many ask, the engine is not.
const FRESH: Duration = Duration::from_millis(100);
/// How long the engine may take to answer. It takes microseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was seen.
pub(super) type Seen = Arc<Snapshot>;

/// Everything that is told, at one moment.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// How long the server had been running.
    pub(super) uptime: Duration,
    pub(super) figures: Figures,
    pub(super) pulls: Vec<PullState>,
}

/// Why there is nothing to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwell {
    /// The engine has ended.
    Stopped,
    /// The engine does not answer.
    Silent,
}

impl fmt::Display for Unwell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unwell::Stopped => "the engine has stopped",
            Unwell::Silent => "the engine does not answer",
        })
    }
}

/// Looks at a running server.
pub(crate) struct Observer {
    engine: Arc<Engine>,
    pulls: PullBoard,
    started: Instant,
    latest: Mutex<Option<(Instant, Seen)>>,
}

impl Observer {
    /// Looks at this engine, and at what is said of its pulls.
    pub(crate) fn new(engine: Arc<Engine>, pulls: PullBoard) -> Observer {
        Observer { engine, pulls, started: Instant::now(), latest: Mutex::new(None) }
    }

    /// The figures, a tenth of a second old at most.
    pub(super) fn look(&self) -> Result<Seen, Unwell> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, seen)) = &*latest
            && at.elapsed() < FRESH
        {
            return Ok(seen.clone());
        }
        let figures = match self.engine.figures_within(PATIENCE) {
            Ok(Some(figures)) => figures,
            Ok(None) => return Err(Unwell::Silent),
            Err(_) => return Err(Unwell::Stopped),
        };
        let now = Instant::now();
        let uptime = now.saturating_duration_since(self.started);
        let seen = Arc::new(Snapshot { uptime, figures, pulls: self.pulls.read() });
        *latest = Some((now, seen.clone()));
        Ok(seen)
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").field("started", &self.started).finish_non_exhaustive()
    }
}
