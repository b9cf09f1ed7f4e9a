//! A relaying process, from outside.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::iter::Sum;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rillcast_loopback::{description, free_pair};
use serde::de::DeserializeOwned;

use super::calls::Calls;
use super::relay::{Done, Ready, Task};
use super::{Error, Peer, Plan, doing};

/// A relay that runs. Dropping it ends it.
pub(crate) struct Process {
    /// What it is called in the report.
    name: String,
    child: Child,
    /// Its standard output, and the input that it waits on, where it is told what to do by them.
    pipes: Option<(ChildStdin, BufReader<ChildStdout>)>,
    /// The description of the stream, where it was given one as a file.
    description: Option<PathBuf>,
    /// Where it takes the streams.
    pub(crate) ingests: Vec<SocketAddr>,
}

/// What a process has used up so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Processor time, in nanoseconds.
    pub(super) cpu: u64,
    /// Times that it gave up, or lost, its processor.
    pub(super) switches: u64,
    /// Bytes in memory.
    pub(crate) resident: u64,
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Usage>>(usages: I) -> Usage {
        usages.fold(Usage::default(), |sum, one| Usage {
            cpu: sum.cpu + one.cpu,
            switches: sum.switches + one.switches,
            resident: sum.resident + one.resident,
        })
    }
}

impl Process {
    /// Starts this program as a relay.
    pub(super) fn start(plan: &Plan, task: &Task) -> Result<Process, Error> {
        let mut child = Command::new(&plan.program)
            .args(&plan.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(doing("start the relaying process"))?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::Relay("it has no pipes".into()));
        };
        let order = serde_json::to_string(task).map_err(|error| Error::Relay(error.to_string()))?;
        writeln!(input, "{order}").map_err(doing("tell the relaying process what to do"))?;
        let mut output = BufReader::new(output);
        let ready: Ready = hear(&mut output)?;
        let pipes = Some((input, output));
        let name = plan.name(task.subject).to_owned();
        Ok(Process { name, child, pipes, description: None, ingests: ready.ingests })
    }

    /// Starts another relay by its command, and returns where it awaits players.
    pub(crate) fn peer(Peer { name, command }: &Peer) -> Result<(Process, SocketAddr), Error> {
        let (rtp, rtsp) = (free_pair()?, free_tcp_port()?);
        let here = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let sdp = std::env::temp_dir().join(format!("rillcast-bench-{rtp}.sdp"));
        fs::write(&sdp, description(rtp)).map_err(doing("write the stream's description"))?;
        let child = Command::new("sh")
            .args(["-c", &format!("exec {command}")])
            .env("RTP_PORT", rtp.to_string())
            .env("RTSP_PORT", rtsp.to_string())
            .env("SDP", &sdp)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(doing("start another relay"))?;
        let (name, description) = (name.clone(), Some(sdp));
        let process = Process { name, child, pipes: None, description, ingests: vec![here(rtp)] };
        Ok((process, here(rtsp)))
    }

    /// Says who it was that did not do its part, and whether it has ended over it.
    pub(crate) fn blame(&mut self, error: Error) -> Error {
        let ended = match self.child.try_wait() {
            Ok(Some(status)) => format!(" has ended ({status})"),
            _ => String::new(),
        };
        Error::Relay(format!("{}{ended}: {error}", self.name))
    }

    /// Whether it has not ended.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Counts its system calls from now on, where the kernel allows it.
    pub(super) fn count_calls(&self) -> Option<Calls> {
        Calls::of(self.child.id())
    }

    pub(crate) fn usage(&self) -> Result<Usage, Error> {
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
        match self.pipes.take() {
            Some((input, mut output)) => {
                drop(input);
                hear(&mut output)
            }
            None => Ok(Done::default()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.pipes.take());
        // It has ended, or ends by this.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(file) = &self.description {
            // Somebody may have cleaned up before.
            let _ = fs::remove_file(file);
        }
    }
}

fn free_tcp_port() -> Result<u16, Error> {
    let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    Ok(free.map_err(doing("find a free port"))?.port())
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
