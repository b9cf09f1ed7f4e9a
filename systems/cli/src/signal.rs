//! Ctrl-C and SIGTERM: an orderly end, within two seconds.

use std::io;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use rillcast_bench::omnicast::Halt;

/// After this time an end that does not come by itself is forced.
const PATIENCE: Duration = Duration::from_millis(1_900);

/// Whether the program has been asked to end. Clones see the same request.
///
/// The first signal makes the request; work ends, says goodbye to its peers and reports. A second
/// signal, or [`PATIENCE`] running out, ends the process on the spot with exit code 1.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    requested: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Takes over SIGINT and SIGTERM.
    ///
    /// # Errors
    /// When the kernel refuses the handlers or the thread that waits for them.
    pub(crate) fn install() -> io::Result<Stop> {
        let stop = Stop::default();
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let on_signal = stop.clone();
        thread::Builder::new().name("signals".into()).spawn(move || {
            for _ in signals.forever() {
                if on_signal.is_requested() {
                    process::exit(1);
                }
                on_signal.request();
                if thread::Builder::new().name("patience".into()).spawn(force_end).is_err() {
                    process::exit(1);
                }
            }
        })?;
        Ok(stop)
    }

    /// Asks for the end, as a signal does.
    pub(crate) fn request(&self) {
        *self.shared.requested.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.changed.notify_all();
    }

    /// Whether the end has been asked for.
    pub(crate) fn is_requested(&self) -> bool {
        *self.shared.requested.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until the end is asked for or the time is over; true when it was asked for.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut requested = self.shared.requested.lock().unwrap_or_else(PoisonError::into_inner);
        while !*requested {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            requested = self
                .shared
                .changed
                .wait_timeout(requested, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }
}

/// Experiments end early by it, and take away what they have made.
impl Halt for Stop {
    fn wait(&self, time: Duration) -> bool {
        Stop::wait(self, time)
    }
}

/// SIGHUP: the configuration is to be read again.
#[derive(Debug)]
pub(crate) struct Hangup(Arc<AtomicBool>);

impl Hangup {
    /// Takes over SIGHUP.
    ///
    /// # Errors
    /// When the kernel refuses the handler.
    pub(crate) fn install() -> io::Result<Hangup> {
        let flag = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGHUP, flag.clone())?;
        Ok(Hangup(flag))
    }

    /// Whether the signal has come since this was last asked.
    pub(crate) fn has_come(&self) -> bool {
        // Nothing else is handed over with it.
        self.0.swap(false, Ordering::Relaxed)
    }
}

fn force_end() {
    thread::sleep(PATIENCE);
    eprintln!("rillcast: did not end in time after the signal: ended by force");
    process::exit(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends_with_the_request_or_the_time() {
        let stop = Stop::default();
        assert!(!stop.wait(Duration::from_millis(5)));
        let other = stop.clone();
        let waiting = thread::spawn(move || other.wait(Duration::from_secs(30)));
        stop.request();
        assert!(waiting.join().unwrap());
        assert!(stop.is_requested());
    }
}
