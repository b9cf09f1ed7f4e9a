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
//!   Vacancy ──lend()──▶ number ──Lent::of()──▶ Lent (number's own + 1)
//!      ▲                  └──Lent::take_back()──▶ Lent (number's own)
//!      └────────────────── the last Lent is dropped
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
mod word;

use atomic::{AtomicU32, Ordering};
use word::{Left, Word};

/// Slots of the first block; each that follows has twice as many as the one before.
const FIRST: usize = 64;
const BLOCKS: usize = 18;
const SLOTS: usize = FIRST * ((1 << BLOCKS) - 1);
const _: () = assert!(SLOTS as u64 <= INDEX_MASK, "indices have to fit, and NONE must not be one");
/// Stands for no index.
const NONE: u32 = u32::MAX;

/// What slots are for.
pub(crate) trait Tenant: Default + Send + Sync + 'static {
    /// Where all of its kind are.
    fn slots() -> &'static Slots<Self>;
    /// The last reference is gone: clears what is in the slot, and keeps it for later, or drops it.
    fn leave(vacancy: Vacancy<Self>);
}

/// All slots of one kind.
pub(crate) struct Slots<T> {
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

struct Slot<T> {
    word: Word,
    /// Of a slot in a [`Chain`]: the index of the next.
    next: AtomicU32,
    body: UnsafeCell<T>,
}

// SAFETY: the body is changed only through a `Vacancy`, of which there is one for a slot and only while it is not lent,
// and read only through `Lent`s. `Word` orders the one before the other.
unsafe impl<T: Send + Sync> Sync for Slot<T> {}

impl<T: Tenant> Slots<T> {
    /// `kind` tells its numbers from those of others.
    pub(crate) const fn new(kind: u8, name: &'static str) -> Slots<T> {
        let vacant = Mutex::new(Vacant { made: 0, indices: Vec::new() });
        Slots { kind, name, blocks: [const { OnceLock::new() }; BLOCKS], vacant }
    }

    /// The slot with this index, if it was ever made.
    fn slot(&'static self, index: usize) -> Option<&'static Slot<T>> {
        let (block, offset) = place(index);
        self.blocks.get(block)?.get()?.get(offset)
    }

    /// The slot, its index and the generation that a number names.
    fn find(&'static self, number: u64) -> Result<(&'static Slot<T>, u32, u32), Failure> {
        let index = number & INDEX_MASK;
        let slot =
            (number >> KIND_SHIFT == u64::from(self.kind)).then(|| self.slot(index as usize));
        let slot = slot.flatten().ok_or_else(|| self.wrong(number))?;
        Ok((slot, index as u32, (number >> INDEX_BITS) as u32))
    }

    fn wrong(&self, number: u64) -> Failure {
        handle::wrong(self.kind, self.name, number)
    }
}

/// The block that a slot is in, and where in it.
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

    fn find(number: u64, take: impl Fn(&Word, u32) -> bool) -> Result<Lent<T>, Failure> {
        let (slot, index, generation) = T::slots().find(number)?;
        let taken = take(&slot.word, generation).then(|| Lent { slot, index });
        taken.ok_or_else(|| T::slots().wrong(number))
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
    fn drop(&mut self) {
        let vacancy = || Vacancy { slot: self.slot, index: self.index };
        match self.slot.word.leave() {
            Left::ToOthers => {}
            Left::Vacant => T::leave(vacancy()),
            // It is never lent again, so that no number comes twice.
            Left::UsedUp => *std::mem::ManuallyDrop::new(vacancy()).body() = T::default(),
        }
    }
}

impl<T: Default> Slot<T> {
    fn new() -> Slot<T> {
        Slot { word: Word::new(), next: AtomicU32::new(NONE), body: UnsafeCell::default() }
    }
}

/// Vacancies in a row, linked by their slots.
pub(crate) struct Chain<T: Tenant> {
    first: u32,
    _of: std::marker::PhantomData<Vacancy<T>>,
}

impl<T: Tenant> Chain<T> {
    pub(crate) fn push(&mut self, vacancy: Vacancy<T>) {
        let (slot, index) = vacancy.keep();
        slot.next.store(self.first, Ordering::Relaxed);
        self.first = index;
    }

    pub(crate) fn pop(&mut self) -> Option<Vacancy<T>> {
        let slot = T::slots().slot(self.first as usize)?;
        let vacancy = Vacancy { slot, index: self.first };
        self.first = slot.next.load(Ordering::Relaxed);
        Some(vacancy)
    }
}

impl<T: Tenant> Default for Chain<T> {
    fn default() -> Chain<T> {
        Chain { first: NONE, _of: std::marker::PhantomData }
    }
}

impl<T: Tenant> Drop for Chain<T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

/// A chain that any thread adds to, and that is taken as a whole.
pub(crate) struct Returned<T: Tenant> {
    first: AtomicU32,
    _of: std::marker::PhantomData<Vacancy<T>>,
}

impl<T: Tenant> Default for Returned<T> {
    fn default() -> Returned<T> {
        Returned { first: AtomicU32::new(NONE), _of: std::marker::PhantomData }
    }
}

impl<T: Tenant> Returned<T> {
    pub(crate) fn push(&self, vacancy: Vacancy<T>) {
        let (slot, index) = vacancy.keep();
        let mut first = self.first.load(Ordering::Relaxed);
        loop {
            slot.next.store(first, Ordering::Relaxed);
            // Release: whoever takes the chain (Acquire) sees the body as it was left. None is taken out singly, so an
            // equal index is an equal chain.
            let step = (Ordering::Release, Ordering::Relaxed);
            match self.first.compare_exchange_weak(first, index, step.0, step.1) {
                Ok(_) => return,
                Err(now) => first = now,
            }
        }
    }

    pub(crate) fn take(&self) -> Chain<T> {
        let first = match self.first.load(Ordering::Relaxed) {
            NONE => NONE,
            _ => self.first.swap(NONE, Ordering::Acquire),
        };
        Chain { first, _of: std::marker::PhantomData }
    }
}

impl<T: Tenant> Drop for Returned<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

#[cfg(test)]
mod tests;
