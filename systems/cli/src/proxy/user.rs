//! `rillcast proxy user`: the accounts.

use std::fmt;

use clap::{Args, Subcommand};
use rillcast_omnicast::proxy::pluggable::directory::{self, Directory};
use rillcast_omnicast::proxy::service::authentication::{AuthenticationManager, Error};
use rillcast_omnicast::uscp::Credentials;
use serde::Serialize;

use super::args::DIRECTORY;
use crate::failure::Failure;
use crate::output::Output;
use crate::tools::read_password;

/// Accounts that are read at once.
const PAGE: u32 = 500;

/// The accounts of a proxy server, which may be running
#[derive(Debug, Args)]
pub(super) struct UserArgs {
    /// The accounts: a file, or postgres://USER@HOST/DATABASE
    #[arg(long, global = true, value_name = "FILE|URL", default_value = DIRECTORY)]
    directory: String,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make an account; the password is asked for, or read from standard input
    Add {
        /// Its name
        name: String,
    },
    /// Delete an account; nodes that have logged in stay
    Remove {
        /// Its name
        name: String,
    },
    /// List the accounts
    List,
    /// Change a password; it is asked for, or read from standard input
    Passwd {
        /// Name of the account
        name: String,
    },
}

/// What was done.
#[derive(Debug, Serialize)]
struct Done<'a> {
    event: &'static str,
    user: &'a str,
}

impl fmt::Display for Done<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.event {
            "user" => f.write_str(self.user),
            "user_added" => write!(f, "{} may log in", self.user),
            "user_removed" => write!(f, "{} is deleted", self.user),
            _ => write!(f, "{} has another password", self.user),
        }
    }
}

pub(super) fn run(args: UserArgs, output: Output) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::runtime(format!("cannot start: {error}")))?;
    runtime.block_on(act(args, output))
}

async fn act(args: UserArgs, output: Output) -> Result<(), Failure> {
    let UserArgs { directory, action } = args;
    let directory = directory::open(&directory).await.map_err(unreachable)?;
    let manager =
        || AuthenticationManager::new(directory.clone(), false).map_err(|error| failed(&error));
    let none = |name: &str| Failure::usage(format!("there is no account {name:?}"));
    match &action {
        Action::Add { name } => {
            let manager = manager()?;
            manager.add(&credentials(name)?).await.map_err(|error| failed(&error))?;
            output.line(&Done { event: "user_added", user: name });
        }
        Action::Remove { name } => {
            if !directory.remove(name).await.map_err(unreachable)? {
                return Err(none(name));
            }
            output.line(&Done { event: "user_removed", user: name });
        }
        Action::List => list(&*directory, output).await?,
        Action::Passwd { name } => {
            let manager = manager()?;
            let changed = manager.set_password(&credentials(name)?).await;
            if !changed.map_err(|error| failed(&error))? {
                return Err(none(name));
            }
            output.line(&Done { event: "password_changed", user: name });
        }
    }
    Ok(())
}

async fn list(directory: &dyn Directory, output: Output) -> Result<(), Failure> {
    let mut after = String::new();
    loop {
        let accounts = directory.list(&after, PAGE).await.map_err(unreachable)?;
        for account in &accounts {
            output.line(&Done { event: "user", user: &account.user });
        }
        match accounts.last() {
            Some(last) => after.clone_from(&last.user),
            None => return Ok(()),
        }
    }
}

fn credentials(name: &str) -> Result<Credentials, Failure> {
    let password = read_password()
        .map_err(|error| Failure::runtime(format!("cannot read the password: {error}")))?;
    match password.is_empty() {
        true => Err(Failure::usage("the password is empty")),
        false => Ok(Credentials { user: name.to_owned(), password }),
    }
}

fn failed(error: &Error) -> Failure {
    match error {
        Error::Exists | Error::Name => Failure::usage(error.to_string()),
        error => Failure::runtime(error.to_string()),
    }
}

fn unreachable(error: directory::Error) -> Failure {
    Failure::runtime(error.to_string())
}
