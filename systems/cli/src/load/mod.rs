//! Many lean RTSP players in one thread, to load a server and to judge what it delivers.
//!
//! Players decode nothing. Each counts its packets, those missing, its frames, and how long the
//! first packet and the first key frame took; together they keep histograms of the latency of whole
//! frames. Their bookkeeping shares no code with the relay's.
//!
//! The time of a packet is that of the read that brought it, so a latency includes the time for
//! which the packet lay in the socket until this thread came to it: it is never flattered.

mod clock;
mod flow;
mod histogram;
mod player;
mod poll;
mod receiver;
mod report;
mod runner;
#[cfg(test)]
mod tests;
mod udp;

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rillcast::rtsp::Url;

pub(crate) use clock::PublishLog;
pub(crate) use flow::Flow;
pub(crate) use histogram::Histogram;
pub(crate) use report::{Report, Snapshot, Sums};

use crate::failure::Failure;

/// What to load a server with.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The stream.
    pub(crate) url: Url,
    /// The server's address.
    pub(crate) address: SocketAddr,
    /// Players that receive datagrams.
    pub(crate) udp: usize,
    /// Players that receive in the RTSP connection.
    pub(crate) tcp: usize,
    /// Time over which the players begin, evenly.
    pub(crate) ramp: Duration,
    /// Where the publisher notes when it handed frames over.
    pub(crate) log: PublishLog,
}

enum Command {
    Measure,
    Report,
    Stop,
}

/// A running load; dropping it ends it.
pub(crate) struct Load {
    commands: Sender<Command>,
    reports: Receiver<Report>,
    snapshot: Arc<Mutex<Snapshot>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Load {
    /// Begins to start players.
    ///
    /// # Errors
    /// When the system gives no thread or no epoll instance.
    pub(crate) fn start(plan: Plan) -> Result<Load, Failure> {
        let refused = |error| Failure::runtime(format!("the players cannot be started: {error}"));
        crate::files::raise_limit();
        let (commands, inbox) = channel();
        let (outbox, reports) = channel();
        let snapshot = Arc::new(Mutex::new(Snapshot::default()));
        let runner = runner::Runner::new(plan, inbox, outbox, snapshot.clone()).map_err(refused)?;
        let thread = std::thread::Builder::new()
            .name("players".into())
            .spawn(move || runner.run())
            .map_err(refused)?;
        Ok(Load { commands, reports, snapshot, thread: Some(thread) })
    }

    /// How it stands; at most a tenth of a second old.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins to measure: frames and latencies count from now on.
    pub(crate) fn measure(&self) {
        // An error means that the thread has ended; the next report says so by its absence.
        let _ = self.commands.send(Command::Measure);
    }

    /// What was measured since [`measure`](Self::measure); None when the thread has ended.
    pub(crate) fn report(&self) -> Option<Report> {
        self.commands.send(Command::Report).ok()?;
        self.reports.recv_timeout(Duration::from_secs(5)).ok()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed by itself.
            let _ = thread.join();
        }
    }
}
