//! Vacancies in a row, linked by their slots: no memory is needed to keep them.

use std::marker::PhantomData;

use super::atomic::{AtomicU64, Ordering};
use super::{Tenant, Vacancy};

/// Stands for no index.
const NONE: u32 = u32::MAX;
/// Stands for no index, and for that none is taken any more.
const CLOSED: u32 = u32::MAX - 1;
const INDEX: u64 = u32::MAX as u64;
const COUNT_SHIFT: u32 = 32;

/// Vacancies in a row.
pub(crate) struct Chain<T: Tenant> {
    first: u32,
    _of: PhantomData<Vacancy<T>>,
}

impl<T: Tenant> Chain<T> {
    fn beginning(first: u32) -> Chain<T> {
        Chain { first, _of: PhantomData }
    }

    pub(crate) fn push(&mut self, vacancy: Vacancy<T>) {
        let (slot, index) = vacancy.keep();
        slot.next.store(self.first, Ordering::Relaxed);
        self.first = index;
    }

    pub(crate) fn pop(&mut self) -> Option<Vacancy<T>> {
        // Neither of those that stand for none is an index.
        let slot = T::slots().slot(self.first as usize)?;
        let vacancy = Vacancy { slot, index: self.first };
        self.first = slot.next.load(Ordering::Relaxed);
        Some(vacancy)
    }
}

impl<T: Tenant> Default for Chain<T> {
    fn default() -> Chain<T> {
        Chain::beginning(NONE)
    }
}

impl<T: Tenant> Drop for Chain<T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

/// A chain that any thread adds to, and that is taken as a whole; and how many have ever been added.
///
/// ```text
///   63        32 31              0
///   ┌───────────┬─────────────────┐
///   │   added   │ index of first  │
///   └───────────┴─────────────────┘
/// ```
pub(crate) struct Returned<T: Tenant> {
    word: AtomicU64,
    _of: PhantomData<Vacancy<T>>,
}

impl<T: Tenant> Default for Returned<T> {
    fn default() -> Returned<T> {
        Returned { word: AtomicU64::new(u64::from(NONE)), _of: PhantomData }
    }
}

impl<T: Tenant> Returned<T> {
    /// Adds one; one that comes after [`close`](Returned::close) is dropped. Nothing of `self` is touched once it is added:
    /// whoever takes it out may drop what keeps `self` alive.
    pub(crate) fn push(&self, vacancy: Vacancy<T>) {
        let mut word = self.word.load(Ordering::Relaxed);
        let (slot, index) = (vacancy.slot, vacancy.index);
        while (word & INDEX) as u32 != CLOSED {
            slot.next.store((word & INDEX) as u32, Ordering::Relaxed);
            // Only the count wraps.
            let added = (word >> COUNT_SHIFT).wrapping_add(1) << COUNT_SHIFT;
            // Release: whoever takes the chain (Acquire) sees the body as it was left. None is taken out singly, so an
            // equal index is an equal chain.
            let step = (Ordering::Release, Ordering::Relaxed);
            match self.word.compare_exchange_weak(word, added | u64::from(index), step.0, step.1) {
                Ok(_) => {
                    vacancy.keep();
                    return;
                }
                Err(now) => word = now,
            }
        }
    }

    /// How many were added since the beginning; it wraps.
    pub(crate) fn added(&self) -> u32 {
        // Relaxed: it is a count.
        (self.word.load(Ordering::Relaxed) >> COUNT_SHIFT) as u32
    }

    /// All that were added and not taken. For one thread at a time.
    pub(crate) fn take(&self) -> Chain<T> {
        self.leave_behind(NONE)
    }

    /// As [`take`](Returned::take), for the last time: those that come later are dropped.
    pub(crate) fn close(&self) -> Chain<T> {
        self.leave_behind(CLOSED)
    }

    fn leave_behind(&self, index: u32) -> Chain<T> {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if (word & INDEX) as u32 == index {
                return Chain::default();
            }
            // Acquire: see `push`.
            let step = (Ordering::Acquire, Ordering::Relaxed);
            let next = word & !INDEX | u64::from(index);
            match self.word.compare_exchange_weak(word, next, step.0, step.1) {
                Ok(_) => return Chain::beginning((word & INDEX) as u32),
                Err(now) => word = now,
            }
        }
    }
}

impl<T: Tenant> Drop for Returned<T> {
    fn drop(&mut self) {
        drop(self.close());
    }
}
