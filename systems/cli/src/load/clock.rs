//! When each frame was captured and handed to the relay, by its RTP timestamp.
//!
//! All players receive the same packets, timestamps included, so the clock that the test source puts
//! into a frame needs to be read from one player's packets only.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Frames remembered: several seconds, so that the slowest player still finds its frames.
const FRAMES: usize = 512;

/// When a frame began its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// When the picture was made.
    pub(crate) captured: Instant,
    /// When the relay was given the coded frame, if that is known in this process.
    pub(crate) published: Option<Instant>,
}

/// What the publisher notes for the players: by the frame's number, when the relay was given it.
#[derive(Clone, Debug, Default)]
pub(crate) struct PublishLog {
    entries: Arc<Mutex<VecDeque<(u64, Instant)>>>,
}

impl PublishLog {
    /// Notes that the relay is being given the frame now. To be called before it is.
    pub(crate) fn note(&self, frame: u64, at: Instant) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= FRAMES {
            entries.pop_front();
        }
        entries.push_back((frame, at));
    }

    fn find(&self, frame: u64) -> Option<Instant> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().rev().find(|(number, _)| *number == frame).map(|(_, at)| *at)
    }
}

/// The frames seen lately.
#[derive(Debug, Default)]
pub(crate) struct Clocks {
    frames: VecDeque<(u32, Origin)>,
    log: PublishLog,
}

impl Clocks {
    /// Uses what the publisher notes.
    pub(crate) fn new(log: PublishLog) -> Clocks {
        Clocks { frames: VecDeque::with_capacity(FRAMES), log }
    }

    /// The origin of the frame with this RTP timestamp, if its clock was seen.
    pub(crate) fn origin(&self, timestamp: u32) -> Option<Origin> {
        // The newest first: live players ask for the newest.
        self.frames.iter().rev().find(|(known, _)| *known == timestamp).map(|(_, origin)| *origin)
    }

    /// Notes the clock found in the frame with this timestamp: its number and capture time.
    pub(crate) fn note(&mut self, timestamp: u32, frame: u64, captured: Instant) {
        if self.frames.len() >= FRAMES {
            self.frames.pop_front();
        }
        let published = self.log.find(frame);
        self.frames.push_back((timestamp, Origin { captured, published }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_frame_is_found_with_its_publish_time_until_it_is_old() {
        let (log, start) = (PublishLog::default(), Instant::now());
        let mut clocks = Clocks::new(log.clone());
        for frame in 0..FRAMES as u64 + 1 {
            let captured = start + Duration::from_millis(frame);
            log.note(frame, captured + Duration::from_millis(5));
            clocks.note(frame as u32 * 3000, frame, captured);
        }
        assert_eq!(clocks.origin(0), None);
        let origin = clocks.origin(3000).expect("still known");
        assert_eq!(origin.captured, start + Duration::from_millis(1));
        assert_eq!(origin.published, Some(start + Duration::from_millis(6)));
    }
}
