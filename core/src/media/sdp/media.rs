//! One media of a description.

use std::fmt;

use super::payload_types::static_payload_type;
use super::session::find;
use super::{Attribute, Bandwidth, Connection, Fmtp};

/// An RTP media (`m=` and the lines that follow it).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// Audio, video …
    pub kind: Kind,
    /// The UDP port it is sent to; 0 when RTSP is to say.
    pub port: u16,
    /// RTP profile.
    pub protocol: Protocol,
    /// What it is coded in: the first payload type of the `m=` line.
    pub format: Format,
    /// Further payload types that may occur.
    pub alternatives: Vec<Format>,
    /// Address of its own (`c=`); see [`Session::connection_of`](super::Session::connection_of).
    pub connection: Option<Connection>,
    /// Bandwidths (`b=`).
    pub bandwidths: Vec<Bandwidth>,
    /// RTSP control URL (`a=control`), as written there.
    pub control: Option<String>,
    /// Direction.
    pub direction: Option<Direction>,
    /// The other attributes, in order.
    pub attributes: Vec<Attribute>,
}

impl Media {
    /// A media of one payload type, without address and port.
    pub fn new(kind: Kind, format: Format) -> Media {
        Media {
            kind,
            port: 0,
            protocol: Protocol::Avp,
            format,
            alternatives: Vec::new(),
            connection: None,
            bandwidths: Vec::new(),
            control: None,
            direction: None,
            attributes: Vec::new(),
        }
    }

    /// Payload type, encoding and clock of the first format and all alternatives.
    pub fn formats(&self) -> impl Iterator<Item = &Format> {
        std::iter::once(&self.format).chain(&self.alternatives)
    }

    /// The payload types of all formats.
    pub fn payload_types(&self) -> impl Iterator<Item = u8> {
        self.formats().map(|format| format.payload_type)
    }

    /// Encoding name of the first format, as written; empty when the description does not say.
    pub fn encoding(&self) -> &str {
        &self.format.encoding
    }

    /// RTP clock of the first format in ticks per second, never 0.
    pub fn clock_rate(&self) -> u32 {
        self.format.clock_rate
    }

    /// The format of a payload type.
    pub fn format_of(&self, payload_type: u8) -> Option<&Format> {
        self.formats().find(|format| format.payload_type == payload_type)
    }

    /// The UDP port of RTCP: what `a=rtcp` says (RFC 3605), or the same as RTP's when they are
    /// multiplexed (RFC 5761), or else the next one. `None` when there is no port.
    pub fn rtcp_port(&self) -> Option<u16> {
        let given = self.attribute("rtcp").and_then(|rtcp| rtcp.value.as_deref());
        let given = given.and_then(|value| value.split_whitespace().next()?.parse().ok());
        match given {
            _ if self.port == 0 => None,
            Some(port) => Some(port),
            None if self.attribute("rtcp-mux").is_some() => Some(self.port),
            None => self.port.checked_add(1),
        }
    }

    /// The first attribute of this name, whatever its case.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        find(&self.attributes, name)
    }
}

/// What a media is (RFC 8866 §5.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
    /// Text, as subtitles.
    Text,
    /// Still pictures.
    Image,
    /// Data of an application, as metadata of a camera. Kinds with no name here count as it.
    Application,
}

