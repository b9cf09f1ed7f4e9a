//! The one file that names atomics: `std`'s, or `loom`'s when the models run (`--cfg rill_loom`).
//!
//! Everything else in the crate imports them from here, so that a model sees every atomic step
//! and every plain access to a shared cell. `clippy.toml` makes that rule checkable.

#![allow(unused_imports, reason = "the crate's whole choice stands here, used today or not")]
#![allow(clippy::disallowed_types, reason = "this is the file that the lint sends people to")]

#[cfg(not(rill_loom))]
mod imp {
    use std::sync::atomic;
    pub(crate) use std::sync::atomic::{Ordering, fence};
    pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard};

    // Aliases, not re-exports: the lint looks through those.
    pub(crate) type AtomicBool = atomic::AtomicBool;
    #[cfg(all(feature = "linux", not(rill_ring_alone)))]
    pub(crate) type AtomicU16 = atomic::AtomicU16;
    pub(crate) type AtomicU32 = atomic::AtomicU32;
    pub(crate) type AtomicU64 = atomic::AtomicU64;

    /// `std`'s cell behind `loom`'s interface: every access is a closure that loom can watch.
    #[repr(transparent)]
    pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        /// Shared access: no one may be in [`with_mut`](Self::with_mut) meanwhile.
        #[inline(always)]
        pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        /// Exclusive access: no one else may be in `with` or `with_mut` meanwhile.
        #[inline(always)]
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}

#[cfg(rill_loom)]
mod imp {
    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::sync::atomic::{
        AtomicBool, AtomicU16, AtomicU32, AtomicU64, Ordering, fence,
    };
    pub(crate) use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
}

pub(crate) use imp::*;
