//! The session part of a description.

use std::net::IpAddr;

use super::{Direction, Media};

/// A session description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// Who made it (`o=`).
    pub origin: Origin,
    /// Its name (`s=`).
    pub name: String,
    /// Address for all media that have none of their own (`c=`).
    pub connection: Option<Connection>,
    /// Bandwidths of the whole session (`b=`).
    pub bandwidths: Vec<Bandwidth>,
    /// RTSP control URL of the whole session (`a=control`), as written there.
    pub control: Option<String>,
    /// The time it covers (`a=range`), as written there.
    pub range: Option<String>,
    /// Direction of all media that have none of their own.
    pub direction: Option<Direction>,
    /// The other attributes, in order.
    pub attributes: Vec<Attribute>,
    /// The RTP media, at least one after [`Session::parse`].
    pub media: Vec<Media>,
    /// The `m=` lines of media that are not RTP; they are not written again.
    pub ignored: Vec<String>,
}

impl Session {
    /// An empty session.
    pub fn new(name: &str) -> Session {
        Session { name: name.to_owned(), ..Session::default() }
    }

    /// The address of a media: its own, or that of the session.
    pub fn connection_of<'a>(&'a self, media: &'a Media) -> Option<&'a Connection> {
        media.connection.as_ref().or(self.connection.as_ref())
    }

    /// The first attribute of this name, whatever its case.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        find(&self.attributes, name)
    }
}

pub(super) fn find<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a Attribute> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

/// The origin of a description (`o=`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Session id, a number in decimal digits.
    pub id: String,
    /// Grows when the description changes.
    pub version: u64,
    /// The address of the machine that made it, or its name.
    pub address: String,
}

impl Default for Origin {
    fn default() -> Self {
        Origin { id: "0".to_owned(), version: 0, address: "0.0.0.0".to_owned() }
    }
}

/// Where media go to (`c=`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// An IPv4 or IPv6 address or a host name.
    pub address: String,
    /// Time to live of an IPv4 multicast group.
    pub ttl: Option<u8>,
}

impl Connection {
    /// The address as a number; `None` for a host name.
    pub fn ip(&self) -> Option<IpAddr> {
        self.address.parse().ok()
    }

    /// Whether media go to a multicast group.
    pub fn is_multicast(&self) -> bool {
        self.ip().is_some_and(|ip| ip.is_multicast())
    }
}

impl From<IpAddr> for Connection {
    fn from(ip: IpAddr) -> Self {
        Connection { address: ip.to_string(), ttl: None }
    }
}

/// A bandwidth (`b=`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bandwidth {
    /// `AS` (kbit/s, RFC 8866), `TIAS` (bit/s, RFC 3890) …
    pub kind: String,
    /// The number, in the unit of its kind.
    pub value: u64,
}

/// An attribute (`a=`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The name, in the case it was written in.
    pub name: String,
    /// What follows the colon, if there is one.
    pub value: Option<String>,
}

impl Attribute {
    /// `a=name:value`
    pub fn new(name: &str, value: &str) -> Attribute {
        Attribute { name: name.to_owned(), value: Some(value.to_owned()) }
    }

    /// `a=name`
    pub fn flag(name: &str) -> Attribute {
        Attribute { name: name.to_owned(), value: None }
    }
}
