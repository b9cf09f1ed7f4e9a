//! Any role of the program that tells what happens as JSON lines.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::Process;
use crate::scene::{Scene, profile_dir, target_dir};

/// How long a role may take for anything it is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running program and the events it prints. It is killed when dropped.
#[derive(Debug)]
pub struct Role {
    process: Process,
    events: Receiver<Value>,
    seen: Vec<Value>,
}

impl Role {
    /// Starts `rillcast ARGUMENTS --json`; `name` is what its log is called.
    ///
    /// # Panics
    /// When the program cannot be started.
    pub fn start(scene: &Scene, name: &str, arguments: &[&str]) -> Role {
        let mut command = program();
        command.args(arguments).arg("--json");
        let mut process = Process::piped(scene, name, command);
        let output = BufReader::new(process.take_output());
        let (sender, events) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if sender.send(event).is_err() {
                    break;
                }
            }
        });
        Role { process, events, seen: Vec::new() }
    }

    /// Waits for the first event of this kind, not waited for before.
    ///
    /// # Panics
    /// When none comes within the deadline; the text says which came instead.
    pub fn event(&mut self, kind: &str) -> Value {
        self.wait_for(|event| event["event"] == kind)
    }

    /// Waits for the first event, not waited for before, that fits.
    ///
    /// # Panics
    /// When none comes within the deadline; the text says which came instead.
    pub fn wait_for(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        self.wait_within(PATIENCE, fits)
    }

    /// The same within a deadline of its own.
    ///
    /// # Panics
    /// When none comes within `limit`; the text says which came instead.
    pub fn wait_within(&mut self, limit: Duration, fits: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let failed = match self.events.recv_timeout(left) {
                Ok(event) => {
                    self.seen.push(event.clone());
                    if fits(&event) {
                        return event;
                    }
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => format!("did not say so within {limit:?}"),
                Err(RecvTimeoutError::Disconnected) => "has ended".to_owned(),
            };
            let (name, log) = (self.process.name(), self.process.log());
            panic!("{name} {failed}; it said {:#?} and {log}", self.seen)
        }
    }

    /// Waits until the program has ended; all events it has ever told.
    ///
    /// # Panics
    /// When it does not end within the deadline.
    pub fn last_words(&mut self) -> &[Value] {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.events.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(event) => self.seen.push(event),
                Err(RecvTimeoutError::Disconnected) => return &self.seen,
                Err(RecvTimeoutError::Timeout) => panic!("{} does not end", self.process.name()),
            }
        }
    }

    /// The process, to be signalled or watched.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// The program under test: `$RILLCAST`, or the newest that cargo built beside the tests, in release
/// or in the tests' own profile.
///
/// # Panics
/// When it is in none of these places.
pub fn program() -> Command {
    if let Some(path) = std::env::var_os("RILLCAST") {
        return Command::new(path);
    }
    let built = |path: &PathBuf| path.metadata().and_then(|m| m.modified()).ok();
    let places = [target_dir().join("release/rillcast"), profile_dir().join("rillcast")];
    match places.iter().filter(|path| built(path).is_some()).max_by_key(|path| built(path)) {
        Some(path) => Command::new(path),
        None => {
            panic!("build the program first (`cargo build --release`), or run `tests/run peers`")
        }
    }
}
