//! Memory for the packets of all streams together.

use crate::ring::{Filling, Pool};

use super::asking::Feeder;
use super::command::StreamId;
use super::media::Live;
use super::worker::Worker;

const CHUNK: usize = Pool::CHUNK_SIZE;
/// Buffers that every stream may have, however many there are: one being filled, the packets of the
/// last moments, and some that slow readers hold.
const LEAST: usize = 4;

/// Buffers that each of `parties` may have when all of them may have `total` bytes, and one alone
/// `most`.
fn share(total: usize, most: usize, parties: usize) -> usize {
    let fair = total.max(most) / CHUNK / parties.max(1);
    fair.min(most.div_ceil(CHUNK)).max(LEAST)
}

impl Live {
    /// Buffers of its own, and of the source in this process that feeds it, from now on. True when there are more,
    /// which somebody holds.
    fn limit_buffers(&mut self, share: usize) -> bool {
        self.pool.limit(share);
        let source_has_more = match &self.feeder {
            Feeder::Program(supply) if self.ended.is_none() => supply.limit(share),
            _ => false,
        };
        source_has_more || self.pool.allocated() > share
    }
}

impl Worker {
    /// Gives every stream its share, and every source of this process one of its own. Who has more gives up its
    /// oldest packets.
    pub(super) fn share_buffers(&mut self) {
        let fed = |live: &&Live| live.ended.is_none() && matches!(live.feeder, Feeder::Program(_));
        let sources = self.streams.values().filter(fed).count();
        let parties = self.streams.len().saturating_add(sources);
        let share = share(self.config.total_buffer, self.config.buffer, parties);
        for live in self.streams.values_mut() {
            if live.limit_buffers(share) {
                live.stream.make_room();
                live.limit_buffers(share);
            }
        }
    }

    /// A buffer for a source of this process that has none left.
    pub(super) fn make_room_for_source(&mut self, id: StreamId) -> Option<Filling> {
        self.streams.get_mut(&id).filter(|live| live.ended.is_none())?.filling_of_source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn few_streams_have_all_they_want_and_many_share() {
        assert_eq!(share(4096 * MIB, 32 * MIB, 0), 128);
        assert_eq!(share(4096 * MIB, 32 * MIB, 128), 128);
        assert_eq!(share(4096 * MIB, 32 * MIB, 256), 64);
        assert_eq!(share(4096 * MIB, 32 * MIB, 4096), 4);
        assert_eq!(share(0, 32 * MIB, 100_000), 4);
        // What one stream was promised, it has.
        assert_eq!(share(MIB, 32 * MIB, 1), 128);
    }
}
