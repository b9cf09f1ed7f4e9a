//! Records the video of an RTSP stream as raw H.264.
//!
//! 1. pulls the stream into an engine, which puts packets in order and frames together;
//! 2. reads whole access units, from a key frame on;
//! 3. writes them with start codes (Annex B), straight from the buffers in which they came.
//!
//! ```sh
//! cargo run --release -p rillcast --example record rtsp://127.0.0.1:8554/live live.264
//! ffplay live.264
//! ```

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::Duration;

use rillcast::engine::{Config, Engine, Event, Transport};
use rillcast::media::Payload;
use rillcast::relay::{FrameReader, Next};

const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(url), Some(file)) = (args.next(), args.next()) else {
        return Err("usage: record rtsp://HOST:PORT/PATH FILE.264".into());
    };
    let engine = Engine::start(Config::default())?;
    engine.pull("in", &url, Transport::Auto)?;
    let mut reader = engine.reader("in", PATIENCE).map_err(|error| why(&engine, error))?;
    let frames = record(&mut reader, &mut BufWriter::new(File::create(file)?))?;
    println!("{frames} frames");
    Ok(())
}

/// Writes the first H.264 track until the stream ends or falls silent; returns how many frames.
fn record(reader: &mut FrameReader, out: &mut impl Write) -> Result<u64, Box<dyn Error>> {
    let media = &reader.session().media;
    let track = media.iter().position(|media| media.format.is("H264")).ok_or("no H.264 in it")?;
    // Cameras send their parameter sets in the session description, and not always in the stream.
    for set in media.get(track).map(|media| media.format.parameter_sets()).unwrap_or_default() {
        out.write_all(&[0, 0, 0, 1])?;
        out.write_all(&set)?;
    }
    let mut frames = 0;
    loop {
        match reader.next(PATIENCE) {
            Next::Frame(frame) if frame.track == track => {
                let Payload::H264(unit) = &frame.data.payload else { continue };
                if frames == 0 && !frame.data.key {
                    continue;
                }
                for slice in unit.annex_b() {
                    out.write_all(slice)?;
                }
                frames += 1;
            }
            Next::Frame(_) => {}
            Next::Lagged(packets) => eprintln!("too slow for {packets} packets"),
            Next::TimedOut | Next::Ended => break,
        }
    }
    out.flush()?;
    Ok(frames)
}

/// The reason why the stream did not come, where the engine has told it.
fn why(engine: &Engine, error: rillcast::engine::Error) -> Box<dyn Error> {
    let events = std::iter::from_fn(|| engine.next_event(Some(Duration::ZERO)));
    let mut failures = events.filter(|event| matches!(event, Event::PullFailed { .. }));
    failures.next().map_or_else(|| error.into(), |event| event.to_string().into())
}
