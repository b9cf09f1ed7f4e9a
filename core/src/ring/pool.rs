//! The buffers that packets are received into.

use std::fmt;

use super::span::{Chunk, Span};
use crate::sync::Arc;

/// Chunks looked at before a new one is allocated: the oldest are free, unless some span is kept
/// unusually long.
const PROBES: usize = 8;

/// A bounded set of chunks, owned by one producer.
///
/// A chunk is allocated when first needed and not given back to the system before the pool and all
/// spans over it are gone, or the pool is [limited](Pool::limit) to fewer; it is filled again when no [`Span`] and no [`Filling`] is left on it.
/// That is found out by looking (the pool's reference is the only one), so dropping a span on any
/// thread is one decrement and no lock.
pub struct Pool {
    chunks: Vec<Arc<Chunk>>,
    chunk_size: usize,
    max_chunks: usize,
    /// Where to look first: chunks come free in the order they were taken, as a rule.
    next: usize,
}

impl Pool {
    /// The usual size of a chunk: some 190 packets of a full Ethernet frame, room for a few of the
    /// largest aggregates that the kernel makes.
    pub const CHUNK_SIZE: usize = 256 * 1024;

    /// A pool of at most `max_chunks` chunks of `chunk_size` bytes (less than 4 GiB). Nothing is
    /// allocated yet.
    pub fn new(chunk_size: usize, max_chunks: usize) -> Self {
        let chunk_size = chunk_size.min(u32::MAX as usize);
        Self { chunks: Vec::new(), chunk_size, max_chunks, next: 0 }
    }

    /// An empty chunk, or `None` when the pool is spent: every chunk is held by some span.
    ///
    /// Looks at each chunk at most once.
    pub fn take(&mut self) -> Option<Filling> {
        let count = self.chunks.len();
        let may_grow = count < self.max_chunks;
        let probes = if may_grow { count.min(PROBES) } else { count };
        for probe in 0..probes {
            let index = (self.next + probe) % count;
            // `get_mut` is the proof that no span is left, and the Acquire in it pairs with the
            // Release of the last span's drop: all looks at the bytes are over.
            let Some(chunk) = self.chunks.get_mut(index) else { continue };
            if let Some(free) = Arc::get_mut(chunk) {
                free.renew();
                self.next = (index + 1) % count;
                return Some(Filling::new(chunk.clone()));
            }
        }
        if !may_grow {
            return None;
        }
        // Zeroed pages from the system: they cost nothing before they are written.
        let chunk = Arc::new(Chunk::from_box(vec![0; self.chunk_size].into_boxed_slice()));
        // Behind the newest and before the oldest, to keep the order of taking.
        self.chunks.insert(self.next, chunk.clone());
        self.next = (self.next + 1) % self.chunks.len();
        Some(Filling::new(chunk))
    }

    /// Allows at most `max_chunks` from now on. Of those that are too many, the ones that nobody holds
    /// are given back to the system at once.
    pub fn limit(&mut self, max_chunks: usize) {
        self.max_chunks = max_chunks;
        let mut excess = self.chunks.len().saturating_sub(max_chunks);
        if excess == 0 {
            return;
        }
        self.chunks.retain_mut(|chunk| {
            // The only reference, as in `take`.
            let goes = excess > 0 && Arc::get_mut(chunk).is_some();
            excess -= usize::from(goes);
            !goes
        });
        self.next = self.next.min(self.chunks.len().saturating_sub(1));
    }

    /// Chunks that are being filled or have spans over them. Looks at every chunk.
    pub fn in_use(&self) -> usize {
        self.chunks.iter().filter(|chunk| Arc::strong_count(chunk) > 1).count()
    }

    /// Chunks allocated so far.
    pub fn allocated(&self) -> usize {
        self.chunks.len()
    }

    /// The most chunks there will be.
    pub fn max_chunks(&self) -> usize {
        self.max_chunks
    }

    /// Bytes of a chunk.
    pub fn chunk_size(&self) -> usize {
        self.chunk_size
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("chunk_size", &self.chunk_size)
            .field("allocated", &self.chunks.len())
            .field("max_chunks", &self.max_chunks)
            .finish_non_exhaustive()
    }
}

/// A chunk being filled, from front to back, by one writer.
///
/// ```text
///  0            start                end                     size
///  ├── spans ───┼───── filled() ─────┼───── unfilled() ───────┤
///     shared,     received, not yet     still to be received
///     immutable   split off
/// ```
pub struct Filling {
    chunk: Arc<Chunk>,
    start: usize,
    end: usize,
}

impl Filling {
    fn new(chunk: Arc<Chunk>) -> Self {
        Self { chunk, start: 0, end: 0 }
    }

    /// The rest of the chunk, to be written to. [`advance`](Self::advance) says how much was.
    pub fn unfilled(&mut self) -> &mut [u8] {
        // SAFETY: from `end` to the chunk's size, see `bytes_mut`.
        unsafe { self.bytes_mut(self.end, self.chunk.size()) }
    }

    /// Counts `n` bytes of [`unfilled`](Self::unfilled) as filled; no more than there are.
    pub fn advance(&mut self, n: usize) {
        self.end += n.min(self.remaining());
    }

    /// What is filled and not yet split off.
    pub fn filled(&self) -> &[u8] {
        // SAFETY: inside the chunk, initialised, and written only through `&mut self`.
        unsafe {
            let start = self.chunk.data().add(self.start);
            std::slice::from_raw_parts(start.as_ptr(), self.end - self.start)
        }
    }

    /// What is filled and not yet split off, to be changed in place.
    pub fn filled_mut(&mut self) -> &mut [u8] {
        // SAFETY: from `start` to `end`, see `bytes_mut`.
        unsafe { self.bytes_mut(self.start, self.end) }
    }

    /// Splits the first `n` filled bytes off: from now on they are immutable and can be shared.
    /// `None` if fewer are filled.
    pub fn split(&mut self, n: usize) -> Option<Span> {
        if n > self.end - self.start {
            return None;
        }
        let span = Span::new(self.chunk.clone(), self.start, n);
        self.start += n;
        Some(span)
    }

    /// Leaves out the first `n` filled bytes (all, if fewer are filled): headers that nobody needs,
    /// or, after [`advance`](Self::advance), headroom.
    pub fn skip(&mut self, n: usize) {
        self.start += n.min(self.end - self.start);
    }

    /// Bytes still unfilled.
    pub fn remaining(&self) -> usize {
        self.chunk.size() - self.end
    }

    /// # Safety
    ///
    /// `self.start <= from <= to <= size`: the part of the chunk that no span covers, as spans are
    /// made of bytes below `start` only and `start` never goes back; and there is one filling for a
    /// chunk, which `&mut self` borrows.
    unsafe fn bytes_mut(&mut self, from: usize, to: usize) -> &mut [u8] {
        debug_assert!(self.start <= from && from <= to && to <= self.chunk.size());
        // SAFETY: by the caller's word; initialised since the chunk was allocated.
        unsafe {
            let start = self.chunk.data().add(from);
            std::slice::from_raw_parts_mut(start.as_ptr(), to - from)
        }
    }
}

impl fmt::Debug for Filling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filling")
            .field("filled", &(self.end - self.start))
            .field("remaining", &self.remaining())
            .finish_non_exhaustive()
    }
}
