//! What a request offers, and whether it is right.

use std::fmt;

use subtle::ConstantTimeEq;

use super::algorithm::{Algorithm, unhex};
use super::parameters::{get, split};
use super::{Nonces, Secret};
use crate::media::sdp::base64;
use crate::rtsp::{Request, Url};
use std::time::Duration;

/// What a request offers to prove who it comes from.
#[derive(Clone, Default)]
pub enum Credentials {
    /// Nothing, or nothing that can be read.
    #[default]
    None,
    /// A user name and a password (RFC 7617).
    Basic {
        /// The user.
        user: String,
        /// The password as it came.
        password: String,
    },
    /// An answer to a challenge (RFC 7616).
    Digest(Digest),
}

/// A Digest answer, and what of the request it was computed from.
#[derive(Clone)]
pub struct Digest {
    user: String,
    realm: String,
    nonce: String,
    uri: String,
    response: Vec<u8>,
    algorithm: Algorithm,
    /// `nc`, `cnonce` and `qop`; without them it has the form of RFC 2069.
    counted: Option<(String, String, String)>,
    method: String,
    /// Whether `uri` means what the request is about.
    about: bool,
}

/// What came with a request.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// The credentials; those with a nonce that is not good are left out.
    pub credentials: Credentials,
    /// There was a Digest answer to a nonce that is too old, or was given to somebody else: to be
    /// challenged again with `stale=true`, which a client answers without asking its user.
    pub stale: bool,
}

impl Credentials {
    /// Whose they are said to be.
    pub fn user(&self) -> Option<&str> {
        match self {
            Credentials::None => None,
            Credentials::Basic { user, .. } => Some(user),
            Credentials::Digest(digest) => Some(&digest.user),
        }
    }

    /// The password, when it came as such.
    pub fn password(&self) -> Option<&str> {
        match self {
            Credentials::Basic { password, .. } => Some(password),
            Credentials::None | Credentials::Digest(_) => None,
        }
    }

    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        matches!(self, Credentials::None)
    }

    /// Whether they prove to come from somebody who knows the secret. Whose secret it is has been
    /// looked up by [`user`](Credentials::user). Takes as long for a wrong answer as for a right one.
    pub fn verify(&self, secret: &Secret, realm: &str) -> bool {
        match self {
            Credentials::None => false,
            // Hashes are compared, so that not even the length of the password shows.
            Credentials::Basic { user, password } => {
                let offered = Algorithm::Sha256.hash(&format!("{user}:{realm}:{password}"));
                let known = secret.ha1(user, realm, Algorithm::Sha256);
                known.is_some_and(|known| offered.as_bytes().ct_eq(known.as_bytes()).into())
            }
            Credentials::Digest(digest) => digest.verify(secret, realm),
        }
    }
}

impl Digest {
    fn verify(&self, secret: &Secret, realm: &str) -> bool {
        let Some(expected) = self.expected(secret, realm) else { return false };
        let right: bool = expected.as_slice().ct_eq(&self.response).into();
        right && self.about && self.realm == realm
    }

    /// The response that somebody who knows the secret would have given.
    fn expected(&self, secret: &Secret, realm: &str) -> Option<Vec<u8>> {
        let Digest { user, nonce, uri, algorithm, method, .. } = self;
        let ha1 = secret.ha1(user, realm, *algorithm)?;
        let ha2 = algorithm.hash(&format!("{method}:{uri}"));
        Some(match &self.counted {
            Some((nc, cnonce, qop)) => {
                algorithm.bytes(&format!("{ha1}:{nonce}:{nc}:{cnonce}:{qop}:{ha2}"))
            }
            None => algorithm.bytes(&format!("{ha1}:{nonce}:{ha2}")),
        })
    }
}

impl Offer {
    /// What a request on a connection with these nonces offers.
    pub(in crate::rtsp) fn of(request: &Request, nonces: &Nonces, now: Duration) -> Offer {
        match Offer::parse(request) {
            Credentials::Digest(digest) if !nonces.is_good(&digest.nonce, now) => {
                Offer { credentials: Credentials::None, stale: true }
            }
            credentials => Offer { credentials, stale: false },
        }
    }

    fn parse(request: &Request) -> Credentials {
        let values = request.headers.get_all("Authorization");
        values.filter_map(|value| parse(value, request)).next().unwrap_or_default()
    }
}

fn parse(value: &str, request: &Request) -> Option<Credentials> {
    let value = value.trim();
    let (scheme, rest) = value.split_once([' ', '\t'])?;
    if scheme.eq_ignore_ascii_case("Basic") {
        let text = String::from_utf8(base64::decode(rest.trim())?).ok()?;
        let (user, password) = text.split_once(':')?;
        let (user, password) = (user.to_owned(), password.to_owned());
        return Some(Credentials::Basic { user, password });
    }
    let schemes = split(value);
    let (_, given) = schemes.iter().find(|(scheme, _)| scheme.eq_ignore_ascii_case("Digest"))?;
    let uri = get(given, "uri")?;
    let counted = match get(given, "qop") {
        None => None,
        Some(qop) if qop.eq_ignore_ascii_case("auth") => {
            let (nc, cnonce) = (get(given, "nc")?, get(given, "cnonce")?);
            Some((nc.to_owned(), cnonce.to_owned(), qop.to_owned()))
        }
        // auth-int was not asked for.
        Some(_) => return None,
    };
    Some(Credentials::Digest(Digest {
        user: get(given, "username")?.to_owned(),
        realm: get(given, "realm")?.to_owned(),
        nonce: get(given, "nonce")?.to_owned(),
        uri: uri.to_owned(),
        response: unhex(get(given, "response")?)?,
        algorithm: Algorithm::of(get(given, "algorithm"))?,
        counted,
        method: request.method.to_string(),
        about: is_about(uri, &request.uri),
    }))
}

/// Whether the URI of an answer means what the request is about: the same text, the same path, or
/// the stream of which the request names a track.
fn is_about(given: &str, requested: &str) -> bool {
    if given == requested {
        return true;
    }
    let path = |uri: &str| match Url::parse(uri) {
        Ok(url) => Some(url.path().to_owned()),
        Err(_) if uri.starts_with('/') => {
            let path = uri.split(['?', '#']).next().unwrap_or_default();
            Some(path.trim_matches('/').to_owned())
        }
        Err(_) => None,
    };
    match (path(given), path(requested)) {
        (Some(given), Some(requested)) => {
            let below = requested.strip_prefix(&given);
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        _ => false,
    }
}

/// Without what is secret, so that it cannot slip into a log.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credentials::None => f.write_str("None"),
            Credentials::Basic { user, .. } => write!(f, "Basic({user:?})"),
            Credentials::Digest(digest) => digest.fmt(f),
        }
    }
}

/// Without the response, which may be replayed on its connection.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({:?}, {})", self.user, self.algorithm.name())
    }
}
