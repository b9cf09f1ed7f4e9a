//! Where a stream is published to.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::path::PathBuf;

use rillcast::media::sdp::Session;
use rillcast::rtsp::Url;

use super::PublishArgs;
use crate::args::Transport;
use crate::failure::Failure;

/// The two ways to publish.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// RTSP RECORD.
    Rtsp { url: String, transport: Transport },
    /// Plain RTP to an address, described by a file.
    Rtp { address: SocketAddr, sdp: PathBuf },
}

impl Target {
    /// Reads the URL and the options that go with it.
    ///
    /// # Errors
    /// When the URL or an option cannot be used.
    pub(super) fn new(args: &PublishArgs) -> Result<Target, Failure> {
        let url = args.url.as_str();
        if let Some(rest) = url.strip_prefix("rtp://") {
            let Some(sdp) = args.sdp.clone() else {
                return Err(Failure::usage(
                    "plain RTP needs a description for its receivers: add --sdp FILE, and give \
                     them that file",
                ));
            };
            if args.transport.is_some() {
                return Err(Failure::usage("--transport is for rtsp:// URLs: plain RTP is UDP"));
            }
            return Ok(Target::Rtp { address: address(url, rest)?, sdp });
        }
        if args.sdp.is_some() {
            return Err(Failure::usage(
                "--sdp goes with an rtp:// URL: an RTSP server gets the description by itself",
            ));
        }
        if !url.contains("://") {
            return Err(Failure::usage(format!(
                "{url} is no URL to publish to: it begins with rtsp:// or rtp://"
            )));
        }
        let parsed = Url::parse(url).map_err(|error| Failure::usage(format!("{url}: {error}")))?;
        if parsed.path().trim_matches('/').is_empty() {
            return Err(Failure::usage(format!(
                "{url} has no path: name the stream, as in {}/live",
                url.trim_end_matches('/')
            )));
        }
        let transport = args.transport.unwrap_or(Transport::Tcp);
        Ok(Target::Rtsp { url: url.to_owned(), transport })
    }
}

/// Resolves `HOST:PORT` of an `rtp://` URL.
fn address(url: &str, rest: &str) -> Result<SocketAddr, Failure> {
    let wrong = |why: String| Failure::usage(format!("{url}: {why}"));
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let address = authority
        .to_socket_addrs()
        .map_err(|error| wrong(format!("it should be rtp://HOST:PORT ({error})")))?
        .next()
        .ok_or_else(|| wrong("the host has no address".into()))?;
    // RTCP takes the port above, the next track the two after that.
    if address.port() == 0 || address.port() > 65_528 {
        return Err(wrong("the port must be 1 to 65528".into()));
    }
    Ok(address)
}

/// The ports of the tracks' RTP: `first`, and every second one after it (RFC 3550 11).
pub(super) fn ports(first: u16, tracks: usize) -> Vec<u16> {
    (first..=u16::MAX).step_by(2).take(tracks).collect()
}

/// Pairs of RTP and RTCP addresses, one for each track.
pub(super) fn addresses(address: SocketAddr, tracks: usize) -> Vec<(SocketAddr, SocketAddr)> {
    let at = |port| SocketAddr::new(address.ip(), port);
    ports(address.port(), tracks)
        .into_iter()
        .map(|port| (at(port), at(port.saturating_add(1))))
        .collect()
}

/// The description for receivers at `address`.
pub(super) fn description(session: &Session, address: SocketAddr) -> String {
    let ports = ports(address.port(), session.media.len());
    session.for_rtp(local_ip(address), address.ip(), &ports).to_string()
}

/// The address from which packets to `address` go out; nothing is sent to find it.
fn local_ip(address: SocketAddr) -> IpAddr {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (std::net::Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    UdpSocket::bind(any)
        .and_then(|socket| {
            socket.connect(address)?;
            socket.local_addr()
        })
        .map_or(any.ip(), |local| local.ip())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: PublishArgs,
    }

    fn target(line: &str) -> Result<Target, String> {
        let words = ["publish", "test"].into_iter().chain(line.split_whitespace());
        Target::new(&Line::parse_from(words).args).map_err(|failure| failure.to_string())
    }

    #[test]
    fn urls_are_told_apart() {
        assert!(matches!(
            target("rtsp://127.0.0.1:8554/live"),
            Ok(Target::Rtsp { transport: Transport::Tcp, .. })
        ));
        assert!(matches!(
            target("rtsp://[::1]/a/b --transport udp"),
            Ok(Target::Rtsp { transport: Transport::Udp, .. })
        ));
        let Ok(Target::Rtp { address, .. }) = target("rtp://127.0.0.1:5004 --sdp x.sdp") else {
            panic!("an RTP target")
        };
        assert_eq!(address, "127.0.0.1:5004".parse().unwrap());
        assert_eq!(
            addresses(address, 2)[1],
            ("127.0.0.1:5006".parse().unwrap(), "127.0.0.1:5007".parse().unwrap())
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, expected) in [
            ("rtp://127.0.0.1:5004", "add --sdp FILE"),
            ("rtp://127.0.0.1 --sdp x", "rtp://HOST:PORT"),
            ("rtp://127.0.0.1:0 --sdp x", "port must be"),
            ("rtp://127.0.0.1:5004 --sdp x --transport udp", "plain RTP is UDP"),
            ("rtsp://127.0.0.1/live --sdp x", "goes with an rtp:// URL"),
            ("rtsp://127.0.0.1:8554", "has no path"),
            ("live", "no URL to publish to"),
            ("http://127.0.0.1/live", "http://127.0.0.1/live: "),
        ] {
            let text = target(line).expect_err(line);
            assert!(text.contains(expected), "{line}: {text}");
        }
    }
}
