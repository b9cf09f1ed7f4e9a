//! The options of `rillcast serve`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use rillcast::engine::GroupRange;
use rillcast::io::Backend;
use serde::{Deserialize, Serialize};

use super::keyed;
use crate::access::{HookUrl, Pattern, StoredSecret, Who};
use crate::tls::Trust;

/// The port that is suggested where none is given.
const DEFAULT_PORT: u16 = 8554;
/// The same for HTTP.
const DEFAULT_HTTP_PORT: u16 = 8080;

/// The options of `rillcast serve`; each is a flag and a key of the configuration file.
#[derive(Clone, Debug, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Options {
    /// Address to serve RTSP on; port 0 picks a free one [default: 127.0.0.1:8554, which lets in
    /// this machine only]
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rtsp: Option<SocketAddr>,

    /// Address to serve RTSP over TLS on (rtsps://), beside plain RTSP. Needs a certificate
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rtsps: Option<SocketAddr>,

    /// The server's certificate, in PEM, with those it is signed by behind it. Read again when it
    /// changes
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<PathBuf>,

    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<PathBuf>,

    /// Make a certificate at each start that nobody has signed, for trials
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) self_signed: Option<bool>,

    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) trust: Trust,

    /// Address to serve the figures on, over HTTP: /metrics, /api/streams, /healthz. `off` serves none
    /// [default: 127.0.0.1:8080, if it is free]
    #[arg(long, value_name = "ADDR:PORT")]
    #[serde(with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) http: Option<HttpAddress>,

    /// Fetch the stream at an RTSP URL and serve it under PATH (may be given several times)
    #[arg(long, value_name = "PATH=URL", value_parser = keyed::parse::<RtspUrl>)]
    #[serde(with = "keyed", skip_serializing_if = "Vec::is_empty")]
    pub(crate) pull: Vec<(String, RtspUrl)>,

    /// As --pull, but fetched only while somebody plays PATH (may be given several times)
    #[arg(long, value_name = "PATH=URL", value_parser = keyed::parse::<RtspUrl>)]
    #[serde(with = "keyed", skip_serializing_if = "Vec::is_empty")]
    pub(crate) pull_on_demand: Vec<(String, RtspUrl)>,

    /// Another server from which the stream of --pull PATH can be had, packet for packet the same: it stands by
    /// with a session set up, and takes over without loss when the one that feeds is gone or silent (may be given
    /// several times)
    #[arg(long, value_name = "PATH=URL", value_parser = keyed::parse::<RtspUrl>)]
    #[serde(with = "keyed::lists", skip_serializing_if = "Vec::is_empty")]
    pub(crate) standby: Vec<(String, RtspUrl)>,

    /// While nobody publishes to PATH, its players get the stream at SOURCE, another path of this
    /// server (may be given several times)
    #[arg(long, value_name = "PATH=SOURCE", value_parser = keyed::parse::<StreamPath>)]
    #[serde(with = "keyed", skip_serializing_if = "Vec::is_empty")]
    pub(crate) fallback: Vec<(String, StreamPath)>,

    /// How long a stream of --pull-on-demand stays after its last player has gone [default: 10]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "day")]
    pub(crate) on_demand_grace: Option<u64>,

    /// Take in plain RTP as an SDP file describes it and serve it under PATH (may be given several
    /// times)
    #[arg(long, value_name = "PATH=FILE.sdp", value_parser = keyed::parse::<FileName>)]
    #[serde(with = "keyed", skip_serializing_if = "Vec::is_empty")]
    pub(crate) rtp: Vec<(String, FileName)>,

    /// A user, and what his password is checked against: a line of `rillcast hash-password NAME`, or
    /// plain:PASSWORD for a trial (may be given several times)
    #[arg(long, value_name = "NAME=SECRET", value_parser = keyed::parse::<StoredSecret>)]
    #[serde(with = "keyed", skip_serializing_if = "Vec::is_empty")]
    pub(crate) user: Vec<(String, StoredSecret)>,

    /// Who may publish to the paths that fit the pattern (live/*): all, local (this machine), users,
    /// none, or names with commas. The most telling pattern counts [default: users, or local when
    /// there are none]
    #[arg(long, value_name = "PATTERN=WHO", value_parser = keyed::parse_rule::<Pattern, Who>)]
    #[serde(with = "keyed", skip_serializing_if = "Vec::is_empty")]
    pub(crate) allow_publish: Vec<(Pattern, Who)>,

    /// Who may play the paths that fit the pattern [default: users, or all when there are none]
    #[arg(long, value_name = "PATTERN=WHO", value_parser = keyed::parse_rule::<Pattern, Who>)]
    #[serde(with = "keyed", skip_serializing_if = "Vec::is_empty")]
    pub(crate) allow_play: Vec<(Pattern, Who)>,

    /// What users log in to; the hashes of `rillcast hash-password` belong to one realm [default:
    /// rillcast]
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) realm: Option<String>,

    /// Ask an HTTP server who may come in, by POST with the JSON that MediaMTX sends: 2xx is a yes.
    /// Clients then send their passwords readably (Basic)
    #[arg(long, value_name = "URL")]
    #[serde(with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) auth_hook: Option<HookUrl>,

    /// File with the key of tokens: rtsp://HOST/PATH?token=… lets in whom `rillcast token` made it for
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_key: Option<PathBuf>,

    /// How long a stream stays for its players when its source is gone without having ended it.
    /// Whoever publishes to the path in that time goes on with it; 0 ends it at once [default: 10]
    #[arg(long, value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) linger: Option<u64>,

    /// Let a publisher take a path over from the one that is there, instead of refusing it
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) takeover: Option<bool>,

    /// Offer players to send packets lost over UDP again in a stream of their own (RFC 4588), as GStreamer
    /// wants them. Tracks then have the profile RTP/AVPF, which some old players do not know
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retransmission: Option<bool>,

    /// Send streams to multicast groups out of this range, as in 239.1.2.0/24, for players that ask for
    /// it: one group a stream, once for all of them [default: no multicast]
    #[arg(long, value_name = "NETWORK")]
    #[serde(with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) multicast: Option<GroupRange>,

    /// Routers that packets to multicast groups may pass, plus one [default: 1, the local network]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "ttl")]
    pub(crate) multicast_ttl: Option<u8>,

    /// Address of the interface from which they are sent [default: the one that the route says]
    #[arg(long, value_name = "ADDR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) multicast_interface: Option<Ipv4Addr>,

    /// Threads that send to the players. With 0 the engine's own thread does that, which costs least while one CPU
    /// is enough [default: 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(..=256))]
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "workers")]
    pub(crate) workers: Option<u16>,

    /// Keep each thread of the engine on one CPU
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pin: Option<bool>,

    /// RTSP connections at once [default: 10000]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_connections: Option<usize>,

    /// RTSP connections at once from one address, or from one IPv6 network (/64) [default: 5000]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_connections_per_address: Option<usize>,

    /// Memory for the packets of all streams together, in MiB. One stream has 32 at most, and 1 at
    /// least [default: 4096]
    #[arg(long, value_name = "MIB")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_memory: Option<usize>,

    /// Streams at once [default: 4096]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_streams: Option<usize>,

    /// How long a session lives without a sign of life, in seconds [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "day")]
    pub(crate) session_timeout: Option<u64>,

    /// What packets are carried by: mmsg (recvmmsg, sendmmsg; for Linux), uring (io_uring; for Linux 6.1), mio
    /// (portable, a system call per packet), or the best of them that is there [default: auto]
    #[arg(long, value_name = "NAME", value_parser = backends())]
    #[serde(with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) backend: Option<Backend>,
}

