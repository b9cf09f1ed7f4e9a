//! Threads for answers that take their time: slow hashes, questions over the network.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// So many answers are sought at once; a slow hash takes 19 MiB.
const THREADS: usize = 4;
/// So many may wait beyond that.
const QUEUE: usize = 256;

type Job = Box<dyn FnOnce() + Send>;

/// A few threads that do one job after the other. They end when it is dropped.
#[derive(Debug)]
pub(super) struct Workers(SyncSender<Job>);

impl Workers {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system gives none.
    pub(super) fn start() -> io::Result<Workers> {
        let (sender, jobs) = sync_channel(QUEUE);
        let jobs = Arc::new(Mutex::new(jobs));
        for n in 0..THREADS {
            let jobs = jobs.clone();
            thread::Builder::new().name(format!("access-{n}")).spawn(move || work(&jobs))?;
        }
        Ok(Workers(sender))
    }

    /// Has a job done. One that finds the queue full is dropped; what it owns has to see to itself.
    pub(super) fn give(&self, job: impl FnOnce() + Send + 'static) {
        if self.0.try_send(Box::new(job)).is_err() {
            tracing::warn!("refused: too many passwords wait to be checked");
        }
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(),
            Err(_) => return,
        }
    }
}
