//! The memory that hashing works in: a few large pieces, used again and again.
//!
//! A piece that each hash asks the system's allocator for stays with the allocator, one for each thread that
//! ever hashed: hundreds of megabytes for good.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use argon2::Block;

/// So many passwords are hashed at once in this process, each in a memory of its own.
pub(super) const LIMIT: usize = 4;
/// A memory has at least room for so many blocks (of 1 KiB), most of which is never touched and thus costs
/// nothing. Beyond 32 MiB the C library gives back what is freed to the system at once.
const ROOM: usize = 33 * 1024;

/// The memories that there are.
#[derive(Debug)]
pub(super) struct Memories {
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Debug)]
pub(super) struct State {
    /// Kept for the next ones.
    pub(super) idle: Vec<Vec<Block>>,
    pub(super) in_use: usize,
}

/// One memory, for the time of one hash.
#[derive(Debug)]
pub(super) struct Memory<'a> {
    memories: &'a Memories,
    blocks: Vec<Block>,
}

impl Memories {
    pub(super) const fn new() -> Memories {
        let state = State { idle: Vec::new(), in_use: 0 };
        Memories { state: Mutex::new(state), returned: Condvar::new() }
    }

    /// Waits until one of [`LIMIT`] is free.
    pub(super) fn take(&self) -> Memory<'_> {
        let full = |state: &mut State| state.in_use >= LIMIT;
        let state = self.returned.wait_while(self.state(), full);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.in_use += 1;
        let blocks = state.idle.pop().unwrap_or_default();
        Memory { memories: self, blocks }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory<'_> {
    /// So many blocks. `None`: the system does not have them.
    pub(super) fn blocks(&mut self, count: usize) -> Option<&mut [Block]> {
        if self.blocks.capacity() < count.max(ROOM) {
            // The old ones go first, so that there are never both.
            self.blocks = Vec::new();
            self.blocks.try_reserve_exact(count.max(ROOM)).ok()?;
        }
        if self.blocks.len() < count {
            self.blocks.resize(count, Block::new());
        }
        self.blocks.get_mut(..count)
    }
}

impl Drop for Memory<'_> {
    fn drop(&mut self) {
        let blocks = std::mem::take(&mut self.blocks);
        let mut state = self.memories.state();
        state.in_use = state.in_use.saturating_sub(1);
        // What is larger than usual is not kept.
        if blocks.len() <= ROOM {
            state.idle.push(blocks);
        }
        if state.in_use == 0 {
            // Nobody hashes: one is enough for a beginning.
            state.idle.truncate(1);
        }
        drop(state);
        self.memories.returned.notify_one();
    }
}
