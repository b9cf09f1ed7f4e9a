//! The stream that is played: made in this process, a key frame each second.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rillcast::engine::{Engine, Source};
use rillcast::media::sdp;

use crate::fanout::Error;

/// The path of the stream.
pub(super) const PATH: &str = "bench";
/// Frames a second.
const FPS: u32 = 25;
/// Of a picture of 640 x 360.
const SPS: &[u8] = &[0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x70];
const PPS: &[u8] = &[0x68, 0xcb, 0x83, 0xcb, 0x20];
/// Headers of slices: of a key frame, and of another.
const KEY: u8 = 0x65;
const OTHER: u8 = 0x41;

/// A stream that runs until it is stopped.
pub(super) struct Stream {
    end: Sender<()>,
    thread: JoinHandle<()>,
}

impl Stream {
    /// Begins with a key frame, so that players have something at once.
    pub(super) fn start(engine: &Engine, bitrate: u32) -> Result<Stream, Error> {
        let mut session = sdp::Session::new("bench");
        session.media = vec![sdp::Media::h264(96, &[SPS, PPS])];
        let mut source = engine.source(PATH, session)?;
        let size = (bitrate / 8 / FPS).max(100) as usize;
        write(&mut source, 0, size);
        let (end, ended) = channel::<()>();
        let thread = std::thread::spawn(move || {
            let mut frame = 0;
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(frame_time(1)) {
                frame += 1;
                write(&mut source, frame, size);
            }
        });
        Ok(Stream { end, thread })
    }

    pub(super) fn stop(self) {
        drop(self.end);
        // It does not panic; and if it did, the measurement would be done.
        let _ = self.thread.join();
    }
}

fn frame_time(frame: u32) -> Duration {
    Duration::from_secs(1) * frame / FPS
}

fn write(source: &mut Source, frame: u32, size: usize) {
    let key = frame.is_multiple_of(FPS);
    let mut slice = vec![if key { KEY } else { OTHER }, 0x88];
    slice.resize(size, 0x5a);
    let nals: &[&[u8]] = if key { &[SPS, PPS, &slice] } else { &[&slice] };
    // The engine may have stopped.
    let _ = source.write_h264(0, nals, frame_time(frame));
}
