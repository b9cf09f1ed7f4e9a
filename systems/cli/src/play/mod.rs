//! `rillcast play URL`: the player.
//!
//! It pulls the stream into an engine of its own, as a relay would, and reads whole frames from the
//! ring: what is measured here is what any node of a tree receives.
//!
//! | file | what is there |
//! |---|---|
//! | `session.rs` | from the URL to a reader of frames, and from there to the end |
//! | `meter.rs`, `catch_up.rs`, `figures.rs` | what is counted, and how it is told |
//! | `verdict.rs` | what keeps a stream from being whole |
//! | `sink.rs`, `mp4_tracks.rs`, `mp4/` | the file that `-o` names |
//! | `window/` | what `--window` shows |

mod args;
mod catch_up;
mod figures;
mod meter;
mod mp4;
mod mp4_tracks;
mod session;
mod sink;
mod verdict;
mod window;

pub(crate) use args::PlayArgs;
pub(crate) use figures::{bit_rate, millis};

use rillcast::media::h264::ParameterSets;
use rillcast::media::sdp;

use crate::failure::Failure;
use crate::output::Output;
use crate::signal::Stop;

/// Plays until the stream ends, enough is received, or the end is asked for.
pub(crate) fn run(args: PlayArgs, output: Output, stop: Stop) -> Result<(), Failure> {
    session::Session::start(args, output, stop)?.run()
}

/// Whether the media is H.264 that can be put together here.
pub(crate) fn is_h264(media: &sdp::Media) -> bool {
    media.format.is("H264") && !media.protocol.is_secure()
}

/// Whether the media is AAC that can be put together here (RFC 3640).
pub(crate) fn is_aac(media: &sdp::Media) -> bool {
    media.format.is("mpeg4-generic")
        && !media.protocol.is_secure()
        && media.format.aac_config().is_some()
}

/// The parameter sets of the media's description.
fn parameter_sets(media: &sdp::Media) -> ParameterSets {
    let sets = media.format.parameter_sets();
    ParameterSets::from_nals(sets.iter().map(Vec::as_slice))
}
