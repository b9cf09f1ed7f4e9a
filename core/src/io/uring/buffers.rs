//! Buffers that the kernel fills on its own: a ring of provided buffers.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::{io, slice};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;

use super::state::Arrived;
use crate::io::sockets::cmsg::Control;
use crate::sync::{AtomicU16, Ordering};

/// How many there are: a power of two.
pub(super) const COUNT: u16 = 32;

/// What the kernel writes before the payload: a header of 16 bytes, name and control messages.
const HEAD: usize = 16 + size_of::<libc::sockaddr_storage>() + Control::SIZE;

/// Bytes of each: the longest aggregate that the kernel makes, and what is before it.
const SIZE: usize = HEAD + 64 * 1024;

/// The group that they are registered as.
pub(super) const GROUP: u16 = 0;

/// The memory of the buffers, and of the ring by which they are handed to the kernel.
///
/// Who owns a buffer changes: the kernel, from [`give`](Self::give) on until it names the buffer in
/// a completion; then this process, until it gives the buffer back.
pub(super) struct Buffers {
    entries: NonNull<BufRingEntry>,
    memory: NonNull<u8>,
    tail: u16,
    /// How many the kernel has.
    given: u16,
    /// The kernel may still write: the memory is not to be freed.
    leak: bool,
}

// SAFETY: the memory belongs to this value alone, and to the kernel as the protocol above says;
// nothing in it depends on the thread.
unsafe impl Send for Buffers {}

impl Buffers {
    const ENTRIES: Layout = Layout::new::<Pages<{ COUNT as usize * size_of::<BufRingEntry>() }>>();
    const MEMORY: Layout = Layout::new::<Pages<{ COUNT as usize * SIZE }>>();

    pub(super) fn new() -> Self {
        const { assert!(COUNT.is_power_of_two() && SIZE.is_multiple_of(align_of::<Control>())) };
        let allocate = |layout: Layout| {
            // SAFETY: neither layout is of size zero.
            let memory = unsafe { alloc_zeroed(layout) };
            NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout))
        };
        let entries = allocate(Self::ENTRIES).cast();
        Self { entries, memory: allocate(Self::MEMORY), tail: 0, given: 0, leak: false }
    }

    /// Makes the ring known to the kernel and hands all buffers over.
    pub(super) fn register(&mut self, submitter: &Submitter<'_>) -> io::Result<()> {
        let address = self.entries.as_ptr() as u64;
        // SAFETY: `register_buf_ring_with_flags` wants the address and the number of entries to be
        // valid until the ring is destroyed: `super::Ring` drops its ring before its buffers.
        unsafe { submitter.register_buf_ring_with_flags(address, COUNT, GROUP, 0) }?;
        (0..COUNT).for_each(|id| self.give(id));
        Ok(())
    }

    /// Whether the kernel has any to write to.
    pub(super) fn any_given(&self) -> bool {
        self.given > 0
    }

    /// Whether the kernel has all.
    #[cfg(test)]
    pub(super) fn all_given(&self) -> bool {
        self.given == COUNT
    }

    /// The kernel has filled one: it is ours again.
    pub(super) fn taken(&mut self) {
        self.given = self.given.saturating_sub(1);
    }

    /// Gives a buffer to the kernel.
    pub(super) fn give(&mut self, id: u16) {
        let place = self.tail % COUNT;
        // SAFETY: `place` is one of the ring's entries, `id % COUNT` one of the buffers. The kernel
        // reads an entry only once the tail has passed it, which it does below.
        unsafe {
            let entry = self.entries.add(usize::from(place)).as_mut();
            entry.set_addr(self.buffer(id).as_ptr() as u64);
            entry.set_len(SIZE as u32);
            entry.set_bid(id % COUNT);
        }
        self.tail = self.tail.wrapping_add(1);
        self.given = self.given.saturating_add(1).min(COUNT);
        // SAFETY: `tail` gives the address of a field of the first entry, which is aligned for it
        // and lives as long as `self`. This thread alone writes it; the kernel reads it atomically.
        let tail =
            unsafe { AtomicU16::from_ptr(BufRingEntry::tail(self.entries.as_ptr()).cast_mut()) };
        // Against the kernel's acquiring load: who sees the tail sees the entry before it.
        tail.store(self.tail, Ordering::Release);
    }

    /// What the kernel wrote to a buffer that a completion has named: `length` bytes.
    pub(super) fn filled(&self, id: u16, length: u32) -> &[u8] {
        let length = SIZE.min(length as usize);
        // SAFETY: the bytes are those of one buffer and initialised (zeroed at first). The kernel
        // has named it in a completion and does not write to it until it is given back, for which
        // `give` wants `self` exclusively.
        unsafe { slice::from_raw_parts(self.buffer(id).as_ptr(), length) }
    }

    /// Makes the buffer of a message free by copying what is in it.
    pub(super) fn keep(&mut self, arrived: &mut Arrived) {
        if let Arrived::In { buffer, length } = *arrived {
            *arrived = Arrived::Kept(Kept::new(self.filled(buffer, length)));
            self.give(buffer);
        }
    }

    /// A message is read: its buffer is free.
    pub(super) fn done(&mut self, arrived: &Arrived) {
        if let Arrived::In { buffer, .. } = arrived {
            self.give(*buffer);
        }
    }

    /// The memory is not freed: the kernel could not be told to keep off it.
    pub(super) fn leak(&mut self) {
        self.leak = true;
    }

    fn buffer(&self, id: u16) -> NonNull<u8> {
        // SAFETY: within the memory, which has `COUNT` times `SIZE` bytes.
        unsafe { self.memory.add(usize::from(id % COUNT) * SIZE) }
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        if !self.leak {
            // SAFETY: both were allocated with these layouts, and nobody has them any more: the
            // ring, whose kernel half might, is gone.
            unsafe {
                dealloc(self.entries.as_ptr().cast(), Self::ENTRIES);
                dealloc(self.memory.as_ptr(), Self::MEMORY);
            }
        }
    }
}

/// A copy of what was in a buffer, aligned as buffers are.
pub(super) struct Kept {
    words: Box<[u64]>,
    length: usize,
}

impl Kept {
    fn new(bytes: &[u8]) -> Self {
        const { assert!(align_of::<u64>() >= align_of::<Control>()) };
        let mut words = vec![0; bytes.len().div_ceil(size_of::<u64>())].into_boxed_slice();
        for (word, bytes) in words.iter_mut().zip(bytes.chunks(size_of::<u64>())) {
            let mut whole = [0; size_of::<u64>()];
            whole.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            *word = u64::from_ne_bytes(whole);
        }
        Self { words, length: bytes.len() }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: the words are borrowed, have at least `length` bytes, and any byte of an integer is a
        // valid `u8`.
        unsafe { slice::from_raw_parts(self.words.as_ptr().cast(), self.length) }
    }
}

/// Pages, as the kernel wants the ring's.
#[repr(C, align(4096))]
struct Pages<const SIZE: usize>([u8; SIZE]);

/// A message header that tells how much room is before the payload.
pub(super) fn header() -> libc::msghdr {
    let mut header = crate::io::sockets::cmsg::empty_header().msg_hdr;
    header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    header.msg_controllen = Control::SIZE as _;
    header
}
