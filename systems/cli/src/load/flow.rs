//! One track as one player receives it: packets, loss, frames.

use rillcast_bench::sequence::{Arrival, Sequence};
use std::time::Instant;

/// What is counted of a track. All numbers only grow.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flow {
    sequence: Sequence,
    bytes: u64,
    frames: u64,
    damaged: u64,
    frame: Option<Open>,
}

/// A frame of which the last packet has not come yet.
#[derive(Clone, Copy, Debug)]
struct Open {
    timestamp: u32,
    packets: u32,
    whole: bool,
}

/// What one packet brought about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    /// RTP timestamp of the packet's frame.
    pub(crate) timestamp: u32,
    /// The packet is among the first few of its frame, where a clock would be.
    pub(crate) head: bool,
    /// The packet ended its frame.
    pub(crate) ended: Option<Ended>,
}

/// A frame that is complete, or will not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// All its packets came, in order.
    pub(crate) whole: bool,
}

/// Packets at the start of a frame that are looked at for a clock: parameter sets may come first.
const HEAD: u32 = 4;

impl Flow {
    /// Counts one packet. `marker` and `timestamp` are those of its RTP header.
    pub(crate) fn packet(
        &mut self,
        sequence: u16,
        timestamp: u32,
        marker: bool,
        len: usize,
    ) -> Progress {
        let arrival = self.sequence.packet(sequence);
        self.bytes += len as u64;
        if matches!(arrival, Arrival::Duplicate) {
            return Progress { timestamp, head: false, ended: None };
        }
        let broken = arrival != Arrival::Next;
        let frame = match &mut self.frame {
            Some(frame) if frame.timestamp == timestamp => {
                frame.packets += 1;
                frame.whole &= !broken;
                frame
            }
            // A frame that ended without a marker was counted by nobody yet: its last packet is
            // missing, or its sender sets none.
            open => {
                if open.is_some() {
                    self.damaged += 1;
                }
                open.insert(Open { timestamp, packets: 1, whole: !broken })
            }
        };
        let head = frame.packets <= HEAD;
        let ended = marker.then_some(Ended { whole: frame.whole });
        if let Some(ended) = ended {
            self.frame = None;
            self.frames += 1;
            self.damaged += u64::from(!ended.whole);
        }
        Progress { timestamp, head, ended }
    }

    /// Different packets that came.
    pub(crate) fn packets(&self) -> u64 {
        self.sequence.received()
    }

    /// Packets that are missing so far.
    pub(crate) fn lost(&self) -> u64 {
        self.sequence.lost()
    }

    /// Packets that came more than once.
    pub(crate) fn duplicates(&self) -> u64 {
        self.sequence.duplicates()
    }

    /// Bytes of RTP packets, headers included, duplicates too.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Frames whose last packet came.
    pub(crate) fn frames(&self) -> u64 {
        self.frames
    }

    /// Frames with a packet missing, or out of order.
    pub(crate) fn damaged(&self) -> u64 {
        self.damaged
    }
}

/// Times of one player, None until they are known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    /// When the connection was begun.
    pub(crate) connect: Option<Instant>,
    /// When PLAY was sent.
    pub(crate) play: Option<Instant>,
    /// When the first RTP packet came.
    pub(crate) first_packet: Option<Instant>,
    /// When the last packet of the first key frame came.
    pub(crate) first_key: Option<Instant>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_end_with_the_marker() {
        let mut flow = Flow::default();
        assert!(flow.packet(1, 100, false, 10).ended.is_none());
        assert_eq!(flow.packet(2, 100, true, 10).ended, Some(Ended { whole: true }));
        assert_eq!(flow.packet(3, 200, true, 10).ended, Some(Ended { whole: true }));
        assert_eq!((flow.frames(), flow.damaged(), flow.packets(), flow.bytes()), (2, 0, 3, 30));
    }

    #[test]
    fn a_hole_damages_the_frame_it_is_in() {
        let mut flow = Flow::default();
        flow.packet(1, 100, false, 10);
        assert_eq!(flow.packet(3, 100, true, 10).ended, Some(Ended { whole: false }));
        assert_eq!((flow.frames(), flow.damaged(), flow.lost()), (1, 1, 1));
    }

    #[test]
    fn a_lost_end_damages_both_neighbours() {
        let mut flow = Flow::default();
        flow.packet(1, 100, false, 10);
        // Number 2, with the marker, is missing: the gap is seen at the next frame's first packet,
        // and whether that frame's own first packet is missing cannot be told.
        assert_eq!(flow.packet(3, 200, true, 10).ended, Some(Ended { whole: false }));
        assert_eq!((flow.frames(), flow.damaged()), (1, 2));
    }

    #[test]
    fn a_duplicate_changes_no_frame() {
        let mut flow = Flow::default();
        flow.packet(1, 100, true, 10);
        assert!(flow.packet(1, 100, true, 10).ended.is_none());
        assert_eq!((flow.frames(), flow.duplicates()), (1, 1));
    }
}
