//! Where received datagrams are put.

use crate::ring::{Filling, Pool, Span};

/// The most datagrams (or aggregates) that one call receives.
const MAX_LANES: usize = 8;

/// Free room that a lane must have before a message is read into it: the longest aggregate that
/// the kernel makes.
const ROOM: usize = 64 * 1024;

/// Chunks of a [`Pool`] that are being filled, one per message of a receiving call.
///
/// The kernel has to be told where to put each message before its length is known, so every
/// message of a batch gets a lane of its own: a chunk with 64 KiB of free room. What a message
/// filled is split off as a [`Span`]; the next message goes behind it, into the same chunk, until
/// less than 64 KiB are left.
///
/// A source of low rate needs one lane: more are opened only when a batch filled all that are
/// open. One `Lanes` belongs to one pool.
#[derive(Debug)]
pub struct Lanes {
    lanes: [Option<Filling>; MAX_LANES],
    open: usize,
    limit: usize,
}

impl Lanes {
    /// As many lanes as the number of messages that one call shall be able to receive, 1 to 8.
    pub fn new(limit: usize) -> Self {
        Self { lanes: Default::default(), open: 1, limit: limit.clamp(1, MAX_LANES) }
    }

    /// For backends: sees to it that the open lanes have room, and tells how many do. 0 means that
    /// the pool is spent.
    pub fn prepare(&mut self, pool: &mut Pool) -> usize {
        let room = room(pool);
        let mut ready = 0;
        for lane in self.lanes.iter_mut().take(self.open) {
            if is_full(lane.as_ref(), room) {
                // Gives the old chunk back first: it may be the very one that is free.
                *lane = None;
                *lane = pool.take();
            }
            if lane.is_none() {
                break;
            }
            ready += 1;
        }
        ready
    }

    /// Whether the next message needs another chunk of the pool. A good moment to see to it that there
    /// is one: what comes when there is none is lost.
    pub fn needs_chunk(&self, pool: &Pool) -> bool {
        is_full(self.lanes.first().and_then(Option::as_ref), room(pool))
    }

    /// For backends: the free room of a lane; empty when the lane has no chunk.
    pub fn unfilled(&mut self, lane: usize) -> &mut [u8] {
        match self.lanes.get_mut(lane) {
            Some(Some(filling)) => filling.unfilled(),
            _ => &mut [],
        }
    }

    /// For backends: `len` bytes were written to the front of a lane's free room. `inspect` sees
    /// them before they become immutable; when it refuses them, their room is used again.
    pub fn commit(
        &mut self,
        lane: usize,
        len: usize,
        inspect: impl FnOnce(&mut [u8]) -> bool,
    ) -> Option<Span> {
        let filling = self.lanes.get_mut(lane)?.as_mut()?;
        if !inspect(filling.unfilled().get_mut(..len)?) {
            return None;
        }
        filling.advance(len);
        filling.split(len)
    }

    /// For backends: the last batch filled every lane, so that the next one may be larger.
    pub fn widen(&mut self) {
        self.open = self.open.saturating_mul(2).min(self.limit);
    }
}

/// A chunk smaller than an aggregate is of use only when it is empty.
fn room(pool: &Pool) -> usize {
    ROOM.min(pool.chunk_size())
}

fn is_full(lane: Option<&Filling>, room: usize) -> bool {
    lane.is_none_or(|filling| filling.remaining() < room)
}

impl Default for Lanes {
    /// Eight lanes.
    fn default() -> Self {
        Self::new(MAX_LANES)
    }
}
