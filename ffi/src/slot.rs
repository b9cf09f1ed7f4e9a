//! Objects that C has a number of, found without a lock: what is looked up once or more for each frame.
//!
//! ```text
//!   63   56 55         24 23       0
//!   ┌──────┬─────────────┬──────────┐
//!   │ kind │ generation  │  index   │   a number, as of every handle
//!   └──────┴─────────────┴──────────┘
//! ```
//!
//! Slots are made in blocks that never move and are never freed, so any number can be looked up, a stale or made-up one
//! too. It is right while its slot is *lent* with the same generation. That and the number of references are one [`Word`], so
//! one atomic step both checks the number and takes a reference ([`Lent`]); taking the number back clears `lent` and leaves
//! the references that others have. With the last of them the slot is a [`Vacancy`] again: its tenant says where to ([`Tenant`]),
//! and its memory, with whatever lists were in it, is used again under the next generation.
//!
//! ```text
//!   Vacancy ──lend()──▶ number ──Lent::of()──▶ Lent (number's own + 1), or Sole, of which there is one at a time
//!      ▲                  └──Lent::take_back()──▶ Lent (number's own)
//!      └────────────────── the last Lent or Sole is dropped
//! ```

use std::cell::UnsafeCell;
use std::ops::Deref;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::failure::Failure;
use crate::handle::{self, INDEX_BITS, INDEX_MASK, KIND_SHIFT};
use crate::status::rill_status;

/// What [`word`] is made of; its models take loom's.
mod atomic {
    pub(super) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
}
mod chain;
mod word;

use atomic::AtomicU32;
pub(crate) use chain::{Chain, Returned};
use word::{Left, Taken, Word};

/// Slots of the first block; each that follows has twice as many as the one before.
const FIRST: usize = 64;
const BLOCKS: usize = 18;
const SLOTS: usize = FIRST * ((1 << BLOCKS) - 1);
const _: () = assert!(SLOTS as u64 <= INDEX_MASK, "indices have to fit");

/// What slots are for.
pub(crate) trait Tenant: Default + Send + Sync + 'static {
    /// What only one at a time may work with: see [`Sole`].
    type Own: Default + Send;

    /// Where all of its kind are.
    fn slots() -> &'static Slots<Self>;
    /// The last reference is gone: clears what is in the slot, and keeps it for later, or drops it.
    fn leave(vacancy: Vacancy<Self>);
}

/// All slots of one kind.
pub(crate) struct Slots<T: Tenant> {
    kind: u8,
    /// What the objects are called in errors.
    name: &'static str,
    blocks: [OnceLock<Box<[Slot<T>]>>; BLOCKS],
    vacant: Mutex<Vacant>,
}

/// Slots that nobody keeps.
struct Vacant {
    /// Slots there were ever.
    made: u32,
    indices: Vec<u32>,
}

struct Slot<T: Tenant> {
    word: Word,
    /// Of a slot in a [`Chain`]: the index of the next.
    next: AtomicU32,
    body: UnsafeCell<T>,
    own: UnsafeCell<T::Own>,
}

// SAFETY: the body is changed only through a `Vacancy`, of which there is one for a slot and only while it is not lent,
// and read only through `Lent`s and `Sole`s. What is `own` is changed through a `Vacancy` or a `Sole`, of which there is
// one for a slot while it is lent. `Word` orders the one before the other.
unsafe impl<T: Tenant> Sync for Slot<T> {}

impl<T: Tenant> Slots<T> {
    /// `kind` tells its numbers from those of others.
    pub(crate) const fn new(kind: u8, name: &'static str) -> Slots<T> {
        let vacant = Mutex::new(Vacant { made: 0, indices: Vec::new() });
        Slots { kind, name, blocks: [const { OnceLock::new() }; BLOCKS], vacant }
    }

    /// The slot with this index, if it was ever made.
    #[inline]
    fn slot(&'static self, index: usize) -> Option<&'static Slot<T>> {
        let (block, offset) = place(index);
        self.blocks.get(block)?.get()?.get(offset)
    }

    /// The slot, its index and the generation that a number names.
    #[inline]
    fn find(&'static self, number: u64) -> Result<(&'static Slot<T>, u32, u32), Failure> {
        let index = number & INDEX_MASK;
        let slot =
            (number >> KIND_SHIFT == u64::from(self.kind)).then(|| self.slot(index as usize));
        let slot = slot.flatten().ok_or_else(|| self.wrong(number))?;
        Ok((slot, index as u32, (number >> INDEX_BITS) as u32))
    }

    #[cold]
    fn wrong(&self, number: u64) -> Failure {
        handle::wrong(self.kind, self.name, number)
    }

    #[cold]
    fn busy(&self) -> Failure {
        Failure::busy(&format!("the {}", self.name))
    }
}

/// The block that a slot is in, and where in it.
#[inline]
fn place(index: usize) -> (usize, usize) {
    let from_first = index + FIRST;
    let block = (from_first / FIRST).ilog2() as usize;
    (block, from_first - (FIRST << block))
}

/// A slot that no number leads to: its body is its owner's alone. One that is dropped is anybody's.
pub(crate) struct Vacancy<T: Tenant> {
    slot: &'static Slot<T>,
    index: u32,
}

impl<T: Tenant> Vacancy<T> {
    /// One that nobody keeps, or a new one.
    pub(crate) fn any() -> Result<Vacancy<T>, Failure> {
        let slots = T::slots();
        let mut vacant = slots.vacant.lock().unwrap_or_else(PoisonError::into_inner);
        let index = match vacant.indices.pop() {
            Some(index) => index,
            None => {
                let index = vacant.made;
                let (block, _) = place(index as usize);
                let Some(block_of) = slots.blocks.get(block) else {
                    let text = format!("there are {SLOTS} of this kind already: {}", slots.name);
                    return Err(Failure::new(rill_status::RILL_ERROR_TOO_MANY, text));
                };
                block_of.get_or_init(|| (0..FIRST << block).map(|_| Slot::new()).collect());
                vacant.made += 1;
                index
            }
        };
        let slot = slots.slot(index as usize).ok_or_else(|| slots.wrong(0))?;
        Ok(Vacancy { slot, index })
    }

