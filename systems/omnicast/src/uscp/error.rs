//! Why bytes are no message, or a message cannot be sent.

use std::fmt;

use super::MAX_MESSAGE;

/// Why bytes are no USCP message, or a message cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The message is longer than [`MAX_MESSAGE`]: so many bytes.
    TooLong(usize),
    /// The bytes are not UTF-8.
    NotUtf8,
    /// The document is not well-formed XML; the parser's reason.
    Malformed(String),
    /// The document holds what USCP does not allow.
    Forbidden(&'static str),
    /// The document is deeper, or of more parts, than a message can be.
    TooComplex(&'static str),
    /// The document is no USCP message: the name of its outermost element.
    NotUscp(String),
    /// A version that is not spoken here.
    Version(String),
    /// There is no message in it that is known here.
    UnknownMessage,
    /// An element or attribute is missing.
    Missing(&'static str),
    /// An element or attribute holds what it cannot hold.
    Invalid {
        /// Its name.
        what: &'static str,
        /// Why, as the end of a sentence.
        why: &'static str,
    },
    /// A request's id was not larger than the one before: it is a copy, or came out of order.
    Replayed(u64),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::TooLong(bytes) => {
                write!(f, "the message has {bytes} bytes; at most {MAX_MESSAGE} are allowed")
            }
            Error::NotUtf8 => f.write_str("the message is not in UTF-8"),
            Error::Malformed(reason) => write!(f, "the message is not well-formed XML: {reason}"),
            Error::Forbidden(what) => write!(f, "a USCP message holds no {what}"),
            Error::TooComplex(what) => write!(f, "the message has too many {what}"),
            Error::NotUscp(name) => write!(f, "the outermost element is {name:?}, not \"USCP\""),
            Error::Version(version) => {
                write!(f, "version {version:?} is not spoken here; {} is", super::VERSION)
            }
            Error::UnknownMessage => f.write_str("there is no message in it that is known here"),
            Error::Missing(what) => write!(f, "{what} is missing"),
            Error::Invalid { what, why } => write!(f, "{what} {why}"),
            Error::Replayed(id) => {
                write!(f, "the request's id {id} is not larger than the one before")
            }
        }
    }
}

impl std::error::Error for Error {}
