//! `rtsp://` URLs (RFC 2326, section 3.2).

use std::fmt;

/// The port when a URL names none.
pub const DEFAULT_PORT: u16 = 554;
/// The port of `rtsps` when a URL names none.
pub const DEFAULT_TLS_PORT: u16 = 322;

/// An absolute RTSP URL.
///
/// User and password are percent-decoded and never written back: [`Display`](fmt::Display) gives
/// the form that belongs into a request line.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    secure: bool,
    user: Option<String>,
    password: Option<String>,
    host: String,
    port: Option<u16>,
    /// As written, still percent-encoded; empty, or begins with `/`.
    raw_path: String,
    query: Option<String>,
    path: String,
}

/// Why a URL was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// It does not begin with `rtsp://`, `rtspu://` or `rtsps://`.
    Scheme,
    /// The host is missing or holds characters that no host name or address has.
    Host,
    /// The port is no number from 1 to 65535.
    Port,
    /// A percent sign is not followed by two hexadecimal digits, or the decoded text is not UTF-8.
    Encoding,
    /// The path holds `..`, `.`, a control character or a backslash.
    Path,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UrlError::Scheme => "the URL does not begin with rtsp:// or rtsps://",
            UrlError::Host => {
                "the URL's host is missing or wrong (an IPv6 address stands in brackets: [::1])"
            }
            UrlError::Port => "the URL's port is not a number from 1 to 65535",
            UrlError::Encoding => "the URL holds a percent sign that encodes no character",
            UrlError::Path => "the URL's path holds \"..\", \".\" or a forbidden character",
        })
    }
}

impl std::error::Error for UrlError {}

impl Url {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// See [`UrlError`].
    pub fn parse(text: &str) -> Result<Url, UrlError> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "rtsp" | "rtspu" | "rtspt" => false,
            "rtsps" => true,
            _ => return Err(UrlError::Scheme),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let (userinfo, host_port) = match authority.rsplit_once('@') {
            Some((userinfo, host_port)) => (Some(userinfo), host_port),
            None => (None, authority),
        };
        let (user, password) = match userinfo.map(|u| u.split_once(':').unwrap_or((u, ""))) {
            Some((user, password)) => (Some(decode(user)?), Some(decode(password)?)),
            None => (None, None),
        };
        let (host, port) = split_host(host_port)?;
        let (raw_path, query) = split_query(rest);
        let path = mount_path(raw_path)?;
        let (raw_path, query) = (raw_path.to_owned(), query.map(str::to_owned));
        Ok(Url { secure, user, password, host, port, raw_path, query, path })
    }

    /// Whether the scheme is `rtsps` (RTSP over TLS).
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The user name, decoded.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The password, decoded; empty when only a user is given.
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// The host: a name, an IPv4 address, or an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, by default 554 (`rtsps`: 322).
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.secure { DEFAULT_TLS_PORT } else { DEFAULT_PORT })
    }

    /// The path, percent-decoded, without a slash at either end: the name of a mount.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What stands behind `?`, as written.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// The same URL with other credentials in it; `None` takes them away.
    pub fn with_credentials(&self, credentials: Option<(&str, &str)>) -> Url {
        let mut url = self.clone();
        url.user = credentials.map(|(user, _)| user.to_owned());
        url.password = credentials.map(|(_, password)| password.to_owned());
        url
    }

    /// The URL with user and password in it, for another [`parse`](Url::parse); not for a log.
    pub fn to_string_with_credentials(&self) -> String {
        let plain = self.to_string();
        match (&self.user, plain.split_once("://")) {
            (Some(user), Some((scheme, rest))) => {
                let (user, password) = (encode(user), encode(self.password().unwrap_or_default()));
                format!("{scheme}://{user}:{password}@{rest}")
            }
            _ => plain,
        }
    }

    /// Scheme, host and port: `rtsp://host:port`.
    pub(super) fn origin(&self) -> String {
        let scheme = if self.secure { "rtsps" } else { "rtsp" };
        let host = &self.host;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        match self.port {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        }
    }
}

/// The URL as it stands in a request line: without user and password.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.raw_path)?;
        match &self.query {
            Some(query) => write!(f, "?{query}"),
            None => Ok(()),
        }
    }
}

/// Without the password, so that it cannot slip into a log.
impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self})")
    }
}

impl std::str::FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Url, UrlError> {
        Url::parse(text)
    }
}

/// Path and query of what follows the authority; a fragment is dropped.
pub(super) fn split_query(rest: &str) -> (&str, Option<&str>) {
    let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
    match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    }
}

/// A written path as a mount's name: decoded, no slash at either end, nothing that climbs.
pub(super) fn mount_path(raw: &str) -> Result<String, UrlError> {
    let path = decode(raw.trim_matches('/'))?;
    // Decoding may have brought in further slashes.
    let path = path.trim_matches('/');
    let climbs = path.split('/').any(|segment| segment == ".." || segment == ".");
    if climbs || path.chars().any(|c| c.is_control() || c == '\\') {
        return Err(UrlError::Path);
    }
    Ok(path.to_owned())
}

fn split_host(text: &str) -> Result<(String, Option<u16>), UrlError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or(UrlError::Host)?;
            // A zone index (`%eth0`) follows the address proper.
            let address = host.split('%').next().unwrap_or(host);
            address.parse::<std::net::Ipv6Addr>().map_err(|_| UrlError::Host)?;
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return Err(UrlError::Host),
            }
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._~:%".contains(c);
    if host.is_empty() || !host.chars().all(fits) {
        return Err(UrlError::Host);
    }
    let port = match port {
        None | Some("") => None,
        Some(digits) => match super::parse::decimal(digits.as_bytes()).map(u16::try_from) {
            Some(Ok(port)) if port != 0 => Some(port),
            _ => return Err(UrlError::Port),
        },
    };
    Ok((host.to_owned(), port))
}

/// Percent-encodes all but letters, digits and `-._~`.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn decode(text: &str) -> Result<String, UrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(UrlError::Encoding) };
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| UrlError::Encoding)?);
    }
    String::from_utf8(bytes).map_err(|_| UrlError::Encoding)
}
