//! What systemd is told, where it has started the server: that it is ready, that it is alive, that it
//! ends. Elsewhere (`NOTIFY_SOCKET` is not set) nothing is told to anybody.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// The connection to whoever supervises the server.
#[derive(Debug)]
pub(super) struct Supervisor {
    /// Twice as often as a sign of life is expected; `None` when none is (`WatchdogSec=`).
    every: Option<Duration>,
    due: Instant,
}

impl Supervisor {
    /// Looks into the environment for what is expected.
    pub(super) fn new() -> Supervisor {
        let every = sd_notify::watchdog_enabled().map(|expected| expected / 2);
        Supervisor { every, due: Instant::now() }
    }

    /// The server can be used; `status` is shown by `systemctl status`.
    pub(super) fn ready(&self, status: &str) {
        tell(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// Whether a sign of life is due. Find out first whether there is life.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.every.is_some() && now >= self.due
    }

    /// The server lives.
    pub(super) fn alive(&mut self, now: Instant) {
        if let Some(every) = self.every {
            self.due = now + every;
            tell(&[NotifyState::Watchdog]);
        }
    }

    /// The server ends because it was asked to.
    pub(super) fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }
}

fn tell(what: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(what) {
        tracing::warn!(%error, "systemd cannot be told how the server is");
    }
}
