//! The incremental parser: what stands at the front of a connection's input buffer?

use super::error::{Error, ErrorKind};
use super::limits::*;
use super::{Headers, Message, Method, Request, Response, Status, Version};

/// What stands at the front of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// Not yet a whole frame or message: read more and parse again from the same place.
    Incomplete,
    /// So many bytes of blank lines (CR, LF), to be dropped; some clients send them between messages.
    Blank(usize),
    /// An interleaved frame (RFC 2326, section 10.12), whole and at the very front: 4 bytes of
    /// header, then `len` bytes. Nothing is copied; drop `4 + len` bytes when done with it.
    Interleaved {
        /// The channel number.
        channel: u8,
        /// Length of the packet behind the 4-byte header.
        len: usize,
    },
    /// A message, and the number of bytes it took from the front.
    Message(Message, usize),
}

/// Looks at the front of `input`. Never takes more than one frame or message, and never copies a
/// frame's payload. Lines may end in CRLF or LF; folded header lines are joined.
///
/// # Errors
/// When what stands there cannot become a message however much follows, or when it exceeds one of
/// the [limits](super::limits).
pub fn parse(input: &[u8]) -> Result<Parsed, Error> {
    match input.first() {
        None => Ok(Parsed::Incomplete),
        Some(b'$') => Ok(parse_frame(input)),
        Some(b'\r' | b'\n') => {
            Ok(Parsed::Blank(input.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count()))
        }
        Some(b) if b.is_ascii_alphabetic() || *b == b'_' => parse_message(input),
        Some(&byte) => Err(Error::new(ErrorKind::NotRtsp { byte })),
    }
}

fn parse_frame(input: &[u8]) -> Parsed {
    let Some(&[_, channel, high, low]) = input.first_chunk::<4>() else {
        return Parsed::Incomplete;
    };
    let len = usize::from(u16::from_be_bytes([high, low]));
    if input.len() < 4 + len { Parsed::Incomplete } else { Parsed::Interleaved { channel, len } }
}

fn parse_message(input: &[u8]) -> Result<Parsed, Error> {
    // First pass: find the end of the head and the body's length without building anything, so
    // that a message arriving in many small pieces costs little each time.
    let Some(head) = Head::scan(input)? else { return Ok(Parsed::Incomplete) };
    let end = head.length + head.body;
    let Some(body) = input.get(head.length..end) else { return Ok(Parsed::Incomplete) };

    let fail = |kind| Error { kind, cseq: head.cseq };
    let mut lines = Lines(input.get(..head.length).unwrap_or_default());
    let start = lines.next().unwrap_or_default();
    let headers = unfold(lines).map_err(fail)?;
    let start = String::from_utf8_lossy(start);
    let bad_start = || fail(ErrorKind::StartLine { line: shorten(start.as_bytes()) });
    let body = body.to_vec();
    let message = if start.starts_with("RTSP/") {
        let (version, status, reason) = status_line(&start).ok_or_else(bad_start)?;
        Message::Response(Response { version, status, reason, headers, body })
    } else {
        let (method, uri, version) = request_line(&start).ok_or_else(bad_start)?;
        Message::Request(Request { method, uri, version, headers, body })
    };
    Ok(Parsed::Message(message, end))
}

/// What the first pass finds out.
struct Head {
    /// Bytes of start line, headers and the empty line.
    length: usize,
    /// Bytes of the body.
    body: usize,
    cseq: Option<u32>,
}

impl Head {
    /// `None`: the empty line has not come yet.
    fn scan(input: &[u8]) -> Result<Option<Head>, Error> {
        let mut head = Head { length: 0, body: 0, cseq: None };
        let mut content_length: Option<u64> = None;
        let mut fields = 0usize;
        let mut rest = input;
        loop {
            let first = head.length == 0;
            let fail = |kind| Error { kind, cseq: head.cseq };
            let (limit, too_long) = if first {
                (MAX_START_LINE, ErrorKind::StartLineTooLong)
            } else {
                (MAX_HEADER_LINE, ErrorKind::HeaderLineTooLong)
            };
            // Two more bytes for the line end.
            let window = rest.get(..limit + 2).unwrap_or(rest);
            let Some(at) = window.iter().position(|&b| b == b'\n') else {
                return if window.len() == limit + 2 {
                    Err(fail(too_long))
                } else if input.len() > MAX_HEAD {
                    Err(fail(ErrorKind::HeadTooLarge))
                } else {
                    Ok(None)
                };
            };
            let (line, after) = rest.split_at(at + 1);
            let line = trim_end(line);
            if line.len() > limit {
                return Err(fail(too_long));
            }
            head.length += at + 1;
            rest = after;
            if head.length > MAX_HEAD {
                return Err(fail(ErrorKind::HeadTooLarge));
            }
            if first {
                // Tell early that this is no RTSP: an HTTP client or a port scanner would
                // otherwise be listened to until it falls silent.
                if !plausible_start(line) {
                    return Err(fail(ErrorKind::StartLine { line: shorten(line) }));
                }
                continue;
            }
            if line.is_empty() {
                break;
            }
            if line.first().is_some_and(|b| *b == b' ' || *b == b'\t') {
                continue;
            }
            fields += 1;
            if fields > MAX_HEADERS {
                return Err(fail(ErrorKind::TooManyHeaders));
            }
            let Some((name, value)) = split_field(line) else {
                return Err(fail(ErrorKind::HeaderLine { line: shorten(line) }));
            };
            if name.eq_ignore_ascii_case(b"CSeq") && head.cseq.is_none() {
                head.cseq = std::str::from_utf8(value).ok().and_then(|v| v.parse().ok());
            } else if name.eq_ignore_ascii_case(b"Content-Length") {
                let length = decimal(value);
                if length.is_none() || content_length.is_some_and(|l| Some(l) != length) {
                    return Err(fail(ErrorKind::ContentLength { value: shorten(value) }));
                }
                content_length = length;
            }
        }
        let length = content_length.unwrap_or(0);
        match usize::try_from(length) {
            Ok(body) if body <= MAX_BODY => head.body = body,
            _ => {
                let kind = ErrorKind::BodyTooLarge { length };
                return Err(Error { kind, cseq: head.cseq });
            }
        }
        Ok(Some(head))
    }
}

