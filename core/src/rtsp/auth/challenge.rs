//! What a 401 asks for.

use super::Algorithm;
use super::parameters::quote;

/// Which answers are wanted, as 401's `WWW-Authenticate` headers say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// What the user is asked to log in to; Digest hashes it into the secret.
    pub realm: String,
    /// Ask for Digest by SHA-256, and by MD5 for clients that know nothing better.
    pub digest: bool,
    /// Ask for Basic: the password itself comes over the connection, readable unless it is TLS.
    pub basic: bool,
}

impl Challenge {
    /// The values of the `WWW-Authenticate` headers in order: SHA-256 first, MD5 last, since
    /// clients that know only MD5 look at the last Digest.
    pub(in crate::rtsp) fn values(&self, nonce: &str, stale: bool) -> Vec<String> {
        let realm = quote(&self.realm);
        // The order of parameters is the one of live555's pattern.
        let stale = if stale { ", stale=true" } else { "" };
        let digest = |algorithm: Algorithm| {
            let (nonce, name) = (quote(nonce), algorithm.name());
            format!("Digest realm={realm}, nonce={nonce}{stale}, algorithm={name}, qop=\"auth\"")
        };
        let mut values = Vec::new();
        values.extend(self.digest.then(|| digest(Algorithm::Sha256)));
        values.extend(self.basic.then(|| format!("Basic realm={realm}")));
        values.extend(self.digest.then(|| digest(Algorithm::Md5)));
        values
    }
}
