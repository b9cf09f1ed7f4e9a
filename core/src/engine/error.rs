//! Why a call to the engine failed.

use std::fmt;
use std::io;

use super::children::ChildId;

/// Why a call to the [`Engine`](super::Engine) failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused something.
    Io {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A URL is not one that can be used here.
    Url {
        /// The URL.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A session description cannot be used.
    Session(String),
    /// A path already has a stream.
    PathTaken(String),
    /// No stream came to the path in the time given.
    NoStream(String),
    /// A stream has fewer tracks.
    NoTrack {
        /// Path of the stream.
        path: String,
        /// Index of the track that was asked for.
        track: usize,
    },
    /// A fallback would stand in for itself, if only by way of others.
    Circle(String),
    /// There is no such child, or it has left.
    NoChild(ChildId),
    /// More of something than the configuration allows.
    TooMany(&'static str),
    /// The engine has stopped.
    Stopped,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io { doing, source } => write!(f, "cannot {doing}: {source}"),
            Error::Url { url, reason } => write!(f, "{url}: {reason}"),
            Error::Session(reason) => write!(f, "session description: {reason}"),
            Error::PathTaken(path) => write!(f, "{path} already has a stream"),
            Error::NoStream(path) => write!(f, "no stream came to {path}"),
            Error::NoTrack { path, track } => {
                write!(f, "{path} has no track {track} (the first is 0)")
            }
            Error::Circle(path) => write!(f, "{path} would be its own fallback"),
            Error::NoChild(child) => write!(f, "there is no {child}"),
            Error::TooMany(what) => write!(f, "too many {what}"),
            Error::Stopped => f.write_str("the engine has stopped"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
