//! The command line of `rillcast node`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::Args;
use rillcast_omnicast::node::Uplink;

use crate::args::Transport;
use crate::config::file_arguments;
use crate::tls::Trust;

const EXAMPLES: &str = "\
Examples:
  rillcast node --proxy 127.0.0.1:8500 --user alice --password-file secret.txt --channel live
      take the stream from whom the proxy server says, and hand it on to up to four nodes
  rillcast node … --capacity 0 --allow-local-players --rtsp 127.0.0.1:8600
      hand it on to nobody but players of this machine: rtsp://127.0.0.1:8600/live
  rillcast node … --uplink 10000000 --bitrate 2000000
      hand it on to as many as 10 Mbit/s carry: a child takes the bit rate × 1.05 × 1.25
  rillcast node … --uplink test
      find out what the uplink carries
docs/omnicast.md is a tour.";

/// Node of an OmniCast264 tree: takes a stream from its server node and hands it on to other nodes
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args = file_arguments())]
pub(crate) struct NodeArgs {
    /// The proxy server. Given several times: the node turns to the first, and to the next when that is away
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8500", value_parser = host_and_port)]
    pub(super) proxy: Vec<String>,

    /// Name of the account
    #[arg(long, value_name = "NAME")]
    pub(super) user: String,

    /// File with the password, on its first line
    #[arg(long, value_name = "FILE")]
    pub(super) password_file: PathBuf,

    /// Make the account first, where the proxy server allows it
    #[arg(long)]
    pub(super) subscribe: bool,

    /// The channel to receive
    #[arg(long, value_name = "NAME")]
    pub(super) channel: String,

    /// Address to serve other nodes on, by RTSP; port 0 picks a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "0.0.0.0:0")]
    pub(super) rtsp: SocketAddr,

    /// Address at which other nodes reach this one. Another than the proxy server sees is believed only of
    /// nodes on its own machine [default: the one that it sees]
    #[arg(long, value_name = "ADDR")]
    pub(super) host: Option<IpAddr>,

    /// How many nodes to serve at most [default: 4]
    #[arg(long, value_name = "N", conflicts_with = "uplink")]
    pub(super) capacity: Option<u32>,

    /// What may be sent to other nodes, in bits a second: reckon from it, and from what processors and
    /// memory are free, how many to serve, again and again. `test`: find it out, by sending 1.3 MB to the
    /// proxy server when the stream has begun; nobody is served until then
    #[arg(long, value_name = "BITS|test", value_parser = uplink)]
    pub(super) uplink: Option<Uplink>,

    /// The bit rate of the stream, for that reckoning [default: the highest of the last minute]
    #[arg(long, value_name = "BITS", requires = "uplink")]
    pub(super) bitrate: Option<u64>,

    /// How to receive [default: UDP, and TCP where that does not pass]
    #[arg(long, value_enum)]
    pub(super) transport: Option<Transport>,

    /// Let players on this machine in without a ticket
    #[arg(long)]
    pub(super) allow_local_players: bool,

    /// Speak TLS with the proxy server. Its certificate is checked by --ca, or by the authorities that
    /// browsers trust
    #[arg(long)]
    pub(super) tls: bool,

    #[command(flatten)]
    pub(super) trust: Trust,

    /// Print figures every second, as a player at this node would have them: frames, bit rate, loss, the
    /// longest pause, latency; and how long the first picture took
    #[arg(long)]
    pub(super) stats: bool,

    /// Write a line for each frame that comes: its number, when it came, and the MD5 of its packets
    #[arg(long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,
}

/// Reads what the uplink is.
fn uplink(text: &str) -> Result<Uplink, &'static str> {
    match text {
        "test" => Ok(Uplink::Tested),
        bits => bits.parse().map(Uplink::Known).map_err(|_| "bits a second are wanted, or `test`"),
    }
}

/// Takes HOST:PORT as it is. Whether there is such a host is asked when it is called, and may change.
fn host_and_port(text: &str) -> Result<String, &'static str> {
    match text.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>())) {
        Some((host, Ok(1..))) if !host.is_empty() => Ok(text.to_owned()),
        _ => Err("it is written HOST:PORT, as in 127.0.0.1:8500"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_server_has_a_port() {
        for right in ["127.0.0.1:8500", "[::1]:8500", "proxy.example:1"] {
            assert_eq!(host_and_port(right), Ok(right.to_owned()));
        }
        for wrong in ["127.0.0.1", "proxy.example:", ":8500", "a:0", "a:70000", "[::1]"] {
            assert!(host_and_port(wrong).is_err(), "{wrong}");
        }
    }
}
