//! What is looked into: files of the kernel, and programs that print its tables.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Where some distributions keep `nft` and `iptables`, and users do not look.
const MORE_PLACES: &str = "/usr/sbin:/sbin";

/// A machine, seen through its file system.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    root: PathBuf,
}

impl Machine {
    /// The one that this runs on.
    pub(super) fn here() -> Machine {
        Machine { root: "/".into() }
    }

    /// One whose files lie elsewhere.
    #[cfg(test)]
    pub(super) fn at(root: PathBuf) -> Machine {
        Machine { root }
    }

    /// A file without the space around its content; `None` when it cannot be read.
    pub(super) fn read(&self, file: &str) -> Option<String> {
        let text = fs::read_to_string(self.root.join(file)).ok()?;
        Some(text.trim().to_owned())
    }

    /// Whether there is such a file or folder.
    pub(super) fn has(&self, file: &str) -> bool {
        self.root.join(file).exists()
    }

    /// What a program prints.
    pub(super) fn output(&self, program: &str, arguments: &[&str]) -> Said {
        let mut path = std::env::var_os("PATH").unwrap_or_default();
        path.push(OsStr::new(":"));
        path.push(OsStr::new(MORE_PLACES));
        let mut command = Command::new(program);
        let command = command.args(arguments).env("PATH", path).stdin(Stdio::null());
        match command.output() {
            Ok(output) if output.status.success() => {
                Said::Text(String::from_utf8_lossy(&output.stdout).into_owned())
            }
            Ok(_) => Said::Refused,
            Err(_) => Said::NoProgram,
        }
    }
}

/// What a program said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// What it has printed.
    Text(String),
    /// It ended with an error: mostly, that only root may ask.
    Refused,
    /// It is not installed.
    NoProgram,
}
