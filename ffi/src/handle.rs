//! Handles that can be checked.
//!
//! ```text
//!   63      56 55                       24 23               0
//!   ┌─────────┬───────────────────────────┬──────────────────┐
//!   │  kind   │        generation         │      index       │
//!   └─────────┴───────────────────────────┴──────────────────┘
//! ```
//!
//! C sees a pointer to a type that is never defined; what it holds is this number. It is looked up in
//! the table of its kind, and valid only while the slot's generation is the same. A slot whose
//! generations are used up is retired, so a number never comes again. The kinds are such that no
//! number is an address that a program can have on the 64-bit systems we know: whoever follows one
//! faults at once.

use std::sync::{Arc, PoisonError, RwLock};

use crate::failure::Failure;
use crate::status::rill_status;

pub(crate) const INDEX_BITS: u32 = 24;
pub(crate) const INDEX_MASK: u64 = (1 << INDEX_BITS) - 1;
pub(crate) const KIND_SHIFT: u32 = 56;

/// The objects of one kind that C holds handles of. A look-up takes a lock, for a moment: what is looked up for
/// each frame is in [`Slots`](crate::slot::Slots).
pub(crate) struct Table<T> {
    kind: u8,
    /// What the objects are called in errors.
    name: &'static str,
    slots: RwLock<Slots<T>>,
}

struct Slots<T> {
    all: Vec<Slot<T>>,
    free: Vec<u32>,
}

struct Slot<T> {
    generation: u32,
    object: Option<Arc<T>>,
}

impl<T> Table<T> {
    /// An empty table. `kind` tells its handles from those of other tables.
    pub(crate) const fn new(kind: u8, name: &'static str) -> Table<T> {
        // The top byte of no user-space address, on x86-64 with or without five-level paging and on
        // AArch64 without tags.
        assert!(kind > 0x20 && kind < 0x80);
        let slots = RwLock::new(Slots { all: Vec::new(), free: Vec::new() });
        Table { kind, name, slots }
    }

    /// Takes an object in.
    pub(crate) fn insert(&self, object: Arc<T>) -> Result<u64, Failure> {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let Slots { all, free } = &mut *slots;
        let index = match free.pop() {
            Some(index) => index,
            None if all.len() as u64 <= INDEX_MASK => {
                all.push(Slot { generation: 1, object: None });
                all.len() as u32 - 1
            }
            None => {
                let text = format!("there are 16,777,216 of this kind already: {}", self.name);
                return Err(Failure::new(rill_status::RILL_ERROR_TOO_MANY, text));
            }
        };
        let slot = all.get_mut(index as usize).ok_or_else(|| self.wrong(0))?;
        slot.object = Some(object);
        Ok(u64::from(self.kind) << KIND_SHIFT
            | u64::from(slot.generation) << INDEX_BITS
            | u64::from(index))
    }

    /// The object of a handle. It lives at least as long as what this returns, though another thread
    /// may free the handle meanwhile.
    pub(crate) fn get(&self, handle: u64) -> Result<Arc<T>, Failure> {
        let (index, generation) = self.parts(handle)?;
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.all.get(index).filter(|slot| slot.generation == generation);
        slot.and_then(|slot| slot.object.clone()).ok_or_else(|| self.wrong(handle))
    }

    /// Takes the object of a handle out; the handle means nothing from now on.
    pub(crate) fn remove(&self, handle: u64) -> Result<Arc<T>, Failure> {
        let (index, generation) = self.parts(handle)?;
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let Slots { all, free } = &mut *slots;
        let slot = all.get_mut(index).filter(|slot| slot.generation == generation);
        let Some((slot, object)) = slot.and_then(|slot| {
            let object = slot.object.take()?;
            Some((slot, object))
        }) else {
            return Err(self.wrong(handle));
        };
        if let Some(next) = slot.generation.checked_add(1) {
            slot.generation = next;
            free.push(index as u32);
        }
        Ok(object)
    }

    fn parts(&self, handle: u64) -> Result<(usize, u32), Failure> {
        if handle >> KIND_SHIFT != u64::from(self.kind) {
            return Err(self.wrong(handle));
        }
        Ok(((handle & INDEX_MASK) as usize, (handle >> INDEX_BITS) as u32))
    }

    fn wrong(&self, handle: u64) -> Failure {
        wrong(self.kind, self.name, handle)
    }
}

/// What is wrong with a handle that leads to nothing of this kind and name.
#[cold]
pub(crate) fn wrong(kind: u8, name: &str, handle: u64) -> Failure {
    let text = match handle {
        0 => format!("the {name} is NULL"),
        _ if handle >> KIND_SHIFT == u64::from(kind) => format!("the {name} was freed"),
        _ => format!("this is not a {name}"),
    };
    Failure::new(rill_status::RILL_ERROR_HANDLE, text)
}

/// The number in a handle.
pub(crate) fn number<T>(handle: *const T) -> u64 {
    handle.addr() as u64
}

/// The handle with a number: not an address, never to be followed.
pub(crate) fn pointer<T>(number: u64) -> *mut T {
    std::ptr::without_provenance_mut(number as usize)
}

#[cfg(not(target_pointer_width = "64"))]
compile_error!("handles take 64 bits");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_and_foreign_handles_are_refused() {
        let numbers = Table::new(0x41, "number");
        let others = Table::new(0x42, "other");
        let first = numbers.insert(Arc::new(1)).expect("room");
        assert_eq!(*numbers.get(first).expect("there"), 1);
        let other = others.insert(Arc::new(2)).expect("room");
        let text = |result: Result<Arc<i32>, Failure>| result.expect_err("refused").text;
        assert_eq!(text(numbers.get(other)), "this is not a number");
        assert_eq!(text(numbers.get(0)), "the number is NULL");
        assert_eq!(*numbers.remove(first).expect("there"), 1);
        assert_eq!(text(numbers.get(first)), "the number was freed");
        assert_eq!(text(numbers.remove(first)), "the number was freed");
        // The slot is used again, the handle is not.
        let second = numbers.insert(Arc::new(3)).expect("room");
        assert_eq!(second & INDEX_MASK, first & INDEX_MASK);
        assert_eq!(text(numbers.get(first)), "the number was freed");
        assert_eq!(text(numbers.get(second | INDEX_MASK)), "the number was freed");
    }

    #[test]
    fn a_slot_without_generations_left_is_retired() {
        let table = Table::new(0x41, "number");
        let first = table.insert(Arc::new(1)).expect("room");
        table.slots.write().expect("no poison").all[0].generation = u32::MAX;
        let last = first | u64::from(u32::MAX) << INDEX_BITS;
        table.remove(last).expect("there");
        let next = table.insert(Arc::new(2)).expect("room");
        assert_ne!(next & INDEX_MASK, last & INDEX_MASK);
        assert!(table.get(last).is_err());
    }
}
