//! What nodes and the proxy tell each other (OmniCast264, table 1).

use std::fmt;

use crate::NodeId;

/// A message. Those marked *extension* are ours, the others are the paper's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Node to proxy: let me in. Answered by `ReStreamingConnection` or `ERROR`.
    Login(Login),
    /// Node to proxy: I leave. Answered by `OK`.
    Logout,
    /// Node to proxy: make me an account, and let me in. Answered as `Login`.
    Subscription(Login),
    /// Node to proxy: my server node is gone, give me another. Answered as `Login`.
    ReConfiguration(ReConfiguration),
    /// Node to proxy: how many nodes I can serve. Answered by `OK`.
    NodeInformation(NodeInformation),
    /// *Extension.* Node to proxy: delete my account; the password once more. Answered by `OK`, and the
    /// session ends.
    Unsubscription(String),
    /// *Extension.* Node to proxy: I am still here. Answered by `OK`.
    Keepalive,
    /// *Extension.* Node to proxy: so many bytes, of no meaning, by which I measure my uplink. Answered by `OK`.
    UplinkTest(u32),
    /// Proxy to node: your server node.
    ReStreamingConnection(ReStreamingConnection),
    /// Proxy to node: done. Node to proxy, as the answer to `Reassign`: understood.
    Ok,
    /// Proxy to node: cannot be done, and why.
    Error(ErrorReport),
    /// *Extension.* Proxy to node, unasked: take the stream from this server node from now on. Answered
    /// by `OK`.
    Reassign(ReStreamingConnection),
}

impl Message {
    /// Whether it answers a request, and so carries the request's id.
    pub fn is_answer(&self) -> bool {
        matches!(self, Message::ReStreamingConnection(_) | Message::Ok | Message::Error(_))
    }

    /// The name of its element.
    pub fn name(&self) -> &'static str {
        match self {
            Message::Login(_) => "Login",
            Message::Logout => "Logout",
            Message::Subscription(_) => "Subscription",
            Message::ReConfiguration(_) => "ReConfiguration",
            Message::NodeInformation(_) => "NodeInformation",
            Message::Unsubscription(_) => "Unsubscription",
            Message::Keepalive => "Keepalive",
            Message::UplinkTest(_) => "UplinkTest",
            Message::ReStreamingConnection(_) => "ReStreamingConnection",
            Message::Ok => "OK",
            Message::Error(_) => "ERROR",
            Message::Reassign(_) => "Reassign",
        }
    }
}

/// Who somebody says to be, and the proof.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Name of the account, at most 64 bytes.
    pub user: String,
    /// The password, at most 1,024 bytes.
    pub password: String,
}

/// Without the password, so that it cannot slip into a log.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({:?})", self.user)
    }
}

/// What a node says when it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Who it is.
    pub credentials: Credentials,
    /// The channel that it wants.
    pub channel: String,
    /// Where it serves other nodes; `None`: nowhere, it is a leaf.
    pub service: Option<ServicePoint>,
    /// *Extension.* The ticket that it holds from before, when it comes back: it keeps its name and its
    /// server node.
    pub resume: Option<String>,
}

/// Where a node serves others by RTSP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePoint {
    /// Its host; `None`: the one that its connection to the proxy comes from.
    pub host: Option<String>,
    /// Its RTSP port.
    pub port: u16,
}

/// A node has lost its server node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReConfiguration {
    /// The server node that is gone.
    pub gone: NodeId,
    /// *Extension.* The standby at which the node has gone on already; `None`: it has none.
    pub at: Option<NodeId>,
}

/// What a node can do for others (OmniCast264 §3.4.2), and how it fares itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeInformation {
    /// So many nodes it can serve at once.
    pub capacity: u32,
    /// Free uplink in bit/s, if it was measured.
    pub uplink: Option<u64>,
    /// Idle processor time in percent, if it was measured.
    pub cpu: Option<u8>,
    /// Free memory in bytes, if it was measured.
    pub memory: Option<u64>,
    /// *Extension.* How well it is served since it last told.
    pub quality: Option<Quality>,
}

/// How well a node is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quality {
    /// The server node that this is about.
    pub server: NodeId,
    /// Packets that came from it.
    pub received: u64,
    /// Packets that should have come and never did.
    pub lost: u64,
}