/// Lines without their ends.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let at = self.0.iter().position(|&b| b == b'\n')?;
        let (line, rest) = self.0.split_at(at + 1);
        self.0 = rest;
        Some(trim_end(line))
    }
}

/// Header fields; a line that begins with white space continues the one before it (RFC 2326,
/// section 4.2 by way of RFC 2068).
fn unfold(lines: Lines<'_>) -> Result<Headers, ErrorKind> {
    let mut headers = Headers::new();
    let mut pending: Option<(String, String)> = None;
    for line in lines.take_while(|line| !line.is_empty()) {
        if line.first().is_some_and(|b| *b == b' ' || *b == b'\t') {
            let Some((_, value)) = &mut pending else {
                return Err(ErrorKind::HeaderLine { line: shorten(line) });
            };
            let more = String::from_utf8_lossy(line.trim_ascii());
            if !value.is_empty() && !more.is_empty() {
                value.push(' ');
            }
            value.push_str(&more);
            continue;
        }
        let (name, value) =
            split_field(line).ok_or_else(|| ErrorKind::HeaderLine { line: shorten(line) })?;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        if let Some((name, value)) = pending.replace((text(name), text(value))) {
            headers.push(&name, value);
        }
    }
    if let Some((name, value)) = pending {
        headers.push(&name, value);
    }
    Ok(headers)
}

/// Name and value; white space before the colon is tolerated.
fn split_field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|&b| b == b':')?;
    let name = line.get(..colon)?.trim_ascii_end();
    let value = line.get(colon + 1..)?.trim_ascii();
    (!name.is_empty() && name.iter().all(|&b| is_token(b))).then_some((name, value))
}

fn plausible_start(line: &[u8]) -> bool {
    let last = line.trim_ascii_end().rsplit(|&b| b == b' ' || b == b'\t').next();
    line.starts_with(b"RTSP/") || last.is_some_and(|word| word.starts_with(b"RTSP/"))
}

fn request_line(line: &str) -> Option<(Method, String, Version)> {
    let mut words = line.split_ascii_whitespace();
    let (method, uri, version) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() || !method.bytes().all(is_token) {
        return None;
    }
    if uri.chars().any(char::is_control) {
        return None;
    }
    Some((Method::from_token(method), uri.to_owned(), version_of(version)?))
}

fn status_line(line: &str) -> Option<(Version, Status, String)> {
    let mut words = line.split_ascii_whitespace();
    let version = version_of(words.next()?)?;
    let code = words.next()?;
    (code.len() == 3).then_some(())?;
    let status = Status::from_code(u16::try_from(decimal(code.as_bytes())?).ok()?)?;
    // What the peer writes here is shown to people: on a terminal, control characters do harm.
    let mut reason = words.collect::<Vec<_>>().join(" ");
    reason.retain(|c| !c.is_control());
    Some((version, status, reason))
}

fn version_of(word: &str) -> Option<Version> {
    let (major, minor) = word.strip_prefix("RTSP/")?.split_once('.')?;
    let number = |digits: &str| u8::try_from(decimal(digits.as_bytes())?).ok();
    Some(Version { major: number(major)?, minor: number(minor)? })
}

/// Digits and nothing else; `u64::from_str` would also take a plus sign.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// `token` characters of RFC 2068, section 2.2.
fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

fn trim_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The beginning of a faulty line, fit for an error text.
fn shorten(line: &[u8]) -> String {
    String::from_utf8_lossy(line.get(..60).unwrap_or(line)).escape_debug().to_string()
}
