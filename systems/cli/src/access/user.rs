//! What is stored of a user.

use std::fmt;
use std::str::FromStr;

use rillcast::engine::access::Secret;
use rillcast_omnicast::password;

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
    /// When the system gives no randomness or no memory.
    pub(crate) fn argon2(password: &str) -> Result<StoredSecret, password::Error> {
        password::hash(password).map(StoredSecret::Argon2)
    }
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
        password::check(text).map_err(|error| error.to_string())?;
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
        assert_eq!(password::verify(&text, "tulip"), Ok(true));
        assert_eq!(password::verify(&text, "rose"), Ok(false));
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
