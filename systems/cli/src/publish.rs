//! `rillcast publish SOURCE URL`: the encoding server.

use clap::Args;

use crate::args::Transport;
use crate::failure::Failure;
use crate::output::Output;
use crate::signal::Stop;

/// Send a test picture, a file or raw H.264 to an RTSP server, or as plain RTP
#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// What to send: `test`, FILE.mp4, FILE.264, or `-` for raw H.264 on standard input
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,

    /// Where to: rtsp://HOST:PORT/PATH or rtp://HOST:PORT
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    /// How RTP travels to an RTSP server
    #[arg(long, value_enum, default_value = "tcp")]
    pub(crate) transport: Transport,
}

/// Publishes until the source ends or the end is asked for.
pub(crate) fn run(_args: PublishArgs, _output: Output, _stop: Stop) -> Result<(), Failure> {
    Err(Failure::runtime("publish: the engine is not there yet"))
}
