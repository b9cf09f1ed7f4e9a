//! What the producer and the readers share: the log of slots, the cursors and the seats.

use std::mem::MaybeUninit;

use crossbeam_utils::CachePadded;

use super::seat::Seat;
use crate::sync::{AtomicBool, AtomicU64, Ordering, UnsafeCell};

/// A `hold` word without a lease, and a `key` word without a key.
pub(super) const NONE: u64 = u64::MAX;

/// The words that the producer writes and the readers follow: one cache line.
pub(super) struct Cursors {
    /// Next position to be written. Everything below it has been published.
    pub(super) head: AtomicU64,
    /// Oldest position that a reader may still take a lease on: announced before it is enforced.
    pub(super) tail: AtomicU64,
    /// Newest position that a new reader may start at, or [`NONE`].
    pub(super) key: AtomicU64,
    /// The producer is gone: `head` is final.
    pub(super) ended: AtomicBool,
}

pub(super) type Slot<T> = UnsafeCell<MaybeUninit<T>>;

pub(super) struct Shared<T> {
    pub(super) cursors: CachePadded<Cursors>,
    /// Some reader may be parked: the one word that `notify` looks at when nobody is.
    pub(super) bell: CachePadded<AtomicBool>,
    pub(super) seats: Box<[CachePadded<Seat>]>,
    pub(super) slots: Box<[Slot<T>]>,
    mask: u64,
    /// Oldest position whose payload has not been dropped. The producer's own; it leaves the
    /// number here when it goes, for `drop` to find.
    pub(super) alive: AtomicU64,
}

// SAFETY: the slots are the only part that is not `Send` and `Sync` by itself. A slot is written
// and dropped by the one producer, while no lease covers its position, and otherwise only read
// (see the module docs); so the payload is shared between threads (`Sync`) and dropped on a thread
// other than the one that made it (`Send`).
unsafe impl<T: Send + Sync> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub(super) fn new(capacity: usize, max_readers: usize) -> Self {
        let capacity = capacity.max(1).next_power_of_two();
        Self {
            cursors: CachePadded::new(Cursors {
                head: AtomicU64::new(0),
                tail: AtomicU64::new(0),
                key: AtomicU64::new(NONE),
                ended: AtomicBool::new(false),
            }),
            bell: CachePadded::new(AtomicBool::new(false)),
            seats: (0..max_readers).map(|_| CachePadded::new(Seat::vacant())).collect(),
            slots: (0..capacity).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect(),
            mask: capacity as u64 - 1,
            alive: AtomicU64::new(0),
        }
    }

    pub(super) fn capacity(&self) -> u64 {
        self.mask + 1
    }

    #[inline(always)]
    pub(super) fn slot(&self, position: u64) -> &Slot<T> {
        // SAFETY: there are `mask + 1` slots.
        unsafe { self.slots.get_unchecked((position & self.mask) as usize) }
    }

    /// Drops the payload at `position`.
    ///
    /// # Safety
    ///
    /// The position is initialised, no lease covers it, and the caller is the producer or the last
    /// owner of the ring; it never names this position as alive again.
    pub(super) unsafe fn drop_payload(&self, position: u64) {
        self.slot(position).with_mut(|slot| {
            // SAFETY: initialised and unreachable for readers, by the caller's word.
            unsafe { (*slot).assume_init_drop() }
        });
    }

    #[inline]
    pub(super) fn newest_key(&self) -> Option<u64> {
        // Acquire: who sees the key sees a head beyond it.
        let key = self.cursors.key.load(Ordering::Acquire);
        // Relaxed: as of now or a little before; a view tells what is really left.
        let tail = self.cursors.tail.load(Ordering::Relaxed);
        (key != NONE && key >= tail).then_some(key)
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // The producer and all readers are gone, and the counts of their `Arc`s have ordered what
        // they did before this.
        let head = self.cursors.head.load(Ordering::Relaxed);
        for position in self.alive.load(Ordering::Relaxed)..head {
            // SAFETY: [alive, head) is what was published and not dropped; nobody else is left.
            unsafe { self.drop_payload(position) };
        }
    }
}
