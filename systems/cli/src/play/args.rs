//! The options of `rillcast play`.

use std::path::PathBuf;

use clap::Args;

use crate::args::Transport;

const EXAMPLES: &str = "\
Examples:
  rillcast play --stats rtsp://127.0.0.1:8554/live
  rillcast play -o clip.mp4 --frames 300 rtsp://127.0.0.1:8554/live";

/// Receive a stream, measure it, keep it in a file
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PlayArgs {
    /// The stream: rtsp://HOST:PORT/PATH
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    /// How RTP travels from the server
    #[arg(long, value_enum, default_value = "udp")]
    pub(crate) transport: Transport,

    /// Print figures every second: frames, bit rate, loss, jitter, latency
    #[arg(long)]
    pub(crate) stats: bool,

    /// Keep the stream: FILE.264 (video only) or FILE.mp4
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// End after this many video frames
    #[arg(long, value_name = "N")]
    pub(crate) frames: Option<u64>,
}
