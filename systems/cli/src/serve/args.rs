//! The options of `rillcast serve`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::Args;

/// The port that is suggested where none is given.
const DEFAULT_PORT: u16 = 8554;

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
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8554", value_parser = address)]
    pub(super) rtsp: SocketAddr,

    /// Fetch the stream at an RTSP URL and serve it under PATH (may be given several times)
    #[arg(long, value_name = "PATH=URL", value_parser = pull)]
    pub(super) pull: Vec<(String, String)>,

    /// Take in plain RTP as an SDP file describes it and serve it under PATH (may be given several
    /// times)
    #[arg(long, value_name = "PATH=FILE.sdp", value_parser = rtp)]
    pub(super) rtp: Vec<(String, PathBuf)>,

    /// How long a stream stays for its players when its source is gone without having ended it.
    /// Whoever publishes to the path in that time goes on with it; 0 ends it at once
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub(super) linger: u64,

    /// Let a publisher take a path over from the one that is there, instead of refusing it
    #[arg(long)]
    pub(super) takeover: bool,
}

/// Reads an address with its port; for one that is not whole, the error names the whole one.
fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let port = text.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
    let near = match (text.parse::<IpAddr>(), port) {
        (Ok(ip), _) => SocketAddr::new(ip, DEFAULT_PORT).to_string(),
        (Err(_), Some(port)) => {
            format!("127.0.0.1:{port} (this machine only) or 0.0.0.0:{port} (all who reach it)")
        }
        (Err(_), None) => format!("0.0.0.0:{DEFAULT_PORT}"),
    };
    Err(format!("ADDR:PORT is wanted, as in {near}"))
}

fn pull(text: &str) -> Result<(String, String), String> {
    let (path, url) = pair(text)?;
    let parsed = rillcast::rtsp::Url::parse(url);
    parsed.map_err(|error| format!("{url}: {error}"))?;
    Ok((path, url.to_owned()))
}

fn rtp(text: &str) -> Result<(String, PathBuf), String> {
    let (path, file) = pair(text)?;
    Ok((path, PathBuf::from(file)))
}

fn pair(text: &str) -> Result<(String, &str), String> {
    match text.split_once('=') {
        Some((path, rest)) if !path.trim_matches('/').is_empty() && !rest.is_empty() => {
            Ok((path.trim_matches('/').to_owned(), rest))
        }
        _ => Err("it begins with the PATH to serve it under and `=`".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_not_whole_is_completed() {
        assert_eq!(address("[::1]:554"), Ok("[::1]:554".parse().unwrap()));
        for (given, wanted) in [
            ("8554", "as in 127.0.0.1:8554 (this machine only) or 0.0.0.0:8554 (all"),
            (":80", "0.0.0.0:80"),
            ("localhost:8554", "127.0.0.1:8554"),
            ("192.0.2.1", "as in 192.0.2.1:8554"),
            ("::1", "as in [::1]:8554"),
            ("nonsense", "as in 0.0.0.0:8554"),
        ] {
            let text = address(given).expect_err(given);
            assert!(text.contains(wanted), "{given}: {text}");
        }
    }

    #[test]
    fn paths_and_what_is_served_under_them_are_told_apart() {
        let url = "rtsp://user:p=w@10.0.0.7:554/s?x=1";
        assert_eq!(pull(&format!("/cam/1/={url}")), Ok(("cam/1".into(), url.into())));
        assert_eq!(rtp("tv=a=b.sdp"), Ok(("tv".into(), "a=b.sdp".into())));
        assert!(pull("rtsp://10.0.0.7/stream").is_err());
        assert!(pull("cam=http://10.0.0.7/").is_err());
        assert!(rtp("=x.sdp").is_err() && rtp("tv=").is_err() && rtp("/=x").is_err());
    }
}
