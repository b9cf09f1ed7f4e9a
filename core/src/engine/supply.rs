//! What a source in this process and the engine share: its buffers, and what it is told.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ring::{Filling, Pool};
use crate::sync::{AtomicU32, Ordering};

use super::asking::KeyFrameWishes;
use super::outbox::PushError;

/// What has become of the stream that the source feeds.
const OPEN: u32 = 0;
const ENDED: u32 = 1;
const STOPPED: u32 = 2;

/// The buffers of a source, of which the engine says how many there may be, and until when.
#[derive(Debug)]
pub(super) struct Supply {
    pub(super) wishes: KeyFrameWishes,
    state: AtomicU32,
    /// Locked for each buffer, not for each packet; by the engine when streams come and go.
    pool: Mutex<Pool>,
}

impl Supply {
    /// For a source of so many tracks. It has no buffers before it is given a share of the engine's.
    pub(super) fn new(tracks: usize) -> Supply {
        Supply {
            wishes: KeyFrameWishes::new(tracks),
            state: AtomicU32::new(OPEN),
            pool: Mutex::new(Pool::new(Pool::CHUNK_SIZE, 0)),
        }
    }

    /// An error when the stream is over.
    pub(super) fn check(&self) -> Result<(), PushError> {
        // It stands for itself: nothing is read because of it. Whoever has ended the stream, and was answered,
        // sees it by that answer.
        match self.state.load(Ordering::Relaxed) {
            OPEN => Ok(()),
            ENDED => Err(PushError::Ended),
            _ => Err(PushError::Stopped),
        }
    }

    /// The stream is over. The source's buffers go as soon as nobody holds them, though it may stay.
    pub(super) fn close(&self, stopped: bool) {
        let state = if stopped { STOPPED } else { ENDED };
        // Relaxed, as above. Only the engine writes it.
        self.state.store(state, Ordering::Relaxed);
        *self.pool() = Pool::new(Pool::CHUNK_SIZE, 0);
    }

    /// A buffer to fill; `None` when all that there may be are held.
    pub(super) fn take(&self) -> Option<Filling> {
        self.pool().take()
    }

    /// There may be so many buffers from now on. True when there are more, which somebody holds.
    pub(super) fn limit(&self, buffers: usize) -> bool {
        let mut pool = self.pool();
        pool.limit(buffers);
        pool.allocated() > buffers
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        // Nothing in there panics half-way; a pool is whole between its calls.
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
