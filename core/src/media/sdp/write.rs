//! From [`Session`] to text.

use std::fmt;

use super::{Attribute, Bandwidth, Connection, Direction, Format, Media, Session};

impl fmt::Display for Session {
    /// The description as text with CR LF, `t=0 0` (no bounds in time).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        // Writing into memory does not fail.
        self.to_sdp_types().write(&mut text).map_err(|_| fmt::Error)?;
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

impl Session {
    fn to_sdp_types(&self) -> sdp_types::Session {
        let mut attributes: Vec<_> = self.attributes.iter().map(attribute).collect();
        push_valued(&mut attributes, "range", &self.range);
        push_valued(&mut attributes, "control", &self.control);
        push_direction(&mut attributes, self.direction);
        sdp_types::Session {
            origin: sdp_types::Origin {
                username: None,
                sess_id: self.origin.id.clone(),
                sess_version: self.origin.version,
                nettype: sdp_types::NetType::In,
                addrtype: address_type(&self.origin.address),
                unicast_address: self.origin.address.clone(),
            },
            // An empty name is not allowed, a space stands for none (RFC 8866 §5.3).
            session_name: if self.name.is_empty() { " ".into() } else { self.name.clone() },
            session_description: None,
            uri: None,
            emails: Vec::new(),
            phones: Vec::new(),
            connection: self.connection.as_ref().map(connection),
            bandwidths: self.bandwidths.iter().map(bandwidth).collect(),
            times: vec![sdp_types::Time { start_time: 0, stop_time: 0, repeats: Vec::new() }],
            time_zones: Vec::new(),
            key: None,
            attributes,
            medias: self.media.iter().map(media).collect(),
        }
    }
}

fn media(media: &Media) -> sdp_types::Media {
    let mut attributes: Vec<_> = media.formats().flat_map(format_attributes).collect();
    attributes.extend(media.attributes.iter().map(attribute));
    push_direction(&mut attributes, media.direction);
    push_valued(&mut attributes, "control", &media.control);
    let formats: Vec<String> =
        media.formats().map(|format| format.payload_type.to_string()).collect();
    sdp_types::Media {
        media: media.kind.to_string(),
        port: media.port,
        num_ports: None,
        proto: media.protocol.to_string(),
        fmt: formats.join(" "),
        media_title: None,
        connections: media.connection.iter().map(connection).collect(),
        bandwidths: media.bandwidths.iter().map(bandwidth).collect(),
        key: None,
        attributes,
    }
}

/// `rtpmap`, then `fmtp`: FFmpeg wants them in this order.
fn format_attributes(format: &Format) -> impl Iterator<Item = sdp_types::Attribute> {
    let rtpmap = (!format.encoding.is_empty()).then(|| {
        let mut value =
            format!("{} {}/{}", format.payload_type, format.encoding, format.clock_rate);
        if let Some(channels) = format.channels {
            value.push_str(&format!("/{channels}"));
        }
        sdp_types::Attribute::with_value("rtpmap", value)
    });
    let fmtp = (!format.fmtp.is_empty()).then(|| {
        let value = format!("{} {}", format.payload_type, format.fmtp);
        sdp_types::Attribute::with_value("fmtp", value)
    });
    rtpmap.into_iter().chain(fmtp)
}

fn push_valued(out: &mut Vec<sdp_types::Attribute>, name: &str, value: &Option<String>) {
    out.extend(value.as_ref().map(|value| sdp_types::Attribute::with_value(name, value)));
}

fn push_direction(out: &mut Vec<sdp_types::Attribute>, direction: Option<Direction>) {
    out.extend(direction.map(|direction| sdp_types::Attribute::new(direction.name())));
}

fn attribute(attribute: &Attribute) -> sdp_types::Attribute {
    sdp_types::Attribute { attribute: attribute.name.clone(), value: attribute.value.clone() }
}

fn bandwidth(bandwidth: &Bandwidth) -> sdp_types::Bandwidth {
    sdp_types::Bandwidth { bwtype: bandwidth.kind.clone(), bandwidth: bandwidth.value }
}

fn connection(connection: &Connection) -> sdp_types::Connection {
    let connection_address = match connection.ttl {
        Some(ttl) => format!("{}/{ttl}", connection.address),
        None => connection.address.clone(),
    };
    sdp_types::Connection {
        nettype: sdp_types::NetType::In,
        addrtype: address_type(&connection.address),
        connection_address,
    }
}

fn address_type(address: &str) -> sdp_types::AddrType {
    if address.contains(':') { sdp_types::AddrType::Ip6 } else { sdp_types::AddrType::Ip4 }
}
