//! Requests and their answers: the paper's `SResponseManager` (section 3.3.3).
//!
//! It keeps the list of sessions, reads requests, asks the authentication manager and the topology
//! configuration, and answers.

mod refusals;
mod service_point;
mod session;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;

use super::authentication::AuthenticationManager;
use super::topology::{Notice, Now, SessionId, TopologyConfiguration};
use crate::proxy::event::{Event, Events};
use crate::uscp::ReStreamingConnection;
use crate::wire::Stream;
use session::Session;

/// How often it is looked for nodes that have not come back, and told what was refused.
const LOOK: Duration = Duration::from_secs(1);
/// Messages that may wait for a session; one that does not take them in is ended.
const QUEUE: usize = 16;

/// What a session is told by others.
#[derive(Debug)]
pub(super) enum Push {
    Reassign(Box<ReStreamingConnection>),
    /// As `Reassign`, and it has to be confirmed soon.
    Probe(Box<ReStreamingConnection>),
    /// End: its node has logged in over another connection.
    Replaced,
}

/// The paper's `SResponseManager`.
#[derive(Debug)]
pub(crate) struct ResponseManager {
    pub(super) authentication: AuthenticationManager,
    topology: Mutex<TopologyConfiguration>,
    sessions: Mutex<HashMap<SessionId, mpsc::Sender<Push>>>,
    pub(super) events: Events,
    next_session: AtomicU64,
    /// Since it was last told.
    refused_connections: AtomicU64,
    started: Instant,
    keepalive: Duration,
}

impl ResponseManager {
    pub(crate) fn new(
        authentication: AuthenticationManager,
        topology: TopologyConfiguration,
        events: Events,
        started: Instant,
        keepalive: Duration,
    ) -> ResponseManager {
        ResponseManager {
            authentication,
            topology: Mutex::new(topology),
            sessions: Mutex::new(HashMap::new()),
            events,
            next_session: AtomicU64::new(1),
            refused_connections: AtomicU64::new(0),
            started,
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
            for node in self.topology(TopologyConfiguration::expire) {
                let reason = "its connection was lost and it has not come back".to_owned();
                self.events.tell(Event::NodeLeft { node, reason });
            }
            let connections = self.refused_connections.swap(0, Ordering::Relaxed);
            if connections > 0 {
                self.events.tell(Event::ConnectionsRefused { connections });
            }
        }
    }

    /// A connection was closed because there was no room for it.
    pub(super) fn count_refused_connection(&self) {
        // Nothing else is handed over with it.
        self.refused_connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Does something with the topology, and tells all whom it concerns.
    pub(super) fn topology<T>(&self, work: impl FnOnce(&mut TopologyConfiguration, Now) -> T) -> T {
        let now = self.now();
        let mut topology = self.topology.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut topology, now);
        let notices: Vec<Notice> = std::iter::from_fn(|| topology.poll_notice()).collect();
        drop(topology);
        for notice in notices {
            self.push(notice);
        }
        result
    }

    fn push(&self, notice: Notice) {
        let (session, push) = match notice {
            Notice::Reassign { session, connection, moved } => {
                if moved {
                    self.events.tell(Event::moved(&connection));
                }
                (session, Push::Reassign(connection))
            }
            Notice::Probe { session, connection } => (session, Push::Probe(connection)),
            Notice::Replaced(session) => (session, Push::Replaced),
        };
        let mut sessions = self.sessions();
        let taken = sessions.get(&session).map(|sender| sender.try_send(push).is_ok());
        if taken == Some(false) {
            // It does not read what it is told. Without its sender it ends.
            sessions.remove(&session);
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<SessionId, mpsc::Sender<Push>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Now {
        let date = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { time: self.started.elapsed(), date: date.as_secs() }
    }
}
