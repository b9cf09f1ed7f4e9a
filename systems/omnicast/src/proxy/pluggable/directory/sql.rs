//! Directories in SQL: SQLite inside the program, PostgreSQL elsewhere.
//!
//! The statements are the same for both. sqlx's bounds for being generic over the two are longer than
//! what they would be on, so that a macro writes it out for each.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{PgPool, Row as _, SqlSafeStr as _, SqlitePool};

use super::{Account, Answer, Directory, Error};

/// Connections to a PostgreSQL, and readers of an SQLite file.
const CONNECTIONS: u32 = 4;
/// How long a question waits for one of them.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

const ADD: &str =
    "INSERT INTO account (name, hash, created) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING";
const REMOVE: &str = "DELETE FROM account WHERE name = $1";
const LOOK_UP: &str = "SELECT name, hash, created FROM account WHERE name = $1";
const SET_HASH: &str = "UPDATE account SET hash = $2 WHERE name = $1";
const LIST: &str = "SELECT name, hash, created FROM account WHERE name > $1 ORDER BY name LIMIT $2";
const PROPOSE: &str =
    "INSERT INTO shared_value (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
const SHARED: &str = "SELECT value FROM shared_value WHERE name = $1";

/// The changes of the tables since the first version, in order; with those that are for PostgreSQL alone.
fn migrations(postgres: bool) -> Migrator {
    let migration = |version, description: &'static str, sql: &'static str| {
        let sql = sql.into_sql_str();
        Migration::new(version, description.into(), MigrationType::Simple, sql, false)
    };
    let mut all = vec![migration(1, "accounts", include_str!("migrations/0001_accounts.sql"))];
    if postgres {
        let shared = include_str!("migrations/0002_shared_trees.sql");
        all.push(migration(2, "shared trees", shared));
    }
    Migrator::with_migrations(all)
}

/// Opens a file of SQLite.
///
/// # Errors
/// [`Error::Open`], [`Error::Migrate`].
pub(super) async fn sqlite(name: &str) -> Result<SqlitePool, Error> {
    let open = |source| Error::Open { name: name.to_owned(), source };
    if name != ":memory:" {
        // Nobody else is to read the hashes, and the key of the tickets.
        let mut file = OpenOptions::new();
        file.append(true).create(true).mode(0o600);
        file.open(name).map_err(|error| open(sqlx::Error::Io(error)))?;
    }
    let options = match name {
        ":memory:" => SqliteConnectOptions::new().in_memory(true),
        file => SqliteConnectOptions::new()
            .filename(file)
            // Readers do not wait for writers, and what is told done survives a failure of power.
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(PATIENCE),
    };
    let pool = SqlitePoolOptions::new()
        // Each connection to `:memory:` would be a database of its own.
        .max_connections(if name == ":memory:" { 1 } else { CONNECTIONS })
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(PATIENCE);
    let pool = pool.connect_with(options).await.map_err(open)?;
    migrations(false).run(&pool).await.map_err(Error::Migrate)?;
    Ok(pool)
}

/// Connects to a PostgreSQL server.
///
/// # Errors
/// [`Error::Open`], [`Error::Migrate`].
pub(super) async fn postgres(url: &str) -> Result<PgPool, Error> {
    // The URL may hold a password.
    let name = url.rsplit('@').next().unwrap_or_default().to_owned();
    let options: PgConnectOptions =
        url.parse().map_err(|source| Error::Open { name: name.clone(), source })?;
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE);
    let pool = pool.connect_with(options).await.map_err(|source| Error::Open { name, source })?;
    // Takes a lock in the server, so that two proxy servers may start at once.
    migrations(true).run(&pool).await.map_err(Error::Migrate)?;
    Ok(pool)
}

macro_rules! directory {
    ($pool:ty, $row:ty) => {
        impl Directory for $pool {
            fn add<'a>(&'a self, account: &'a Account) -> Answer<'a, bool> {
                let Account { user, hash, created } = account;
                Box::pin(async move {
                    let query = sqlx::query(ADD).bind(user).bind(hash).bind(created);
                    Ok(query.execute(self).await.map_err(Error::Query)?.rows_affected() > 0)
                })
            }

            fn remove<'a>(&'a self, user: &'a str) -> Answer<'a, bool> {
                Box::pin(async move {
                    let query = sqlx::query(REMOVE).bind(user);
                    Ok(query.execute(self).await.map_err(Error::Query)?.rows_affected() > 0)
                })
            }

            fn look_up<'a>(&'a self, user: &'a str) -> Answer<'a, Option<Account>> {
                Box::pin(async move {
                    let query = sqlx::query(LOOK_UP).bind(user);
                    let row = query.fetch_optional(self).await.map_err(Error::Query)?;
                    row.map(<$pool>::account).transpose()
                })
            }

            fn set_hash<'a>(&'a self, user: &'a str, hash: &'a str) -> Answer<'a, bool> {
                Box::pin(async move {
                    let query = sqlx::query(SET_HASH).bind(user).bind(hash);
                    Ok(query.execute(self).await.map_err(Error::Query)?.rows_affected() > 0)
                })
            }

            fn list<'a>(&'a self, after: &'a str, limit: u32) -> Answer<'a, Vec<Account>> {
                Box::pin(async move {
                    let query = sqlx::query(LIST).bind(after).bind(i64::from(limit));
                    let rows = query.fetch_all(self).await.map_err(Error::Query)?;
                    rows.into_iter().map(<$pool>::account).collect()
                })
            }

            fn value<'a>(&'a self, name: &'a str) -> Answer<'a, Option<String>> {
                Box::pin(async move {
                    let row = sqlx::query(SHARED).bind(name).fetch_optional(self).await;
                    let row = row.map_err(Error::Query)?;
                    row.map(|row| row.try_get(0)).transpose().map_err(Error::Query)
                })
            }

            fn shared_value<'a>(&'a self, name: &'a str, proposal: &'a str) -> Answer<'a, String> {
                Box::pin(async move {
                    let propose = sqlx::query(PROPOSE).bind(name).bind(proposal);
                    propose.execute(self).await.map_err(Error::Query)?;
                    let row = sqlx::query(SHARED).bind(name).fetch_one(self).await;
                    row.and_then(|row| row.try_get(0)).map_err(Error::Query)
                })
            }
        }

        impl FromRow<$row> for $pool {
            fn account(row: $row) -> Result<Account, Error> {
                let read = || {
                    Ok(Account {
                        user: row.try_get(0)?,
                        hash: row.try_get(1)?,
                        created: row.try_get(2)?,
                    })
                };
                read().map_err(Error::Query)
            }
        }
    };
}

/// Reads a row of the table of accounts.
trait FromRow<Row> {
    fn account(row: Row) -> Result<Account, Error>;
}

directory!(SqlitePool, SqliteRow);
directory!(PgPool, PgRow);
