//! `rillcast serve`: the streaming server.

use std::net::SocketAddr;

use clap::Args;

use crate::failure::Failure;
use crate::output::Output;
use crate::signal::Stop;

const EXAMPLES: &str = "\
Examples:
  rillcast serve
      publish to and play from rtsp://127.0.0.1:8554/ANY/PATH, on this machine only
  rillcast serve --rtsp 0.0.0.0:8554
      the same for everyone who can reach this machine
  rillcast serve --pull cam=rtsp://10.0.0.7/stream1
      fetch a camera once, hand it to any number of players as rtsp://127.0.0.1:8554/cam
  rillcast serve --rtp tv=tv.sdp
      take in plain RTP as tv.sdp describes it (ports, codecs), play it as .../tv";

/// Streaming server: publishers push to it or it pulls, anyone plays rtsp://HOST:8554/PATH
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ServeArgs {
    /// Address to serve RTSP on; port 0 picks a free one. The default lets in this machine only
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8554")]
    pub(crate) rtsp: SocketAddr,

    /// Fetch the stream at an RTSP URL and serve it under PATH (may be given several times)
    #[arg(long, value_name = "PATH=URL")]
    pub(crate) pull: Vec<String>,

    /// Take in plain RTP as an SDP file describes it and serve it under PATH (may be given several
    /// times)
    #[arg(long, value_name = "PATH=FILE.sdp")]
    pub(crate) rtp: Vec<String>,
}

/// Runs the server until it is asked to stop.
pub(crate) fn run(_args: ServeArgs, _output: Output, _stop: Stop) -> Result<(), Failure> {
    Err(Failure::runtime("serve: the engine is not there yet"))
}
