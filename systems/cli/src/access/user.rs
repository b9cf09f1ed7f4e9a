//! What is stored of a user.

use std::fmt;
use std::str::FromStr;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use rillcast::engine::access::Secret;

/// Costs (in KiB of memory times passes) beyond which a hash is refused: it would take seconds.
const MAX_COST: u64 = 1 << 20;

/// What is stored of a user.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum StoredSecret {
    /// What Digest needs; good for Basic too.
    Digest(Secret),
    /// An Argon2id hash: it gives nothing to who reads it, and is of use for Basic only.
    Argon2(String),
}

impl StoredSecret {
    /// Hashes a password so that nobody who reads the hash can log in with it.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub(crate) fn argon2(password: &str) -> Result<StoredSecret, String> {
        let hash = Argon2::default().hash_password(password.as_bytes());
        hash.map(|hash| StoredSecret::Argon2(hash.to_string())).map_err(|e| e.to_string())
    }
}

/// Whether the password is the one of an Argon2 hash. Takes some 50 ms and 19 MiB.
pub(super) fn verify_argon2(hash: &str, password: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
}

impl FromStr for StoredSecret {
    type Err = String;

    fn from_str(text: &str) -> Result<StoredSecret, String> {
        if !text.starts_with('$') {
            let secret = text.parse::<Secret>();
            return secret.map(StoredSecret::Digest).map_err(|error| {
                format!("{error}; `rillcast hash-password NAME` makes one of a password")
            });
        }
        let hash = PasswordHash::new(text).map_err(|_| "it is no Argon2 hash".to_owned())?;
        let number = |name| hash.params.get_decimal(name).map_or(0, u64::from);
        if hash.algorithm.as_str() != "argon2id" {
            return Err("of the hashes that begin with $ only $argon2id$ is known".into());
        }
        if number("m").saturating_mul(number("t")) > MAX_COST {
            return Err("this Argon2 hash takes too long to check: lower its m or t".into());
        }
        Ok(StoredSecret::Argon2(text.to_owned()))
    }
}

impl fmt::Display for StoredSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoredSecret::Digest(secret) => secret.fmt(f),
            StoredSecret::Argon2(hash) => f.write_str(hash),
        }
    }
}

/// Without the secret, so that it cannot slip into a log.
impl fmt::Debug for StoredSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredSecret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn argon2_hashes_are_made_read_and_checked() {
        let made = StoredSecret::argon2("tulip").unwrap();
        let text = made.to_string();
        assert!(text.starts_with("$argon2id$"), "{text}");
        assert_eq!(text.parse(), Ok(made));
        assert!(verify_argon2(&text, "tulip") && !verify_argon2(&text, "rose"));
        assert!(!verify_argon2("$argon2id$", "tulip"));
    }

    #[test]
    fn what_is_no_secret_is_said() {
        for text in [
            "",
            "tulip",
            "plain:",
            "$1$abc$def",
            "$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaQaw",
            "$argon2id$v=19$m=4194304,t=9,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaQaw",
        ] {
            assert!(text.parse::<StoredSecret>().is_err(), "{text}");
        }
        assert!("plain:tulip".parse::<StoredSecret>().is_ok());
    }
}
