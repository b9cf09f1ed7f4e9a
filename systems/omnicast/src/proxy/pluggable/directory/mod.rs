//! The accounts: the paper's `SDBInterface` (section 3.3.2).
//!
//! [`open`] finds the implementation by URL: a file of SQLite, which is inside the program, or a PostgreSQL
//! that several proxy servers share. The accounts survive whatever happens to the proxy server: a change
//! has reached the disk before it is told done. Proxy servers that share a PostgreSQL share their trees, too.

mod error;
mod registry;
mod sql;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub use error::Error;
pub(crate) use registry::{Claimed, Registry};

/// What comes of a question to a directory.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// An account.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub user: String,
    /// The hash of its password, as a PHC string.
    pub hash: String,
    /// When it was made, in seconds since 1970.
    pub created: i64,
}

/// Without the hash.
impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({:?}, {})", self.user, self.created)
    }
}

/// The paper's `SDBInterface`: adds a node on sign-up, deletes it on withdrawal, looks it up for
/// authentication. Any number of tasks may ask at once.
pub trait Directory: fmt::Debug + Send + Sync {
    /// Makes an account. False: there is one of that name, and it stays as it is.
    fn add<'a>(&'a self, account: &'a Account) -> Answer<'a, bool>;

    /// Deletes an account. False: there is none.
    fn remove<'a>(&'a self, user: &'a str) -> Answer<'a, bool>;

    /// Finds an account.
    fn look_up<'a>(&'a self, user: &'a str) -> Answer<'a, Option<Account>>;

    /// Gives an account another password. False: there is no such account.
    fn set_hash<'a>(&'a self, user: &'a str, hash: &'a str) -> Answer<'a, bool>;

    /// At most `limit` accounts in the order of their names, those behind `after`.
    fn list<'a>(&'a self, after: &'a str, limit: u32) -> Answer<'a, Vec<Account>>;

    /// A shared value, if it is set.
    fn value<'a>(&'a self, name: &'a str) -> Answer<'a, Option<String>>;

    /// A value that all proxy servers of this directory share, such as a key. The first who asks sets
    /// it to `proposal`; everyone is answered what is set.
    fn shared_value<'a>(&'a self, name: &'a str, proposal: &'a str) -> Answer<'a, String>;
}

/// A directory that is open, and what proxy servers share of their trees beside it.
pub(crate) struct Opened {
    pub(crate) directory: Arc<dyn Directory>,
    /// `None`: there is one proxy server only.
    pub(crate) registry: Option<Registry>,
}

/// Opens a directory, and brings its tables up to date: `postgres://…` is a PostgreSQL server, anything
/// else the path of a file of SQLite, made when there is none, or `:memory:`.
///
/// # Errors
/// When it cannot be reached or written, or is of a later version of this program.
pub async fn open(name: &str) -> Result<Arc<dyn Directory>, Error> {
    Ok(open_with_trees(name).await?.directory)
}

/// As [`open`], for a proxy server.
///
/// # Errors
/// As [`open`].
pub(crate) async fn open_with_trees(name: &str) -> Result<Opened, Error> {
    if name.starts_with("postgres://") || name.starts_with("postgresql://") {
        let pool = sql::postgres(name).await?;
        let options = (*pool.connect_options()).clone();
        let mut holder = [0; 8];
        aws_lc_rs::rand::fill(&mut holder).map_err(|_| Error::Randomness)?;
        let holder = i64::from_be_bytes(holder);
        let registry = Some(Registry::new(options, sql::PATIENCE, holder));
        return Ok(Opened { directory: Arc::new(pool), registry });
    }
    Ok(Opened { directory: Arc::new(sql::sqlite(name).await?), registry: None })
}
