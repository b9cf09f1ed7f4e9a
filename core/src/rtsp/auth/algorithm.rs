//! The hashes of Digest.

use md5::Md5;
use sha2::{Digest as _, Sha256};

/// A hash that Digest is done with (RFC 7616, section 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// MD5: the only one that FFmpeg, GStreamer and live555 know.
    Md5,
    /// MD5 with the nonces hashed into the secret.
    Md5Sess,
    /// SHA-256.
    Sha256,
    /// SHA-256 with the nonces hashed into the secret.
    Sha256Sess,
}

impl Algorithm {
    /// The algorithm of an `algorithm` parameter; a missing one means MD5.
    pub(in crate::rtsp) fn of(parameter: Option<&str>) -> Option<Algorithm> {
        Some(match parameter.map(str::to_ascii_uppercase).as_deref() {
            None | Some("MD5") => Algorithm::Md5,
            Some("MD5-SESS") => Algorithm::Md5Sess,
            Some("SHA-256") => Algorithm::Sha256,
            Some("SHA-256-SESS") => Algorithm::Sha256Sess,
            Some(_) => return None,
        })
    }

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Md5Sess => "MD5-sess",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha256Sess => "SHA-256-sess",
        }
    }

    /// The hash.
    pub(super) fn bytes(self, text: &str) -> Vec<u8> {
        match self {
            Algorithm::Md5 | Algorithm::Md5Sess => Md5::digest(text).to_vec(),
            Algorithm::Sha256 | Algorithm::Sha256Sess => Sha256::digest(text).to_vec(),
        }
    }

    /// The hash in lower-case hexadecimal, as it goes into other hashes and onto the wire.
    pub(in crate::rtsp) fn hash(self, text: &str) -> String {
        hex(&self.bytes(text))
    }
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The bytes of hexadecimal digits in either case.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |b: u8| char::from(b).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? * 16 + digit(*low)?).ok();
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}
