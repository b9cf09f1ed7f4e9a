//! The options of `rillcast play`.

use std::path::PathBuf;

use clap::Args;

use crate::args::Transport;
use crate::tls::Trust;

const EXAMPLES: &str = "\
Examples:
  rillcast play --stats rtsp://127.0.0.1:8554/live
  rillcast play --window rtsp://127.0.0.1:8554/live
  rillcast play -o clip.mp4 --frames 300 rtsp://127.0.0.1:8554/live

Exit code 0 says that what was received is whole and can be decoded: it began with a key frame, had
its parameter sets, and nothing was lost. Otherwise it is 1, and one sentence says what was wrong.";

/// Receive a stream, measure it, show it, keep it in a file
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PlayArgs {
    /// The stream: rtsp://HOST:PORT/PATH
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    #[command(flatten)]
    pub(crate) trust: Trust,

    /// How RTP travels from the server [default: udp, and tcp where the server refuses that]
    #[arg(long, value_enum)]
    pub(crate) transport: Option<Transport>,

    /// Print figures every second: frames, bit rate, loss, jitter, latency. Rates are of the live
    /// stream, without the burst with which a server begins
    #[arg(long)]
    pub(crate) stats: bool,

    /// Keep the stream: FILE.264 or FILE.h264 (video only), or FILE.mp4
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Show the video in a window (X11). Escape, Q or closing it ends
    #[arg(long)]
    pub(crate) window: bool,

    /// End after this many video frames (frames of the only track, where there is no video)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) frames: Option<u64>,

    /// Give up when nothing has come for this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
}
