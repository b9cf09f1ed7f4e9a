//! Those who read.

use std::fmt;
use std::time::{Duration, Instant};

use super::TooManyReaders;
use super::seat::{ARMED, ASLEEP, Seat};
use super::shared::{NONE, Shared};
use super::view::View;
use super::wake::{Wait, Wake};
use crate::sync::{Arc, Ordering, fence};

/// Makes [readers](Reader) of a ring, on any thread.
pub struct Subscriber<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Subscriber<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared }
    }

    /// A new reader; `wake` is what a parked one is woken by (`Arc::new(())` if it never parks).
    ///
    /// After the end of the stream this still succeeds: what is left can be read.
    ///
    /// # Errors
    ///
    /// [`TooManyReaders`] when all the seats are taken.
    pub fn subscribe(
        &self,
        mut wake: std::sync::Arc<dyn Wake>,
    ) -> Result<Reader<T>, TooManyReaders> {
        for (index, seat) in self.shared.seats.iter().enumerate() {
            match seat.claim(wake) {
                Ok(()) => return Ok(Reader { shared: self.shared.clone(), seat: index }),
                Err(back) => wake = back,
            }
        }
        Err(TooManyReaders { limit: self.shared.seats.len() })
    }
}

impl<T> Clone for Subscriber<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T> fmt::Debug for Subscriber<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").finish_non_exhaustive()
    }
}

/// A reading end of a [ring](super::ring).
///
/// A reader has no cursor of its own: it says in each [`view`](Self::view) where it wants to read
/// from, so one reader can serve many children that stand at different places.
pub struct Reader<T> {
    shared: Arc<Shared<T>>,
    seat: usize,
}

