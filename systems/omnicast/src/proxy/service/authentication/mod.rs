//! Who may come in: the paper's `SAuthenticationManager` (section 3.3.3).
//!
//! Passwords are hashed by Argon2id, which takes its time on purpose: a few are looked at at once, on
//! threads of their own, a bounded number waits, and the rest is asked to come again. One that was right a
//! moment ago is known again without it. Who has guessed
//! wrong too often from one address has to wait before another guess is looked at; nobody else does.

mod hashing;
mod recent;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rillcast::engine::access::Guesses;

use crate::password::{self, hash, verify};
use crate::proxy::pluggable::directory::{self, Account, Directory};
use crate::uscp::{Credentials, ErrorCode, ErrorReport};
use hashing::{Hashers, Turn};
use recent::Recent;

/// Longest name of an account, in bytes of UTF-8.
const MAX_NAME: usize = 64;

/// Why somebody is not let in.
#[derive(Debug)]
pub enum Error {
    /// Unknown user, or wrong password: it is not told which.
    Wrong,
    /// Too many wrong guesses came from there: so long none is looked at.
    Blocked(Duration),
    /// There is an account of that name.
    Exists,
    /// A name that no account can have.
    Name,
    /// Nobody makes himself an account here.
    Closed,
    /// Too many passwords wait to be looked at.
    Busy,
    /// The directory gives no answer.
    Directory(directory::Error),
    /// A password cannot be hashed, or the stored hash not be checked.
    Hash(password::Error),
}

