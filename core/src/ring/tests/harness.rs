//! What the scenarios need, in loom's and in `std`'s form.

use std::sync::atomic::{AtomicIsize, Ordering};

use crate::sync::{Arc, Condvar, Mutex, UnsafeCell};

#[cfg(rill_loom)]
pub(super) use loom::thread;
#[cfg(not(rill_loom))]
pub(super) use std::thread;

/// `tiny` under loom, `large` on real threads.
pub(super) const fn scale(tiny: u64, large: u64) -> u64 {
    if cfg!(rill_loom) { tiny } else { large }
}

/// Runs a scenario: through all its interleavings with at most `preemptions` involuntary switches,
/// or a number of times as they come.
#[cfg(rill_loom)]
pub(super) fn run(preemptions: usize, scenario: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    if model.preemption_bound.is_none() {
        model.preemption_bound = Some(preemptions);
    }
    model.check(scenario);
}

#[cfg(not(rill_loom))]
pub(super) fn run(_preemptions: usize, scenario: impl Fn() + Send + Sync + 'static) {
    for _ in 0..20 {
        scenario();
    }
}

/// How many [`Probe`]s there are.
#[derive(Clone, Default)]
pub(super) struct Census(std::sync::Arc<AtomicIsize>);

impl Census {
    pub(super) fn probe(&self, value: u64) -> Probe {
        self.0.fetch_add(1, Ordering::Relaxed);
        Probe { value: UnsafeCell::new(value), census: self.clone() }
    }

    pub(super) fn alive(&self) -> isize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A payload that shows to loom and to the sanitizers who looks at it and when it is dropped.
pub(super) struct Probe {
    value: UnsafeCell<u64>,
    census: Census,
}

// SAFETY: the cell is written in `drop` only.
unsafe impl Sync for Probe {}

impl Probe {
    pub(super) fn read(&self) -> u64 {
        // SAFETY: nobody writes while there is a reference.
        self.value.with(|value| unsafe { *value })
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // SAFETY: the only reference. The write is what makes a look by anyone else a race.
        self.value.with_mut(|value| unsafe { *value = u64::MAX });
        self.census.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A [`Wake`](crate::ring::Wake) that a thread can wait for.
pub(super) struct Doorbell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Doorbell {
    pub(super) fn new() -> std::sync::Arc<Self> {
        std::sync::Arc::new(Self { rung: Mutex::new(false), changed: Condvar::new() })
    }

    pub(super) fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.changed.wait(rung).unwrap();
        }
        *rung = false;
    }
}

impl crate::ring::Wake for Doorbell {
    fn wake(&self) {
        *self.rung.lock().unwrap() = true;
        self.changed.notify_one();
    }
}

/// A wake-up that shows to loom whether its target is still there.
pub(super) struct Witness {
    called: UnsafeCell<u64>,
    _kept: Arc<()>,
}

// SAFETY: one producer calls it, and it is dropped once.
unsafe impl Sync for Witness {}
// SAFETY: as above.
unsafe impl Send for Witness {}

impl Witness {
    pub(super) fn new() -> std::sync::Arc<Self> {
        std::sync::Arc::new(Self { called: UnsafeCell::new(0), _kept: Arc::new(()) })
    }
}

impl crate::ring::Wake for Witness {
    fn wake(&self) {
        // SAFETY: the one producer calls it, while the seat keeps it.
        self.called.with_mut(|called| unsafe { *called += 1 });
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.called.with_mut(|_| ());
    }
}
