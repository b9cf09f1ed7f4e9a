//! Taking seats, and keeping them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::proxy::pluggable::directory::{Claimed, Registry};
use crate::proxy::service::responses::ResponseManager;

/// In each lease a seat is renewed at least so many times.
const RENEWALS: u32 = 4;
/// The longest time until it is looked whether a seat is free.
const LOOK: Duration = Duration::from_secs(1);
/// The longest that an answer is waited for, if the lease is not too short for that.
const ANSWER: Duration = Duration::from_secs(5);

/// Takes the seats of channels that nobody has, and keeps them.
#[derive(Debug)]
pub(crate) struct Seats {
    registry: Registry,
    channels: Vec<String>,
    /// Where nodes find this proxy server, if they can be told.
    address: Option<String>,
    lease: Duration,
    /// Until when a seat is this proxy server's for certain.
    until: HashMap<String, Instant>,
    /// The directory did not answer the last time: said once.
    is_away: bool,
}

impl Seats {
    pub(crate) fn new(
        registry: Registry,
        channels: Vec<String>,
        address: Option<String>,
        lease: Duration,
    ) -> Seats {
        Seats { registry, channels, address, lease, until: HashMap::new(), is_away: false }
    }

    /// Works until it is dropped.
    pub(crate) async fn run(mut self, manager: Arc<ResponseManager>) {
        let mut ticks = interval(self.pause());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.renew(&manager).await;
            self.claim(&manager).await;
        }
    }

    fn pause(&self) -> Duration {
        (self.lease / RENEWALS).min(LOOK)
    }

    /// There is time for a second attempt when the first one fails.
    fn patience(&self) -> Duration {
        (self.lease / 2).min(ANSWER)
    }

    async fn renew(&mut self, manager: &ResponseManager) {
        let held = manager.seats();
        if held.is_empty() {
            return;
        }
        // Not later than it is in the directory.
        let until = Instant::now() + self.lease;
        let renewing = self.registry.renew(&held, self.lease);
        let kept = match timeout(self.patience(), renewing).await {
            Ok(Ok(kept)) => kept,
            Ok(Err(error)) => return self.cannot_renew(manager, &error.to_string()),
            Err(_) => return self.cannot_renew(manager, "the directory takes too long"),
        };
        self.is_away = false;
        for (channel, term) in held {
            if kept.contains(&channel) {
                self.until.insert(channel, until);
            } else {
                manager.close(&channel, term, "another proxy server has taken it over");
            }
        }
    }

    fn cannot_renew(&mut self, manager: &ResponseManager, why: &str) {
        self.complain(why);
        let now = Instant::now();
        for (channel, term) in manager.seats() {
            if self.until.get(&channel).is_none_or(|until| *until <= now) {
                manager.close(&channel, term, why);
            }
        }
    }

    async fn claim(&mut self, manager: &ResponseManager) {
        let held = manager.seats();
        let free = |channel: &&String| held.iter().all(|(held, _)| held != *channel);
        let wanted: Vec<String> = self.channels.iter().filter(free).cloned().collect();
        if wanted.is_empty() {
            return;
        }
        let until = Instant::now() + self.lease;
        let claiming = self.registry.claim(&wanted, self.address.as_deref(), self.lease);
        let claimed = match timeout(self.patience(), claiming).await {
            Ok(Ok(claimed)) => claimed,
            Ok(Err(error)) => return self.complain(&error.to_string()),
            Err(_) => return self.complain("the directory takes too long"),
        };
        self.is_away = false;
        let Claimed { taken, mut elsewhere } = claimed;
        for (channel, term) in taken {
            elsewhere.remove(&channel);
            match timeout(self.patience(), self.registry.load(&channel)).await {
                Ok(Ok(entries)) => {
                    self.until.insert(channel.clone(), until);
                    manager.open(&channel, term, entries);
                }
                Ok(Err(error)) => self.complain(&error.to_string()),
                // It is claimed once more.
                Err(_) => self.complain("the directory takes too long"),
            }
        }
        for (channel, address) in elsewhere {
            // One that was here before is this one, started anew.
            manager.is_elsewhere(&channel, address.filter(|at| self.address.as_ref() != Some(at)));
        }
    }

    fn complain(&mut self, why: &str) {
        if !std::mem::replace(&mut self.is_away, true) {
            tracing::warn!("the trees cannot be shared: {why}");
        }
    }
}
