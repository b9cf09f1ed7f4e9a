//! `rillcast hash-password`.

use std::fmt;
use std::io::{IsTerminal as _, Read as _, stdin};

use clap::Args;
use rillcast::engine::access::Secret;
use serde::Serialize;

use crate::access::{REALM, StoredSecret};
use crate::failure::Failure;
use crate::output::Output;

/// Longest password that is taken, in bytes.
const MAX_PASSWORD: u64 = 1024;

const EXAMPLES: &str = "\
The password is asked for, or read from standard input:
  rillcast hash-password alice
  rillcast hash-password alice < password.txt

The line goes under [user] in the configuration file, or behind --user.

Digest needs HA1 hashes, and whoever reads them can log in with them: keep the file to yourself. An Argon2id hash
gives nothing away, but needs the password itself to come over the connection (Basic).";

/// Make the line of a user for the configuration out of a password
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct HashPasswordArgs {
    /// Name of the user
    #[arg(value_name = "NAME")]
    name: String,

    /// The realm that the server is configured with
    #[arg(long, value_name = "NAME", default_value = REALM)]
    realm: String,

    /// Leave the MD5 hash out: ffmpeg, GStreamer and VLC can then log in by Basic only, where the
    /// server asks for it
    #[arg(long, conflicts_with = "argon2")]
    no_md5: bool,

    /// Hash by Argon2id, for Basic over TLS
    #[arg(long)]
    argon2: bool,
}

/// The line of a user.
#[derive(Debug, Serialize)]
struct User {
    name: String,
    secret: String,
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither the name nor the secret holds a quotation mark or a backslash.
        write!(f, "\"{}\" = \"{}\"", self.name, self.secret)
    }
}

/// Asks for a password and prints the line.
pub(crate) fn hash_password(args: HashPasswordArgs, output: Output) -> Result<(), Failure> {
    let HashPasswordArgs { name, realm, no_md5, argon2 } = args;
    if name.is_empty() || name.contains([',', ':', '=', '"', '\\']) {
        return Err(Failure::usage(
            "the name of a user is not empty and holds none of , : = \" \\",
        ));
    }
    let password = read_password()
        .map_err(|error| Failure::runtime(format!("cannot read the password: {error}")))?;
    if password.is_empty() {
        return Err(Failure::usage("the password is empty"));
    }
    let secret = if argon2 {
        let secret = StoredSecret::argon2(&password);
        secret.map_err(|error| Failure::runtime(format!("cannot hash the password: {error}")))?
    } else {
        StoredSecret::Digest(Secret::hash(&name, &realm, &password, !no_md5))
    };
    output.line(&User { name, secret: secret.to_string() });
    Ok(())
}

/// One line from standard input; not shown while it is typed.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read_password() -> std::io::Result<String> {
    if stdin().is_terminal() {
        return rpassword::prompt_password("Password: ");
    }
    let mut text = String::new();
    stdin().lock().take(MAX_PASSWORD).read_to_string(&mut text)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
