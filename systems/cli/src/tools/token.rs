//! `rillcast token`.

use std::fmt;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use rillcast::engine::access::Action;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;
use crate::serve::read_key;

const EXAMPLES: &str = "\
Examples:
  openssl rand -hex 32 > token.key
  rillcast serve --token-key token.key
  ffplay \"rtsp://127.0.0.1:8554/live?$(rillcast token --key token.key live)\"";

/// Make a signed permission to play or publish, to be put behind a URL
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TokenArgs {
    /// Path of the stream
    #[arg(value_name = "PATH")]
    path: String,

    /// File with the key, as given to `serve --token-key`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// Permit publishing instead of playing
    #[arg(long)]
    publish: bool,

    /// How long it is good, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    seconds: u64,
}

/// A token.
#[derive(Debug, Serialize)]
struct Token {
    token: String,
    /// Seconds since 1970.
    expires: u64,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "token={}", self.token)
    }
}

/// Prints a token.
pub(crate) fn token(args: TokenArgs, output: Output) -> Result<(), Failure> {
    let key = read_key(&args.key)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_err(|_| Failure::runtime("the clock of this machine stands before 1970"))?;
    let expires = now.as_secs().saturating_add(args.seconds);
    let action = if args.publish { Action::Publish } else { Action::Play };
    output.line(&Token { token: key.sign(action, &args.path, expires), expires });
    Ok(())
}
