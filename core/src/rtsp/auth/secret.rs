//! What is known of a user: never more than is needed.

use std::fmt;
use std::str::FromStr;

use super::algorithm::{Algorithm, hex, unhex};

/// What a user's answers are checked against.
///
/// As text it is `plain:PASSWORD`, or `ha1:SHA256[:MD5]` with hexadecimal digits.
///
/// **Who reads the file reads these hashes, and can log in with them by Digest**: a server that
/// speaks Digest has to store what the client computes from the password. They hide only the
/// password itself. The MD5 hash, which FFmpeg, GStreamer and VLC need, also yields a weak password
/// to a search quickly.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The password itself.
    Password(String),
    /// `H(user:realm:password)`, called HA1 in RFC 7616: it belongs to one user and one realm.
    Ha1 {
        /// By SHA-256.
        sha256: [u8; 32],
        /// By MD5; without it only clients that know SHA-256, or send Basic, are let in.
        md5: Option<[u8; 16]>,
    },
}

impl Secret {
    /// Hashes a password for one user of one realm; `md5` for clients that know nothing better.
    pub fn hash(user: &str, realm: &str, password: &str, md5: bool) -> Secret {
        let text = format!("{user}:{realm}:{password}");
        Secret::Ha1 {
            sha256: array(&Algorithm::Sha256.bytes(&text)),
            md5: md5.then(|| array(&Algorithm::Md5.bytes(&text))),
        }
    }

    /// HA1 in hexadecimal; `None` when it is not known for this algorithm.
    pub(super) fn ha1(&self, user: &str, realm: &str, algorithm: Algorithm) -> Option<String> {
        match (self, algorithm) {
            (Secret::Password(password), _) => {
                Some(algorithm.hash(&format!("{user}:{realm}:{password}")))
            }
            (Secret::Ha1 { sha256, .. }, Algorithm::Sha256) => Some(hex(sha256)),
            (Secret::Ha1 { md5, .. }, Algorithm::Md5) => md5.as_ref().map(|md5| hex(md5)),
            // These are made from the others; no server here asks for them.
            (Secret::Ha1 { .. }, Algorithm::Md5Sess | Algorithm::Sha256Sess) => None,
        }
    }
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    for (to, from) in array.iter_mut().zip(bytes) {
        *to = *from;
    }
    array
}

/// Why a text is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretError {
    /// It begins with neither `ha1:` nor `plain:`.
    Kind,
    /// The hash is not one of 64 hexadecimal digits, and one of 32 behind it.
    Digits,
    /// The password is empty.
    Empty,
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SecretError::Kind => "a secret begins with ha1: (hashed) or plain: (a password)",
            SecretError::Digits => {
                "behind ha1: stand 64 hexadecimal digits (SHA-256) and, behind another colon, 32 (MD5)"
            }
            SecretError::Empty => "the password is empty",
        })
    }
}

impl std::error::Error for SecretError {}

impl FromStr for Secret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Secret, SecretError> {
        if let Some(password) = text.strip_prefix("plain:") {
            return match password {
                "" => Err(SecretError::Empty),
                password => Ok(Secret::Password(password.to_owned())),
            };
        }
        let hashes = text.strip_prefix("ha1:").ok_or(SecretError::Kind)?;
        let (sha256, md5) = match hashes.split_once(':') {
            Some((sha256, md5)) => (sha256, Some(md5)),
            None => (hashes, None),
        };
        let digits = |text: &str| unhex(text).ok_or(SecretError::Digits);
        let sha256 = digits(sha256)?.try_into().map_err(|_| SecretError::Digits)?;
        let md5 = match md5 {
            Some(md5) => Some(digits(md5)?.try_into().map_err(|_| SecretError::Digits)?),
            None => None,
        };
        Ok(Secret::Ha1 { sha256, md5 })
    }
}

/// The form that [`FromStr`] reads; it holds the secret.
impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Secret::Password(password) => write!(f, "plain:{password}"),
            Secret::Ha1 { sha256, md5: None } => write!(f, "ha1:{}", hex(sha256)),
            Secret::Ha1 { sha256, md5: Some(md5) } => write!(f, "ha1:{}:{}", hex(sha256), hex(md5)),
        }
    }
}

/// Without the secret, so that it cannot slip into a log.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
