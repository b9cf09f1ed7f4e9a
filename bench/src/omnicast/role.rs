//! The program in one of its roles, and the events that it prints.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{self, Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::error::{Error, doing};
use super::halt::{Halt, pause};
use super::network::Place;

/// The variable of the environment that ties a program to the process that has started it, whose number it
/// holds: the program ends with that, even when it is killed. `rillcast` heeds it.
pub const TETHER: &str = "RILLCAST_TETHER";

/// How long a role may take for anything that it is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether the end was asked for.
const LOOK: Duration = Duration::from_millis(50);
/// Lines of its log that are shown when it has failed.
const LINES: usize = 8;

/// A role that runs. It is killed when this is dropped, and when the thread ends that has started it, as it
/// does when its process is killed.
#[derive(Debug)]
pub struct Role {
    name: String,
    child: Child,
    log: PathBuf,
    events: Receiver<Value>,
    halt: Arc<dyn Halt>,
    /// What came and was not waited for.
    kept: Vec<Value>,
}

/// A signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// To end in order.
    Term,
    /// To stand still.
    Stop,
}

impl Role {
    /// Starts `PROGRAM ARGUMENTS --json` at a place of the network. What it says on standard error goes
    /// to `NAME.log` in `folder`; `input` is its standard input. Nothing is waited for any more once `halt` tells.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(
        place: &Place,
        folder: &Path,
        (name, program): (&str, &Path),
        arguments: &[&str],
        input: Option<File>,
        halt: &Arc<dyn Halt>,
    ) -> Result<Role, Error> {
        let log = folder.join(format!("{name}.log"));
        let errors = File::create(&log).map_err(doing(format!("write {}", log.display())))?;
        let mut child = place
            .command(program)
            .args(arguments)
            .arg("--json")
            .env(TETHER, process::id().to_string())
            .stdin(input.map_or_else(Stdio::null, Stdio::from))
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .map_err(doing(format!("start {}", program.display())))?;
        let (sender, events) = mpsc::channel();
        if let Some(output) = child.stdout.take() {
            // Ends with the program.
            let reader = move || {
                let lines = BufReader::new(output).lines().map_while(Result::ok);
                let events = lines.filter_map(|line| serde_json::from_str(&line).ok());
                for event in events {
                    if sender.send(event).is_err() {
                        return;
                    }
                }
            };
            thread::Builder::new().spawn(reader).map_err(doing("start a thread"))?;
        }
        let (name, halt) = (name.to_owned(), halt.clone());
        Ok(Role { name, child, log, events, halt, kept: Vec::new() })
    }

    /// Waits for the first event of that kind that was not taken before.
    ///
    /// # Errors
    /// When it does not come.
    pub fn event(&mut self, kind: &str) -> Result<Value, Error> {
        self.wait_for(kind, |event| event["event"] == kind)
    }

    /// Waits for the first event that fits and was not taken before; `what` is what it is called when it
    /// does not come.
    ///
    /// # Errors
    /// When it does not come.
    pub fn wait_for(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Result<Value, Error> {
        let deadline = Instant::now() + PATIENCE;
        if let Some(at) = self.kept.iter().position(&fits) {
            return Ok(self.kept.remove(at));
        }
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left.min(LOOK)) {
                Ok(event) if fits(&event) => return Ok(event),
                Ok(event) => self.kept.push(event),
                Err(RecvTimeoutError::Timeout) if !left.is_zero() => {}
                Err(_) => {
                    // Ctrl-C ends the roles, too, perhaps before it is noticed here.
                    pause(&self.halt, LOOK)?;
                    return Err(self.failed(&format!("did not tell {what:?}")));
                }
            }
            pause(&self.halt, Duration::ZERO)?;
        }
    }

    /// All events that have come and were not taken before.
    pub fn take_events(&mut self) -> Vec<Value> {
        let mut events = std::mem::take(&mut self.kept);
        events.extend(self.events.try_iter());
        events
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When there is no `sh`.
    pub fn signal(&self, signal: Signal) -> Result<(), Error> {
        let name = match signal {
            Signal::Term => "TERM",
            Signal::Stop => "STOP",
        };
        let line = format!("kill -{name} {}", self.child.id());
        // It may have ended by itself.
        super::network::run("sh", &["-c", &line]).map(drop)
    }

    /// Ends it without giving it a chance to say anything.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not come in time.
    pub fn ended(&mut self) -> Result<ExitStatus, Error> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.child.try_wait();
            if let Some(status) = status.map_err(doing(format!("wait for {}", self.name)))? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                return Err(self.failed("did not end"));
            }
            pause(&self.halt, Duration::from_millis(5))?;
        }
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Bytes of it in memory (`VmRSS` of `proc_pid_status(5)`); 0 when it has ended.
    pub fn memory(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let text = text.unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
        kibibytes.unwrap_or(0u64).saturating_mul(1024)
    }

    fn failed(&self, what: &str) -> Error {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default().join("\n");
        // What a node tells each second would hide what it tells once.
        let once = self.kept.iter().filter(|event| event["event"] != "stats");
        let told: Vec<String> = once.map(Value::to_string).collect();
        let told = told.get(told.len().saturating_sub(LINES)..).unwrap_or_default().join("\n");
        let text = format!("{what}; it told last\n{told}\nits log ends with\n{last}");
        Error::Role { name: self.name.clone(), text }
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        self.kill();
    }
}
