//! Passwords that were right a moment ago.
//!
//! Hashing takes its time on purpose, and a node would wait for it at each login. So what was right is
//! remembered for a while, for the other nodes of the account and for those that come back: not the
//! password, but a code of it (HMAC-SHA256, RFC 2104) under a key that never leaves this process. A wrong
//! password is never remembered: each guess is hashed in full, and counted.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;

/// How long.
const LIFETIME: Duration = Duration::from_secs(600);
/// So many at most: of more the latest are not remembered.
const MAX: usize = 10_000;
/// Bytes of a code.
const CODE: usize = 32;

/// What was right.
#[derive(Debug)]
pub(super) struct Recent {
    key: hmac::Key,
    until: Mutex<HashMap<[u8; CODE], Instant>>,
}

impl Recent {
    /// `None`: the system gives no randomness.
    pub(super) fn new() -> Option<Recent> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok()?;
        Some(Recent { key, until: Mutex::default() })
    }

    /// Whether this password was right for this hash. Another hash, as after a change of the password, has
    /// a salt of its own.
    pub(super) fn knows(&self, hash: &str, password: &str, now: Instant) -> bool {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        self.code(hash, password).is_some_and(|code| until.get(&code).is_some_and(|at| *at > now))
    }

    /// This password was right for this hash.
    pub(super) fn remember(&self, hash: &str, password: &str, now: Instant) {
        let Some(code) = self.code(hash, password) else { return };
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.len() >= MAX {
            until.retain(|_, at| *at > now);
        }
        if until.len() < MAX {
            until.insert(code, now + LIFETIME);
        }
    }

    fn code(&self, hash: &str, password: &str) -> Option<[u8; CODE]> {
        let mut context = hmac::Context::with_key(&self.key);
        // So that what belongs to which is told.
        context.update(&(hash.len() as u64).to_be_bytes());
        context.update(hash.as_bytes());
        context.update(password.as_bytes());
        context.sign().as_ref().try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_password_of_the_same_hash_and_not_for_ever() {
        let (recent, now) = (Recent::new().unwrap(), Instant::now());
        assert!(!recent.knows("hash", "tulip", now));
        recent.remember("hash", "tulip", now);
        assert!(recent.knows("hash", "tulip", now));
        for (hash, password) in [("hash", "rose"), ("hash2", "tulip"), ("hasht", "ulip")] {
            assert!(!recent.knows(hash, password, now), "{hash} {password}");
        }
        assert!(!recent.knows("hash", "tulip", now + LIFETIME));
    }

    #[test]
    fn there_is_a_bound() {
        let (recent, now) = (Recent::new().unwrap(), Instant::now());
        for n in 0..=MAX {
            recent.remember("hash", &n.to_string(), now);
        }
        assert!(recent.knows("hash", "0", now) && !recent.knows("hash", &MAX.to_string(), now));
        recent.remember("hash", "later", now + LIFETIME);
        assert!(recent.knows("hash", "later", now + LIFETIME));
    }
}
