//! A lease on a run of items.

use std::fmt;

use super::shared::{NONE, Shared};
use crate::sync::{AtomicU64, Ordering};

/// A lease on the items from [`start`](Self::start) to [`end`](Self::end): none of them is dropped
/// or overwritten while it lives. Dropping it gives the lease back.
pub struct View<'a, T> {
    shared: &'a Shared<T>,
    /// The word to give the lease back in; none for a view without items.
    hold: Option<&'a AtomicU64>,
    from: u64,
    start: u64,
    end: u64,
}

impl<'a, T> View<'a, T> {
    pub(super) fn new(
        shared: &'a Shared<T>,
        hold: Option<&'a AtomicU64>,
        from: u64,
        start: u64,
        end: u64,
    ) -> Self {
        debug_assert!(from <= start && start <= end);
        Self { shared, hold, from, start, end }
    }

    /// Position of the first item.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Position after the last item: where to read next.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// How many items were overwritten or evicted before they could be read: `start` minus the
    /// position asked for.
    pub fn lost(&self) -> u64 {
        self.start - self.from
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Is there nothing (new) to read?
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The item at `position`, if the view covers it.
    #[inline]
    pub fn get(&self, position: u64) -> Option<&T> {
        (self.start..self.end).contains(&position).then(|| self.item(position))
    }

    /// The items and their positions, oldest first.
    #[inline]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, &T)> + '_ {
        (self.start..self.end).map(|position| (position, self.item(position)))
    }

    /// The items from `from` on (or from the start, if that is later) and their positions.
    #[inline]
    pub fn iter_from(&self, from: u64) -> impl DoubleEndedIterator<Item = (u64, &T)> + '_ {
        (from.max(self.start)..self.end).map(|position| (position, self.item(position)))
    }

    #[inline(always)]
    fn item(&self, position: u64) -> &T {
        debug_assert!((self.start..self.end).contains(&position));
        self.shared.slot(position).with(|slot| {
            // SAFETY: [start, end) was published, which the Acquire of the head has ordered before
            // this; and the lease keeps the producer from touching it while `self` lives.
            unsafe { (*slot).assume_init_ref() }
        })
    }
}

impl<T> Drop for View<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(hold) = self.hold {
            // Release: pairs with the Acquire in the producer's scan; our looks are over.
            hold.store(NONE, Ordering::Release);
        }
    }
}

impl<T> fmt::Debug for View<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("start", &self.start)
            .field("end", &self.end)
            .field("lost", &self.lost())
            .finish_non_exhaustive()
    }
}
