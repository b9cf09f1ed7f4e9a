//! What a [`ServerSession`](super::ServerSession) and the engine say to each other.

use crate::rtsp::{Headers, Mode, Profile, Range, Request, Response, Status};
use std::net::IpAddr;

/// What became of a request.
#[derive(Debug)]
pub enum Step {
    /// Write this response.
    Reply(Response),
    /// Find the answer, then call [`answer`](super::ServerSession::answer), at once or later.
    /// Until then further requests stay unread in the connection's input.
    Ask(Box<Question>),
    /// A question is still open: the request is handed back. Keep it, or better leave its bytes in
    /// the input, and come again after the answer.
    Wait(Box<Request>),
}

/// A request that needs the engine. Every question may be answered by [`Answer::Refuse`] with any
/// status, 401 with its challenge headers included.
#[derive(Clone, Debug)]
pub struct Question {
    /// The mount: the URL's path, decoded, without a slash at either end and without the track.
    pub path: String,
    /// What stands behind `?` in the URL, without the track.
    pub query: Option<String>,
    /// The whole request (`Authorization`, `User-Agent`, the SDP of ANNOUNCE as body …).
    pub request: Request,
    /// What is asked.
    pub ask: Ask,
}

/// The kinds of question.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// DESCRIBE. → [`Answer::Describe`]. Refuse with 404 when there is no such stream.
    Describe,
    /// ANNOUNCE: somebody wants to publish at `path`; the SDP is `request.body`.
    /// → [`Answer::Done`] when the SDP is fine and the mount is free (it is reserved from now on,
    /// until a [`Ask::Teardown`] or a [`ServerEvent`](super::ServerEvent) gives it up).
    Announce,
    /// SETUP of one track. → [`Answer::Setup`]. Refuse with 404 for an unknown mount or track, 459
    /// when `control` is empty though the stream has several tracks, 461 when the transport
    /// cannot be had. To a track that is set up already it means: change its transport.
    Setup(Setup),
    /// PLAY. → [`Answer::Play`]; refuse with 457 for a range that cannot be played.
    Play {
        /// The session's id.
        session: String,
        /// The tracks to play: those set up, or the one of a track URL. In SDP order.
        tracks: Vec<usize>,
        /// `Range`; without one: go on where it was paused, or from the start.
        range: Option<Range>,
        /// `Scale`, when it is a number and not 1.
        scale: Option<f32>,
    },
    /// PAUSE of the whole session, playing or recording. → [`Answer::Done`].
    Pause {
        /// The session's id.
        session: String,
    },
    /// RECORD: media follows. → [`Answer::Done`].
    Record {
        /// The session's id.
        session: String,
        /// The tracks set up, in SDP order.
        tracks: Vec<usize>,
    },
    /// TEARDOWN. → [`Answer::Done`], and let go of what is named. No event follows.
    Teardown {
        /// The session's id; `None`: only an announcement is withdrawn.
        session: Option<String>,
        /// The tracks that end.
        tracks: Vec<usize>,
        /// Whether the session (with its announcement) is over, as opposed to some of its tracks.
        last: bool,
    },
}

/// The particulars of a SETUP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The session's id; for the first track a new one, valid only if the answer is a yes.
    pub session: String,
    /// What stands behind the mount in the URL, without the slash: `trackID=1`, `streamid=0` …;
    /// empty for the mount itself. Compare with the SDP by
    /// [`control_matches`](super::control_matches).
    pub control: String,
    /// Whether the track is to be played or published.
    pub mode: Mode,
    /// Profile asked for.
    pub profile: Profile,
    /// The transport, chosen among those offered.
    pub transport: Chosen,
}

/// A transport that both sides can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// UDP between the peer's address and ours.
    Udp {
        /// The peer's RTP port.
        client_rtp: u16,
        /// The peer's RTCP port.
        client_rtcp: u16,
    },
    /// UDP to a multicast group that the server chooses. What the peer names as destination, ports
    /// and TTL is not looked at (RFC 2326 §12.39): nobody is to direct packets at others.
    Multicast,
    /// Interleaved into this connection.
    Tcp {
        /// Channel of RTP.
        rtp: u8,
        /// Channel of RTCP.
        rtcp: u8,
    },
}

/// A multicast group that a track is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its address.
    pub address: IpAddr,
    /// Ports of RTP and RTCP.
    pub ports: (u16, u16),
    /// Time to live of the packets.
    pub ttl: u8,
}

/// The engine's answer to a [`Question`].
#[derive(Clone, Debug)]
pub enum Answer {
    /// To [`Ask::Announce`], [`Ask::Pause`], [`Ask::Record`], [`Ask::Teardown`].
    Done,
    /// To [`Ask::Describe`].
    Describe {
        /// The SDP, with relative `a=control` in its media sections. `Content-Base` is added.
        sdp: String,
    },
    /// To [`Ask::Setup`].
    Setup(SetupAnswer),
    /// To [`Ask::Play`].
    Play {
        /// What is played; a live stream answers [`Range::NOW`] or `npt=0.000-`.
        range: Option<Range>,
        /// First packets of the tracks. Leave a track out rather than guess: players drop packets
        /// that lie before `seq`.
        rtp_info: Vec<TrackStart>,
        /// Further headers.
        headers: Headers,
    },
    /// To any question.
    Refuse(Refusal),
}

/// The answer to a SETUP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupAnswer {
    /// Which track it is: its number in the SDP, from 0.
    pub track: usize,
    /// RTP and RTCP port that the server sends from and receives at (UDP only).
    pub server_port: Option<(u16, u16)>,
    /// The group (multicast only).
    pub group: Option<Group>,
    /// Where the packets come from, if not the address of the connection. Best left out.
    pub source: Option<IpAddr>,
    /// The SSRC of what will be sent, when it is known.
    pub ssrc: Option<u32>,
}

/// The first packet that a track will send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackStart {
    /// The track's number in the SDP, from 0.
    pub track: usize,
    /// Its sequence number.
    pub sequence: u16,
    /// Its RTP timestamp.
    pub timestamp: u32,
}

/// A no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status; `Allow` is added to 405 and 455.
    pub status: Status,
    /// Why, for people: written behind the status's own reason phrase, which is what clients show.
    pub detail: Option<&'static str>,
    /// Further headers: `WWW-Authenticate`, `Location`, `Retry-After` …
    pub headers: Headers,
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Refusal {
        Refusal { status, detail: None, headers: Headers::new() }
    }
}

impl From<Status> for Answer {
    fn from(status: Status) -> Answer {
        Answer::Refuse(status.into())
    }
}

/// What happened without being asked. Take events after every call, before carrying out a
/// question of the same call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// A session is over: let go of its tracks. Not sent for a TEARDOWN.
    SessionEnded {
        /// Its id; `None` when nothing but an announcement is given up.
        session: Option<String>,
        /// Why.
        reason: EndReason,
    },
    /// Close the connection: nothing has been asked on it for a long time.
    CloseConnection,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The client made a SETUP without session id on the same connection, as FFmpeg does when UDP
    /// stays silent and it changes to TCP. A publisher's announcement stands.
    Replaced,
    /// No sign of life for the session's timeout. A publisher's announcement ends too.
    Timeout,
    /// The connection is closed. A publisher's announcement ends too.
    ConnectionClosed {
        /// Every track goes over UDP, so the session could live on without the connection; the
        /// engine may let it until RTCP falls silent.
        udp: bool,
    },
}
