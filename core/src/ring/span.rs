//! Bytes that many share.

use std::fmt;
use std::ops::{Bound, Deref, RangeBounds};
use std::ptr::NonNull;

use crate::sync::{Arc, UnsafeCell};

/// A block of memory that one [`Filling`](super::Filling) writes and many spans read, each byte
/// written before the first span over it is made.
pub(super) struct Chunk {
    data: NonNull<u8>,
    size: usize,
    /// Stands for "these bytes are in use" in the models: a look by every span, written when the
    /// pool hands the chunk out again. It is nothing at run time.
    reuse: UnsafeCell<()>,
}

// SAFETY: the bytes below a filling's mark are only read, those above are reached by that one
// filling alone, and the pool hands a chunk out again only when it holds the last reference.
unsafe impl Send for Chunk {}
// SAFETY: as above.
unsafe impl Sync for Chunk {}

impl Chunk {
    pub(super) fn from_box(bytes: Box<[u8]>) -> Self {
        let size = bytes.len();
        let data = NonNull::from(Box::leak(bytes)).cast();
        Self { data, size, reuse: UnsafeCell::new(()) }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Start of the memory: `size` bytes, initialised from the first.
    pub(super) fn data(&self) -> NonNull<u8> {
        self.data
    }

    /// Called with the only reference, when the chunk starts another life.
    pub(super) fn renew(&mut self) {
        self.reuse.with_mut(|_| ());
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.renew();
        let bytes = NonNull::slice_from_raw_parts(self.data, self.size);
        // SAFETY: the very box that `from_box` took apart; the last reference is going.
        drop(unsafe { Box::from_raw(bytes.as_ptr()) });
    }
}

/// Some bytes of a buffer, immutable, shared: cloning counts a reference and copies nothing.
///
/// They stay valid as long as the span lives, whatever the ring, the producer or the
/// [`Pool`](super::Pool) does; what a span costs is that its chunk cannot be filled again.
#[derive(Clone)]
pub struct Span {
    chunk: Arc<Chunk>,
    offset: u32,
    length: u32,
}

impl Span {
    /// Bytes `offset..offset + length` of `chunk`. None of them is ever written again while a
    /// reference to the chunk is left; the caller has seen to that and to the bounds.
    pub(super) fn new(chunk: Arc<Chunk>, offset: usize, length: usize) -> Self {
        debug_assert!(offset + length <= chunk.size() && chunk.size() <= u32::MAX as usize);
        Self { chunk, offset: offset as u32, length: length as u32 }
    }

    /// A span over bytes of its own, outside any pool: for tests and rare paths.
    ///
    /// # Panics
    ///
    /// If there are 4 GiB or more.
    pub fn from_vec(bytes: Vec<u8>) -> Self {
        let length = u32::try_from(bytes.len()).expect("a span is shorter than 4 GiB");
        let chunk = Arc::new(Chunk::from_box(bytes.into_boxed_slice()));
        Self { chunk, offset: 0, length }
    }

    /// A span over a copy of `bytes`, outside any pool: for tests and rare paths.
    ///
    /// # Panics
    ///
    /// If there are 4 GiB or more.
    pub fn copy_from_slice(bytes: &[u8]) -> Self {
        Self::from_vec(bytes.to_vec())
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.length as usize
    }

    /// No bytes?
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The part of this span in `range`, sharing the bytes; `None` if the range is not inside.
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Option<Self> {
        let start = match range.start_bound() {
            Bound::Included(&start) => start,
            Bound::Excluded(&before) => before.checked_add(1)?,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&last) => last.checked_add(1)?,
            Bound::Excluded(&end) => end,
            Bound::Unbounded => self.len(),
        };
        if start > end || end > self.len() {
            return None;
        }
        let chunk = self.chunk.clone();
        Some(Self::new(chunk, self.offset as usize + start, end - start))
    }
}

impl Deref for Span {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.chunk.reuse.with(|_| ());
        // SAFETY: inside the chunk (`Span::new`), initialised, and not written while `self.chunk`
        // is a reference to it.
        unsafe {
            let start = self.chunk.data().add(self.offset as usize);
            std::slice::from_raw_parts(start.as_ptr(), self.length as usize)
        }
    }
}

impl AsRef<[u8]> for Span {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<Vec<u8>> for Span {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from_vec(bytes)
    }
}

impl PartialEq for Span {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Span {}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Span({} bytes)", self.length)
    }
}
