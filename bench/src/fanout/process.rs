//! A relaying process, from outside.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::de::DeserializeOwned;

use super::relay::{Done, Ready, Task};
use super::{Error, Plan, doing};

/// A relay that runs. Dropping it ends it.
pub(super) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// Where it takes the stream.
    pub(super) ingest: SocketAddr,
}

/// What a process has used up so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// Processor time, in nanoseconds.
    pub(super) cpu: u64,
    /// Times that it gave up, or lost, its processor.
    pub(super) switches: u64,
    /// Bytes in memory.
    pub(super) resident: u64,
}

impl Process {
    pub(super) fn start(plan: &Plan, task: &Task) -> Result<Process, Error> {
        let mut child = Command::new(&plan.program)
            .args(&plan.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(doing("start the relaying process"))?;
        let pipes = (child.stdin.take(), child.stdout.take());
        let (Some(mut input), Some(output)) = pipes else {
            return Err(Error::Relay("it has no pipes".into()));
        };
        let task = serde_json::to_string(task).map_err(|error| Error::Relay(error.to_string()))?;
        writeln!(input, "{task}").map_err(doing("tell the relaying process what to do"))?;
        let mut output = BufReader::new(output);
        let ready: Ready = hear(&mut output)?;
        Ok(Process { child, input: Some(input), output, ingest: ready.ingest })
    }

    pub(super) fn usage(&self) -> Result<Usage, Error> {
        let pid = self.child.id();
        let mut usage = Usage::default();
        let tasks = fs::read_dir(format!("/proc/{pid}/task"));
        for task in tasks.map_err(doing("look at the relaying process"))?.flatten() {
            // A thread may have ended in between.
            let read = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
            usage.cpu += read("schedstat").split(' ').next().map_or(0, number);
            let status = read("status");
            let field = |name: &str| {
                status.lines().find_map(|line| line.strip_prefix(name)).map_or(0, number)
            };
            usage.switches +=
                field("voluntary_ctxt_switches:") + field("nonvoluntary_ctxt_switches:");
            usage.resident = field("VmRSS:") * 1024;
        }
        Ok(usage)
    }

    /// Ends it in order.
    pub(super) fn finish(mut self) -> Result<Done, Error> {
        drop(self.input.take());
        hear(&mut self.output)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.input.take());
        // It has ended, or ends by this.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn number(text: &str) -> u64 {
    let digits = text.split_whitespace().next().unwrap_or_default();
    digits.parse().unwrap_or(0)
}

fn hear<T: DeserializeOwned>(output: &mut BufReader<ChildStdout>) -> Result<T, Error> {
    let mut line = String::new();
    output.read_line(&mut line).map_err(doing("hear from the relaying process"))?;
    serde_json::from_str(&line)
        .map_err(|_| Error::Relay("it ended; what it says about it stands above".into()))
}
