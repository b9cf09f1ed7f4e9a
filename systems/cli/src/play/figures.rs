//! The figures of `--stats` and of the end, as a line for people or for programs.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// Figures of one track.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TrackFigures {
    /// `video`, `audio` …
    pub(crate) kind: String,
    /// The encoding's name in the session description.
    pub(crate) codec: String,
    /// Frames so far.
    pub(crate) frames: u64,
    /// Key frames so far.
    pub(crate) key_frames: u64,
    /// Frames with something missing so far.
    pub(crate) damaged: u64,
    /// Those of them that came at once at the beginning, so that there is a picture early: what the
    /// server had kept since the last key frame.
    pub(crate) burst: u64,
    /// Frames a second, since the last line, or over all in the last line, the burst not counted.
    /// None while that has not ended.
    pub(crate) frames_per_second: Option<f64>,
    /// Payload bits a second, likewise.
    pub(crate) bits_per_second: Option<f64>,
    /// Packets missing so far.
    pub(crate) lost: u64,
    /// Interarrival jitter (RFC 3550 section 6.4.1).
    pub(crate) jitter_ms: f64,
}

/// One line of figures.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    /// `stats` while it runs, `end` for the last line.
    pub(crate) event: &'static str,
    /// Seconds since PLAY was asked for.
    pub(crate) seconds: f64,
    /// By track.
    pub(crate) tracks: Vec<TrackFigures>,
    /// RTP packets of all tracks so far.
    pub(crate) packets: u64,
    /// From the picture's clock to here; mean, and largest. Only where the stream carries the clock
    /// of the test source, and right only when both machines agree on the time.
    pub(crate) latency_ms: Option<f64>,
    /// See `latency_ms`.
    pub(crate) latency_max_ms: Option<f64>,
    /// Pictures that the window has shown. Only in the last line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shown: Option<u64>,
    /// From the start to the first packet. Only in the last line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_packet_ms: Option<f64>,
    /// From the start to the first whole key frame. Only in the last line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_key_ms: Option<f64>,
    /// Whether all is whole and decodable. Only in the last line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) whole: Option<bool>,
    /// What is not. Only in the last line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<String>,
}

/// A duration in milliseconds, to the microsecond.
pub(crate) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// A bit rate with a unit that fits it.
pub(crate) fn bit_rate(bits_per_second: f64) -> String {
    if bits_per_second >= 1e6 {
        format!("{:.2} Mbit/s", bits_per_second / 1e6)
    } else {
        format!("{:.0} kbit/s", bits_per_second / 1e3)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:6.1} s", self.seconds)?;
        for track in &self.tracks {
            write!(f, "  {} {} ", track.kind, track.codec)?;
            match (track.frames_per_second, track.bits_per_second) {
                (Some(frames), Some(bits)) => {
                    write!(f, "{frames:.1} frames/s {}", bit_rate(bits))?;
                }
                _ => write!(f, "{} frames at once", track.frames)?,
            }
            write!(f, " lost {} jitter {:.1} ms", track.lost, track.jitter_ms)?;
            if track.damaged > 0 {
                write!(f, " damaged {}", track.damaged)?;
            }
        }
        if let (Some(mean), Some(max)) = (self.latency_ms, self.latency_max_ms) {
            write!(f, "  latency {mean:.1} ms (max {max:.1})")?;
        }
        if self.event != "end" {
            return Ok(());
        }
        let ms = |time: Option<f64>| time.map_or("never".into(), |ms| format!("{ms:.1} ms"));
        write!(
            f,
            "\n{} packets; first packet {}, first key frame {} after the start",
            self.packets,
            ms(self.first_packet_ms),
            ms(self.first_key_ms)
        )?;
        for track in &self.tracks {
            write!(
                f,
                "\n{}: {} frames ({} at once at the start, {} key, {} damaged), {} packets lost",
                track.kind, track.frames, track.burst, track.key_frames, track.damaged, track.lost
            )?;
        }
        match self.shown {
            Some(shown) => write!(f, "\n{shown} pictures shown"),
            None => Ok(()),
        }
    }
}
