//! Who waits, and when time passes.

use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::world::World;

/// Holds time: it passes only within the methods of this. Dropping it lets go.
///
/// What engines have to do at a moment is done when a method returns, so that a test sees all that
/// has come of it, and nothing of what comes later.
///
/// A call that waits for the work of an engine which needs time (dropping an [`Engine`](crate::engine::Engine),
/// which takes leave of its peers first) never ends while a clock is held by the one who calls: let go of it before.
pub struct Clock {
    shared: Arc<Shared>,
    id: u64,
}

/// One who holds time, as the network has it.
pub(super) enum Holder {
    /// Does something: time stands still.
    Busy,
    /// Waits for a time.
    Asleep(Duration),
}

impl Clock {
    pub(super) fn new(shared: Arc<Shared>) -> Clock {
        let id = shared.lock().add_holder();
        Clock { shared, id }
    }

    /// Time since the network was made.
    pub fn now(&self) -> Duration {
        self.shared.lock().now
    }

    /// Lets so much time pass. With none, waits until all has been done that is to be done now.
    pub fn sleep(&self, time: Duration) {
        let mut world = self.shared.lock();
        let until = world.now.saturating_add(time);
        if let Some(holder) = world.holders.get_mut(&self.id) {
            *holder = Holder::Asleep(until);
        }
        loop {
            if world.settle() {
                self.shared.changed.notify_all();
            }
            if matches!(world.holders.get(&self.id), None | Some(Holder::Busy)) {
                return;
            }
            world = self.shared.wait(world);
        }
    }

    /// Lets time pass, at most so much, until `wanted` finds something; it is asked whenever
    /// time has passed by `step`.
    pub fn until<T>(
        &self,
        limit: Duration,
        step: Duration,
        mut wanted: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        let end = self.now().saturating_add(limit);
        loop {
            self.sleep(Duration::ZERO);
            let found = wanted();
            let left = end.saturating_sub(self.now());
            if found.is_some() || left.is_zero() {
                return found;
            }
            self.sleep(step.clamp(Duration::from_nanos(1), left));
        }
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.shared.with(|world| world.holders.remove(&self.id));
    }
}

impl World {
    /// When everybody waits and nobody has a reason to go on: lets those sleepers go on whose time has come,
    /// or else lets time pass until something happens. True when something did.
    pub(super) fn settle(&mut self) -> bool {
        let mut changed = false;
        while self.all_wait() {
            let now = self.now;
            let mut woken = false;
            for holder in self.holders.values_mut() {
                if matches!(holder, Holder::Asleep(until) if *until <= now) {
                    *holder = Holder::Busy;
                    woken = true;
                }
            }
            changed |= woken;
            let Some(next) = self.next_moment().filter(|_| !woken) else { break };
            self.now = next.max(now);
            self.deliver();
            changed = true;
        }
        changed
    }

    /// Whether nobody does anything or is about to.
    fn all_wait(&self) -> bool {
        let anybody =
            !self.holders.is_empty() || self.backends.values().any(|backend| backend.takes_part());
        anybody
            && self.holders.values().all(|holder| matches!(holder, Holder::Asleep(_)))
            && self.backends.values().all(|backend| backend.waits(self))
    }

    /// When something happens next.
    fn next_moment(&self) -> Option<Duration> {
        let arrival = self.next_arrival();
        let timers = self.backends.values().filter_map(|backend| backend.deadline());
        let sleepers = self.holders.values().filter_map(|holder| match holder {
            Holder::Asleep(until) => Some(*until),
            Holder::Busy => None,
        });
        arrival.into_iter().chain(timers).chain(sleepers).min()
    }
}
