//! The thread that takes access units from a source, at their time, to the engine.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rillcast::engine::{self, PushError};

use crate::failure::Failure;
use crate::signal::Stop;
use crate::source::pacer::{Pacer, SystemClock};
use crate::source::{Source, Track, Unit};

/// What a track has given so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// Pictures or AAC frames.
    pub(super) frames: u64,
    /// Their bytes, without headers of any kind.
    pub(super) bytes: u64,
}

/// How a feed ended. The stream ends when `out` is dropped.
pub(super) struct End {
    /// Why the source ended early, if it did.
    pub(super) result: Result<(), Failure>,
    /// How often the source was more than a second late.
    pub(super) delays: u64,
    /// What was fed.
    pub(super) out: engine::Source,
}

/// A running feed.
pub(super) struct Feed {
    thread: JoinHandle<End>,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Feed {
    /// Begins to feed `out` from `source`, until the source ends or `stop` asks.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(
        source: Box<dyn Source>,
        out: engine::Source,
        stop: Stop,
    ) -> Result<Feed, Failure> {
        let sent = Arc::new(Mutex::new(vec![Sent::default(); source.tracks().len()]));
        let counts = Arc::clone(&sent);
        let thread = thread::Builder::new()
            .name("source".into())
            .spawn(move || feed(source, out, &stop, &counts))
            .map_err(|error| Failure::runtime(format!("cannot start a thread: {error}")))?;
        Ok(Feed { thread, sent })
    }

    /// Whether the source has ended.
    pub(super) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// What each track has given so far.
    pub(super) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The end of the feed, waited for as long as `patience`: `None` when the source waits for its
    /// input, where it cannot be hurried and is left alone.
    pub(super) fn finish(self, patience: Duration) -> Option<End> {
        let deadline = Instant::now() + patience;
        while !self.thread.is_finished() {
            if Instant::now() >= deadline {
                return None;
            }
            thread::sleep(Duration::from_millis(2));
        }
        // A panic has told its cause on standard error already.
        self.thread.join().ok()
    }
}

fn feed(
    mut source: Box<dyn Source>,
    mut out: engine::Source,
    stop: &Stop,
    counts: &Mutex<Vec<Sent>>,
) -> End {
    let mut pacer = Pacer::new(SystemClock::new(stop.clone()));
    let mut unit = Unit::default();
    let result = loop {
        let go_on = match source.due() {
            Some(due) => pacer.wait(due),
            None => !stop.is_requested(),
        };
        if !go_on {
            break Ok(());
        }
        if (0..source.tracks().len()).any(|track| out.key_frame_wanted(track)) {
            source.force_key_frame();
        }
        match source.next(&mut unit) {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            Err(error) => break Err(error.into()),
        }
        match write(&mut out, source.tracks(), &unit) {
            // What found no room is counted by the engine.
            Ok(()) | Err(PushError::NoRoom(_)) => {}
            // The engine tells its owner why.
            Err(_) => break Ok(()),
        }
        let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sent) = counts.get_mut(unit.track) {
            sent.frames += 1;
            sent.bytes += unit.len() as u64;
        }
    };
    End { result, delays: pacer.shifts(), out }
}

fn write(out: &mut engine::Source, tracks: &[Track], unit: &Unit) -> Result<(), PushError> {
    let parts: Vec<&[u8]> = unit.parts().collect();
    match tracks.get(unit.track) {
        Some(Track::H264 { .. }) => out.write_h264(unit.track, &parts, unit.pts),
        Some(Track::Aac { .. }) => {
            out.write_aac(unit.track, parts.first().copied().unwrap_or_default(), unit.pts)
        }
        None => Ok(()),
    }
}
