//! The command line of `rillcast serve`.

use std::path::PathBuf;

use clap::Args;

use crate::config::Options;

const EXAMPLES: &str = r#"Examples:
  rillcast serve
      publish to and play from rtsp://127.0.0.1:8554/ANY/PATH, on this machine only
  rillcast serve --rtsp 0.0.0.0:8554 --user cam=plain:tulip --allow-play '*=all'
      the same for everyone who can reach this machine; who publishes has to be cam
  rillcast serve --config rillcast.toml
      options from a file; `--print-config` writes one, docs/configuration.md explains it
  rillcast serve --pull cam=rtsp://10.0.0.7/stream1
      fetch a camera once, hand it to any number of players as rtsp://127.0.0.1:8554/cam
  rillcast serve --ticket-key "$(rillcast proxy key)"
      feed the nodes of a tree, and nobody else: docs/omnicast.md
  rillcast serve --rtp tv=tv.sdp
      take in plain RTP as tv.sdp describes it (ports, codecs), play it as .../tv"#;

/// Streaming server: publishers push to it or it pulls, anyone plays rtsp://HOST:8554/PATH
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ServeArgs {
    /// Read options from a TOML file, whose keys are the names of the options here. It is read again
    /// when it changes, and on SIGHUP
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// Print the options in use as a configuration file, every option explained, and end
    #[arg(long)]
    pub(super) print_config: bool,

    #[command(flatten)]
    pub(super) options: Options,
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Args, Command};

    fn options(arguments: &[&str]) -> Result<Options, clap::Error> {
        let arguments = ["rillcast", "serve"].iter().chain(arguments);
        match Args::try_parse_from(arguments)?.command {
            Command::Serve(serve) => Ok(serve.options),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn paths_and_what_is_served_under_them_are_told_apart() {
        let url = "rtsp://user:p=w@10.0.0.7:554/s?x=1";
        let parsed =
            options(&["--pull", &format!("/cam/1/={url}"), "--rtp", "tv=a=b.sdp"]).unwrap();
        assert_eq!((parsed.pull[0].0.as_str(), parsed.pull[0].1.0.as_str()), ("cam/1", url));
        assert_eq!((parsed.rtp[0].0.as_str(), parsed.rtp[0].1.0.as_str()), ("tv", "a=b.sdp"));
        for bad in ["rtsp://10.0.0.7/stream", "cam=http://10.0.0.7/"] {
            assert!(options(&["--pull", bad]).is_err(), "{bad}");
        }
        for bad in ["=x.sdp", "tv=", "/=x"] {
            assert!(options(&["--rtp", bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn rules_may_have_an_equals_sign_in_their_path() {
        let parsed = options(&["--allow-play", "a=b/*=all", "--user", "u=plain:a=b"]).unwrap();
        assert_eq!(parsed.allow_play[0].0.to_string(), "a=b/*");
        assert_eq!(parsed.user[0].1.to_string(), "plain:a=b");
    }
}
