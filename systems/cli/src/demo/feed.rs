//! The demonstration's publisher: the test picture, handed to the engine in this process.

use std::thread::JoinHandle;
use std::time::Instant;

use rillcast::engine::{self, Engine, PushError};

use crate::failure::Failure;
use crate::load::PublishLog;
use crate::signal::Stop;
use crate::source::pacer::{Pacer, SystemClock};
use crate::source::{self, Source, Track, Unit, clock};

/// A running publisher; dropping it ends the stream.
pub(super) struct Feed {
    stop: Stop,
    thread: Option<JoinHandle<Result<(), Failure>>>,
}

impl Feed {
    /// Begins to publish at `path`, noting in `log` when each picture is handed over.
    pub(super) fn start(
        engine: &Engine,
        path: &str,
        options: &source::Options,
        log: PublishLog,
    ) -> Result<Feed, Failure> {
        let source = source::open("test", options).map_err(runtime)?;
        let session = source::session::describe("Rillcast demo", source.tracks());
        let out = engine.source(path, session).map_err(runtime)?;
        let stop = Stop::default();
        let asked = stop.clone();
        let thread = std::thread::Builder::new()
            .name("picture".into())
            .spawn(move || publish(source, out, &asked, &log))
            .map_err(runtime)?;
        Ok(Feed { stop, thread: Some(thread) })
    }

    /// Ends the stream; tells if it had failed before.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.stop.request();
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(Failure::runtime("the test picture's thread has panicked")),
            None => Ok(()),
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.stop.request();
        if let Some(thread) = self.thread.take() {
            // The result matters only to `finish`.
            let _ = thread.join();
        }
    }
}

fn publish(
    mut source: Box<dyn Source>,
    mut out: engine::Source,
    stop: &Stop,
    log: &PublishLog,
) -> Result<(), Failure> {
    let mut pacer = Pacer::new(SystemClock::new(stop.clone()));
    let mut unit = Unit::default();
    while let Some(due) = source.due() {
        if !pacer.wait(due) || !source.next(&mut unit).map_err(runtime)? {
            break;
        }
        let parts: Vec<&[u8]> = unit.parts().collect();
        let sent = match source.tracks().get(unit.track) {
            Some(Track::H264 { .. }) => {
                if let Some(stamp) = parts.iter().find_map(|nal| clock::find(nal)) {
                    log.note(stamp.frame, Instant::now());
                }
                out.write_h264(unit.track, &parts, unit.pts)
            }
            Some(Track::Aac { .. }) => {
                out.write_aac(unit.track, parts.first().copied().unwrap_or_default(), unit.pts)
            }
            None => Ok(()),
        };
        match sent {
            // What found no room is counted by the engine.
            Ok(()) | Err(PushError::NoRoom(_)) => {}
            Err(error) => return Err(runtime(error)),
        }
    }
    Ok(())
}

fn runtime(error: impl std::fmt::Display) -> Failure {
    Failure::runtime(error.to_string())
}
