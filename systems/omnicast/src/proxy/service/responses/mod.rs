//! Requests and their answers: the paper's `SResponseManager` (section 3.3.3).
//!
//! It keeps the list of sessions, reads requests, asks the authentication manager and the topology
//! configuration, and answers. Where the tree is shared with other proxy servers, what was decided is written
//! down first ([`sharing`](super::sharing)).

mod refusals;
mod service_point;
mod session;
mod trees;
mod uplink_tests;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;

use super::authentication::AuthenticationManager;
use super::sharing::Journal;
use super::topology::{Notice, Now, SessionId, TopologyConfiguration};
use crate::proxy::event::{Event, Events};
use crate::uscp::ReStreamingConnection;
use crate::wire::Stream;
use session::Session;
use uplink_tests::UplinkTests;

/// How often it is looked for nodes that have not come back, and told what was refused.
const LOOK: Duration = Duration::from_secs(1);
/// The shared value that is set when the directory's proxy servers have let in nodes.
pub(crate) const HAD_NODES: &str = "had-nodes";
/// Messages that may wait for a session; one that does not take them in is ended.
const QUEUE: usize = 16;

/// What a session is told by others.
#[derive(Debug)]
pub(super) enum Push {
    Reassign(Box<ReStreamingConnection>, Serial),
    /// As `Reassign`, and it has to be confirmed soon.
    Probe(Box<ReStreamingConnection>, Serial),
    /// End: its node has logged in over another connection.
    Replaced,
    /// End: another proxy server places its node.
    Closed,
}

/// Says which of two places of a node was decided later.
pub(super) type Serial = u64;

/// Something to tell, and when it was decided.
#[derive(Debug)]
pub(crate) struct Told {
    notice: Notice,
    serial: Serial,
}

/// The topology, and how often something was done with it.
#[derive(Debug)]
struct Trees {
    topology: TopologyConfiguration,
    serial: Serial,
}

/// The paper's `SResponseManager`.
#[derive(Debug)]
pub(crate) struct ResponseManager {
    pub(super) authentication: AuthenticationManager,
    trees: Mutex<Trees>,
    /// Where the tree is shared with other proxy servers.
    journal: Option<Journal>,
    sessions: Mutex<HashMap<SessionId, mpsc::Sender<Push>>>,
    pub(super) events: Events,
    uplink_tests: UplinkTests,
    /// It is written down that there are nodes, or about to be.
    has_nodes: AtomicBool,
    next_session: AtomicU64,
    /// Since it was last told.
    refused_connections: AtomicU64,
    started: Instant,
    /// The date then, since 1970.
    epoch: Duration,
    keepalive: Duration,
}

impl ResponseManager {
    pub(crate) fn new(
        authentication: AuthenticationManager,
        topology: TopologyConfiguration,
        events: Events,
        (started, epoch): (Instant, Duration),
        keepalive: Duration,
        journal: Option<Journal>,
    ) -> ResponseManager {
        ResponseManager {
            authentication,
            trees: Mutex::new(Trees { topology, serial: 0 }),
            journal,
            sessions: Mutex::new(HashMap::new()),
            events,
            uplink_tests: UplinkTests::default(),
            has_nodes: AtomicBool::new(false),
            next_session: AtomicU64::new(1),
            refused_connections: AtomicU64::new(0),
            started,
            epoch,
            keepalive,
        }
    }

    /// Serves a connection to its end.
    pub(crate) async fn serve(self: Arc<Self>, stream: Box<dyn Stream>, peer: SocketAddr) {
        // Only has to be another number each time.
        let id = SessionId(self.next_session.fetch_add(1, Ordering::Relaxed));
        let (sender, pushes) = mpsc::channel(QUEUE);
        self.sessions().insert(id, sender);
        let reason = Session::new(self.clone(), id, peer).serve(stream, pushes).await;
        tracing::debug!("{peer}: the connection is over: {reason}");
        self.sessions().remove(&id);
    }

    /// Removes nodes that have not come back, and tells what was refused, again and again.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(LOOK);
        loop {
            ticks.tick().await;
            // What could not be written down has not happened.
            for node in self.topology(TopologyConfiguration::expire).await.unwrap_or_default() {
                let reason = "its connection was lost and it has not come back".to_owned();
                self.events.tell(Event::NodeLeft { node, reason });
            }
            let connections = self.refused_connections.swap(0, Ordering::Relaxed);
            if connections > 0 {
                self.events.tell(Event::ConnectionsRefused { connections });
            }
        }
    }

    /// A node was let in: whoever comes after this proxy server has to know that there are nodes.
    fn note_node(self: &Arc<Self>) {
        // Nothing else is handed over with it.
        if self.has_nodes.swap(true, Ordering::Relaxed) {
            return;
        }
        let manager = self.clone();
        tokio::spawn(async move {
            if let Err(error) = manager.authentication.set_value(HAD_NODES, "yes").await {
                tracing::warn!("it cannot be written down that there are nodes: {error}");
                manager.has_nodes.store(false, Ordering::Relaxed);
            }
        });
    }

    /// A connection was closed because there was no room for it.
    pub(super) fn count_refused_connection(&self) {
        // Nothing else is handed over with it.
        self.refused_connections.fetch_add(1, Ordering::Relaxed);
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<SessionId, mpsc::Sender<Push>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Now {
        let date = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { time: self.epoch + self.started.elapsed(), date: date.as_secs() }
    }
}