    /// What is to be lent; what was in it before is in it still, as the tenant has left it.
    pub(crate) fn body(&mut self) -> &mut T {
        // SAFETY: nobody else has the slot, see `Slot`.
        unsafe { &mut *self.slot.body.get() }
    }

    /// What only one at a time will work with.
    pub(crate) fn own(&mut self) -> &mut T::Own {
        // SAFETY: nobody else has the slot, see `Slot`.
        unsafe { &mut *self.slot.own.get() }
    }

    /// From now on the number that is returned leads to it.
    pub(crate) fn lend(self) -> u64 {
        let (slot, index) = self.keep();
        u64::from(T::slots().kind) << KIND_SHIFT
            | u64::from(slot.word.lend()) << INDEX_BITS
            | u64::from(index)
    }

    /// Takes it apart without dropping it.
    fn keep(self) -> (&'static Slot<T>, u32) {
        let kept = std::mem::ManuallyDrop::new(self);
        (kept.slot, kept.index)
    }
}

impl<T: Tenant> Drop for Vacancy<T> {
    fn drop(&mut self) {
        *self.body() = T::default();
        *self.own() = T::Own::default();
        let mut vacant = T::slots().vacant.lock().unwrap_or_else(PoisonError::into_inner);
        vacant.indices.push(self.index);
    }
}

/// A reference to what is lent. It stays as it is until this is dropped, though its number be taken back.
pub(crate) struct Lent<T: Tenant> {
    slot: &'static Slot<T>,
    index: u32,
}

impl<T: Tenant> Lent<T> {
    /// To what this number leads to.
    pub(crate) fn of(number: u64) -> Result<Lent<T>, Failure> {
        Lent::find(number, Word::take_reference)
    }

    /// The number's own reference: from now on it leads nowhere.
    pub(crate) fn take_back(number: u64) -> Result<Lent<T>, Failure> {
        Lent::find(number, Word::take_back)
    }

    #[inline]
    fn find(number: u64, take: impl Fn(&Word, u32) -> bool) -> Result<Lent<T>, Failure> {
        let (slot, index, generation) = T::slots().find(number)?;
        let taken = take(&slot.word, generation).then(|| Lent { slot, index });
        taken.ok_or_else(|| T::slots().wrong(number))
    }

    /// Whether nobody else has a reference, nor can get one. Only for who has taken the number back.
    pub(crate) fn is_last(&self) -> bool {
        self.slot.word.is_last()
    }

    /// After its reference was given up.
    #[inline]
    fn left(&self, left: Left) {
        match left {
            Left::ToOthers => {}
            Left::Vacant => T::leave(Vacancy { slot: self.slot, index: self.index }),
            Left::UsedUp => self.retire(),
        }
    }

    /// It is never lent again, so that no number comes twice.
    #[cold]
    fn retire(&self) {
        let vacancy = Vacancy { slot: self.slot, index: self.index };
        let mut retired = std::mem::ManuallyDrop::new(vacancy);
        *retired.body() = T::default();
        *retired.own() = T::Own::default();
    }
}

impl<T: Tenant> Clone for Lent<T> {
    fn clone(&self) -> Lent<T> {
        self.slot.word.add_reference();
        Lent { slot: self.slot, index: self.index }
    }
}

impl<T: Tenant> Deref for Lent<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: nobody changes the body while there is a reference, see `Slot`.
        unsafe { &*self.slot.body.get() }
    }
}

impl<T: Tenant> Drop for Lent<T> {
    #[inline]
    fn drop(&mut self) {
        self.left(self.slot.word.leave());
    }
}

/// A reference for one at a time, to what is lent and to what is its owner's alone.
pub(crate) struct Sole<T: Tenant>(std::mem::ManuallyDrop<Lent<T>>);

impl<T: Tenant> Sole<T> {
    /// To what this number leads to. [`rill_status::RILL_ERROR_BUSY`] while there is another one.
    #[inline(always)]
    pub(crate) fn of(number: u64) -> Result<Sole<T>, Failure> {
        let (slot, index, generation) = T::slots().find(number)?;
        match slot.word.take_sole(generation) {
            Taken::Yes => Ok(Sole(std::mem::ManuallyDrop::new(Lent { slot, index }))),
            Taken::Busy => Err(T::slots().busy()),
            Taken::No => Err(T::slots().wrong(number)),
        }
    }

    pub(crate) fn parts(&mut self) -> (&T, &mut T::Own) {
        // SAFETY: this is the only `Sole` of the slot, and borrowed; there is no `Vacancy`, see `Slot`.
        let own = unsafe { &mut *self.0.slot.own.get() };
        (&self.0, own)
    }
}

impl<T: Tenant> Drop for Sole<T> {
    #[inline]
    fn drop(&mut self) {
        // The `Lent` is not dropped: its reference is given up here.
        self.0.left(self.0.slot.word.leave_sole());
    }
}

impl<T: Tenant> Slot<T> {
    fn new() -> Slot<T> {
        Slot {
            word: Word::new(),
            next: AtomicU32::new(0),
            body: UnsafeCell::default(),
            own: UnsafeCell::default(),
        }
    }
}

#[cfg(test)]
mod tests;
