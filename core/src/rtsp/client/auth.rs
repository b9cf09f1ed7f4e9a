//! Answers to 401: Basic (RFC 7617) and Digest (RFC 2617, RFC 7616).

use crate::media::sdp::base64;
use crate::rtsp::auth::Algorithm;
use crate::rtsp::auth::parameters::{get, quote, split};
use crate::rtsp::{Headers, Method};

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
        let get = |name: &str| get(parameters, name);
        let algorithm = Algorithm::of(get("algorithm"))?;
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

/// The `Authorization` value that this client answers a 401 with.
#[cfg(test)]
pub(in crate::rtsp) fn answer_for_test(
    headers: &Headers,
    user: &str,
    password: &str,
    method: &Method,
    uri: &str,
) -> String {
    let mut challenge = Challenge::choose(headers, true).expect("a challenge");
    challenge.authorize(user, password, method, uri, "cnonce")
}

#[cfg(test)]
mod tests;
