//! Requests and responses, and how they are written (RFC 2326, sections 4 to 7).

use super::Status;
use std::fmt::{self, Write as _};

/// The method of a request (RFC 2326, section 10). Methods are case-sensitive.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the variants are the RFC's names
pub enum Method {
    Options,
    Describe,
    Announce,
    Setup,
    Play,
    Pause,
    Record,
    Teardown,
    GetParameter,
    SetParameter,
    Redirect,
    /// A token that RFC 2326 does not define.
    Extension(String),
}

impl Method {
    /// The method of a token as it stands in the request line.
    pub fn from_token(token: &str) -> Method {
        match token {
            "OPTIONS" => Method::Options,
            "DESCRIBE" => Method::Describe,
            "ANNOUNCE" => Method::Announce,
            "SETUP" => Method::Setup,
            "PLAY" => Method::Play,
            "PAUSE" => Method::Pause,
            "RECORD" => Method::Record,
            "TEARDOWN" => Method::Teardown,
            "GET_PARAMETER" => Method::GetParameter,
            "SET_PARAMETER" => Method::SetParameter,
            "REDIRECT" => Method::Redirect,
            other => Method::Extension(other.to_owned()),
        }
    }

    /// The token.
    pub fn as_str(&self) -> &str {
        match self {
            Method::Options => "OPTIONS",
            Method::Describe => "DESCRIBE",
            Method::Announce => "ANNOUNCE",
            Method::Setup => "SETUP",
            Method::Play => "PLAY",
            Method::Pause => "PAUSE",
            Method::Record => "RECORD",
            Method::Teardown => "TEARDOWN",
            Method::GetParameter => "GET_PARAMETER",
            Method::SetParameter => "SET_PARAMETER",
            Method::Redirect => "REDIRECT",
            Method::Extension(token) => token,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The version in the first line: `RTSP/major.minor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// 1 for RFC 2326.
    pub major: u8,
    /// 0 for RFC 2326.
    pub minor: u8,
}

impl Version {
    /// `RTSP/1.0`, the only one spoken here.
    pub const V1_0: Version = Version { major: 1, minor: 0 };
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RTSP/{}.{}", self.major, self.minor)
    }
}

/// Header fields in the order of their arrival. Names are compared without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// No fields.
    pub fn new() -> Headers {
        Headers::default()
    }

    /// The value of the first field of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The values of all fields of that name, in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.0.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// Adds a field behind the others. Line breaks and other control characters in the value become
    /// spaces, so that no value can smuggle in a header of its own.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), without_controls(&value.into())));
    }

    /// Puts one field in place of all fields of that name.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.remove(name);
        self.push(name, value);
    }

    /// Takes all fields of that name away.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sequence number (`CSeq`), when there is one that is a number.
    pub fn cseq(&self) -> Option<u32> {
        self.get("CSeq")?.trim().parse().ok()
    }
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What to do.
    pub method: Method,
    /// The request URI exactly as it stands in the request line; may be `*`.
    pub uri: String,
    /// The version in the request line.
    pub version: Version,
    /// The header fields.
    pub headers: Headers,
    /// The body, of the length that `Content-Length` gives.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without headers or body.
    pub fn new(method: Method, uri: impl Into<String>) -> Request {
        let (version, headers) = (Version::V1_0, Headers::new());
        Request { method, uri: uri.into(), version, headers, body: Vec::new() }
    }

    /// The bytes for the wire; `Content-Length` is added when there is a body.
    pub fn to_bytes(&self) -> Vec<u8> {
        let uri: String = self.uri.chars().filter(|c| !c.is_ascii_control() && *c != ' ').collect();
        let first = format!("{} {uri} {}", self.method, self.version);
        write(first, &self.headers, &self.body)
    }
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The version in the status line.
    pub version: Version,
    /// The status code.
    pub status: Status,
    /// The reason phrase: the RFC's for the code, or words of the server's own, for people
    /// (section 7.1.1). Line breaks and other control characters are written as spaces.
    pub reason: String,
    /// The header fields.
    pub headers: Headers,
    /// The body, of the length that `Content-Length` gives.
    pub body: Vec<u8>,
}

impl Response {
    /// A response with the RFC's reason phrase, without headers or body.
    pub fn new(status: Status) -> Response {
        let (version, headers) = (Version::V1_0, Headers::new());
        Response { version, status, reason: status.reason().to_owned(), headers, body: Vec::new() }
    }

    /// The bytes for the wire; `Content-Length` is added when there is a body.
    pub fn to_bytes(&self) -> Vec<u8> {
        let reason = without_controls(&self.reason);
        let first = format!("{} {} {reason}", self.version, self.status.code());
        write(first, &self.headers, &self.body)
    }
}

/// What stands between two interleaved frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

/// With a space for each control character.
fn without_controls(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_control() { ' ' } else { c }).collect()
}

fn write(first: String, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let mut head = first;
    head.push_str("\r\n");
    for (name, value) in headers.iter().filter(|(n, _)| !n.eq_ignore_ascii_case("Content-Length")) {
        // Writing to a String does not fail.
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if !body.is_empty() {
        let _ = write!(head, "Content-Length: {}\r\n", body.len());
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
