//! What can go wrong with a directory.

use std::fmt;

/// Why a directory gives no answer.
#[derive(Debug)]
pub enum Error {
    /// It cannot be opened.
    Open {
        /// The file or the server, without a password.
        name: String,
        /// The reason.
        source: sqlx::Error,
    },
    /// Its tables cannot be brought up to date.
    Migrate(sqlx::migrate::MigrateError),
    /// The system gives no randomness.
    Randomness,
    /// It did not answer.
    Query(sqlx::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Open { name, source } => write!(f, "cannot open the directory {name}: {source}"),
            Error::Migrate(error) => {
                write!(f, "cannot bring the directory's tables up to date: {error}")
            }
            Error::Randomness => f.write_str("the system gives no randomness"),
            Error::Query(error) => write!(f, "the directory does not answer: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Open { source, .. } | Error::Query(source) => Some(source),
            Error::Migrate(error) => Some(error),
            Error::Randomness => None,
        }
    }
}
