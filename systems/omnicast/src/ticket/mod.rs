//! Admission tickets: the proxy's signed word that a node may take a channel from a server node.
//!
//! A ticket goes behind the URL of the stream, `?ticket=…`, as base64url of
//!
//! ```text
//!  0       1          9         17         25     26            26+n   27+n              27+n+m
//! +-------+----------+----------+----------+------+--------------+------+-----------------+-----------+
//! | 1     | node     | server   | expiry   | n    | user         | m    | channel         | signature |
//! +-------+----------+----------+----------+------+--------------+------+-----------------+-----------+
//! ```
//!
//! (numbers big-endian, the expiry in seconds since 1970, the signature Ed25519 (RFC 8032) over all that
//! stands before it). A server node checks it by the proxy's public key alone, without asking anybody, and lets
//! in who shows it by an [`Admission`].

mod admission;

use std::fmt;

pub use admission::{Admission, Pass, Refusal, Wanted};

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::NodeId;

/// The form of ticket that is described above.
const FORM: u8 = 1;
/// Bytes of an Ed25519 signature.
const SIGNATURE: usize = 64;
/// Longest text that is looked at; no ticket is longer.
const MAX_TEXT: usize = 1024;

/// What a ticket says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Who may take the stream.
    pub node: NodeId,
    /// From which server node.
    pub server: NodeId,
    /// Until when, in seconds since 1970.
    pub expiry: u64,
    /// Whose node it is; at most 255 bytes.
    pub user: String,
    /// Which channel; at most 255 bytes.
    pub channel: String,
}

/// Why a text is no ticket that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// It is no ticket at all.
    Malformed,
    /// The proxy has not signed it.
    Forged,
    /// It was good until that moment, in seconds since 1970.
    Expired(u64),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Malformed => f.write_str("it is no ticket"),
            Error::Forged => f.write_str("the ticket is not signed by the proxy"),
            Error::Expired(when) => write!(f, "the ticket has expired ({when} s since 1970)"),
        }
    }
}

impl std::error::Error for Error {}

/// Signs tickets.
pub struct Signer(Ed25519KeyPair);

impl Signer {
    /// A new key, as the text that [`read`](Signer::read) reads. It is secret.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<String, Unspecified> {
        let key = Ed25519KeyPair::generate()?.to_pkcs8v1()?;
        Ok(URL_SAFE_NO_PAD.encode(key.as_ref()))
    }

    /// The signer of a key. `None`: the text is no key.
    pub fn read(key: &str) -> Option<Signer> {
        let key = URL_SAFE_NO_PAD.decode(key).ok()?;
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(&key).ok().map(Signer)
    }

    /// The public key, by which a [`Checker`] knows the tickets.
    pub fn public_key(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.public_key().as_ref())
    }

    /// The ticket as text. `None`: the user or the channel is too long for a ticket.
    pub fn sign(&self, ticket: &Ticket) -> Option<String> {
        let mut bytes = vec![FORM];
        bytes.extend_from_slice(&ticket.node.0.to_be_bytes());
        bytes.extend_from_slice(&ticket.server.0.to_be_bytes());
        bytes.extend_from_slice(&ticket.expiry.to_be_bytes());
        for text in [&ticket.user, &ticket.channel] {
            bytes.push(u8::try_from(text.len()).ok()?);
            bytes.extend_from_slice(text.as_bytes());
        }
        let signature = self.0.sign(&bytes);
        bytes.extend_from_slice(signature.as_ref());
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }
}

/// Without the key.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

/// Checks tickets.
#[derive(Clone)]
pub struct Checker(ParsedPublicKey);

impl Checker {
    /// Checks by this public key. `None`: the text is no key.
    pub fn new(public_key: &str) -> Option<Checker> {
        let key = URL_SAFE_NO_PAD.decode(public_key).ok()?;
        ParsedPublicKey::new(&ED25519, &key).ok().map(Checker)
    }

