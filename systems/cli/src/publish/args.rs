//! The options of `rillcast publish`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::args::Transport;
use crate::failure::Failure;
use crate::source::{self, TestOptions};
use crate::tls::Trust;

const EXAMPLES: &str = "\
Examples:
  rillcast publish test rtsp://127.0.0.1:8554/live
      a test picture with a clock, and a tone
  rillcast publish --loop film.mp4 rtsp://server:8554/film
      a file, again and again (H.264 and AAC go out as they are, nothing is encoded)
  rillcast publish test rtp://192.0.2.7:5004 --sdp test.sdp
      plain RTP; the receiver opens test.sdp (ffplay -protocol_whitelist file,udp,rtp test.sdp)
  ffmpeg -re -i FILE -c:v libx264 -bf 0 -f h264 - | rillcast publish - rtsp://127.0.0.1:8554/live
      whatever a program writes as raw H.264, as soon as it comes (-re: at the speed of the film)";

/// Send a test picture, a file or raw H.264 to an RTSP server, or as plain RTP
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PublishArgs {
    /// What to send: `test`, FILE.mp4, FILE.264, or `-` for raw H.264 (Annex B) on standard input
    #[arg(value_name = "SOURCE")]
    pub(super) source: String,

    /// Where to: rtsp://HOST:PORT/PATH, or rtp://HOST:PORT for plain RTP (with --sdp)
    #[arg(value_name = "URL")]
    pub(super) url: String,

    #[command(flatten)]
    pub(super) trust: Trust,

    /// How RTP travels to an RTSP server [default: tcp]
    #[arg(long, value_enum)]
    pub(super) transport: Option<Transport>,

    /// Where to write the description that receivers of plain RTP need
    #[arg(long, value_name = "FILE")]
    pub(super) sdp: Option<PathBuf>,

    /// Begin a file again when it ends
    #[arg(long = "loop")]
    pub(super) repeat: bool,

    /// Pictures a second: of `test` [default: 30]; of raw H.264 [default: what it says itself, else
    /// 25; on standard input the pace it comes in]
    #[arg(long, value_name = "N", value_parser = fps)]
    pub(super) fps: Option<f64>,

    /// Size of the test picture [default: 1280x720]
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = size)]
    pub(super) size: Option<(u32, u32)>,

    /// Bit rate of the test picture, in bit/s; k and M are understood [default: 2M]
    #[arg(long, value_name = "RATE", value_parser = bitrate)]
    pub(super) bitrate: Option<u32>,

    /// Time between key frames of the test picture, in seconds [default: 2]
    #[arg(long, value_name = "SECONDS", value_parser = gop)]
    pub(super) gop: Option<Duration>,
}

impl PublishArgs {
    /// What is asked of the source.
    ///
    /// # Errors
    /// When an option does not belong to the source that is named.
    pub(super) fn source_options(&self) -> Result<source::Options, Failure> {
        let is_test = self.source == "test";
        let wrong = |option: &str, belongs: &str| {
            Err(Failure::usage(format!("{option} is for {belongs}, not for {}", self.source)))
        };
        if !is_test && self.size.is_some() {
            return wrong("--size", "the `test` source");
        }
        if !is_test && self.bitrate.is_some() {
            return wrong("--bitrate", "the `test` source");
        }
        if !is_test && self.gop.is_some() {
            return wrong("--gop", "the `test` source");
        }
        if self.repeat && (is_test || self.source == "-") {
            return wrong("--loop", "files");
        }
        let default = TestOptions::default();
        let test = TestOptions {
            size: self.size.unwrap_or(default.size),
            fps: self.fps.unwrap_or(default.fps),
            bitrate: self.bitrate.unwrap_or(default.bitrate),
            gop: self.gop.unwrap_or(default.gop),
        };
        Ok(source::Options { repeat: self.repeat, fps: self.fps, test })
    }
}

fn fps(text: &str) -> Result<f64, String> {
    let fps: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.1..=1_000.0).contains(&fps) { Ok(fps) } else { Err("must be 0.1 to 1000".into()) }
}

fn size(text: &str) -> Result<(u32, u32), String> {
    text.split_once(['x', 'X'])
        .and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)))
        .ok_or_else(|| "a size looks like 1280x720".into())
}

fn bitrate(text: &str) -> Result<u32, String> {
    let (number, unit) = match text.strip_suffix(['k', 'K']) {
        Some(number) => (number, 1e3),
        None => match text.strip_suffix('M') {
            Some(number) => (number, 1e6),
            None => (text, 1.0),
        },
    };
    let rate =
        number.parse::<f64>().map_err(|_| "a bit rate looks like 2M, 500k or 2000000")? * unit;
    if (1.0..=1e9).contains(&rate) { Ok(rate as u32) } else { Err("must be 1 to 1000M".into()) }
}

fn gop(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "must be a positive number of seconds".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bit_rates_and_sizes_are_read() {
        assert_eq!(bitrate("2M"), Ok(2_000_000));
        assert_eq!(bitrate("1.5M"), Ok(1_500_000));
        assert_eq!(bitrate("500k"), Ok(500_000));
        assert_eq!(bitrate("64000"), Ok(64_000));
        assert!(bitrate("fast").is_err() && bitrate("-1").is_err() && bitrate("").is_err());
        assert_eq!(size("640x360"), Ok((640, 360)));
        assert!(size("640").is_err() && size("640x").is_err());
        assert!(fps("NaN").is_err() && fps("0").is_err());
        assert_eq!(fps("29.97"), Ok(29.97));
        assert!(gop("-1").is_err() && gop("inf").is_err());
        assert_eq!(gop("0.5"), Ok(Duration::from_millis(500)));
    }
}
