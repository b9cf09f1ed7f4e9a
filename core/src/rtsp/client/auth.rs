//! Answers to 401: Basic (RFC 7617) and Digest (RFC 2617, RFC 7616).

use crate::media::sdp::base64;
use crate::rtsp::{Headers, Method};
use md5::Md5;
use sha2::{Digest as _, Sha256};

/// What a server asks for, and the nonce count that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    Digest(Digest),
}

/// A Digest challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Digest {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    /// Whether the server named the algorithm: only then is it repeated.
    algorithm_named: bool,
    /// `qop=auth` is offered. Without any qop the answer has the form of RFC 2069.
    qop: bool,
    stale: bool,
    /// How often the nonce was used.
    count: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Algorithm {
    Md5,
    Md5Sess,
    Sha256,
    Sha256Sess,
}

impl Challenge {
    /// The strongest challenge that can be answered. `Err`: the schemes that were offered.
    pub(super) fn choose(headers: &Headers, allow_basic: bool) -> Result<Challenge, String> {
        let mut schemes = Vec::new();
        let mut best: Option<Challenge> = None;
        for (scheme, parameters) in headers.get_all("WWW-Authenticate").flat_map(split) {
            let found = match scheme.to_ascii_lowercase().as_str() {
                "basic" if allow_basic => Some(Challenge::Basic),
                "digest" => Digest::new(&parameters).map(Challenge::Digest),
                _ => None,
            };
            // Of equals the last wins, as with FFmpeg and GStreamer.
            if found.as_ref().map(Challenge::strength) >= best.as_ref().map(Challenge::strength) {
                best = found.or(best);
            }
            schemes.push(scheme);
        }
        best.ok_or_else(|| schemes.join(", "))
    }

    fn strength(&self) -> u8 {
        match self {
            Challenge::Basic => 0,
            Challenge::Digest(d) if d.algorithm <= Algorithm::Md5Sess => 1,
            Challenge::Digest(_) => 2,
        }
    }

    /// Whether it is worth answering although the request carried an answer to `previous`.
    pub(super) fn is_fresh(&self, previous: &Challenge) -> bool {
        match (self, previous) {
            (Challenge::Digest(new), Challenge::Digest(old)) => new.stale || new.nonce != old.nonce,
            _ => false,
        }
    }

    /// Whether the server says that only the nonce was too old.
    pub(super) fn is_stale(&self) -> bool {
        matches!(self, Challenge::Digest(digest) if digest.stale)
    }

    /// The `Authorization` value of one request. `cnonce` has to be new each time.
    pub(super) fn authorize(
        &mut self,
        user: &str,
        password: &str,
        method: &Method,
        uri: &str,
        cnonce: &str,
    ) -> String {
        match self {
            Challenge::Basic => {
                format!("Basic {}", base64::encode(format!("{user}:{password}").as_bytes()))
            }
            Challenge::Digest(digest) => digest.authorize(user, password, method, uri, cnonce),
        }
    }
}

impl Digest {
    fn new(parameters: &[(String, String)]) -> Option<Digest> {
        let get = |name: &str| {
            parameters.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
        };
        let algorithm = match get("algorithm").map(str::to_ascii_uppercase).as_deref() {
            None | Some("MD5") => Algorithm::Md5,
            Some("MD5-SESS") => Algorithm::Md5Sess,
            Some("SHA-256") => Algorithm::Sha256,
            Some("SHA-256-SESS") => Algorithm::Sha256Sess,
            Some(_) => return None,
        };
        let qop = match get("qop") {
            None => false,
            // `auth-int` alone cannot be answered here.
            Some(qop) => {
                qop.split(',').any(|q| q.trim().eq_ignore_ascii_case("auth")).then_some(true)?
            }
        };
        Some(Digest {
            realm: get("realm").unwrap_or_default().to_owned(),
            nonce: get("nonce")?.to_owned(),
            opaque: get("opaque").map(str::to_owned),
            algorithm,
            algorithm_named: get("algorithm").is_some(),
            qop,
            stale: get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
            count: 0,
        })
    }

    fn authorize(
        &mut self,
        user: &str,
        password: &str,
        method: &Method,
        uri: &str,
        cnonce: &str,
    ) -> String {
        self.count = self.count.wrapping_add(1);
        let Digest { realm, nonce, algorithm, .. } = &*self;
        let session = matches!(algorithm, Algorithm::Md5Sess | Algorithm::Sha256Sess);
        let count = format!("{:08x}", self.count);
        let mut secret = algorithm.hash(&format!("{user}:{realm}:{password}"));
        if session {
            secret = algorithm.hash(&format!("{secret}:{nonce}:{cnonce}"));
        }
        let what = algorithm.hash(&format!("{method}:{uri}"));
        let response = if self.qop {
            algorithm.hash(&format!("{secret}:{nonce}:{count}:{cnonce}:auth:{what}"))
        } else {
            algorithm.hash(&format!("{secret}:{nonce}:{what}"))
        };
        let mut value = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\"",
            quote(user),
            quote(realm),
            quote(nonce),
            quote(uri)
        );
        if self.algorithm_named {
            value.push_str(&format!(", algorithm={}", algorithm.name()));
        }
        if self.qop {
            value.push_str(&format!(", qop=auth, nc={count}"));
        }
        if self.qop || session {
            value.push_str(&format!(", cnonce={}", quote(cnonce)));
        }
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(", opaque={}", quote(opaque)));
        }
        value
    }
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Md5Sess => "MD5-sess",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha256Sess => "SHA-256-sess",
        }
    }

    /// The hash in lower-case hexadecimal.
    fn hash(self, text: &str) -> String {
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect();
        match self {
            Algorithm::Md5 | Algorithm::Md5Sess => hex(&Md5::digest(text)),
            Algorithm::Sha256 | Algorithm::Sha256Sess => hex(&Sha256::digest(text)),
        }
    }
}

/// The challenges of one header value: schemes with their parameters. A scheme is a word that no
/// `=` follows, so several challenges may stand in one value, separated by commas.
fn split(value: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut challenges: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for item in split_unquoted(value).map(str::trim).filter(|item| !item.is_empty()) {
        let word = item.find([' ', '\t', '=']).unwrap_or(item.len());
        let (first, rest) = item.split_at(word);
        let is_scheme = !rest.trim_start().starts_with('=');
        let parameter = if is_scheme {
            challenges.push((first.to_owned(), Vec::new()));
            rest
        } else {
            item
        };
        if let (Some((_, parameters)), Some((name, value))) =
            (challenges.last_mut(), parameter.split_once('='))
        {
            parameters.push((name.trim().to_owned(), unquote(value.trim())));
        }
    }
    challenges
}

/// Parts between commas that stand outside quotation marks.
fn split_unquoted(value: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    value.split(move |c| {
        if escaped {
            escaped = false;
        } else if quoted && c == '\\' {
            escaped = true;
        } else if c == '"' {
            quoted = !quoted;
        }
        c == ',' && !quoted
    })
}

fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut escaped = false;
    let keep = |c: &char| {
        escaped = !escaped && *c == '\\';
        !escaped
    };
    inner.chars().filter(keep).collect()
}

fn quote(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests;
