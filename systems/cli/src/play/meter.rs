//! What a player counts while it receives.

use std::time::Duration;

use rillcast::media::Payload;
use rillcast::relay::Frame;

use super::catch_up::CatchUp;
use super::sink::has_parameter_sets;
use super::verdict::Fault;

/// Counts of one track.
#[derive(Clone, Debug, Default)]
pub(crate) struct Track {
    /// Frames that came.
    pub(crate) frames: u64,
    /// Those that decoding can start at.
    pub(crate) keys: u64,
    /// Those with something missing.
    pub(crate) damaged: u64,
    /// Packets missing within or between the frames.
    pub(crate) lost: u64,
    /// Payload bytes of the frames.
    pub(crate) bytes: u64,
    /// Frames before the first key frame.
    pub(crate) before_key: u64,
    /// A sequence and a picture parameter set came in band.
    pub(crate) parameter_sets: bool,
}

/// Latencies, while they are collected.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Latency {
    count: u32,
    sum: Duration,
    /// The largest one.
    pub(crate) max: Duration,
}

impl Latency {
    /// Adds one.
    pub(crate) fn record(&mut self, latency: Duration) {
        self.count += 1;
        self.sum += latency;
        self.max = self.max.max(latency);
    }

    /// Their mean; None while there is none.
    pub(crate) fn mean(&self) -> Option<Duration> {
        self.sum.checked_div(self.count)
    }
}

/// All that is counted of a stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter {
    tracks: Vec<Track>,
    catch_up: CatchUp,
    /// When the live stream began, on the engine's clock, and what was counted before.
    live: Option<(Duration, Vec<Track>)>,
    /// When the main track's first key frame was whole, on the engine's clock.
    pub(crate) first_key: Option<Duration>,
    /// Latency since the last call of [`take_latency`](Self::take_latency).
    recent: Latency,
    /// Latency of the whole time.
    pub(crate) latency: Latency,
    /// The first thing that was wrong.
    fault: Option<Fault>,
}

impl Meter {
    /// For a stream of so many tracks, of which the main one has a clock of so many hertz.
    pub(crate) fn new(tracks: usize, rate: u32) -> Meter {
        let (tracks, catch_up) = (vec![Track::default(); tracks], CatchUp::new(rate));
        Meter { tracks, catch_up, ..Meter::default() }
    }

    /// Counts a frame. `main` says whether it is of the track that decides about the stream.
    pub(crate) fn frame(&mut self, frame: &Frame, main: bool) {
        let Some(track) = self.tracks.get_mut(frame.track) else { return };
        track.frames += 1;
        track.bytes += frame.data.payload.size() as u64;
        track.lost += frame.data.lost;
        track.keys += u64::from(frame.data.key);
        track.damaged += u64::from(frame.data.damaged);
        if let Payload::H264(unit) = &frame.data.payload {
            track.before_key += u64::from(track.keys == 0);
            track.parameter_sets |= has_parameter_sets(unit);
        }
        let number = track.frames;
        if main && frame.data.key {
            self.first_key.get_or_insert(frame.arrival);
        }
        if main && self.catch_up.frame(frame.time, frame.arrival) {
            self.live = Some((frame.arrival, self.tracks.clone()));
        }
        if frame.data.damaged {
            self.fault(Fault::Damaged { track: frame.track, frame: number });
        }
    }

    /// Notes a latency.
    pub(crate) fn latency(&mut self, latency: Duration) {
        self.recent.record(latency);
        self.latency.record(latency);
    }

    /// Notes something that makes the stream less than whole; the first one is kept.
    pub(crate) fn fault(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    /// The first thing that was wrong, if any.
    pub(crate) fn first_fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// Latencies noted since the last call.
    pub(crate) fn take_latency(&mut self) -> Latency {
        std::mem::take(&mut self.recent)
    }

    /// Counts by track of the session.
    pub(crate) fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// When the live stream began, on the engine's clock, and what was counted before.
    pub(crate) fn live(&self) -> Option<&(Duration, Vec<Track>)> {
        self.live.as_ref()
    }

    /// Frames of one track.
    pub(crate) fn frames(&self, track: usize) -> u64 {
        self.tracks.get(track).map_or(0, |track| track.frames)
    }
}
