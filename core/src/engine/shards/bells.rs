//! How a fan-out thread is told which of its streams have something new.

use std::sync::Arc;

use crate::ring::Wake;
use crate::sync::{AtomicU64, Ordering};

use super::super::command::StreamId;

/// Bells of a thread. Streams share them, so that to look which have rung costs the same however many
/// streams there are; a thread looks at all streams that share one.
pub(super) const BELLS: usize = u64::BITS as usize;

/// The bells that have rung since the thread last looked.
#[derive(Debug, Default)]
pub(super) struct Bells {
    rung: Arc<AtomicU64>,
}

/// The bell of a stream.
pub(super) fn bell_of(stream: StreamId) -> usize {
    (stream % BELLS as u64) as usize
}

impl Bells {
    /// What rings the bell of a stream and wakes the thread.
    pub(super) fn ringer(&self, stream: StreamId, waker: Arc<dyn Wake>) -> Arc<dyn Wake> {
        let bell = 1 << bell_of(stream);
        Arc::new(Ringer { rung: self.rung.clone(), bell, waker })
    }

    /// The bells that have rung, as the bits of a number, which are taken down.
    pub(super) fn take(&self) -> u64 {
        // Acquire is not needed for the packets: a view of the ring has its own. As for the bell itself,
        // the waker orders it: who was woken sees what was rung before.
        match self.rung.load(Ordering::Relaxed) {
            0 => 0,
            _ => self.rung.swap(0, Ordering::Relaxed),
        }
    }

    /// The same bells, for the other thread.
    pub(super) fn share(&self) -> Bells {
        Bells { rung: self.rung.clone() }
    }
}

struct Ringer {
    rung: Arc<AtomicU64>,
    bell: u64,
    waker: Arc<dyn Wake>,
}

impl Wake for Ringer {
    fn wake(&self) {
        self.rung.fetch_or(self.bell, Ordering::Relaxed);
        self.waker.wake();
    }
}
