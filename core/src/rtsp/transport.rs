//! The `Transport` header (RFC 2326, section 12.39).

use super::limits::MAX_TRACKS;
use std::fmt;
use std::net::IpAddr;

/// RTP profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Profile {
    /// `RTP/AVP` (RFC 3551).
    #[default]
    Avp,
    /// `RTP/AVPF`: with early feedback (RFC 4585).
    Avpf,
}

/// What carries the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Lower {
    /// UDP, written `RTP/AVP` or `RTP/AVP/UDP`.
    #[default]
    Udp,
    /// Interleaved into the RTSP connection, written `RTP/AVP/TCP`.
    Tcp,
}

/// What the session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The server sends.
    Play,
    /// The server receives; `record`, and `receive` of some old publishers.
    Record,
}

/// One transport specification.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Transport {
    /// RTP profile.
    pub profile: Profile,
    /// UDP or TCP.
    pub lower: Lower,
    /// Whether `/UDP` was spelled out; an answer repeats the spelling of the question.
    pub explicit_udp: bool,
    /// Multicast was asked for.
    pub multicast: bool,
    /// `destination=`: where the packets go to. Only ever what a server has chosen, a multicast group.
    pub destination: Option<IpAddr>,
    /// `port=RTP-RTCP` of a multicast group.
    pub port: Option<(u16, u16)>,
    /// `ttl=` of a multicast group.
    pub ttl: Option<u8>,
    /// `interleaved=RTP-RTCP`.
    pub interleaved: Option<(u8, u8)>,
    /// `client_port=RTP-RTCP`.
    pub client_port: Option<(u16, u16)>,
    /// `server_port=RTP-RTCP`.
    pub server_port: Option<(u16, u16)>,
    /// `ssrc=`, hexadecimal on the wire.
    pub ssrc: Option<u32>,
    /// `source=`: where the packets come from.
    pub source: Option<IpAddr>,
    /// `mode=`.
    pub mode: Option<Mode>,
}

impl Transport {
    /// Reads all specifications of a header value that are RTP over AVP or AVPF; others (SAVP,
    /// RAW …) are left out. Names are compared without regard to case, unknown parameters are
    /// passed over.
    pub fn parse_all(value: &str) -> Vec<Transport> {
        split_specs(value).take(MAX_TRACKS).filter_map(Transport::parse).collect()
    }

    /// Reads one specification; `None` when it is no RTP over AVP or AVPF.
    pub fn parse(spec: &str) -> Option<Transport> {
        let mut parameters = spec.split(';');
        let mut transport = Transport::default();
        let mut protocol = parameters.next()?.trim().split('/');
        if !protocol.next()?.trim().eq_ignore_ascii_case("RTP") {
            return None;
        }
        transport.profile = match protocol.next()?.trim().to_ascii_uppercase().as_str() {
            "AVP" => Profile::Avp,
            "AVPF" => Profile::Avpf,
            _ => return None,
        };
        match protocol.next().map(|lower| lower.trim().to_ascii_uppercase()).as_deref() {
            None => {}
            Some("UDP") => transport.explicit_udp = true,
            Some("TCP") => transport.lower = Lower::Tcp,
            Some(_) => return None,
        }
        // RFC 2326 makes multicast the default; no client means it that way.
        for parameter in parameters {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = value.trim().trim_matches('"').trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "multicast" => transport.multicast = true,
                "destination" => transport.destination = address(value),
                "port" => transport.port = pair(value),
                "ttl" => transport.ttl = value.parse().ok(),
                "interleaved" => transport.interleaved = pair(value),
                "client_port" => transport.client_port = pair(value),
                "server_port" => transport.server_port = pair(value),
                "ssrc" => transport.ssrc = u32::from_str_radix(value.trim(), 16).ok(),
                "source" => transport.source = address(value),
                "mode" => transport.mode = mode(value),
                _ => {}
            }
        }
        Some(transport)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.profile {
            Profile::Avp => "RTP/AVP",
            Profile::Avpf => "RTP/AVPF",
        })?;
        match self.lower {
            Lower::Tcp => f.write_str("/TCP")?,
            Lower::Udp if self.explicit_udp => f.write_str("/UDP")?,
            Lower::Udp => {}
        }
        f.write_str(if self.multicast { ";multicast" } else { ";unicast" })?;
        if let Some(destination) = self.destination {
            write!(f, ";destination={destination}")?;
        }
        if let Some((rtp, rtcp)) = self.port {
            write!(f, ";port={rtp}-{rtcp}")?;
        }
        if let Some(ttl) = self.ttl {
            write!(f, ";ttl={ttl}")?;
        }
        if let Some((rtp, rtcp)) = self.interleaved {
            write!(f, ";interleaved={rtp}-{rtcp}")?;
        }
        if let Some((rtp, rtcp)) = self.client_port {
            write!(f, ";client_port={rtp}-{rtcp}")?;
        }
        if let Some((rtp, rtcp)) = self.server_port {
            write!(f, ";server_port={rtp}-{rtcp}")?;
        }
        if let Some(source) = self.source {
            write!(f, ";source={source}")?;
        }
        if let Some(ssrc) = self.ssrc {
            write!(f, ";ssrc={ssrc:08X}")?;
        }
        // FFmpeg writes `record` itself; live555 and GStreamer do not look at an answer's mode.
        if self.mode == Some(Mode::Record) {
            f.write_str(";mode=record")?;
        }
        Ok(())
    }
}

/// Commas inside quotation marks (`mode="PLAY,RECORD"`) do not separate specifications.
fn split_specs(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    value.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

fn address(value: &str) -> Option<IpAddr> {
    value.trim_matches(['[', ']']).parse().ok()
}

/// `a-b`, or `a` alone, which means `a` and the next.
fn pair<T: TryFrom<u64>>(value: &str) -> Option<(T, T)> {
    let (first, second) = match value.split_once('-') {
        Some((first, second)) => (first.trim(), Some(second.trim())),
        None => (value, None),
    };
    let first = super::parse::decimal(first.as_bytes())?;
    let second = match second {
        Some(second) => super::parse::decimal(second.as_bytes())?,
        None => first.checked_add(1)?,
    };
    Some((T::try_from(first).ok()?, T::try_from(second).ok()?))
}

fn mode(value: &str) -> Option<Mode> {
    // A list ("PLAY,RECORD") means what it begins with.
    match value.split(',').next()?.trim().to_ascii_lowercase().as_str() {
        "record" | "receive" => Some(Mode::Record),
        "play" => Some(Mode::Play),
        _ => None,
    }
}