/// The backends by name, so that shells can complete them.
fn backends() -> impl TypedValueParser<Value = Backend> {
    PossibleValuesParser::new(Backend::ALL.map(Backend::name)).try_map(|name| name.parse())
}

impl Options {
    /// Puts what the file says where the command line says nothing.
    pub(crate) fn or(mut self, file: Options) -> Options {
        keyed::merge(&mut self.pull, file.pull);
        keyed::merge(&mut self.pull_on_demand, file.pull_on_demand);
        keyed::merge(&mut self.standby, file.standby);
        keyed::merge(&mut self.fallback, file.fallback);
        keyed::merge(&mut self.rtp, file.rtp);
        keyed::merge(&mut self.user, file.user);
        keyed::merge(&mut self.allow_publish, file.allow_publish);
        keyed::merge(&mut self.allow_play, file.allow_play);
        Options {
            rtsp: self.rtsp.or(file.rtsp),
            rtsps: self.rtsps.or(file.rtsps),
            certificate: self.certificate.or(file.certificate),
            key: self.key.or(file.key),
            self_signed: self.self_signed.or(file.self_signed),
            trust: self.trust.or(file.trust),
            http: self.http.or(file.http),
            realm: self.realm.or(file.realm),
            auth_hook: self.auth_hook.or(file.auth_hook),
            token_key: self.token_key.or(file.token_key),
            on_demand_grace: self.on_demand_grace.or(file.on_demand_grace),
            linger: self.linger.or(file.linger),
            takeover: self.takeover.or(file.takeover),
            retransmission: self.retransmission.or(file.retransmission),
            multicast: self.multicast.or(file.multicast),
            multicast_ttl: self.multicast_ttl.or(file.multicast_ttl),
            multicast_interface: self.multicast_interface.or(file.multicast_interface),
            workers: self.workers.or(file.workers),
            pin: self.pin.or(file.pin),
            max_connections: self.max_connections.or(file.max_connections),
            max_connections_per_address: self
                .max_connections_per_address
                .or(file.max_connections_per_address),
            max_memory: self.max_memory.or(file.max_memory),
            max_streams: self.max_streams.or(file.max_streams),
            session_timeout: self.session_timeout.or(file.session_timeout),
            backend: self.backend.or(file.backend),
            ..self
        }
    }
}

