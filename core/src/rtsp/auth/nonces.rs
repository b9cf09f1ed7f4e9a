//! The nonces that one connection was given.

use std::collections::VecDeque;
use std::time::Duration;

/// How long a nonce is good. Longer than any pause between two requests of an opening; what is
/// opened stays open, and a client whose nonce is too old is told so and tries again.
const LIFE: Duration = Duration::from_secs(300);
/// Nonces of one connection at once: a client uses the newest, or the one before when requests
/// and answers crossed.
const KEPT: usize = 4;

/// The newest nonces of a connection, with the time they were given.
#[derive(Debug, Default)]
pub(in crate::rtsp) struct Nonces(VecDeque<(String, Duration)>);

impl Nonces {
    /// Takes note of a nonce that is about to be given.
    pub(in crate::rtsp) fn give(&mut self, nonce: String, now: Duration) {
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back((nonce, now));
    }

    /// Whether the nonce was given to this connection, and not too long ago.
    pub(in crate::rtsp) fn is_good(&self, nonce: &str, now: Duration) -> bool {
        self.0.iter().any(|(known, given)| known == nonce && now.saturating_sub(*given) <= LIFE)
    }
}
