//! What proxy servers share of a tree, in PostgreSQL: who places the nodes of a channel, and the nodes.
//!
//! A proxy server may place the nodes of a channel while it has the channel's *seat*: a row with its *term*,
//! which is larger each time that somebody takes the seat, and with the time until which it is taken. A seat
//! that is not renewed in time is free.
//!
//! Time decides only when somebody else may take over. That two never do is by the term: each change of the
//! nodes is one statement that names the term, locks the seat and does nothing if the seat has another one. So
//! whoever takes the seat waits for what is being written and finds it, and after him nothing is written that
//! he does not know of, however long the one before him was stopped or cut off.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::{PgPool, Row as _};

use super::Error;
use crate::NodeId;
use crate::proxy::service::topology::{Entry, Term};

/// Connections: one to write, one to keep the seats.
const CONNECTIONS: u32 = 2;

/// Takes the seats that are free. In the order of their names, so that two that do so wait for each other and not
/// in a circle.
const CLAIM: &str = "\
    INSERT INTO seat (channel, term, holder, address, until) \
    SELECT channel, 1, $4, $2, clock_timestamp() + $3::bigint * interval '1 millisecond' \
    FROM unnest($1::text[]) AS wanted (channel) ORDER BY channel \
    ON CONFLICT (channel) DO UPDATE \
    SET term = seat.term + 1, holder = EXCLUDED.holder, address = EXCLUDED.address, \
        until = EXCLUDED.until \
    WHERE seat.until < clock_timestamp() OR seat.holder = EXCLUDED.holder \
    RETURNING channel, term";
const ADDRESSES: &str = "SELECT channel, address FROM seat \
    WHERE channel = ANY ($1) AND until >= clock_timestamp()";
const RENEW: &str = "\
    UPDATE seat SET until = clock_timestamp() + $3::bigint * interval '1 millisecond' \
    FROM unnest($1::text[], $2::bigint[]) AS held (channel, term) \
    WHERE seat.channel = held.channel AND seat.term = held.term \
    RETURNING seat.channel";
const RELEASE: &str = "\
    UPDATE seat SET until = '-infinity' \
    FROM unnest($1::text[], $2::bigint[]) AS held (channel, term) \
    WHERE seat.channel = held.channel AND seat.term = held.term";
const LOAD: &str = "\
    SELECT node, server, owner, url, capacity, joined FROM placed_node WHERE channel = $1";
/// One statement, so that nothing is locked while this program may be stopped.
const SAVE: &str = "\
    WITH held AS (SELECT 1 FROM seat WHERE channel = $1 AND term = $2 FOR SHARE), \
    gone AS ( \
        DELETE FROM placed_node \
        WHERE channel = $1 AND node = ANY ($3) AND EXISTS (SELECT 1 FROM held)), \
    there AS ( \
        INSERT INTO placed_node (channel, node, server, owner, url, capacity, joined) \
        SELECT $1, * FROM unnest( \
            $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::bigint[], $9::bigint[]) \
        WHERE EXISTS (SELECT 1 FROM held) \
        ON CONFLICT (channel, node) DO UPDATE \
        SET server = EXCLUDED.server, owner = EXCLUDED.owner, url = EXCLUDED.url, \
            capacity = EXCLUDED.capacity, joined = EXCLUDED.joined) \
    SELECT count(*) FROM held";

/// What proxy servers share of their trees. Any number of tasks may ask at once.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    pool: PgPool,
    /// Who asks, of those that share the database.
    holder: i64,
}

/// How it is with the seats of some channels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claimed {
    /// Taken just now, in these terms.
    pub(crate) taken: Vec<(String, Term)>,
    /// Where the proxy server is that has the seat, if it has told.
    pub(crate) elsewhere: BTreeMap<String, Option<String>>,
}

impl Registry {
    /// In the database of a directory, whose tables are up to date. Connects when it is asked something.
    pub(super) fn new(options: PgConnectOptions, patience: Duration, holder: i64) -> Registry {
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(patience);
        Registry { pool: pool.connect_lazy_with(options), holder }
    }

    /// Takes the seats of those channels that are free, or that this one has without knowing, for so long; nodes
    /// find this proxy server at `address`.
    ///
    /// # Errors
    /// [`Error::Query`].
    pub(crate) async fn claim(
        &self,
        channels: &[String],
        address: Option<&str>,
        lease: Duration,
    ) -> Result<Claimed, Error> {
        let query = sqlx::query(CLAIM).bind(channels).bind(address).bind(milliseconds(lease));
        let query = query.bind(self.holder);
        let rows = query.fetch_all(&self.pool).await.map_err(Error::Query)?;
        let taken = rows.iter().map(|row| Ok((row.try_get(0)?, Term(row.try_get(1)?))));
        let taken = taken.collect::<Result<_, _>>().map_err(Error::Query)?;
        let query = sqlx::query(ADDRESSES).bind(channels);
        let rows = query.fetch_all(&self.pool).await.map_err(Error::Query)?;
        let elsewhere = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        Ok(Claimed { taken, elsewhere: elsewhere.collect::<Result<_, _>>().map_err(Error::Query)? })
    }