/// Reads an address with its port; for one that is not whole, the error names the whole one.
fn address(text: &str) -> Result<SocketAddr, String> {
    address_with(text, DEFAULT_PORT)
}

fn address_with(text: &str, usual: u16) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let port = text.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
    let near = match (text.parse::<IpAddr>(), port) {
        (Ok(ip), _) => SocketAddr::new(ip, usual).to_string(),
        (Err(_), Some(port)) => {
            format!("127.0.0.1:{port} (this machine only) or 0.0.0.0:{port} (all who reach it)")
        }
        (Err(_), None) => format!("0.0.0.0:{usual}"),
    };
    Err(format!("ADDR:PORT is wanted, as in {near}"))
}

/// Where the figures are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HttpAddress {
    At(SocketAddr),
    Nowhere,
}

impl FromStr for HttpAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<HttpAddress, String> {
        match text {
            "off" => Ok(HttpAddress::Nowhere),
            text => match address_with(text, DEFAULT_HTTP_PORT) {
                Ok(address) => Ok(HttpAddress::At(address)),
                Err(why) => Err(format!("{why}, or `off`")),
            },
        }
    }
}

impl fmt::Display for HttpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HttpAddress::At(address) => address.fmt(f),
            HttpAddress::Nowhere => f.write_str("off"),
        }
    }
}

/// The URL of a stream that is fetched. It may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RtspUrl(pub(crate) String);

impl FromStr for RtspUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<RtspUrl, String> {
        let parsed = rillcast::rtsp::Url::parse(text);
        parsed.map(|_| RtspUrl(text.to_owned())).map_err(|error| format!("{text}: {error}"))
    }
}

impl fmt::Display for RtspUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Without the password.
impl fmt::Debug for RtspUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match rillcast::rtsp::Url::parse(&self.0) {
            Ok(url) => url.fmt(f),
            Err(_) => f.write_str("RtspUrl"),
        }
    }
}

/// The path of a stream on this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamPath(pub(crate) String);

impl FromStr for StreamPath {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<StreamPath, &'static str> {
        match text.trim_matches('/') {
            "" => Err("the path of the stream that stands in is missing"),
            text if text.contains("://") => {
                Err("it is a URL: fetch it by --pull, and name its path")
            }
            path => Ok(StreamPath(path.to_owned())),
        }
    }
}

impl fmt::Display for StreamPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileName(pub(crate) String);

impl FromStr for FileName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<FileName, &'static str> {
        match text {
            "" => Err("the name of the file is missing"),
            name => Ok(FileName(name.to_owned())),
        }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A value that is a text in the file.
mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<V: Display, S: Serializer>(
        value: &Option<V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, V: FromStr<Err: Display>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<V>, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Some).map_err(D::Error::custom)
    }
}

/// A time of at least a second and at most a day, as the flags have it.
fn day<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    match u64::deserialize(from)? {
        seconds @ 1..=86_400 => Ok(Some(seconds)),
        seconds => {
            Err(serde::de::Error::custom(format!("{seconds} is not from 1 to 86400 seconds")))
        }
    }
}

/// As many threads as an engine may have, as the flag has it.
fn workers<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u16>, D::Error> {
    match u16::deserialize(from)? {
        workers @ ..=256 => Ok(Some(workers)),
        workers => Err(serde::de::Error::custom(format!("{workers} is not from 0 to 256 threads"))),
    }
}

/// A time to live that lets packets out at all, as the flag has it.
fn ttl<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u8>, D::Error> {
    match u8::deserialize(from)? {
        0 => Err(serde::de::Error::custom("0 lets nothing out of this machine; 1 is the least")),
        ttl => Ok(Some(ttl)),
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
    fn figures_are_somewhere_or_nowhere() {
        for text in ["127.0.0.1:0", "[::1]:80", "off"] {
            assert_eq!(text.parse::<HttpAddress>().unwrap().to_string(), text);
        }
        let wrong = "192.0.2.1".parse::<HttpAddress>().unwrap_err();
        assert!(wrong.ends_with("as in 192.0.2.1:8080, or `off`"), "{wrong}");
    }
}
