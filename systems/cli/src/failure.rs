//! How a subcommand fails, and the exit code that goes with it.

use std::fmt;
use std::process::ExitCode;

/// Why a subcommand ended without success. The text is one sentence that leads to the cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// What the user gave cannot be used: an option, a file, a URL. Exit code 2.
    Usage(String),
    /// It went wrong while running: refused, lost, timed out. Exit code 1.
    Runtime(String),
}

impl Failure {
    /// A failure of what the user gave.
    pub(crate) fn usage(text: impl Into<String>) -> Failure {
        Failure::Usage(text.into())
    }

    /// A failure while running.
    pub(crate) fn runtime(text: impl Into<String>) -> Failure {
        Failure::Runtime(text.into())
    }

    /// 2 for what the user gave, 1 for the rest.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Usage(_) => ExitCode::from(2),
            Failure::Runtime(_) => ExitCode::from(1),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(text) | Failure::Runtime(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Failure {}