/// A node from which the stream can be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerNode {
    /// Which one.
    pub id: NodeId,
    /// RTSP URL of the stream there, without the ticket.
    pub url: String,
    /// Its distance from the streaming server, which itself has 0.
    pub hops: u32,
    /// *Extension.* The proxy's word that this node may take the stream there.
    pub ticket: Option<String>,
}

/// Where a node takes the stream from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReStreamingConnection {
    /// *Extension.* What the proxy calls the node that this is said to.
    pub node: NodeId,
    /// The server node.
    pub server: ServerNode,
    /// *Extension.* Nodes to go on at when the server node is gone, the best first; at most
    /// [`MAX_STANDBYS`](super::MAX_STANDBYS).
    pub standbys: Vec<ServerNode>,
    /// *Extension.* The public key that tickets are checked by, in base64url.
    pub key: Option<String>,
    /// *Extension.* The proxy wants to hear from the node at least every so many seconds.
    pub keepalive: Option<u32>,
}

/// Why a request cannot be met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReport {
    /// For programs.
    pub code: ErrorCode,
    /// For people: a sentence.
    pub text: String,
    /// *Extension.* It may be tried again after so many seconds.
    pub retry_after: Option<u32>,
    /// *Extension.* HOST:PORT of the proxy server to turn to instead, with
    /// [`Elsewhere`](ErrorCode::Elsewhere), if it is known.
    pub proxy: Option<String>,
}

impl ErrorReport {
    /// A reason, without more.
    pub fn new(code: ErrorCode, text: impl Into<String>) -> ErrorReport {
        ErrorReport { code, text: text.into(), retry_after: None, proxy: None }
    }

    /// As this one; it may be tried again after so many seconds.
    pub fn after(self, seconds: u32) -> ErrorReport {
        ErrorReport { retry_after: Some(seconds), ..self }
    }
}

/// Why a request cannot be met, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// It could not be understood.
    BadRequest,
    /// It is of a version that is not spoken.
    UnsupportedVersion,
    /// Nobody has logged in over this connection.
    NotLoggedIn,
    /// Unknown user, or wrong password.
    WrongCredentials,
    /// There is an account of that name.
    UserExists,
    /// This is not allowed here.
    Forbidden,
    /// There is no such channel.
    UnknownChannel,
    /// No node has room for one more.
    NoServerNode,
    /// Too much was asked in too short a time.
    TooManyRequests,
    /// The proxy cannot do it now.
    Unavailable,
    /// *Extension.* Another proxy server places the nodes of this channel.
    Elsewhere,
    /// A code that is not known here: the other side is newer.
    Other,
}

impl ErrorCode {
    /// All that can be told.
    pub const ALL: [ErrorCode; 12] = [
        ErrorCode::BadRequest,
        ErrorCode::UnsupportedVersion,
        ErrorCode::NotLoggedIn,
        ErrorCode::WrongCredentials,
        ErrorCode::UserExists,
        ErrorCode::Forbidden,
        ErrorCode::UnknownChannel,
        ErrorCode::NoServerNode,
        ErrorCode::TooManyRequests,
        ErrorCode::Unavailable,
        ErrorCode::Elsewhere,
        ErrorCode::Other,
    ];

    /// As it stands in a message.
    pub fn name(self) -> &'static str {
        match self {
            ErrorCode::BadRequest => "BadRequest",
            ErrorCode::UnsupportedVersion => "UnsupportedVersion",
            ErrorCode::NotLoggedIn => "NotLoggedIn",
            ErrorCode::WrongCredentials => "WrongCredentials",
            ErrorCode::UserExists => "UserExists",
            ErrorCode::Forbidden => "Forbidden",
            ErrorCode::UnknownChannel => "UnknownChannel",
            ErrorCode::NoServerNode => "NoServerNode",
            ErrorCode::TooManyRequests => "TooManyRequests",
            ErrorCode::Unavailable => "Unavailable",
            ErrorCode::Elsewhere => "Elsewhere",
            ErrorCode::Other => "Other",
        }
    }

    /// The code of a name; [`Other`](ErrorCode::Other) when it is not known.
    pub fn of(name: &str) -> ErrorCode {
        let known = ErrorCode::ALL.into_iter().find(|code| code.name() == name);
        known.unwrap_or(ErrorCode::Other)
    }
}

impl fmt::Display for ErrorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.code.name())
    }
}