    /// Keeps seats for so long from now on; the channels whose seat is still that of the term.
    ///
    /// # Errors
    /// [`Error::Query`].
    pub(crate) async fn renew(
        &self,
        held: &[(String, Term)],
        lease: Duration,
    ) -> Result<Vec<String>, Error> {
        let (channels, terms) = columns(held);
        let query = sqlx::query(RENEW).bind(channels).bind(terms).bind(milliseconds(lease));
        let rows = query.fetch_all(&self.pool).await.map_err(Error::Query)?;
        rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(Error::Query)
    }

    /// Leaves seats to others, which need not wait.
    ///
    /// # Errors
    /// [`Error::Query`].
    pub(crate) async fn release(&self, held: &[(String, Term)]) -> Result<(), Error> {
        let (channels, terms) = columns(held);
        let query = sqlx::query(RELEASE).bind(channels).bind(terms);
        query.execute(&self.pool).await.map(drop).map_err(Error::Query)
    }

    /// The nodes of a channel, as they were written down last.
    ///
    /// # Errors
    /// [`Error::Query`].
    pub(crate) async fn load(&self, channel: &str) -> Result<Vec<(NodeId, Entry)>, Error> {
        let query = sqlx::query(LOAD).bind(channel);
        let rows = query.fetch_all(&self.pool).await.map_err(Error::Query)?;
        rows.iter().map(read).collect::<Result<_, _>>().map_err(Error::Query)
    }

    /// Writes down what has become of nodes of a channel. False: the term is over, and nothing was written.
    ///
    /// # Errors
    /// [`Error::Query`]: perhaps it was written, perhaps not. Writing the same again does no harm.
    pub(crate) async fn save(
        &self,
        channel: &str,
        term: Term,
        nodes: &BTreeMap<NodeId, Option<Entry>>,
    ) -> Result<bool, Error> {
        let gone = nodes.iter().filter(|(_, entry)| entry.is_none());
        let gone: Vec<i64> = gone.map(|(node, _)| bits(*node)).collect();
        let mut rows = Rows::default();
        for (node, entry) in nodes.iter().filter_map(|(node, entry)| Some((node, entry.as_ref()?)))
        {
            rows.push(*node, entry);
        }
        let query = sqlx::query_scalar::<_, i64>(SAVE).bind(channel).bind(term.0).bind(gone);
        let query = query.bind(rows.nodes).bind(rows.servers).bind(rows.owners).bind(rows.urls);
        let query = query.bind(rows.capacities).bind(rows.joined);
        Ok(query.fetch_one(&self.pool).await.map_err(Error::Query)? > 0)
    }
}

/// Entries, column by column.
#[derive(Default)]
struct Rows {
    nodes: Vec<i64>,
    servers: Vec<Option<i64>>,
    owners: Vec<String>,
    urls: Vec<Option<String>>,
    capacities: Vec<i64>,
    joined: Vec<i64>,
}

impl Rows {
    fn push(&mut self, node: NodeId, entry: &Entry) {
        self.nodes.push(bits(node));
        self.servers.push(entry.server.map(bits));
        self.owners.push(entry.user.clone());
        self.urls.push(entry.url.clone());
        self.capacities.push(i64::from(entry.capacity));
        self.joined.push(i64::try_from(entry.joined).unwrap_or(i64::MAX));
    }
}

fn read(row: &PgRow) -> Result<(NodeId, Entry), sqlx::Error> {
    let node = |bits: i64| NodeId(bits.cast_unsigned());
    let server: Option<i64> = row.try_get(1)?;
    let (capacity, joined): (i64, i64) = (row.try_get(4)?, row.try_get(5)?);
    let entry = Entry {
        server: server.map(node),
        user: row.try_get(2)?,
        url: row.try_get(3)?,
        capacity: u32::try_from(capacity).unwrap_or(0),
        joined: u64::try_from(joined).unwrap_or(0),
    };
    Ok((node(row.try_get(0)?), entry))
}

/// PostgreSQL has no numbers without a sign.
fn bits(node: NodeId) -> i64 {
    node.0.cast_signed()
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn columns(held: &[(String, Term)]) -> (Vec<String>, Vec<i64>) {
    held.iter().map(|(channel, term)| (channel.clone(), term.0)).unzip()
}
