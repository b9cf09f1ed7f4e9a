//! Whose a slot is: its generation, whether a number leads to it, and how many references there are, in one word.
//!
//! ```text
//!   63          32 31    30   29            0
//!   ┌─────────────┬──────┬──────┬────────────┐
//!   │ generation  │ lent │ sole │ references │
//!   └─────────────┴──────┴──────┴────────────┘
//! ```
//!
//! What lies in the slot is written before [`Word::lend`] and after [`Word::leave`] has said that nobody is left, and read
//! between [`Word::take_reference`] or [`Word::take_back`] and [`Word::leave`]. A part of it is only for who has the *sole*
//! reference of that kind ([`Word::take_sole`]). `tests/slot_models.rs` has loom look for an
//! interleaving in which the two meet.

use super::atomic::{AtomicU64, Ordering};

const GENERATION_SHIFT: u32 = 32;
const LENT: u64 = 1 << 31;
/// One of the references is the sole one.
const SOLE: u64 = 1 << 30;
/// References, the number's own among them: never as many as there is room for.
const REFERENCES: u64 = SOLE - 1;

/// The word of a slot.
pub(crate) struct Word(AtomicU64);

/// Whether a reference was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It was.
    Yes,
    /// Somebody has the sole one.
    Busy,
    /// No number of this generation leads there.
    No,
}

/// What is left when a reference is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// Somebody else has the slot.
    ToOthers,
    /// The slot is whose reference this was, under the next generation.
    Vacant,
    /// As `Vacant`, but its generations are used up: it must not be lent again.
    UsedUp,
}

impl Word {
    /// Nobody's, and of the first generation.
    pub(crate) fn new() -> Word {
        Word(AtomicU64::new(1 << GENERATION_SHIFT))
    }

    /// Of a later generation. Only for the owner of the slot.
    #[cfg(test)]
    pub(crate) fn begin_at(&self, generation: u32) {
        self.0.store(u64::from(generation) << GENERATION_SHIFT, Ordering::Relaxed);
    }

    /// A number leads there from now on: its generation. Only for the owner of the slot.
    pub(crate) fn lend(&self) -> u32 {
        // Relaxed: nobody else writes it now.
        let word = self.0.load(Ordering::Relaxed);
        // Release: who takes a reference (Acquire) sees what lies there.
        self.0.store(word | LENT | 1, Ordering::Release);
        (word >> GENERATION_SHIFT) as u32
    }

    /// Takes a reference, if a number of this generation leads there.
    pub(crate) fn take_reference(&self, generation: u32) -> bool {
        self.change(generation, |word| Some(word + 1)) == Taken::Yes
    }

    /// As [`take_reference`](Word::take_reference), for one at a time. To be given up by
    /// [`leave_sole`](Word::leave_sole).
    pub(crate) fn take_sole(&self, generation: u32) -> Taken {
        self.change(generation, |word| (word & SOLE == 0).then_some((word + 1) | SOLE))
    }

    /// Takes the number's own reference, if it leads there: from now on it does not.
    pub(crate) fn take_back(&self, generation: u32) -> bool {
        self.change(generation, |word| Some(word & !LENT)) == Taken::Yes
    }

    /// `change` gives what the word is to be; `None` when somebody has the sole reference.
    #[inline]
    fn change(&self, generation: u32, change: impl Fn(u64) -> Option<u64>) -> Taken {
        let mut word = self.0.load(Ordering::Relaxed);
        while word >> GENERATION_SHIFT == u64::from(generation) && word & LENT != 0 {
            let Some(next) = change(word) else { return Taken::Busy };
            // Acquire: see `lend`, and for the sole reference `leave`.
            let step = (Ordering::Acquire, Ordering::Relaxed);
            match self.0.compare_exchange_weak(word, next, step.0, step.1) {
                Ok(_) => return Taken::Yes,
                Err(now) => word = now,
            }
        }
        Taken::No
    }

    /// One more reference, for who has one.
    pub(crate) fn add_reference(&self) {
        // Relaxed: with the one that is there, nobody changes what lies there.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether there is no other reference than the caller's, and none can be made any more. Only for who has taken the
    /// number back.
    pub(crate) fn is_last(&self) -> bool {
        // Relaxed: what others have seen there matters only to who changes it, after `leave`.
        self.0.load(Ordering::Relaxed) & REFERENCES == 1
    }

    /// Gives a reference up.
    #[inline]
    pub(crate) fn leave(&self) -> Left {
        // A single reference that is not the number's own is this one, and nobody can take another. Acquire, and Release
        // of those who are not the last: all others' looks at what lies there are over before it is changed.
        let alone = self.0.load(Ordering::Acquire) & REFERENCES == 1;
        if alone || self.0.fetch_sub(1, Ordering::AcqRel) & REFERENCES == 1 {
            return self.vacate();
        }
        Left::ToOthers
    }

    /// Gives the sole reference up.
    #[inline]
    pub(crate) fn leave_sole(&self) -> Left {
        // The number's own is nearly always there too, so that nothing is gained by a look before.
        match self.0.fetch_sub(SOLE | 1, Ordering::AcqRel) & REFERENCES {
            1 => self.vacate(),
            _ => Left::ToOthers,
        }
    }

    /// The last reference was given up.
    #[inline]
    fn vacate(&self) -> Left {
        let generation = self.0.load(Ordering::Relaxed) >> GENERATION_SHIFT;
        let used_up = generation == u64::from(u32::MAX);
        let next = if used_up { generation } else { generation + 1 };
        // Relaxed: whoever gets the slot next is told so by other means.
        self.0.store(next << GENERATION_SHIFT, Ordering::Relaxed);
        if used_up { Left::UsedUp } else { Left::Vacant }
    }
}
