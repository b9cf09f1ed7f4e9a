//! What is told of the stream as it comes.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::play::{bit_rate, millis};

/// What the watching thread tells.
pub(in crate::node) enum Report {
    /// The first frame that can be decoded is whole.
    First {
        /// Since then.
        at: Instant,
        /// Frames that came before and could not be.
        lost: u64,
    },
    /// A second has passed.
    Stats(Stats),
}

/// The figures of one second.
#[derive(Clone, Debug, Serialize)]
pub(in crate::node) struct Stats {
    event: &'static str,
    /// Frames of the video; of all tracks where there is none.
    frames: u64,
    bits_per_second: f64,
    /// Packets missing so far.
    lost: u64,
    /// Packets that came more than once so far.
    twice: u64,
    /// The longest time between two frames.
    longest_pause_ms: f64,
    /// From the capture of a picture to its last packet here, in the mean; of the test picture only.
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<f64>,
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stats { frames, bits_per_second, lost, twice, longest_pause_ms, .. } = self;
        write!(
            f,
            "{frames} frames, {}, {lost} packets lost, {twice} twice, longest pause {longest_pause_ms:.0} ms",
            bit_rate(*bits_per_second)
        )?;
        match self.latency_ms {
            Some(latency) => write!(f, ", latency {latency:.1} ms"),
            None => Ok(()),
        }
    }
}

/// The paper's connection latency (section 4.2.2): from the connection to the proxy server to the first
/// frame, in its parts.
#[derive(Clone, Debug, Serialize)]
pub(in crate::node) struct FirstFrame {
    pub(in crate::node) event: &'static str,
    /// To the proxy server's word from whom to take the stream.
    pub(in crate::node) uscp_ms: f64,
    /// From there to the answer to PLAY.
    pub(in crate::node) rtsp_ms: f64,
    /// From there to the last packet of the first frame that can be decoded.
    pub(in crate::node) first_frame_ms: f64,
    /// Frames that came before and could not be.
    pub(in crate::node) lost_frames: u64,
    /// All of it.
    pub(in crate::node) total_ms: f64,
}

impl fmt::Display for FirstFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FirstFrame { uscp_ms, rtsp_ms, first_frame_ms, lost_frames, total_ms, .. } = self;
        write!(
            f,
            "first picture after {total_ms:.1} ms: USCP {uscp_ms:.1}, RTSP {rtsp_ms:.1}, first frame \
             {first_frame_ms:.1}; {lost_frames} frames lost before"
        )
    }
}

/// What is counted between two figures.
#[derive(Debug, Default)]
pub(super) struct Counts {
    frames: u64,
    bytes: u64,
    /// When the last frame came, on the engine's clock.
    last: Option<Duration>,
    pause: Duration,
    latency: (Duration, u32),
}

impl Counts {
    /// A frame came at `arrival`, on the engine's clock, when it was of that age.
    pub(super) fn frame(&mut self, arrival: Duration, age: Option<Duration>) {
        self.frames += 1;
        let pause = self.last.replace(arrival).map(|last| arrival.saturating_sub(last));
        self.pause = self.pause.max(pause.unwrap_or_default());
        if let Some(age) = age {
            self.latency = (self.latency.0 + age, self.latency.1 + 1);
        }
    }

    /// So many bytes of packets came.
    pub(super) fn bytes(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// The figures of the period that ends now.
    pub(super) fn take(&mut self, period: Duration, lost: u64, twice: u64) -> Stats {
        let now = std::mem::replace(self, Counts { last: self.last, ..Counts::default() });
        let (sum, count) = now.latency;
        Stats {
            event: "stats",
            frames: now.frames,
            bits_per_second: now.bytes as f64 * 8.0 / period.as_secs_f64(),
            lost,
            twice,
            longest_pause_ms: millis(now.pause),
            latency_ms: sum.checked_div(count).map(millis),
        }
    }
}
