//! The word of a slot under loom: every interleaving of threads that look a number up, take it back and give references up.
//!
//! Each ordering was weakened in turn, and found out: `lend`'s and `change`'s by
//! `a_number_is_looked_up_while_it_is_taken_back`, those of `leave` by that, by `two_references_leave` and by
//! `a_stale_number_never_leads_to_who_comes_next`.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

mod atomic {
    pub(super) use loom::sync::atomic::{AtomicU64, Ordering};
}
#[path = "../src/slot/word.rs"]
mod word;

use word::{Left, Taken, Word};

/// A slot whose body loom watches.
struct Slot {
    word: Word,
    body: UnsafeCell<u32>,
}

impl Slot {
    /// Nobody's yet.
    fn new() -> Arc<Slot> {
        Arc::new(Slot { word: Word::new(), body: UnsafeCell::new(0) })
    }

    fn write(&self, value: u32) {
        // SAFETY: loom panics if anybody reads or writes meanwhile.
        self.body.with_mut(|body| unsafe { *body = value });
    }

    /// Looks at the body, gives a reference up, and clears the body if it was the last. Whether it was.
    fn look_and_leave(&self, expected: u32) -> bool {
        // SAFETY: loom panics if anybody writes meanwhile.
        assert_eq!(self.body.with(|body| unsafe { *body }), expected);
        let last = self.word.leave() != Left::ToOthers;
        if last {
            self.write(0);
        }
        last
    }
}

#[test]
fn a_number_is_looked_up_while_it_is_taken_back() {
    loom::model(|| {
        let slot = Slot::new();
        let other = slot.clone();
        let thread = thread::spawn(move || other.word.take_reference(1) && other.look_and_leave(7));
        slot.write(7);
        assert_eq!(slot.word.lend(), 1);
        assert!(slot.word.take_back(1));
        let last = slot.look_and_leave(7);
        assert!(last != thread.join().expect("no panic"), "the slot has one owner");
        assert!(!slot.word.take_reference(1) && !slot.word.take_back(1));
    });
}

#[test]
fn one_of_two_takes_a_number_back() {
    loom::model(|| {
        let slot = Slot::new();
        slot.write(7);
        slot.word.lend();
        let other = slot.clone();
        let thread = thread::spawn(move || {
            let taken = other.word.take_back(1);
            (taken, taken && other.look_and_leave(7))
        });
        let taken = slot.word.take_back(1);
        let last = taken && slot.look_and_leave(7);
        let (its, its_last) = thread.join().expect("no panic");
        assert!(taken != its && last != its_last);
    });
}

#[test]
fn two_references_leave() {
    loom::model(|| {
        let slot = Slot::new();
        slot.write(7);
        slot.word.lend();
        assert!(slot.word.take_back(1));
        slot.word.add_reference();
        let other = slot.clone();
        let thread = thread::spawn(move || other.look_and_leave(7));
        let last = slot.look_and_leave(7);
        assert!(last != thread.join().expect("no panic"));
    });
}

#[test]
fn a_stale_number_never_leads_to_who_comes_next() {
    loom::model(|| {
        let slot = Slot::new();
        slot.write(7);
        slot.word.lend();
        let other = slot.clone();
        let thread = thread::spawn(move || other.word.take_reference(1) && other.look_and_leave(7));
        assert!(slot.word.take_back(1));
        if slot.look_and_leave(7) {
            slot.write(8);
            assert_eq!(slot.word.lend(), 2);
            thread.join().expect("no panic");
            assert!(slot.word.take_back(2) && slot.look_and_leave(8));
        } else {
            assert!(thread.join().expect("no panic"), "it has the slot");
        }
    });
}

#[test]
fn two_want_the_sole_reference_while_the_number_is_taken_back() {
    loom::model(|| {
        let slot = Slot::new();
        slot.word.lend();
        let other = slot.clone();
        // Whoever has it writes; loom panics if both do.
        let work = |slot: &Slot| match slot.word.take_sole(1) {
            Taken::Yes => {
                slot.write(7);
                slot.word.leave_sole() != Left::ToOthers
            }
            Taken::Busy | Taken::No => false,
        };
        let thread = thread::spawn(move || work(&other));
        let mut lasts = u32::from(work(&slot));
        assert!(slot.word.take_back(1));
        lasts += u32::from(slot.word.leave() != Left::ToOthers);
        lasts += u32::from(thread.join().expect("no panic"));
        assert_eq!(lasts, 1, "the slot has one owner");
    });
}

#[test]
fn generations_are_used_up_once() {
    loom::model(|| {
        let slot = Slot::new();
        slot.word.begin_at(u32::MAX);
        assert_eq!(slot.word.lend(), u32::MAX);
        assert!(slot.word.take_back(u32::MAX) && slot.word.is_last());
        assert_eq!(slot.word.leave(), Left::UsedUp);
        assert!(!slot.word.take_reference(u32::MAX));
    });
}