impl<T> Reader<T> {
    /// Leases the items from `from` (or the oldest that is left, if that is later) to the head, for
    /// as long as the view lives. Wait-free: two stores at most, one fence, four loads. Without an
    /// item to lease: one load.
    ///
    /// While it is open the producer cannot reuse the slots it covers, and drops arriving items
    /// once a whole lap has come round to them. Keep views short; to keep a payload longer, clone
    /// it out of the view.
    #[inline]
    pub fn view(&mut self, from: u64) -> View<'_, T> {
        let cursors = &self.shared.cursors;
        // Nothing to lease: no store, no fence. (Relaxed: no payload is looked at by this value.)
        if cursors.head.load(Ordering::Relaxed) <= from {
            return View::new(&self.shared, None, from, from, from);
        }
        let hold = &self.seat().hold;
        // Only a guess, to spare the second store when far behind.
        let asked = from.max(cursors.tail.load(Ordering::Relaxed));
        // Release: our looks at payloads in an earlier view are over, for a producer that finds this
        // value and never saw the one in between.
        hold.store(asked, Ordering::Release);
        // Pairs with the fence in `Producer::announce`. If the producer's comes first we see its
        // tail below and stay clear of what it drops. If ours comes first, it sees our lease in
        // every scan from there on. As the lease never grows downwards there is nothing to retry.
        fence(Ordering::SeqCst);
        // Acquire: the head we load next is not below this tail.
        let tail = cursors.tail.load(Ordering::Acquire);
        let start = asked.max(tail);
        if start > asked {
            // Relaxed: the fence above has released our earlier looks.
            hold.store(start, Ordering::Relaxed);
        }
        // Acquire: pairs with `publish`; the payloads below are written.
        let end = cursors.head.load(Ordering::Acquire);
        if start == end {
            // All that there was is lost: nothing to hold. (Relaxed, as above.)
            hold.store(NONE, Ordering::Relaxed);
            return View::new(&self.shared, None, from, start, end);
        }
        View::new(&self.shared, Some(hold), from, start, end)
    }

    /// Next position to be written.
    #[inline]
    pub fn head(&self) -> u64 {
        // Relaxed: no payload is looked at by this value; a view has an Acquire of its own, and
        // never finds an older head than this.
        self.shared.cursors.head.load(Ordering::Relaxed)
    }

    /// Oldest position still readable, and never above a [`head`](Self::head) read later. It may
    /// have moved on by the time it is used: only a [`view`](Self::view) settles what can be read.
    pub fn tail(&self) -> u64 {
        self.shared.cursors.tail.load(Ordering::Acquire)
    }

    /// Where a reader that is new, or that has lost items, should go on: the newest position that
    /// the producer [marked](super::Producer::mark_key), if it is still there.
    pub fn newest_key(&self) -> Option<u64> {
        self.shared.newest_key()
    }

    /// Is the producer gone? Then a [`head`](Self::head) read *after* this is final; what lies
    /// before it can still be read.
    pub fn is_ended(&self) -> bool {
        self.shared.cursors.ended.load(Ordering::Acquire)
    }

    /// Arms one wake-up for "the head has passed `seen`, or the stream has ended", for readers in
    /// an event loop. `seen` is the position to be read next.
    ///
    /// Returns false, and arms nothing, if that is so already. After true, the
    /// [`Wake`] of this reader is called by the first [`notify`](super::Producer::notify) after the
    /// next item, or at the end; then park again. A wake-up may come without need.
    pub fn park(&self, seen: u64) -> bool {
        if self.outcome(seen).is_some() {
            return false;
        }
        self.seat().is_armed() || self.arm(ARMED, seen).is_none()
    }

    /// Waits for "the head has passed `seen`, or the stream has ended": spins for some
    /// microseconds, then sleeps. `None` waits for ever. `seen` is the position to be read next.
    pub fn wait(&mut self, seen: u64, timeout: Option<Duration>) -> Wait {
        if let Some(outcome) = self.spin(seen) {
            return outcome;
        }
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            if let Some(outcome) = self.arm(ASLEEP, seen) {
                return outcome;
            }
            self.seat().sleep(deadline);
            self.seat().disarm(ASLEEP);
            if let Some(outcome) = self.outcome(seen) {
                return outcome;
            }
            if deadline.is_some_and(|at| at <= Instant::now()) {
                return Wait::TimedOut;
            }
        }
    }

    #[cfg(not(rill_loom))]
    fn spin(&self, seen: u64) -> Option<Wait> {
        let backoff = crossbeam_utils::Backoff::new();
        loop {
            let outcome = self.outcome(seen);
            if outcome.is_some() || backoff.is_completed() {
                return outcome;
            }
            backoff.snooze();
        }
    }

    #[cfg(rill_loom)]
    fn spin(&self, seen: u64) -> Option<Wait> {
        self.outcome(seen)
    }

    /// Asks for a wake-up, then looks once more: `Some` when there is no need to wait.
    fn arm(&self, what: u32, seen: u64) -> Option<Wait> {
        self.seat().arm(what);
        // Release: who takes the bell down finds the seat armed. A read-modify-write even though
        // the old value does not matter: a plain store would cut off the release sequence of a
        // reader that set the bell before us, and its wake-up would be lost.
        self.shared.bell.swap(true, Ordering::Release);
        // Pairs with the fence in `Producer::notify`.
        fence(Ordering::SeqCst);
        let outcome = self.outcome(seen);
        if outcome.is_some() {
            self.seat().disarm(what);
        }
        outcome
    }

    #[inline]
    fn outcome(&self, seen: u64) -> Option<Wait> {
        if self.head() > seen {
            return Some(Wait::Ready);
        }
        // The end first, then the head: what was published before the end must not be missed.
        if self.is_ended() {
            return Some(if self.head() > seen { Wait::Ready } else { Wait::Ended });
        }
        None
    }

    #[inline]
    fn seat(&self) -> &Seat {
        &self.shared.seats[self.seat]
    }
}

impl<T> Drop for Reader<T> {
    fn drop(&mut self) {
        self.seat().leave();
    }
}

impl<T> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("seat", &self.seat).finish_non_exhaustive()
    }
}
