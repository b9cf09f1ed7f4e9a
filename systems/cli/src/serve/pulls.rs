//! Streams that the server fetches, again and again: a camera that restarts comes back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rillcast::engine::{self, Backoff, Engine, Sources, Upstream};

use crate::config::{Options, RtspUrl};
use crate::failure::Failure;
use crate::output::Output;

/// Time to the first new attempt, and the longest between two.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// What is fetched, and when it is tried again.
#[derive(Debug)]
pub(super) struct Pulls {
    output: Output,
    pulls: Vec<Pull>,
    board: PullBoard,
}

/// What is fetched and how it goes, for others to read.
#[derive(Clone, Debug, Default)]
pub(crate) struct PullBoard(Arc<Mutex<Vec<PullState>>>);

impl PullBoard {
    /// How it goes with each.
    pub(crate) fn read(&self) -> Vec<PullState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn write(&self, states: Vec<PullState>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = states;
    }
}

/// How it goes with a stream that is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PullState {
    /// Where it is served.
    pub(crate) path: String,
    /// What goes on.
    pub(crate) phase: PullPhase,
    /// Attempts that failed, and interruptions.
    pub(crate) failures: u64,
}

/// What goes on with a stream that is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PullPhase {
    /// An attempt is under way.
    Connecting,
    /// The stream is there.
    Up,
    /// The next attempt is made then.
    Waiting(Instant),
}

impl PullPhase {
    /// The name in figures.
    pub(crate) fn name(self) -> &'static str {
        match self {
            PullPhase::Connecting => "connecting",
            PullPhase::Up => "up",
            PullPhase::Waiting(_) => "waiting",
        }
    }
}

#[derive(Debug)]
struct Pull {
    path: String,
    sources: Sources,
    backoff: Backoff,
    /// When the next attempt is due; `None` while one is under way or the stream is there.
    retry: Option<Instant>,
    /// The stream is there.
    up: bool,
    failures: u64,
}

impl Pull {
    fn new(path: String, sources: Sources, retry: Option<Instant>) -> Pull {
        let backoff = Backoff::new(BACKOFF.0, BACKOFF.1);
        Pull { path, sources, backoff, retry, up: false, failures: 0 }
    }

    fn state(&self) -> PullState {
        let phase = match self.retry {
            Some(at) => PullPhase::Waiting(at),
            None if self.up => PullPhase::Up,
            None => PullPhase::Connecting,
        };
        PullState { path: self.path.clone(), phase, failures: self.failures }
    }
}

impl Pulls {
    /// Begins all of them.
    ///
    /// # Errors
    /// When a URL cannot be used or a path is given twice. A host that is away is no such error.
    pub(super) fn start(
        engine: &Engine,
        options: &Options,
        output: Output,
    ) -> Result<Pulls, Failure> {
        let mut pulls = Pulls { pulls: Vec::new(), output, board: PullBoard::default() };
        for (path, sources) in wanted(options)? {
            if pulls.pulls.iter().any(|pull| pull.path == path) {
                return Err(Failure::usage(format!("--pull: the path {path} is given twice")));
            }
            match engine.pull_from(&path, &sources) {
                Ok(()) => {}
                Err(error @ engine::Error::Url { .. }) => {
                    return Err(Failure::usage(error.to_string()));
                }
                Err(error) => return Err(Failure::runtime(format!("--pull {path}: {error}"))),
            }
            pulls.pulls.push(Pull::new(path, sources, None));
        }
        pulls.post();
        Ok(pulls)
    }

    /// From now on these are fetched. What is there goes over to its new server without a pause; what is no
    /// longer wanted goes on to its end, and is not fetched again.
    ///
    /// # Errors
    /// When a standby is named for what is not fetched. Nothing has changed then.
    pub(super) fn change(
        &mut self,
        engine: &Engine,
        options: &Options,
        now: Instant,
    ) -> Result<(), Failure> {
        for (path, sources) in self.note(options, now)? {
            match engine.set_upstreams(&path, &sources) {
                // It is not there now: the next attempt goes to the new servers.
                Ok(()) | Err(engine::Error::NoStream(_)) => {}
                Err(error) => self.output.warning(format!("--pull {path}: {error}")),
            }
        }
        Ok(())
    }

    /// Notes what is fetched from now on; gives what comes from other servers than before.
    fn note(&mut self, options: &Options, now: Instant) -> Result<Vec<(String, Sources)>, Failure> {
        let wanted = wanted(options)?;
        let mut changed = Vec::new();
        self.pulls.retain(|pull| wanted.iter().any(|(path, _)| *path == pull.path));
        for (path, sources) in wanted {
            match self.find(&path) {
                Some(pull) if pull.sources == sources => {}
                Some(pull) => {
                    pull.sources = sources.clone();
                    changed.push((path, sources));
                }
                None => self.pulls.push(Pull::new(path, sources, Some(now))),
            }
        }
        self.post();
        Ok(changed)
    }

    /// The stream at this path is there.
    pub(super) fn started(&mut self, path: &str) {
        if let Some(pull) = self.find(path) {
            pull.backoff.reset();
            pull.retry = None;
            pull.up = true;
            self.post();
        }
    }

