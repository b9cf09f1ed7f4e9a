//! What the proxy server knows of a node, beside its place in the tree.

use std::time::Duration;

use super::{Arrival, SessionId};
use crate::NodeId;
use crate::bucket::Bucket;

/// How often a node may report its server node gone: so many in one go, and one more in each interval.
const REPORTS: (u32, Duration) = (5, Duration::from_secs(5));

/// A node as the proxy server knows it, beside its place in the tree.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) user: String,
    /// When its tickets were written, in seconds since 1970.
    pub(super) issued: u64,
    /// Where it serves others, if it does.
    pub(super) url: Option<String>,
    pub(super) reports: Bucket,
    /// One of its children says that it is gone, which it has not denied yet.
    pub(super) suspected: bool,
    state: State,
    /// The server node that it was told last, and the standbys behind it.
    told: Vec<NodeId>,
    /// What it was told before that: it may have acted on it when the last was on its way.
    told_before: Vec<NodeId>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Connected(SessionId),
    /// Its connection was lost then.
    Lost(Duration),
}

impl Member {
    pub(super) fn new(arrival: &Arrival) -> Member {
        Member {
            user: arrival.user.clone(),
            issued: 0,
            url: service_url(arrival),
            reports: Bucket::new(REPORTS.0, REPORTS.1),
            suspected: false,
            state: State::Connected(arrival.session),
            told: Vec::new(),
            told_before: Vec::new(),
        }
    }

    /// Comes over another connection. The session that this one takes the place of.
    pub(super) fn rejoin(&mut self, arrival: &Arrival) -> Option<SessionId> {
        let replaced = self.session();
        self.state = State::Connected(arrival.session);
        self.suspected = false;
        self.url = service_url(arrival);
        replaced
    }

    /// Its session, when it is connected.
    pub(super) fn session(&self) -> Option<SessionId> {
        match self.state {
            State::Connected(session) => Some(session),
            State::Lost(_) => None,
        }
    }

    /// The connection of a session was lost at that time.
    pub(super) fn lose(&mut self, session: SessionId, now: Duration) {
        if self.session() == Some(session) {
            self.state = State::Lost(now);
        }
    }

    /// Whether its connection was lost at that time or before.
    pub(super) fn is_lost_before(&self, time: Duration) -> bool {
        matches!(self.state, State::Lost(at) if at <= time)
    }

    /// The server node that it was told last.
    pub(super) fn server(&self) -> Option<NodeId> {
        self.told.first().copied()
    }

    /// It is told of a server node, with standbys behind it.
    pub(super) fn tell(&mut self, servers: Vec<NodeId>) {
        if servers != self.told {
            self.told_before = std::mem::replace(&mut self.told, servers);
        }
    }

    /// Whether it was told of that node, or streaming server, of late.
    pub(super) fn knows(&self, server: NodeId) -> bool {
        self.told.iter().chain(&self.told_before).any(|told| *told == server)
    }
}

fn service_url(arrival: &Arrival) -> Option<String> {
    let (host, port) = arrival.service.as_ref()?;
    Some(format!("rtsp://{host}:{port}/{}", arrival.channel))
}
