//! Raw H.264: an Annex B byte stream from a file or from standard input.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use rillcast::media::h264::annex_b::{Splitter, Units};

use super::order::{Order, Place};
use super::{Error, Source, Track, Unit};

/// Pictures a second when neither the user nor the stream says how many.
const DEFAULT_FPS: f64 = 25.0;
/// Pictures read ahead of a file to learn how it counts them.
const FILE_PROBE: usize = 16;
/// The same of live input, where each costs delay once, at the start.
const LIVE_PROBE: usize = 2;
/// Raw H.264 that goes on for so long without parameter sets has none.
const MAX_SEARCH: usize = 64 << 20;
/// Live input may be this much ahead of or behind its own rhythm before its times are set anew.
const SLACK: f64 = 0.5;

/// What the bytes come from.
trait Input: Read + Send {
    /// Goes back to the beginning; false when that cannot be.
    fn rewind(&mut self) -> io::Result<bool>;
}

impl Input for File {
    fn rewind(&mut self) -> io::Result<bool> {
        self.seek(SeekFrom::Start(0)).map(|_| true)
    }
}

/// A pipe.
struct Live(Box<dyn Read + Send>);

impl Read for Live {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Input for Live {
    fn rewind(&mut self) -> io::Result<bool> {
        Ok(false)
    }
}

/// When pictures are due.
#[derive(Clone, Copy, Debug)]
enum Timing {
    /// One after the other, so many seconds apart.
    Fixed { frame: f64 },
    /// When they come in. `frame` is what the stream itself says they are apart, if it does: then
    /// small jitter of the pipe does not show in the times.
    Arrival { start: Instant, frame: Option<f64> },
}

/// Raw H.264 as a source.
pub(crate) struct RawSource {
    input: Box<dyn Input>,
    splitter: Splitter,
    /// No more bytes come in this round.
    drained: bool,
    order: Order,
    ahead: VecDeque<Units>,
    tracks: Vec<Track>,
    timing: Timing,
    /// Seconds at which the next access unit is due.
    next: f64,
    repeat: bool,
    buffer: Vec<u8>,
}

/// Whether a file begins with a start code (and not with the length of an MP4 box).
pub(super) fn is_byte_stream(file: &File) -> io::Result<bool> {
    let mut head = [0; 8];
    let mut length = 0;
    while let Some(free) = head.get_mut(length..).filter(|free| !free.is_empty()) {
        match file.read_at(free, length as u64)? {
            0 => break,
            read => length += read,
        }
    }
    let head = head.get(..length).unwrap_or_default();
    Ok(match head {
        [0, 0, 1, ..] => true,
        [0, 0, 0, 1, kind @ ..] => !super::mp4::is_box_kind(kind),
        _ => false,
    })
}

/// A file: `fps` pictures a second, or as many as it says itself.
pub(super) fn file(file: File, fps: Option<f64>, repeat: bool) -> Result<RawSource, Error> {
    let mut source = RawSource::new(Box::new(file), FILE_PROBE)?;
    let fps = fps.or(source.stated_fps()).unwrap_or(DEFAULT_FPS);
    source.timing = Timing::Fixed { frame: 1.0 / fps };
    source.repeat = repeat;
    Ok(source)
}

/// A pipe: at the pace it comes in, or with `fps` at that pace.
pub(super) fn live(input: Box<dyn Read + Send>, fps: Option<f64>) -> Result<RawSource, Error> {
    let mut source = RawSource::new(Box::new(Live(input)), LIVE_PROBE)?;
    source.timing = match fps {
        Some(fps) => Timing::Fixed { frame: 1.0 / fps },
        None => Timing::Arrival {
            start: Instant::now(),
            frame: source.stated_fps().map(|fps| 1.0 / fps),
        },
    };
    Ok(source)
}

impl RawSource {
    fn new(input: Box<dyn Input>, probe: usize) -> Result<RawSource, Error> {
        let mut source = RawSource {
            input,
            splitter: Splitter::new(),
            drained: false,
            order: Order::default(),
            ahead: VecDeque::new(),
            tracks: Vec::new(),
            timing: Timing::Fixed { frame: 1.0 / DEFAULT_FPS },
            next: 0.0,
            repeat: false,
            buffer: vec![0; 64 << 10],
        };
        source.find_start()?;
        while source.ahead.len() < probe {
            let Some(units) = source.read()? else { break };
            source.ahead.push_back(units);
        }
        let sets = source.splitter.parameter_sets();
        let parameter_sets = sets.nals().map(<[u8]>::to_vec).collect();
        source.tracks = vec![Track::H264 { parameter_sets }];
        source.order = Order::new(source.ahead.iter().map(|units| units.nals()));
        Ok(source)
    }