impl Error {
    /// What the node is told.
    pub fn report(&self) -> ErrorReport {
        let (code, retry_after) = match self {
            Error::Wrong => (ErrorCode::WrongCredentials, None),
            Error::Blocked(wait) => {
                let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX);
                (ErrorCode::TooManyRequests, Some(seconds.saturating_add(1)))
            }
            Error::Exists => (ErrorCode::UserExists, None),
            Error::Name => (ErrorCode::BadRequest, None),
            Error::Closed => (ErrorCode::Forbidden, None),
            Error::Busy | Error::Directory(_) | Error::Hash(_) => (ErrorCode::Unavailable, Some(5)),
        };
        let text = match self {
            // What it says about the directory is for the operator.
            Error::Directory(_) | Error::Hash(_) => {
                "the accounts cannot be looked at now".to_owned()
            }
            other => other.to_string(),
        };
        ErrorReport { retry_after, ..ErrorReport::new(code, text) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Wrong => f.write_str("unknown user, or wrong password"),
            Error::Blocked(_) => f.write_str("too many wrong passwords came from there"),
            Error::Exists => f.write_str("there is an account of that name"),
            Error::Name => write!(
                f,
                "the name of a user has 1 to {MAX_NAME} bytes, none of its characters white space or a control"
            ),
            Error::Closed => f.write_str("accounts are made by the operator here"),
            Error::Busy => f.write_str("too many log in at once"),
            Error::Directory(error) => error.fmt(f),
            Error::Hash(error) => write!(f, "cannot hash a password: {error}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<directory::Error> for Error {
    fn from(error: directory::Error) -> Error {
        Error::Directory(error)
    }
}

/// The paper's `SAuthenticationManager`. Any number of tasks may ask at once.
#[derive(Debug)]
pub struct AuthenticationManager {
    directory: Arc<dyn Directory>,
    /// Whether nodes may make themselves accounts.
    open: bool,
    hashers: Hashers,
    guesses: Mutex<Guesses>,
    recent: Recent,
    started: Instant,
    /// A hash that is looked at for users that there are not, so that it takes as long.
    nobody: String,
}

impl AuthenticationManager {
    /// Asks `directory`; with `open`, nodes may make themselves accounts by `Subscription`.
    ///
    /// # Errors
    /// [`Error::Hash`].
    pub fn new(directory: Arc<dyn Directory>, open: bool) -> Result<AuthenticationManager, Error> {
        Ok(AuthenticationManager {
            directory,
            open,
            hashers: Hashers::default(),
            guesses: Mutex::new(Guesses::default()),
            recent: Recent::new().ok_or_else(|| Error::Hash(password::Error::System))?,
            started: Instant::now(),
            nobody: hash("nobody").map_err(Error::Hash)?,
        })
    }

    /// Whether somebody is who he says.
    ///
    /// # Errors
    /// [`Error::Wrong`] when not; [`Error::Blocked`], [`Error::Busy`], [`Error::Directory`] when it was
    /// not looked at.
    pub async fn log_in(&self, credentials: &Credentials, peer: IpAddr) -> Result<(), Error> {
        self.blocked(peer)?;
        let account = self.directory.look_up(&credentials.user).await?;
        let known = account.is_some();
        if let Some(account) = &account
            && self.recent.knows(&account.hash, &credentials.password, Instant::now())
        {
            return Ok(());
        }
        let hash = account.map_or_else(|| self.nobody.clone(), |account| account.hash);
        let password = credentials.password.clone();
        let turn = self.hashers.turn(Some(peer)).await?;
        // Others may have guessed while this one waited.
        self.blocked(peer)?;
        let work = move || verify(&hash, &password).map(|right| right.then_some(hash));
        let (right, turn) = turn.work(work).await?;
        if let Some(hash) = right.map_err(Error::Hash)?.filter(|_| known) {
            self.recent.remember(&hash, &credentials.password, Instant::now());
            return Ok(());
        }
        self.guesses().wrong(peer, self.started.elapsed());
        // Only now may the next one be looked at: it knows of this.
        drop(turn);
        Err(Error::Wrong)
    }

    /// Makes an account.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Name`], [`Error::Exists`], and when it cannot be done now.
    pub async fn subscribe(&self, credentials: &Credentials, peer: IpAddr) -> Result<(), Error> {
        if !self.open {
            return Err(Error::Closed);
        }
        self.blocked(peer)?;
        // Accounts cost disk space: making them is bounded as guessing is.
        self.guesses().wrong(peer, self.started.elapsed());
        let turn = self.hashers.turn(Some(peer)).await?;
        self.add_in(turn, credentials).await
    }

    /// Makes an account, whoever asks for it.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Exists`], and when it cannot be done now.
    pub async fn add(&self, credentials: &Credentials) -> Result<(), Error> {
        let turn = self.hashers.turn(None).await?;
        self.add_in(turn, credentials).await
    }

    async fn add_in(&self, turn: Turn, credentials: &Credentials) -> Result<(), Error> {
        let Credentials { user, password } = credentials;
        let wrong = |c: char| c.is_control() || c.is_whitespace();
        if user.is_empty() || user.len() > MAX_NAME || user.contains(wrong) {
            return Err(Error::Name);
        }
        let password = password.clone();
        let (hash, turn) = turn.work(move || hash(&password)).await?;
        drop(turn);
        let hash = hash.map_err(Error::Hash)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let created = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        match self.directory.add(&Account { user: user.clone(), hash, created }).await? {
            true => Ok(()),
            false => Err(Error::Exists),
        }
    }

    /// Deletes the account of somebody who proves that it is his.
    ///
    /// # Errors
    /// As [`log_in`](AuthenticationManager::log_in).
    pub async fn unsubscribe(&self, credentials: &Credentials, peer: IpAddr) -> Result<(), Error> {
        self.log_in(credentials, peer).await?;
        self.directory.remove(&credentials.user).await?;
        Ok(())
    }

    /// Gives an account another password, whoever asks for it. False: there is no such account.
    ///
    /// # Errors
    /// When it cannot be done now.
    pub async fn set_password(&self, credentials: &Credentials) -> Result<bool, Error> {
        let password = credentials.password.clone();
        let turn = self.hashers.turn(None).await?;
        let (hash, turn) = turn.work(move || hash(&password)).await?;
        drop(turn);
        let hash = hash.map_err(Error::Hash)?;
        Ok(self.directory.set_hash(&credentials.user, &hash).await?)
    }

    /// Sets a shared value of the directory, unless it is set.
    ///
    /// # Errors
    /// [`Error::Directory`].
    pub(crate) async fn set_value(&self, name: &str, value: &str) -> Result<(), Error> {
        Ok(self.directory.shared_value(name, value).await.map(drop)?)
    }

    fn blocked(&self, peer: IpAddr) -> Result<(), Error> {
        match self.guesses().blocked(peer, self.started.elapsed()) {
            Some(wait) => Err(Error::Blocked(wait)),
            None => Ok(()),
        }
    }

    fn guesses(&self) -> std::sync::MutexGuard<'_, Guesses> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
