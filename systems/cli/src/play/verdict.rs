//! Whether what was received is a whole stream that can be decoded.

use std::fmt;
use std::time::Duration;

/// The first thing that was wrong with a stream, as a sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing came in the time given.
    Silence { patience: Duration, frames: u64 },
    /// The stream ended before as many frames as asked for.
    Short { wanted: u64, got: u64 },
    /// No frame came at all.
    Empty,
    /// Video frames came before the first key frame, or there was none.
    NoKeyAtStart { before: u64, keys: u64 },
    /// There is no pair of parameter sets, neither in the session description nor in the stream.
    NoParameterSets,
    /// A frame had something missing.
    Damaged { track: usize, frame: u64 },
    /// Packets did not come.
    Lost { packets: u64 },
    /// This program was too slow to take what came.
    Lagged { packets: u64 },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Silence { patience, frames } => write!(
                f,
                "nothing came for {} s (after {frames} frames): the publisher has stopped, or a firewall blocks UDP (try --transport tcp)",
                patience.as_secs()
            ),
            Fault::Short { wanted, got } => {
                write!(f, "the stream ended after {got} of the {wanted} frames asked for")
            }
            Fault::Empty => f.write_str("not a single frame came"),
            Fault::NoKeyAtStart { before, keys: 0 } => {
                write!(f, "none of the {before} video frames is a key frame, so none can be decoded")
            }
            Fault::NoKeyAtStart { before, .. } => write!(
                f,
                "the stream did not begin with a key frame: {before} video frames came before the first one"
            ),
            Fault::NoParameterSets => f.write_str(
                "the stream has no H.264 parameter sets, neither in its description nor in band, so it cannot be decoded",
            ),
            Fault::Damaged { track, frame } => {
                write!(f, "frame {frame} of track {track} is damaged: packets of it are missing")
            }
            Fault::Lost { packets } => write!(f, "{packets} packets were lost on the way here"),
            Fault::Lagged { packets } => write!(
                f,
                "this program was too slow for the stream: {packets} packets were passed over"
            ),
        }
    }
}