    /// Passes over what cannot be decoded for want of parameter sets.
    fn find_start(&mut self) -> Result<(), Error> {
        let mut passed = 0;
        while passed < MAX_SEARCH {
            let Some(units) = self.read()? else { break };
            if self.splitter.parameter_sets().is_complete() {
                self.ahead.push_back(units);
                return Ok(());
            }
            passed += units.nals().map(<[u8]>::len).sum::<usize>();
        }
        Err(Error::NoPicture)
    }

    /// The frame rate that the stream's sequence parameter set tells.
    fn stated_fps(&self) -> Option<f64> {
        let mut order = Order::default();
        self.ahead.iter().for_each(|units| {
            order.place(units.nals());
        });
        order.fps()
    }

    /// The next access unit of this round.
    fn read(&mut self) -> Result<Option<Units>, Error> {
        loop {
            if let Some(units) = self.splitter.pop().map_err(Error::ByteStream)? {
                return Ok(Some(units));
            }
            if self.drained {
                return Ok(None);
            }
            match self.input.read(&mut self.buffer) {
                Ok(0) => {
                    self.drained = true;
                    self.splitter.finish();
                }
                Ok(length) => {
                    self.splitter.push(self.buffer.get(..length).unwrap_or_default());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Read(error)),
            }
        }
    }

    /// The next access unit of this or the next round.
    fn read_on(&mut self) -> Result<Option<Units>, Error> {
        if let Some(units) = self.ahead.pop_front() {
            return Ok(Some(units));
        }
        if let Some(units) = self.read()? {
            return Ok(Some(units));
        }
        if !self.repeat || !self.input.rewind().map_err(Error::Read)? {
            return Ok(None);
        }
        self.splitter = Splitter::new();
        self.drained = false;
        self.read()
    }

    /// Decoding time of an access unit that was just read, and the seconds of a frame.
    fn time(&mut self, place: Place) -> (f64, f64) {
        let (now, frame) = match self.timing {
            Timing::Fixed { frame } => (self.next, frame),
            Timing::Arrival { start, frame: Some(frame) } => {
                let arrival = start.elapsed().as_secs_f64();
                let in_rhythm = (arrival - self.next).abs() <= SLACK || arrival < self.next;
                (if in_rhythm { self.next } else { arrival }, frame)
            }
            // Two pictures out of one read would share a time, and with it a timestamp.
            Timing::Arrival { start, frame: None } => {
                (start.elapsed().as_secs_f64().max(self.next), 0.002)
            }
        };
        self.next = now + frame * place.length as f64 / 2.0;
        (now, frame)
    }
}

impl Source for RawSource {
    fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    fn due(&self) -> Option<Duration> {
        match self.timing {
            Timing::Fixed { .. } => Some(seconds(self.next)),
            // A pipe that gives more than real time is made to wait.
            Timing::Arrival { frame: Some(_), start } => {
                let ahead = self.next - start.elapsed().as_secs_f64();
                (ahead > SLACK).then(|| seconds(self.next - SLACK))
            }
            Timing::Arrival { frame: None, .. } => None,
        }
    }

    fn next(&mut self, unit: &mut Unit) -> Result<bool, Error> {
        let Some(units) = self.read_on()? else { return Ok(false) };
        let place = self.order.place(units.nals());
        let (dts, frame) = self.time(place);
        let pts = dts + frame * place.offset as f64 / 2.0;
        unit.begin(0, seconds(dts), seconds(pts));
        units.nals().for_each(|nal| unit.push(nal));
        Ok(true)
    }
}

/// Seconds as a duration, rounded to the nanosecond; 0 for what is negative or no number.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests;
