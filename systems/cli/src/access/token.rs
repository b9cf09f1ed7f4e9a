//! Signed permissions in the URL: `rtsp://HOST/PATH?token=EXPIRES-SIGNATURE`.
//!
//! The signature is the HMAC-SHA256, in hexadecimal, of `ACTION:PATH:EXPIRES`, where the action is
//! `play` or `publish`, the path has no slash at its ends, and the time is in seconds since 1970.
//! Whoever has the key can make one, by `rillcast token` or by
//!
//! ```sh
//! EXPIRES=$(($(date +%s) + 3600))
//! printf 'play:live/cam:%s' $EXPIRES | openssl dgst -sha256 -hmac "$(cat token.key)" -r
//! ```

use std::fmt;

use aws_lc_rs::hmac;
use rillcast::engine::access::Action;

/// Shortest key, in bytes.
const MIN_KEY: usize = 16;
/// Longest query that is looked at.
const MAX_QUERY: usize = 2048;

/// The key that tokens are signed with.
#[derive(Clone)]
pub(crate) struct Key(hmac::Key);

impl Key {
    /// A key out of the text of a file. White space at its end does not count.
    ///
    /// # Errors
    /// When it is too short.
    pub(crate) fn new(text: &[u8]) -> Result<Key, String> {
        let text = text.trim_ascii_end();
        if text.len() < MIN_KEY {
            return Err(format!(
                "the key is shorter than {MIN_KEY} bytes; `openssl rand -hex 32` makes a good one"
            ));
        }
        Ok(Key(hmac::Key::new(hmac::HMAC_SHA256, text)))
    }

    /// A token that permits an action on a path until `expires`, in seconds since 1970.
    pub(crate) fn sign(&self, action: Action, path: &str, expires: u64) -> String {
        let tag = hmac::sign(&self.0, text(action, path, expires).as_bytes());
        let signature: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{expires}-{signature}")
    }

    /// Whether a URL's query holds a token for this at the time `now`, in seconds since 1970.
    pub(super) fn permits(&self, action: Action, path: &str, query: &str, now: u64) -> bool {
        if query.len() > MAX_QUERY {
            return false;
        }
        let tokens = query.split('&').filter_map(|part| part.strip_prefix("token="));
        tokens.filter_map(parse).any(|(expires, signature)| {
            let text = text(action, path, expires);
            expires > now && hmac::verify(&self.0, text.as_bytes(), &signature).is_ok()
        })
    }
}

fn text(action: Action, path: &str, expires: u64) -> String {
    let action = match action {
        Action::Play => "play",
        Action::Publish => "publish",
    };
    format!("{action}:{}:{expires}", path.trim_matches('/'))
}

fn parse(token: &str) -> Option<(u64, Vec<u8>)> {
    let (expires, signature) = token.split_once('-')?;
    let (pairs, rest) = signature.as_bytes().as_chunks::<2>();
    let digit = |b: u8| char::from(b).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? * 16 + digit(*low)?).ok();
    let signature: Vec<u8> = pairs.iter().map(byte).collect::<Option<_>>()?;
    rest.is_empty().then_some((expires.parse().ok()?, signature))
}

/// Without the key.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> Key {
        Key::new(b"0123456789abcdef0123456789abcdef\n").unwrap()
    }

    /// By `printf 'play:live/cam:2000000000' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef`.
    #[test]
    fn as_openssl_makes_it() {
        let token = key().sign(Action::Play, "/live/cam", 2_000_000_000);
        assert_eq!(
            token,
            "2000000000-2702302b75d24bcc720d1c08c0b2d24c68f42d72aae8cb82494cc3e6af1b28b1"
        );
    }

    #[test]
    fn it_permits_what_it_says_and_nothing_else() {
        let query = format!("x=1&token={}", key().sign(Action::Play, "live/cam", 100));
        let permits = |action, path, now| key().permits(action, path, &query, now);
        assert!(permits(Action::Play, "live/cam", 99));
        assert!(!permits(Action::Play, "live/cam", 100), "it has expired");
        assert!(!permits(Action::Publish, "live/cam", 99));
        assert!(!permits(Action::Play, "live/cam2", 99));
        let later = query.replace("100-", "999-");
        assert!(!key().permits(Action::Play, "live/cam", &later, 99));
        let other = Key::new(b"another key of enough bytes").unwrap();
        assert!(!other.permits(Action::Play, "live/cam", &query, 99));
        assert!(Key::new(b"short          \n").is_err());
    }

    proptest! {
        #[test]
        fn garbage_permits_nothing(query in "(token=|[0-9a-f]{1,4}|-|&|=|.){0,40}") {
            prop_assert!(!key().permits(Action::Play, "x", &query, 0));
        }
    }
}