impl Kind {
    pub(super) fn parse(name: &str) -> Kind {
        let known = [Kind::Audio, Kind::Video, Kind::Text, Kind::Image];
        let found = known.into_iter().find(|kind| name.eq_ignore_ascii_case(kind.name()));
        found.unwrap_or(Kind::Application)
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Audio => "audio",
            Kind::Video => "video",
            Kind::Text => "text",
            Kind::Image => "image",
            Kind::Application => "application",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The RTP profile, as the `m=` line names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `RTP/AVP`, RFC 3551; also what is written `RTP/AVP/UDP`.
    Avp,
    /// `RTP/AVPF`: with feedback, RFC 4585.
    Avpf,
    /// `RTP/SAVP`: encrypted, RFC 3711.
    Savp,
    /// `RTP/SAVPF`: encrypted, with feedback, RFC 5124.
    Savpf,
    /// Some other that has `RTP` in it.
    Other(String),
}

impl Protocol {
    /// `None` when it is not RTP.
    pub(super) fn parse(name: &str) -> Option<Protocol> {
        let upper = name.to_ascii_uppercase();
        Some(match upper.strip_suffix("/UDP").unwrap_or(&upper) {
            "RTP/AVP" => Protocol::Avp,
            "RTP/AVPF" => Protocol::Avpf,
            "RTP/SAVP" => Protocol::Savp,
            "RTP/SAVPF" => Protocol::Savpf,
            other if other.split('/').any(|part| part == "RTP") => Protocol::Other(name.to_owned()),
            _ => return None,
        })
    }

    /// Whether the media is encrypted (SRTP), so that nothing in it can be read here.
    pub fn is_secure(&self) -> bool {
        match self {
            Protocol::Savp | Protocol::Savpf => true,
            Protocol::Other(name) => name.to_ascii_uppercase().contains("SAVP"),
            Protocol::Avp | Protocol::Avpf => false,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Avp => "RTP/AVP",
            Protocol::Avpf => "RTP/AVPF",
            Protocol::Savp => "RTP/SAVP",
            Protocol::Savpf => "RTP/SAVPF",
            Protocol::Other(name) => name,
        })
    }
}

/// A payload type and what it stands for (`a=rtpmap`, `a=fmtp`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// RTP payload type, 0..=127.
    pub payload_type: u8,
    /// Encoding name as written; empty when the description does not say. Compare with
    /// [`Format::is`].
    pub encoding: String,
    /// RTP clock in ticks per second, never 0.
    pub clock_rate: u32,
    /// Audio channels, when the description says.
    pub channels: Option<u16>,
    /// Parameters.
    pub fmtp: Fmtp,
}

impl Format {
    /// A format of a dynamic payload type.
    pub fn new(payload_type: u8, encoding: &str, clock_rate: u32) -> Format {
        Format {
            payload_type: payload_type & 0x7f,
            encoding: encoding.to_owned(),
            clock_rate: clock_rate.max(1),
            channels: None,
            fmtp: Fmtp::default(),
        }
    }

    /// What a payload type stands for when there is no `rtpmap`: RFC 3551 table 4 and 5, or an
    /// unknown encoding with the usual clock of its kind.
    pub(super) fn without_rtpmap(payload_type: u8, kind: Kind) -> Format {
        let mut format = match static_payload_type(payload_type) {
            Some((encoding, clock_rate, _)) => Format::new(payload_type, encoding, clock_rate),
            None => Format::new(payload_type, "", default_clock_rate(kind)),
        };
        format.channels = static_payload_type(payload_type).and_then(|(_, _, channels)| channels);
        format
    }

    /// Whether the encoding is this one; case does not count.
    pub fn is(&self, encoding: &str) -> bool {
        self.encoding.eq_ignore_ascii_case(encoding)
    }
}

pub(super) fn default_clock_rate(kind: Kind) -> u32 {
    if kind == Kind::Audio { 8000 } else { 90_000 }
}

/// Which way media flow, seen from who made the description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `a=sendrecv`
    SendReceive,
    /// `a=sendonly`
    SendOnly,
    /// `a=recvonly`
    ReceiveOnly,
    /// `a=inactive`
    Inactive,
}

impl Direction {
    pub(super) fn parse(name: &str) -> Option<Direction> {
        Some(match name.to_ascii_lowercase().as_str() {
            "sendrecv" => Direction::SendReceive,
            "sendonly" => Direction::SendOnly,
            "recvonly" => Direction::ReceiveOnly,
            "inactive" => Direction::Inactive,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Direction::SendReceive => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::ReceiveOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }
}
