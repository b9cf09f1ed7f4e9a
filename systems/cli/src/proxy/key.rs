//! `rillcast proxy key`: the public key of the tickets.

use std::fmt;

use clap::Args;
use rillcast_omnicast::proxy;
use serde::Serialize;

use super::args::DIRECTORY;
use crate::failure::Failure;
use crate::output::Output;

/// The public key of the tickets that proxy servers of this directory sign
#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    /// The accounts, where the key is too: a file, or postgres://USER@HOST/DATABASE
    #[arg(long, value_name = "FILE|URL", default_value = DIRECTORY)]
    directory: String,
}

/// The key.
#[derive(Debug, Serialize)]
struct Key {
    event: &'static str,
    key: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)
    }
}

pub(super) fn run(args: KeyArgs, output: Output) -> Result<(), Failure> {
    let key = proxy::ticket_key(&args.directory)
        .map_err(|error| Failure::usage(format!("--directory: {error}")))?;
    output.line(&Key { event: "ticket_key", key });
    Ok(())
}
