//! Memory for the packets of all streams together.

use crate::ring::Pool;

use super::worker::Worker;

const CHUNK: usize = Pool::CHUNK_SIZE;
/// Buffers that every stream may have, however many there are: one being filled, the packets of the
/// last moments, and some that slow readers hold.
const LEAST: usize = 4;

/// Buffers that each of `streams` may have when all of them may have `total` bytes, and one alone
/// `most`.
fn share(total: usize, most: usize, streams: usize) -> usize {
    let fair = total.max(most) / CHUNK / streams.max(1);
    fair.min(most.div_ceil(CHUNK)).max(LEAST)
}

impl Worker {
    /// Gives every stream its share. One that has more gives up its oldest packets.
    pub(super) fn share_buffers(&mut self) {
        let share = share(self.config.total_buffer, self.config.buffer, self.streams.len());
        for live in self.streams.values_mut() {
            live.pool.limit(share);
            if live.pool.allocated() > share {
                live.stream.make_room();
                live.pool.limit(share);
            }
        }
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
