//! A queue in which each slot waits at most once, and that a slot can leave at any time.

use std::collections::VecDeque;

use super::forest::Slot;

/// First in, first out.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// In order; those that have left meanwhile are still in here.
    order: VecDeque<Slot>,
    /// Per slot: whether it waits.
    waits: Vec<bool>,
    len: usize,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Puts a slot at the end, unless it waits already.
    pub(super) fn push(&mut self, slot: Slot) {
        if self.waits.len() <= slot.index() {
            self.waits.resize(slot.index() + 1, false);
        }
        if !std::mem::replace(&mut self.waits[slot.index()], true) {
            self.tidy();
            self.order.push_back(slot);
            self.len += 1;
        }
    }

    /// Takes a slot out, wherever it is.
    pub(super) fn remove(&mut self, slot: Slot) {
        if let Some(waits) = self.waits.get_mut(slot.index())
            && std::mem::replace(waits, false)
        {
            self.len -= 1;
        }
    }

    /// The slot that has waited longest.
    pub(super) fn pop(&mut self) -> Option<Slot> {
        while let Some(slot) = self.order.pop_front() {
            if std::mem::replace(&mut self.waits[slot.index()], false) {
                self.len -= 1;
                return Some(slot);
            }
        }
        None
    }

    /// Forgets those that have left, before they outnumber the others.
    fn tidy(&mut self) {
        if self.order.len() < 2 * self.len + 64 {
            return;
        }
        let waits = &mut self.waits;
        // The flag is taken by the first of several entries, and given back below.
        self.order.retain(|slot| std::mem::replace(&mut waits[slot.index()], false));
        for slot in &self.order {
            waits[slot.index()] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_waits_once_and_can_leave() {
        let mut queue = Queue::default();
        for slot in [3, 1, 3, 2] {
            queue.push(Slot(slot));
        }
        queue.remove(Slot(1));
        queue.push(Slot(1));
        assert_eq!(queue.len(), 3);
        let order: Vec<u32> = std::iter::from_fn(|| queue.pop()).map(|slot| slot.0).collect();
        assert_eq!(order, [3, 1, 2], "one that comes back may get its old place");
    }

    #[test]
    fn coming_and_going_does_not_fill_it() {
        let mut queue = Queue::default();
        queue.push(Slot(7));
        for _ in 0..10_000 {
            queue.push(Slot(1));
            queue.remove(Slot(1));
        }
        assert!(queue.order.len() < 100, "{}", queue.order.len());
        assert_eq!(queue.pop(), Some(Slot(7)));
        assert_eq!(queue.pop(), None);
    }
}
