//! From text to [`Session`].

use super::clean::clean;
use super::limits::MAX_FORMATS;
use super::media::default_clock_rate;
use super::{
    Attribute, Bandwidth, Connection, Direction, Error, Format, Kind, Media, Origin, Protocol,
    Session,
};

impl Session {
    /// Reads a description. What is forgiven is said in the [module's documentation](super).
    ///
    /// # Errors
    ///
    /// When it is not SDP, is larger than the limits allow, or has no RTP media.
    pub fn parse(input: &[u8]) -> Result<Session, Error> {
        let text = clean(input)?;
        let parsed = sdp_types::Session::parse(text.as_bytes())
            .map_err(|error| Error::Syntax(error.to_string()))?;

        let mut session = Session {
            origin: Origin {
                id: parsed.origin.sess_id,
                version: parsed.origin.sess_version,
                address: parsed.origin.unicast_address,
            },
            name: parsed.session_name,
            connection: parsed.connection.and_then(connection),
            bandwidths: bandwidths(parsed.bandwidths),
            ..Session::default()
        };
        for attribute in parsed.attributes {
            let attribute = trimmed(attribute);
            let value = attribute.value.as_deref();
            match (attribute.name.to_ascii_lowercase().as_str(), value) {
                ("control", Some(value)) => session.control = Some(value.to_owned()),
                ("range", Some(value)) => session.range = Some(value.to_owned()),
                (name, None) if Direction::parse(name).is_some() => {
                    session.direction = Direction::parse(name);
                }
                _ => session.attributes.push(attribute),
            }
        }
        for media in parsed.medias {
            match Protocol::parse(&media.proto) {
                Some(protocol) => session.media.push(rtp_media(media, protocol)?),
                None => session
                    .ignored
                    .push(format!("{} {} {} {}", media.media, media.port, media.proto, media.fmt)),
            }
        }
        if session.media.is_empty() { Err(Error::NoMedia) } else { Ok(session) }
    }
}

fn rtp_media(parsed: sdp_types::Media, protocol: Protocol) -> Result<Media, Error> {
    let kind = Kind::parse(&parsed.media);
    let count = parsed.fmt.split_whitespace().count();
    if count > MAX_FORMATS {
        return Err(Error::TooManyFormats { count });
    }
    let mut formats = parsed
        .fmt
        .split_whitespace()
        .filter_map(|format| format.parse::<u8>().ok().filter(|&number| number < 128))
        .map(|payload_type| Format::without_rtpmap(payload_type, kind));
    let Some(format) = formats.next() else {
        return Err(Error::PayloadType { formats: parsed.fmt });
    };
    let mut alternatives: Vec<Format> = Vec::new();
    for other in formats {
        let known = alternatives.iter().chain([&format]);
        if known.into_iter().all(|one| one.payload_type != other.payload_type) {
            alternatives.push(other);
        }
    }
    let mut media = Media {
        port: parsed.port,
        protocol,
        alternatives,
        connection: parsed.connections.into_iter().next().and_then(connection),
        bandwidths: bandwidths(parsed.bandwidths),
        ..Media::new(kind, format)
    };
    for attribute in parsed.attributes {
        let attribute = trimmed(attribute);
        if !media.take(&attribute) {
            media.attributes.push(attribute);
        }
    }
    Ok(media)
}

impl Media {
    /// Takes an attribute that has a place of its own; `false` when it has none.
    fn take(&mut self, attribute: &Attribute) -> bool {
        let name = attribute.name.to_ascii_lowercase();
        match (name.as_str(), attribute.value.as_deref()) {
            ("control", Some(value)) => self.control = Some(value.to_owned()),
            ("rtpmap", Some(value)) => return self.take_rtpmap(value).is_some(),
            ("fmtp", Some(value)) => return self.take_fmtp(value).is_some(),
            (name, None) => match Direction::parse(name) {
                Some(direction) => self.direction = Some(direction),
                None => return false,
            },
            _ => return false,
        }
        true
    }

    fn format_mut(&mut self, payload_type: &str) -> Option<&mut Format> {
        let payload_type = payload_type.parse::<u8>().ok()?;
        std::iter::once(&mut self.format)
            .chain(&mut self.alternatives)
            .find(|format| format.payload_type == payload_type)
    }

    /// `96 H264/90000`, `97 opus/48000/2`
    fn take_rtpmap(&mut self, value: &str) -> Option<()> {
        let (payload_type, mapping) = value.split_once(char::is_whitespace)?;
        let clock_of_kind = default_clock_rate(self.kind);
        let format = self.format_mut(payload_type)?;
        let mut parts = mapping.split('/').map(str::trim);
        format.encoding = parts.next().unwrap_or_default().to_owned();
        let clock_rate = parts.next().and_then(|rate| rate.parse().ok());
        format.clock_rate = clock_rate.filter(|&rate| rate > 0).unwrap_or(clock_of_kind);
        format.channels = parts.next().and_then(|channels| channels.parse().ok());
        Some(())
    }

    fn take_fmtp(&mut self, value: &str) -> Option<()> {
        let (payload_type, parameters) = value.split_once(char::is_whitespace)?;
        self.format_mut(payload_type)?.fmtp.append(parameters);
        Some(())
    }
}

fn trimmed(attribute: sdp_types::Attribute) -> Attribute {
    Attribute {
        name: attribute.attribute.trim().to_owned(),
        value: attribute.value.map(|value| value.trim().to_owned()),
    }
}

/// `224.2.1.1/127/3` is a group with its time to live and the number of groups. A line without an
/// address tells nothing.
fn connection(parsed: sdp_types::Connection) -> Option<Connection> {
    let mut parts = parsed.connection_address.split('/');
    let address = parts.next().map(str::trim).filter(|address| !address.is_empty())?.to_owned();
    let ttl = parts.next().and_then(|ttl| ttl.parse().ok());
    Some(Connection { ttl: ttl.filter(|_| !address.contains(':')), address })
}

fn bandwidths(parsed: Vec<sdp_types::Bandwidth>) -> Vec<Bandwidth> {
    parsed
        .into_iter()
        .map(|bandwidth| Bandwidth { kind: bandwidth.bwtype, value: bandwidth.bandwidth })
        .collect()
}
