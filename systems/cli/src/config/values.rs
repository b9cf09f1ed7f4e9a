//! What the values of options may be.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use rillcast_omnicast::ticket::Checker;
use serde::Deserialize;

/// The port that is suggested where none is given.
const DEFAULT_PORT: u16 = 8554;
/// The same for HTTP.
const DEFAULT_HTTP_PORT: u16 = 8080;

/// Reads an address with its port; for one that is not whole, the error names the whole one.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
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

/// The public key by which tickets are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TicketKey(String);

impl TicketKey {
    /// Who knows the tickets.
    pub(crate) fn checker(&self) -> Option<Checker> {
        Checker::new(&self.0)
    }
}

impl FromStr for TicketKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<TicketKey, &'static str> {
        match Checker::new(text) {
            Some(_) => Ok(TicketKey(text.to_owned())),
            None => {
                Err("it is no key of tickets; `rillcast proxy key` prints that of a proxy server")
            }
        }
    }
}

impl fmt::Display for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A value that is a text in the file.
pub(super) mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(in crate::config) fn serialize<V: Display, S: Serializer>(
        value: &Option<V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::config) fn deserialize<'de, V: FromStr<Err: Display>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<V>, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Some).map_err(D::Error::custom)
    }
}

/// A time of at least a second and at most a day, as the flags have it.
pub(super) fn day<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    match u64::deserialize(from)? {
        seconds @ 1..=86_400 => Ok(Some(seconds)),
        seconds => {
            Err(serde::de::Error::custom(format!("{seconds} is not from 1 to 86400 seconds")))
        }
    }
}

/// As many threads as an engine may have, as the flag has it.
pub(super) fn workers<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u16>, D::Error> {
    match u16::deserialize(from)? {
        workers @ ..=256 => Ok(Some(workers)),
        workers => Err(serde::de::Error::custom(format!("{workers} is not from 0 to 256 threads"))),
    }
}

/// A time to live that lets packets out at all, as the flag has it.
pub(super) fn ttl<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u8>, D::Error> {
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
