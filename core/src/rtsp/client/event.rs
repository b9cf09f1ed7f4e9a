//! What a [`ClientSession`](super::ClientSession) tells, and is told.

use crate::rtsp::{Method, Range, Resumed, RtpInfo, Status, Url, Via};
use std::fmt;
use std::net::IpAddr;

/// Which transports to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Transports {
    /// UDP, and TCP when the server answers 461 or
    /// [`fall_back_to_tcp`](super::ClientSession::fall_back_to_tcp) is called.
    #[default]
    Auto,
    /// UDP only.
    Udp,
    /// TCP only.
    Tcp,
}

/// A track to set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackSetup {
    /// The media section's `a=control`, as it stands in the SDP; empty when there is none.
    /// For a publisher without one: `streamid=N`.
    pub control: String,
    /// Our RTP and RTCP port; needed for UDP, else unused.
    pub client_port: Option<(u16, u16)>,
}

/// What was agreed for a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Negotiated {
    /// UDP.
    Udp {
        /// The server's RTP and RTCP port; `None`: it did not say, so take them from the packets.
        server_port: Option<(u16, u16)>,
        /// The server's media address; `None`: that of the connection.
        source: Option<IpAddr>,
    },
    /// Interleaved into the connection.
    Tcp {
        /// Channel of RTP.
        rtp: u8,
        /// Channel of RTCP.
        rtcp: u8,
    },
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientEvent {
    /// The stream's SDP. Call [`set_up`](super::ClientSession::set_up).
    Described {
        /// The SDP as received.
        sdp: Vec<u8>,
        /// What relative URLs in it are relative to.
        base: String,
    },
    /// The server takes the stream. Call [`set_up`](super::ClientSession::set_up).
    Announced,
    /// A track is set up. Comes a second time for a track after a fall back to TCP.
    TrackReady {
        /// Its index in the list given to `set_up`.
        track: usize,
        /// What was agreed.
        transport: Negotiated,
        /// The SSRC the server will send with, when it says so.
        ssrc: Option<u32>,
    },
    /// PLAY or RECORD was answered: media flows.
    Started {
        /// What is played.
        range: Option<Range>,
        /// First packets, by index in the list given to `set_up`; empty when the server does not
        /// say.
        rtp_info: Vec<(usize, RtpInfo)>,
        /// What the server does about what it was told to be there; `None` when it says nothing of it.
        resumed: Option<Resumed>,
        /// The servers through which the stream comes, as far as they say so.
        via: Via,
    },
    /// Everything is set up and nothing plays. Call [`start`](super::ClientSession::start) at any time.
    Held,
    /// Go to this URL instead, on a connection and with a session of its own. The credentials of
    /// the first URL are kept when the host is the same.
    Redirected(Url),
    /// TEARDOWN was answered.
    Closed,
    /// It did not work, or ended.
    Failed(ClientError),
}

/// Why a client session failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientError {
    /// The server refused a request.
    Refused {
        /// Which.
        method: Method,
        /// How.
        status: Status,
        /// Its reason phrase, in the server's own words; may be empty.
        reason: String,
    },
    /// The server wants a user and password, and the URL has none.
    CredentialsMissing,
    /// The server did not accept user and password.
    CredentialsRefused,
    /// The server wants an authentication that is not offered here.
    AuthenticationUnsupported {
        /// The schemes it offers.
        schemes: String,
    },
    /// No response came in time.
    NoResponse {
        /// To which request.
        method: Method,
    },
    /// A response lacks what it must have.
    BadResponse {
        /// To which request.
        method: Method,
        /// What is wrong.
        fault: &'static str,
    },
    /// The server no longer knows the session.
    SessionLost,
    /// There is no track to set up.
    NoTracks,
    /// A UDP track was asked for without local ports.
    NoPorts {
        /// Its index.
        track: usize,
    },
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::Refused { method, status, reason } => {
                write!(f, "the server answered {method} with {} {reason}", status.code())?;
                // A server that says no more than the code: what it mostly means.
                match (method, *status) {
                    _ if reason != status.reason() => Ok(()),
                    (Method::Announce, Status::FORBIDDEN) => {
                        f.write_str(" (somebody publishes there already, or nobody may)")
                    }
                    (Method::Describe, Status::NOT_FOUND) => {
                        f.write_str(" (nothing is published there now)")
                    }
                    _ => Ok(()),
                }
            }
            ClientError::CredentialsMissing => f.write_str(
                "the server wants a user and password: write rtsp://USER:PASSWORD@HOST/…",
            ),
            ClientError::CredentialsRefused => {
                f.write_str("the server does not accept the user and password of the URL")
            }
            ClientError::AuthenticationUnsupported { schemes } => {
                write!(f, "the server offers only authentication not known here: {schemes}")
            }
            ClientError::NoResponse { method } => {
                write!(f, "the server did not answer {method} in time")
            }
            ClientError::BadResponse { method, fault } => {
                write!(f, "the server's answer to {method} {fault}")
            }
            ClientError::SessionLost => f.write_str("the server no longer knows the session"),
            ClientError::NoTracks => f.write_str("the stream has no track that can be set up"),
            ClientError::NoPorts { track } => {
                write!(f, "track {track} was to use UDP but has no local ports")
            }
        }
    }
}

impl std::error::Error for ClientError {}
