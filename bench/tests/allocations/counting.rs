//! An allocator that counts what one thread asks of it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};

/// The system's allocator, with a count.
pub(crate) struct Counting;

/// Thread whose allocations count; 0 for none.
static WATCHED: AtomicI32 = AtomicI32::new(0);
static COUNT: AtomicU64 = AtomicU64::new(0);
/// Sizes of the first few, to tell what they were.
static SIZES: [AtomicUsize; 8] = [const { AtomicUsize::new(0) }; 8];

thread_local! {
    /// This thread's id, once it was asked for. Has no destructor, so it allocates nothing.
    static ID: Cell<i32> = const { Cell::new(0) };
}

/// Begins to count the allocations of a thread.
pub(crate) fn watch(thread: i32) {
    COUNT.store(0, Ordering::SeqCst);
    WATCHED.store(thread, Ordering::SeqCst);
}

/// Ends counting: how many there were, and the sizes of the first.
pub(crate) fn stop() -> (u64, String) {
    WATCHED.store(0, Ordering::SeqCst);
    let count = COUNT.load(Ordering::SeqCst);
    let sizes = SIZES.iter().take(count as usize).map(|size| size.load(Ordering::SeqCst));
    (count, format!("{:?}", sizes.collect::<Vec<_>>()))
}

fn note(size: usize) {
    let watched = WATCHED.load(Ordering::Relaxed);
    if watched == 0 {
        return;
    }
    // A thread that is ending has no thread-local values any more, and is not the one watched.
    let own = ID.try_with(|id| {
        if id.get() == 0 {
            // SAFETY: the call takes nothing and cannot fail.
            id.set(unsafe { libc::gettid() });
        }
        id.get()
    });
    if own == Ok(watched) {
        let index = COUNT.fetch_add(1, Ordering::Relaxed) as usize;
        if let Some(slot) = SIZES.get(index) {
            slot.store(size, Ordering::Relaxed);
        }
    }
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller keeps to the contract of `GlobalAlloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}