    /// The stream at this path is interrupted, has ended, or did not come. Returns when it is tried
    /// again, unless that is settled already.
    pub(super) fn failed(&mut self, path: &str, now: Instant) -> Option<Duration> {
        let pull = self.find(path).filter(|pull| pull.retry.is_none())?;
        let wait = pull.backoff.wait();
        pull.retry = Some(now + wait);
        pull.up = false;
        pull.failures += 1;
        self.post();
        Some(wait)
    }

    /// Tries again what is due.
    pub(super) fn retry(&mut self, engine: &Engine, now: Instant) {
        let mut tried = false;
        for pull in &mut self.pulls {
            if pull.retry.is_none_or(|at| at > now) {
                continue;
            }
            pull.retry = None;
            tried = true;
            if let Err(error) = engine.pull_from(&pull.path, &pull.sources) {
                // The name server is away, or somebody publishes to the path.
                self.output.warning(error.to_string());
                pull.retry = Some(now + pull.backoff.wait());
                pull.failures += 1;
            }
        }
        if tried {
            self.post();
        }
    }

    /// Where others read how it goes.
    pub(super) fn board(&self) -> PullBoard {
        self.board.clone()
    }

    fn post(&self) {
        self.board.write(self.pulls.iter().map(Pull::state).collect());
    }

    fn find(&mut self, path: &str) -> Option<&mut Pull> {
        self.pulls.iter_mut().find(|pull| pull.path == path)
    }
}

/// What is fetched, and from where.
fn wanted(options: &Options) -> Result<Vec<(String, Sources)>, Failure> {
    let upstream = |RtspUrl(url): &RtspUrl| Upstream::new(url);
    let pulled = |path: &String| options.pull.iter().any(|(pulled, _)| pulled == path);
    if let Some((path, _)) = options.standby.iter().find(|(path, _)| !pulled(path)) {
        return Err(Failure::usage(format!("--standby {path}: no --pull fetches this path")));
    }
    let sources = options.pull.iter().map(|(path, url)| {
        let standbys = options.standby.iter().filter(|(of, _)| of == path);
        let standbys = standbys.map(|(_, url)| upstream(url)).collect();
        (path.clone(), Sources { parent: upstream(url), standbys })
    });
    Ok(sources.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pull: &[(&str, u8)], standby: &[(&str, u8)]) -> Options {
        let all = |pairs: &[(&str, u8)]| {
            let url = |n| RtspUrl(format!("rtsp://10.0.0.{n}/x"));
            pairs.iter().map(|(path, n)| ((*path).to_owned(), url(n))).collect()
        };
        Options { pull: all(pull), standby: all(standby), ..Options::default() }
    }

    #[test]
    fn what_is_fetched_can_be_changed() {
        let now = Instant::now();
        let mut pulls =
            Pulls { pulls: Vec::new(), output: Output::new(true), board: PullBoard::default() };
        let mut note = |options| pulls.note(&options, now).map(|changed| changed.len()).ok();
        assert_eq!(note(options(&[("a", 1), ("b", 2)], &[("a", 4)])), Some(0));
        assert_eq!(note(options(&[("a", 1)], &[("b", 4)])), None, "a standby of nothing");
        assert_eq!(note(options(&[("a", 1), ("b", 2)], &[("a", 4)])), Some(0));
        assert_eq!(note(options(&[("a", 1), ("b", 2)], &[("a", 4), ("a", 5)])), Some(1));
        pulls.started("a");
        assert_eq!(pulls.note(&options(&[("a", 3)], &[]), now).map(|it| it.len()).ok(), Some(1));
        let [pull] = &pulls.pulls[..] else { panic!("{pulls:?}") };
        assert_eq!((pull.sources.parent.url.as_str(), pull.retry), ("rtsp://10.0.0.3/x", None));
    }

    #[test]
    fn one_attempt_is_made_at_a_time_and_each_later_than_the_last() {
        let pull = Pull::new("cam".into(), Sources::new(Upstream::new("")), None);
        let board = PullBoard::default();
        let mut pulls =
            Pulls { output: Output::new(false), pulls: vec![pull], board: board.clone() };
        let now = Instant::now();
        let mut attempt = || {
            let wait = pulls.failed("cam", now);
            assert_eq!(pulls.failed("cam", now), None, "one attempt at a time");
            pulls.pulls[0].retry = None;
            wait
        };
        let waits: Vec<_> = (0..5).filter_map(|_| attempt()).collect();
        assert!(waits.is_sorted() && waits.len() == 5, "{waits:?}");
        pulls.started("cam");
        let up = PullState { path: "cam".into(), phase: PullPhase::Up, failures: 5 };
        assert_eq!(board.read(), [up]);
        let wait = pulls.failed("cam", now).expect("another attempt");
        assert!(wait <= BACKOFF.0);
        assert_eq!(board.read()[0].phase, PullPhase::Waiting(now + wait));
        assert_eq!(pulls.failed("other", now), None);
    }
}
