//! The one who writes.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::reader::{Reader, Subscriber};
use super::shared::{NONE, Shared, Slot};
use super::wake::Wake;
use super::{Full, TooManyReaders};
use crate::sync::{Arc, Ordering, fence};

/// Enough for the fence and the look at the seats to be lost among the publications, and little
/// enough not to be missed by the readers.
const MAX_BATCH: u64 = 64;

/// The writing end of a [ring](super::ring). Dropping it is the orderly end of the stream.
///
/// `Send`, so that it may move to its thread; not `Sync`, as there is one producer.
pub struct Producer<T> {
    shared: Arc<Shared<T>>,
    /// Next position to be written.
    head: u64,
    /// What the readers have been shown of it.
    shown: u64,
    /// Oldest position readable, as announced.
    tail: u64,
    /// Payloads below are covered by no view and by none to come: free to be dropped.
    /// `alive() <= limit <= tail <= head`.
    limit: u64,
    /// Positions below can be written without a thought: `limit + capacity`, or less while there
    /// are payloads owed.
    clear: u64,
    /// Payloads below were dropped before their slot was reused.
    evicted: u64,
    /// Payloads below are to be dropped as soon as may be, not when their slot is reused.
    owed: u64,
    key: u64,
    /// The slots of `shared`, kept here to be one load nearer, and their number.
    slots: NonNull<Slot<T>>,
    capacity: u64,
    /// How far the tail is moved at a time: one fence and one look at all seats per so many items.
    batch: u64,
    /// The seat whose view stood in the way last time: looked at first.
    blocker: usize,
    _not_sync: PhantomData<Cell<()>>,
}

// SAFETY: `slots` points into `shared`, which is as `Send` as this; it is used as `shared` is, by the
// one producer.
unsafe impl<T: Send + Sync> Send for Producer<T> {}

