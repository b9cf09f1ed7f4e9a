//! Engines whose books are looked into at the end of each test.

use std::cell::Cell;
use std::ops::Deref;
use std::thread;
use std::time::Duration;

use crate::engine::{Config, Engine, Event, StreamFigures};
use crate::io::simulated::Host;

/// An engine that a test has started. Whatever the test was about: when it is dropped, every packet of
/// every stream has to be accounted for, before its streams end and after.
pub(in crate::engine) struct Audited(Engine);

thread_local! {
    static WORKERS: Cell<usize> = const { Cell::new(0) };
}

/// Runs a test once more, with engines that have so many fan-out threads.
pub(in crate::engine) fn with_workers(workers: usize, test: impl FnOnce()) {
    WORKERS.set(workers);
    test();
    WORKERS.set(0);
}

impl Audited {
    pub(in crate::engine) fn start(mut config: Config) -> Audited {
        config.workers = config.workers.max(WORKERS.get());
        Audited(Engine::start(config).expect("an engine"))
    }

    /// At a host of a simulated network. It has to be dropped while no clock is held.
    pub(in crate::engine) fn start_at(host: &Host, mut config: Config) -> Audited {
        config.workers = config.workers.max(WORKERS.get());
        Audited(Engine::start_at(host, config).expect("an engine"))
    }
}

impl Deref for Audited {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.0
    }
}

impl Drop for Audited {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        // An error means that the test has stopped it.
        if let Ok(figures) = self.0.figures() {
            figures.streams.iter().for_each(audit);
        }
        self.0.stop();
        while let Some(event) = self.0.next_event(Some(Duration::ZERO)) {
            if let Event::StreamClosed(stream) = event {
                audit(&stream);
            }
        }
    }
}

/// Asks that the books of a stream balance.
pub(in crate::engine) fn audit(stream: &StreamFigures) {
    assert!(stream.balances(), "a packet is unaccounted for: {stream:?}");
}
