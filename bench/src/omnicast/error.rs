//! Why an experiment did not come about.

use std::fmt;
use std::io;

/// Why an experiment did not come about.
#[derive(Debug)]
pub enum Error {
    /// The system refuses.
    Io {
        /// What was to be done, as in "cannot …".
        doing: String,
        /// The reason.
        source: io::Error,
    },
    /// A command of the system failed, which it explains itself.
    Command {
        /// The command.
        line: String,
        /// What it said.
        said: String,
    },
    /// A program that takes part did not do what was waited for.
    Role {
        /// Which one.
        name: String,
        /// What it did not do, and what it said.
        text: String,
    },
    /// What nodes wrote down cannot be read, or is not enough.
    Trace(String),
    /// The experiment needs network namespaces, and there can be none.
    Namespaces(String),
    /// The end was asked for.
    Halted,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io { doing, source } => write!(f, "cannot {doing}: {source}"),
            Error::Command { line, said } => write!(f, "`{line}` failed: {said}"),
            Error::Role { name, text } => write!(f, "{name}: {text}"),
            Error::Trace(text) => f.write_str(text),
            Error::Namespaces(reason) => write!(
                f,
                "this experiment runs in network namespaces with shaped links, for which root, ip, tc, nft and nsenter are needed: {reason}"
            ),
            Error::Halted => f.write_str("ended before it was done"),
        }
    }
}

impl std::error::Error for Error {}

/// Makes the error of something that was to be done.
pub(super) fn doing(what: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    let doing = what.into();
    move |source| Error::Io { doing, source }
}