impl<T> Producer<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        let capacity = shared.capacity();
        let slots = NonNull::from(&*shared.slots).cast();
        Self {
            shared,
            head: 0,
            shown: 0,
            tail: 0,
            limit: 0,
            clear: capacity,
            evicted: 0,
            owed: 0,
            key: NONE,
            slots,
            capacity,
            batch: (capacity / 8).clamp(1, MAX_BATCH),
            blocker: 0,
            _not_sync: PhantomData,
        }
    }

    /// Publishes an item and returns its position. Wait-free; calls nobody: see
    /// [`notify`](Self::notify).
    ///
    /// # Errors
    ///
    /// [`Full`] with the item, when the slot to be reused still lies in some reader's open view.
    #[inline]
    pub fn publish(&mut self, item: T) -> Result<u64, Full<T>> {
        let position = self.stage(item)?;
        self.show();
        Ok(position)
    }

    /// As [`publish`](Self::publish), but readers see the item only after the next
    /// [`notify`](Self::notify). For items that come in batches: the line that readers follow then
    /// changes hands once a batch, not once an item.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    #[inline]
    pub fn stage(&mut self, item: T) -> Result<u64, Full<T>> {
        if self.head >= self.clear && !self.make_room() {
            return Err(Full(item));
        }
        let position = self.head;
        if position - self.evicted >= self.capacity {
            self.drop_lapped();
        }
        self.slot(position).with_mut(|slot| {
            // SAFETY: the slot has no payload (any more), and no reader looks at `position` before
            // `head` passes it, below.
            unsafe { (*slot).write(item) };
        });
        self.head = position + 1;
        Ok(position)
    }

    /// Shows the readers all that is written.
    #[inline]
    fn show(&mut self) {
        if self.shown != self.head {
            self.shown = self.head;
            // Release: the payloads are written before the head that shows them.
            self.shared.cursors.head.store(self.head, Ordering::Release);
        }
    }

    /// Marks `position` as the newest at which a reader may start. Ignored when it is not in the
    /// ring (any more), or older than the present mark.
    pub fn mark_key(&mut self, position: u64) {
        let newer = self.key == NONE || position > self.key;
        if newer && (self.tail..self.head).contains(&position) {
            self.key = position;
            self.show();
            // Release: who sees the key sees a head beyond it.
            self.shared.cursors.key.store(position, Ordering::Release);
        }
    }

    /// Shows what was [staged](Self::stage), and wakes the readers that are parked. Call it once per
    /// batch: when nobody is parked it costs one store, one fence and one load, and never a system
    /// call.
    #[inline]
    pub fn notify(&mut self) {
        self.show();
        // Either this fence comes first, and a reader about to park finds the new head behind its
        // own fence; or the reader's comes first, and we find the bell rung. Never neither.
        fence(Ordering::SeqCst);
        if self.shared.bell.load(Ordering::Relaxed) {
            self.wake_parked();
        }
    }

    #[cold]
    fn wake_parked(&self) {
        // Acquire: pairs with the Release of *every* reader that set the bell since it was last
        // taken down, as they set it by read-modify-writes (one release sequence): whose bell we
        // take, his seat we find armed.
        self.shared.bell.swap(false, Ordering::Acquire);
        for seat in &self.shared.seats {
            seat.ring();
        }
    }

    /// Forgets the items before `before`: their payloads are dropped now, or, where a view covers
    /// them, by a later `publish` or `evict`.
    pub fn evict(&mut self, before: u64) {
        let before = before.min(self.head);
        if before > self.tail {
            self.announce(before);
        }
        self.owed = self.owed.max(before);
        self.settle();
    }

    /// The orderly end of the stream, as by dropping the producer: parked readers wake, all read what
    /// is left, then [`Wait::Ended`](super::Wait). Nothing is to be published after it: a reader that
    /// has seen the end does not come back.
    pub fn end(&mut self) {
        self.show();
        // Release: who sees the end sees the last head.
        self.shared.cursors.ended.store(true, Ordering::Release);
        self.notify();
    }

    /// Next position to be written.
    pub fn head(&self) -> u64 {
        self.head
    }

    /// Oldest position still readable.
    pub fn tail(&self) -> u64 {
        self.tail
    }

    /// Number of slots.
    pub fn capacity(&self) -> usize {
        self.capacity as usize
    }

    /// The newest [marked](Self::mark_key) position, if it is still readable.
    pub fn newest_key(&self) -> Option<u64> {
        (self.key != NONE && self.key >= self.tail).then_some(self.key)
    }

    /// A new reader; `wake` is what a parked one is woken by (`Arc::new(())` if it never parks).
    ///
    /// # Errors
    ///
    /// [`TooManyReaders`] when all the seats are taken.
    pub fn subscribe(&self, wake: std::sync::Arc<dyn Wake>) -> Result<Reader<T>, TooManyReaders> {
        self.subscriber().subscribe(wake)
    }

    /// A handle that makes readers on other threads.
    pub fn subscriber(&self) -> Subscriber<T> {
        Subscriber::new(self.shared.clone())
    }

    #[inline(always)]
    fn slot(&self, position: u64) -> &Slot<T> {
        let index = (position & (self.capacity - 1)) as usize;
        // SAFETY: there are `capacity` slots, a power of two, and they live as long as `shared`.
        unsafe { self.slots.add(index).as_ref() }
    }

    /// Oldest position whose payload has not been dropped.
    fn alive(&self) -> u64 {
        self.evicted.max(self.head.saturating_sub(self.capacity))
    }

    /// Gives `clear` a value above `head` again, if no view is in the way.
    #[cold]
    fn make_room(&mut self) -> bool {
        self.settle();
        if self.head - self.alive() < self.capacity {
            return true;
        }
        if self.limit == self.alive() {
            if self.is_blocked() {
                return false;
            }
            if self.tail == self.limit {
                self.announce(self.limit + self.batch);
            }
            self.scan();
        }
        self.limit > self.alive()
    }

    /// Drops what `evict` asked to be dropped, as far as views let it.
    fn settle(&mut self) {
        if self.alive() < self.owed {
            if self.limit < self.owed && !(self.limit == self.alive() && self.is_blocked()) {
                self.scan();
            }
            while self.alive() < self.limit.min(self.owed) {
                self.drop_oldest();
            }
        }
        self.set_clear();
    }

    fn set_clear(&mut self) {
        let owing = self.alive() < self.owed;
        // While payloads are owed, every `publish` is to look for them.
        self.clear = if owing { self.head } else { self.limit + self.capacity };
    }

    /// Tells the readers that nothing before `tail` is to be leased any more.
    fn announce(&mut self, tail: u64) {
        self.tail = tail;
        self.show();
        // Release: who sees the tail sees a head that is not below it.
        self.shared.cursors.tail.store(tail, Ordering::Release);
        // Pairs with the fence in `Reader::view`: a reader that took its lease before this is
        // found by every `scan` from here on; one that takes it after this sees the new tail.
        fence(Ordering::SeqCst);
    }

    /// Is the view that was in the way last time still there?
    fn is_blocked(&self) -> bool {
        let seat = self.shared.seats.get(self.blocker);
        seat.is_some_and(|seat| seat.hold.load(Ordering::Relaxed) <= self.alive())
    }

    /// Looks at all the leases and moves `limit` up to the oldest position held, or to the tail.
    fn scan(&mut self) {
        let mut oldest = self.tail;
        for (index, seat) in self.shared.seats.iter().enumerate() {
            // Acquire: pairs with the Release that ended or moved the lease, so that the reader's
            // looks at the payloads are over before we drop them.
            let hold = seat.hold.load(Ordering::Acquire);
            if hold < oldest {
                oldest = hold;
                self.blocker = index;
            }
        }
        // A lease may begin lower than what is dropped already: a reader's first store is what it
        // asks for, and it learns of the tail only then.
        self.limit = self.limit.max(oldest);
        self.set_clear();
    }

    fn drop_oldest(&mut self) {
        let position = self.alive();
        debug_assert!(position < self.limit);
        // Before the drop, which may panic.
        self.evicted = position + 1;
        // SAFETY: [alive, head) is initialised; below `limit` there is no lease and will be none.
        unsafe { self.shared.drop_payload(position) };
    }

    /// Drops what lies in the slot that the head has come round to. To be followed by the head's
    /// moving on, which tells that it is gone.
    #[inline(always)]
    fn drop_lapped(&mut self) {
        /// If the drop panics, the head does not move on: the payload counts as evicted.
        struct Gone<'a>(&'a mut u64, u64);
        impl Drop for Gone<'_> {
            fn drop(&mut self) {
                *self.0 = self.1;
            }
        }
        let position = self.head - self.capacity;
        debug_assert!(position == self.alive() && position < self.limit);
        let slot = NonNull::from(self.slot(position));
        let gone = Gone(&mut self.evicted, position + 1);
        // SAFETY: the slot is there, see `slot`; for the drop, as in `drop_oldest`.
        unsafe { slot.as_ref().with_mut(|slot| (*slot).assume_init_drop()) };
        std::mem::forget(gone);
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        self.shared.alive.store(self.alive(), Ordering::Relaxed);
        self.end();
    }
}

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("head", &self.head)
            .field("tail", &self.tail)
            .field("newest_key", &self.newest_key())
            .finish_non_exhaustive()
    }
}
