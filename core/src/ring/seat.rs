//! A reader's seat: the word that holds its lease and the word that it sleeps on.

use std::time::Instant;

use super::futex::Futex;
use super::shared::NONE;
use super::wake::Wake;
use crate::sync::{AtomicU64, Ordering, UnsafeCell};

/// The event loop behind this seat wants its [`Wake`] called.
pub(super) const ARMED: u32 = 1;
/// A thread sleeps on the seat's own word.
pub(super) const ASLEEP: u32 = 2;
/// The producer is at work on this seat: `wake` must stay where it is.
const WAKING: u32 = 4;
/// The reader left while the producer was at work: the producer clears the seat.
const LEFT: u32 = 8;
/// Nobody sits here.
const VACANT: u32 = 16;

pub(super) struct Seat {
    /// Oldest position that the reader's open view covers, or [`NONE`].
    pub(super) hold: AtomicU64,
    state: Futex,
    /// Written by whoever claims or clears the seat, read by the producer under `WAKING`.
    wake: UnsafeCell<Option<std::sync::Arc<dyn Wake>>>,
}

// SAFETY: `wake` is the only part that is not `Sync`. Writing it needs the seat to oneself: the
// claimer has it from `VACANT`, the leaver from finding no `WAKING`, the producer from `LEFT` while
// it set `WAKING` itself. Reading it needs `WAKING`, which only the one producer sets.
unsafe impl Sync for Seat {}
// SAFETY: nothing in it is bound to a thread (`Wake` is `Send + Sync`).
unsafe impl Send for Seat {}

impl Seat {
    pub(super) fn vacant() -> Self {
        Self { hold: AtomicU64::new(NONE), state: Futex::new(VACANT), wake: UnsafeCell::new(None) }
    }

    /// Takes the seat if nobody sits there. Hands `wake` back otherwise.
    pub(super) fn claim(
        &self,
        wake: std::sync::Arc<dyn Wake>,
    ) -> Result<(), std::sync::Arc<dyn Wake>> {
        // Acquire: pairs with the Release of `clear`.
        if self
            .state
            .bits
            .compare_exchange(VACANT, 0, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            return Err(wake);
        }
        // SAFETY: the seat is ours since the exchange, and the producer looks only once we arm.
        self.wake.with_mut(|cell| unsafe { *cell = Some(wake) });
        Ok(())
    }

    /// Gives the seat back.
    pub(super) fn leave(&self) {
        self.hold.store(NONE, Ordering::Release);
        // Acquire: what the producer read under an earlier `WAKING` is over. Release: what we did
        // here is over when the producer clears the seat in our stead.
        if self.state.bits.fetch_or(LEFT, Ordering::AcqRel) & WAKING == 0 {
            self.clear();
        }
    }

    fn clear(&self) {
        // SAFETY: called by the leaver that found no `WAKING` (the producer begins nothing after
        // `LEFT`), or by the producer that found `LEFT` when it took `WAKING` back.
        drop(self.wake.with_mut(|cell| unsafe { (*cell).take() }));
        self.state.bits.store(VACANT, Ordering::Release);
    }

    /// Asks for a wake-up. `what` is [`ARMED`] or [`ASLEEP`].
    pub(super) fn arm(&self, what: u32) {
        // Release: pairs with `ring`, which reads `wake`.
        self.state.bits.fetch_or(what, Ordering::Release);
    }

    pub(super) fn disarm(&self, what: u32) {
        self.state.bits.fetch_and(!what, Ordering::Relaxed);
    }

    pub(super) fn is_armed(&self) -> bool {
        self.state.bits.load(Ordering::Relaxed) & ARMED != 0
    }

    /// Sleeps until the producer takes `ASLEEP` away or the deadline passes.
    pub(super) fn sleep(&self, deadline: Option<Instant>) {
        self.state.wait_while(ASLEEP, deadline);
    }

    /// Wakes the reader if it asked for it. Called by the producer, and by it alone.
    pub(super) fn ring(&self) {
        let bits = &self.state.bits;
        let mut seen = bits.load(Ordering::Relaxed);
        loop {
            if seen & (ARMED | ASLEEP) == 0 || seen & LEFT != 0 {
                return;
            }
            // Retried only when this reader arms, disarms or leaves at this very moment.
            match bits.compare_exchange(seen, WAKING, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => break,
                Err(now) => seen = now,
            }
        }
        if seen & ARMED != 0 {
            self.wake.with(|cell| {
                // SAFETY: under `WAKING`; the claimer's write was ordered before by `arm`.
                if let Some(wake) = unsafe { &*cell } {
                    wake.wake();
                }
            });
        }
        if seen & ASLEEP != 0 {
            self.state.wake();
        }
        if bits.fetch_and(!WAKING, Ordering::AcqRel) & LEFT != 0 {
            self.clear();
        }
    }
}
