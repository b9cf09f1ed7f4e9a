//! Any role of the program that tells what happens as JSON lines.

use std::io::{BufRead, BufReader};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::Process;
use crate::scene::Scene;
use crate::server::program;

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
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(event) = self.events.recv_timeout(left) else {
                panic!(
                    "{} did not say so; it said {:#?} and {}",
                    self.process.name(),
                    self.seen,
                    self.process.log()
                )
            };
            self.seen.push(event.clone());
            if fits(&event) {
                return event;
            }
        }
    }

    /// The process, to be signalled or watched.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
