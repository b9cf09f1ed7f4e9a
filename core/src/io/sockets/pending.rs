//! Many wakes, one system call.

use crate::sync::{AtomicBool, Ordering};

/// Whether a wake was written that the waiting thread has not seen yet.
#[derive(Debug, Default)]
pub(in crate::io) struct Pending(AtomicBool);

impl Pending {
    /// A wake: whether it is to be written, since none is pending.
    pub(in crate::io) fn raise(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    /// From now on a wake is written again. The waiting thread calls this after it was woken and
    /// before it looks at what it may have been woken for.
    pub(in crate::io) fn acknowledge(&self) {
        // Against the `swap` in `raise`. Either that swap comes first in the order of this atomic:
        // then this one reads it, or a later one of its release sequence, and what was done before
        // the wake is visible to what the caller looks at next. Or this one comes first: then the
        // waker finds `false` and writes, and the next wait returns at once. In both cases the
        // work is seen.
        self.0.swap(false, Ordering::AcqRel);
    }
}
