//! The changes a relay makes to a description when it hands it on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Attribute, Connection, Format, Media, Protocol, Session};

/// Attributes that speak of the transport between the source and this relay, in lower case. To
/// anyone else they are wrong.
const OF_THE_TRANSPORT: [&str; 30] = [
    "candidate",
    "remote-candidates",
    "end-of-candidates",
    "ice-ufrag",
    "ice-pwd",
    "ice-options",
    "ice-lite",
    "ice-mismatch",
    "ice-pacing",
    "fingerprint",
    "tls-id",
    "setup",
    "connection",
    "crypto",
    "key-mgmt",
    "rtcp",
    "rtcp-mux",
    "rtcp-mux-only",
    "rtcp-rsize",
    "rtcp-fb",
    "rtcp-xr",
    "ssrc",
    "ssrc-group",
    "group",
    "mid",
    "msid",
    "msid-semantic",
    "source-filter",
    "simulcast",
    "rid",
];

impl Session {
    /// The description that a DESCRIBE of a live stream is answered with.
    ///
    /// Tracks get the relative control `trackID=N`, N from 0; ports are 0, the address is the
    /// unspecified one of the family of `server` (the address the player reached), the profile is
    /// RTP/AVP, the range is live. Everything about the way from the source to here is dropped,
    /// everything about the media stays.
    pub fn for_players(&self, server: IpAddr) -> Session {
        let mut session = self.stripped(server, "trackID");
        session.control = Some("*".to_owned());
        session.range = Some("npt=now-".to_owned());
        session
    }

    /// The description to ANNOUNCE at another server. Tracks get the relative control
    /// `streamid=N`, N from 0. `local` is the address of the connection's own end.
    pub fn for_announce(&self, local: IpAddr) -> Session {
        self.stripped(local, "streamid")
    }

    /// The description of plain RTP sent to `destination`; one port per track. Tracks without a
    /// port keep port 0.
    pub fn for_rtp(&self, origin: IpAddr, destination: IpAddr, ports: &[u16]) -> Session {
        let mut session = self.stripped(origin, "");
        session.connection = Some(destination.into());
        for (media, &port) in session.media.iter_mut().zip(ports) {
            media.port = port;
        }
        session
    }

    fn stripped(&self, origin: IpAddr, control: &str) -> Session {
        let mut session = self.clone();
        session.origin.address = origin.to_string();
        session.connection = Some(unspecified(origin));
        session.control = None;
        session.range = None;
        session.direction = None;
        session.ignored = Vec::new();
        session.attributes.retain(is_of_the_media);
        for (track, media) in session.media.iter_mut().enumerate() {
            media.port = 0;
            media.connection = None;
            media.direction = None;
            // Packets are sent again on each stage of the way by itself.
            media.alternatives.retain(|format| !format.is_retransmission());
            media.control = (!control.is_empty()).then(|| format!("{control}={track}"));
            media.attributes.retain(is_of_the_media);
            // The share of RTCP (RFC 3556); its being 0 would keep players from reporting.
            media.bandwidths.retain(|bandwidth| !matches!(bandwidth.kind.as_str(), "RR" | "RS"));
            if !media.protocol.is_secure() {
                media.protocol = Protocol::Avp;
            }
        }
        session
    }
}

fn unspecified(like: IpAddr) -> Connection {
    match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED).into(),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED).into(),
    }
}

fn is_of_the_media(attribute: &Attribute) -> bool {
    !OF_THE_TRANSPORT.iter().any(|name| attribute.name.eq_ignore_ascii_case(name))
}

impl Media {
    /// An H.264 track with these parameter sets (SPS and PPS NAL units without start codes); there
    /// may be none yet.
    pub fn h264<S: AsRef<[u8]>>(payload_type: u8, parameter_sets: &[S]) -> Media {
        let mut format = Format::new(payload_type, "H264", 90_000);
        format.fmtp.set("packetization-mode", "1");
        format.set_parameter_sets(parameter_sets);
        Media::new(super::Kind::Video, format)
    }

    /// An AAC track in mode AAC-hbr (RFC 3640 §3.3.6) with this `AudioSpecificConfig`; the clock
    /// is the sampling rate in Hz.
    pub fn aac(payload_type: u8, config: &[u8], sampling_rate: u32, channels: u16) -> Media {
        let mut format = Format::new(payload_type, "MPEG4-GENERIC", sampling_rate);
        format.channels = Some(channels);
        for (name, value) in [
            ("streamtype", "5"),
            ("profile-level-id", "1"),
            ("mode", "AAC-hbr"),
            ("sizelength", "13"),
            ("indexlength", "3"),
            ("indexdeltalength", "3"),
        ] {
            format.fmtp.set(name, value);
        }
        format.set_aac_config(config);
        Media::new(super::Kind::Audio, format)
    }
}