    /// What a ticket says, if it counts at the time `now`, in seconds since 1970. What it says has still
    /// to be compared with what is wanted.
    ///
    /// # Errors
    /// When it does not count.
    pub fn check(&self, text: &str, now: u64) -> Result<Ticket, Error> {
        let ticket = self.check_signature(text)?;
        match ticket.expiry > now {
            true => Ok(ticket),
            false => Err(Error::Expired(ticket.expiry)),
        }
    }

    /// What a ticket says, whenever it was good: as a proof of what once was.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Forged`].
    pub fn check_signature(&self, text: &str) -> Result<Ticket, Error> {
        if text.len() > MAX_TEXT {
            return Err(Error::Malformed);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::Malformed)?;
        let split = bytes.len().checked_sub(SIGNATURE).ok_or(Error::Malformed)?;
        let (said, signature) = bytes.split_at(split);
        let ticket = parse(said).ok_or(Error::Malformed)?;
        self.0.verify_sig(said, signature).map_err(|_| Error::Forged)?;
        Ok(ticket)
    }
}

impl fmt::Debug for Checker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Checker")
    }
}

fn parse(bytes: &[u8]) -> Option<Ticket> {
    let (&form, rest) = bytes.split_first()?;
    if form != FORM {
        return None;
    }
    let (node, rest) = number(rest)?;
    let (server, rest) = number(rest)?;
    let (expiry, rest) = number(rest)?;
    let (user, rest) = text(rest)?;
    let (channel, rest) = text(rest)?;
    let ticket = Ticket { node: NodeId(node), server: NodeId(server), expiry, user, channel };
    rest.is_empty().then_some(ticket)
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*number), rest))
}

fn text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(length))?;
    Some((String::from_utf8(text.to_vec()).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ticket() -> Ticket {
        let (user, channel) = ("alice".to_owned(), "live/1".to_owned());
        Ticket { node: NodeId(17), server: NodeId(4), expiry: 2_000, user, channel }
    }

    fn signer() -> Signer {
        Signer::read(&Signer::generate().unwrap()).unwrap()
    }

    #[test]
    fn it_counts_until_it_expires() {
        let signer = signer();
        let checker = Checker::new(&signer.public_key()).unwrap();
        let text = signer.sign(&ticket()).unwrap();
        assert_eq!(checker.check(&text, 1_999), Ok(ticket()));
        assert_eq!(checker.check(&text, 2_000), Err(Error::Expired(2_000)));
        assert_eq!(checker.check_signature(&text), Ok(ticket()));
    }

    #[test]
    fn nobody_else_can_make_one() {
        let checker = Checker::new(&signer().public_key()).unwrap();
        let text = signer().sign(&ticket()).unwrap();
        assert_eq!(checker.check(&text, 0), Err(Error::Forged));
    }

    #[test]
    fn a_changed_one_does_not_count() {
        let signer = signer();
        let checker = Checker::new(&signer.public_key()).unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(signer.sign(&ticket()).unwrap()).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(checker.check(&URL_SAFE_NO_PAD.encode(changed), 0).is_err(), "byte {at}");
            assert!(checker.check(&URL_SAFE_NO_PAD.encode(&bytes[..at]), 0).is_err());
        }
    }

    #[test]
    fn what_is_too_long_is_not_signed() {
        let user = "x".repeat(256);
        assert_eq!(signer().sign(&Ticket { user, ..ticket() }), None);
        assert!(Signer::read("AAAA").is_none() && Checker::new("AAAA").is_none());
    }

    proptest! {
        #[test]
        fn garbage_is_no_ticket(text in "[A-Za-z0-9_-]{0,300}") {
            let key = "GX8eCqzHyOQu2JcBcJYhvGKkWF6vFyDMdzVOSKGTYlQ";
            let checker = Checker::new(key).expect("a key");
            prop_assert!(checker.check(&text, 0).is_err());
        }
    }
}
