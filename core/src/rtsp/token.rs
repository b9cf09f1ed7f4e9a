//! Session ids and nonces out of a secret seed.

use sha2::{Digest, Sha256};

/// Length of a token, in characters. 24 of 62 are 142 bits.
const LENGTH: usize = 24;

/// A source of tokens that nobody can guess who does not know the seed.
#[derive(Clone)]
pub(super) struct Tokens {
    seed: [u8; 16],
    count: u64,
}

impl Tokens {
    pub(super) fn new(seed: [u8; 16]) -> Tokens {
        Tokens { seed, count: 0 }
    }

    /// The next token: characters of `[A-Za-z0-9]`, which every client takes in a session id.
    pub(super) fn next(&mut self) -> String {
        const ALPHABET: &[u8; 62] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        self.count = self.count.wrapping_add(1);
        let hash = Sha256::new()
            .chain_update(b"rillcast rtsp token")
            .chain_update(self.seed)
            .chain_update(self.count.to_be_bytes())
            .finalize();
        // 256 is no multiple of 62, so some characters are likelier by a quarter: that costs a
        // few of the 142 bits, and 128 is what the seed holds anyway.
        hash.iter()
            .take(LENGTH)
            .filter_map(|b| ALPHABET.get(usize::from(*b) % ALPHABET.len()))
            .map(|&c| char::from(c))
            .collect()
    }
}

/// The seed stays out of logs.
impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}
