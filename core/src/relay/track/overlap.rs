//! Two sources of a track that have the same packets, while one takes over from the other.

use std::iter::Sum;

use crate::media::rtp;
use crate::media::rtp::sequence::{Class, Place};

use super::Track;

/// A packet so far behind the newest is one that the other source repeats, even when it never came: what it could
/// fill has been given up. Half of what the inbox holds, which would take it for a new start.
const REPEATED: u16 = 256;
/// Numbers further apart than that are ahead, not behind.
const BEHIND: u16 = 0x8000;

/// What two sources have sent that have the same packets, while one took over from the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overlap {
    /// Packets that came from both.
    pub duplicates: u64,
    /// Packets that came from neither.
    pub missing: u64,
}

impl Sum for Overlap {
    fn sum<I: Iterator<Item = Overlap>>(all: I) -> Overlap {
        all.fold(Overlap::default(), |sum, one| Overlap {
            duplicates: sum.duplicates + one.duplicates,
            missing: sum.missing + one.missing,
        })
    }
}

impl Track {
    /// Another source that has the same packets feeds from now on.
    pub(in crate::relay) fn begin_overlap(&mut self) {
        self.overlap = Some(Overlap::default());
        self.forget_leave();
        if let (Some(ssrc), Some((next, _)), false) =
            (self.ssrc, self.next_point(), self.inbox.is_holding())
        {
            // It may come by datagrams where the one before did not.
            self.inbox.begin(ssrc, next);
        }
    }

    /// The source that has left is not the one that feeds.
    pub(in crate::relay) fn forget_leave(&mut self) {
        self.left = false;
    }

    /// The sources do not overlap any more.
    pub(in crate::relay) fn end_overlap(&mut self) -> Overlap {
        self.overlap.take().unwrap_or_default()
    }

    /// Whether two sources feed.
    pub(in crate::relay) fn overlaps(&self) -> bool {
        self.overlap.is_some()
    }

    /// Whether a packet is one that a source which takes over repeats from long ago. It is counted.
    pub(in crate::relay) fn repeats(&mut self, sequence: u16) -> bool {
        let (Some(overlap), Some(highest)) = (&mut self.overlap, self.sequence.highest()) else {
            return false;
        };
        let behind = (highest as u16).wrapping_sub(sequence);
        let repeats = (REPEATED..BEHIND).contains(&behind);
        overlap.duplicates += u64::from(repeats);
        repeats
    }

    /// A packet has come from both sources.
    pub(in crate::relay) fn count_repeated(&mut self) {
        if let Some(overlap) = &mut self.overlap {
            overlap.duplicates += 1;
        }
    }

    /// Takes note of a packet that has come while two sources feed.
    pub(super) fn note_overlap(&mut self, place: Place, highest: Option<u64>) {
        let Some(overlap) = &mut self.overlap else { return };
        match place.class {
            Class::Duplicate => overlap.duplicates += 1,
            Class::Gap(missing) => overlap.missing += missing,
            Class::Suspect => {
                let sequence = place.extended as u16;
                let ahead = highest.map_or(1, |highest| sequence.wrapping_sub(highest as u16));
                overlap.missing += u64::from(ahead.saturating_sub(1));
            }
            Class::InOrder | Class::Late | Class::Restart => {}
        }
    }

    /// The newest packet, as the source has numbered it.
    pub(in crate::relay) fn mark(&self) -> Option<rtp::Mark> {
        let highest = self.sequence.highest()?;
        self.splice.theirs(self.ssrc?, highest as u16, self.last_timestamp)
    }

    /// Ticks of its clock in a second.
    pub(in crate::relay) fn clock_rate(&self) -> u32 {
        self.clock_rate
    }
}
