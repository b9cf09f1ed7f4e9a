//! What those who fan a stream out have to know of a track besides its packets, and what they have to
//! tell its source: read and written by whoever fans out, on whatever thread.

use std::sync::Arc;

use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering};

use super::packet::Packet;

/// Packets of a track that can be found again.
const REMEMBERED: usize = 1024;
/// No position, and no SSRC.
const NONE: u64 = u64::MAX;

/// Notes about one track. Packets come in on one thread, which keeps them; the others read.
#[derive(Debug)]
pub(super) struct Notes {
    /// A decoder can begin only at certain frames.
    keyed: bool,
    ssrc: AtomicU64,
    /// Where in the ring the newest packets stand, by sequence number.
    positions: Box<[AtomicU64]>,
    /// The newest sender report. Locked once a report, and once a child that begins.
    report: Mutex<Option<Packet>>,
    /// A child has asked for a key frame.
    wished: AtomicBool,
    /// A child waits for the next key frame to begin.
    awaited: AtomicBool,
}

// The numbers are hints, each for itself: what stands in the ring under a position says whether it is the
// packet looked for, and no other memory is looked at because of them. So all orderings are relaxed.
impl Notes {
    pub(super) fn new(keyed: bool) -> Arc<Notes> {
        Arc::new(Notes {
            keyed,
            ssrc: AtomicU64::new(NONE),
            positions: (0..REMEMBERED).map(|_| AtomicU64::new(NONE)).collect(),
            report: Mutex::new(None),
            wished: AtomicBool::new(false),
            awaited: AtomicBool::new(false),
        })
    }

    /// Whether a decoder can begin only at certain frames.
    pub(super) fn has_key_frames(&self) -> bool {
        self.keyed
    }

    pub(super) fn set_ssrc(&self, ssrc: u32) {
        self.ssrc.store(ssrc.into(), Ordering::Relaxed);
    }

    /// The source of the newest packet.
    pub(super) fn ssrc(&self) -> Option<u32> {
        u32::try_from(self.ssrc.load(Ordering::Relaxed)).ok()
    }

    /// Takes note of where a packet stands.
    pub(super) fn note(&self, sequence: u16, position: u64) {
        if let Some(place) = self.positions.get(usize::from(sequence) % REMEMBERED) {
            place.store(position, Ordering::Relaxed);
        }
    }

    /// Where the packet may stand; what is there tells whether it does.
    pub(super) fn position(&self, sequence: u16) -> Option<u64> {
        let place = self.positions.get(usize::from(sequence) % REMEMBERED)?;
        Some(place.load(Ordering::Relaxed)).filter(|position| *position != NONE)
    }

    /// The newest sender report, or that there is none of the present source.
    pub(super) fn set_report(&self, report: Option<Packet>) {
        *self.report.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = report;
    }

    /// The newest sender report, as it came.
    pub(super) fn report(&self) -> Option<Packet> {
        self.report.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Somebody cannot go on without a key frame.
    pub(super) fn wish(&self) {
        self.wished.store(true, Ordering::Relaxed);
    }

    /// Somebody waits for a key frame, which may be on its way.
    pub(super) fn await_key(&self) {
        self.awaited.store(true, Ordering::Relaxed);
    }

    /// Whether there was a [wish](Notes::wish) since this was last asked, and whether somebody
    /// [waits](Notes::await_key).
    pub(super) fn take_wishes(&self) -> (bool, bool) {
        let take =
            |flag: &AtomicBool| flag.load(Ordering::Relaxed) && flag.swap(false, Ordering::Relaxed);
        (take(&self.wished), take(&self.awaited))
    }
}

#[cfg(all(test, not(rill_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_found_until_another_takes_its_place() {
        let notes = Notes::new(true);
        assert_eq!(notes.position(7), None);
        notes.note(7, 100);
        assert_eq!(notes.position(7), Some(100));
        notes.note(7 + REMEMBERED as u16, 2000);
        assert_eq!(notes.position(7), Some(2000));
    }

    #[test]
    fn a_wish_is_told_once() {
        let notes = Notes::new(true);
        notes.wish();
        assert_eq!(notes.take_wishes(), (true, false));
        notes.await_key();
        assert_eq!(notes.take_wishes(), (false, true));
        assert_eq!(notes.take_wishes(), (false, false));
    }
}
