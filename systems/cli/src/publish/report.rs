//! What `rillcast publish` prints.

use std::fmt;
use std::time::Duration;

use rillcast::engine::StreamFigures;
use serde::Serialize;

use super::feed::Sent;
use crate::source::Track;

/// A line of output.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Line {
    /// The source is open, the target is being reached.
    Connecting { source: String, url: String, tracks: Vec<&'static str> },
    /// The stream goes out.
    Publishing { url: String, sdp: Option<String> },
    /// The end.
    Summary(Summary),
}

/// What was sent.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Summary {
    seconds: f64,
    tracks: Vec<TrackSummary>,
    /// RTP and RTCP packets handed to the network.
    packets: u64,
    /// Packets that were made and did not go out.
    dropped: u64,
}

#[derive(Clone, Debug, Serialize)]
struct TrackSummary {
    codec: &'static str,
    frames: u64,
    bytes: u64,
}

impl Summary {
    /// Puts the feed's counts and the engine's figures together.
    pub(super) fn new(
        time: Duration,
        tracks: &[Track],
        sent: &[Sent],
        figures: Option<&StreamFigures>,
    ) -> Summary {
        let tracks = tracks.iter().zip(sent).map(|(track, sent)| TrackSummary {
            codec: codec(track),
            frames: sent.frames,
            bytes: sent.bytes,
        });
        let children = figures.map(StreamFigures::all_children).unwrap_or_default();
        let refused = figures.map_or(0, |stream| stream.ledger.total_dropped());
        Summary {
            seconds: (time.as_secs_f64() * 1e3).round() / 1e3,
            tracks: tracks.collect(),
            packets: children.sent,
            dropped: children.lost() + refused,
        }
    }
}

/// The name of a track's codec.
pub(super) fn codec(track: &Track) -> &'static str {
    match track {
        Track::H264 { .. } => "H.264",
        Track::Aac { .. } => "AAC",
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Connecting { source, url, tracks } => {
                write!(f, "{source} ({}) to {url} ...", tracks.join(", "))
            }
            Line::Publishing { url, sdp: None } => write!(f, "publishing to {url}, Ctrl-C ends"),
            Line::Publishing { url, sdp: Some(sdp) } => {
                write!(f, "sending to {url} as {sdp} describes it, Ctrl-C ends")
            }
            Line::Summary(summary) => summary.fmt(f),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sent in {:.1} s:", self.seconds)?;
        for track in &self.tracks {
            let TrackSummary { codec, frames, bytes } = track;
            write!(f, " {frames} frames of {codec} ({bytes} bytes),")?;
        }
        write!(f, " {} packets", self.packets)?;
        match self.dropped {
            0 => Ok(()),
            dropped => write!(f, "; {dropped} packets dropped"),
        }
    }
}
