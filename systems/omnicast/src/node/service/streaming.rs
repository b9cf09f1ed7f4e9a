//! Where the stream comes from: the paper's streaming connection (section 3.4.3), as far as it is not the
//! engine's.

use std::collections::VecDeque;
use std::sync::Arc;

use rillcast::engine::{self, Engine, Transport};

use crate::NodeId;
use crate::uscp::{ReConfiguration, ReStreamingConnection, ServerNode};

/// The streaming connection: takes the stream from the server node, and from a standby when that is gone.
pub(super) struct StreamingConnection {
    engine: Arc<Engine>,
    channel: String,
    transport: Transport,
    /// The server node that the proxy server has named.
    assigned: Option<ServerNode>,
    standbys: Vec<ServerNode>,
    /// From where the stream comes, or is to come.
    present: Option<ServerNode>,
    /// Where it is tried next.
    next: VecDeque<ServerNode>,
    flows: bool,
    /// The path is not free yet.
    is_blocked: bool,
    /// What the proxy server does not know yet.
    report: Option<ReConfiguration>,
}

impl StreamingConnection {
    pub(super) fn new(
        engine: Arc<Engine>,
        channel: String,
        transport: Transport,
    ) -> StreamingConnection {
        StreamingConnection {
            engine,
            channel,
            transport,
            assigned: None,
            standbys: Vec::new(),
            present: None,
            next: VecDeque::new(),
            flows: false,
            is_blocked: false,
            report: None,
        }
    }

    /// The proxy server has said where to take the stream. One that flows is left alone until its server
    /// node leaves.
    pub(super) fn assign(&mut self, connection: &ReStreamingConnection) {
        let ReStreamingConnection { server, standbys, .. } = connection;
        self.assigned = Some(server.clone());
        self.standbys.clone_from(standbys);
        if !self.flows {
            self.start_over();
        }
    }

    /// Something has happened to the stream. What is to be told: from where it comes, or that it does not
    /// and why.
    pub(super) fn handle(&mut self, event: &engine::Event) -> Option<Change> {
        use engine::Event as E;
        match event {
            E::StreamStarted { path, .. } | E::StreamResumed { path, .. }
                if *path == self.channel =>
            {
                self.flows = true;
                self.present.clone().map(Change::Receiving)
            }
            E::StreamInterrupted { path, reason }
            | E::StreamEnded { path, reason }
            | E::PullFailed { path, reason, .. }
                if *path == self.channel =>
            {
                // The end of what was interrupted before is no news.
                if !self.flows && matches!(event, E::StreamEnded { .. }) {
                    return None;
                }
                let ended = matches!(event, E::StreamEnded { .. });
                self.lost(ended).map(|server| Change::Lost(server, reason.clone()))
            }
            _ => None,
        }
    }

    /// The server node that is gone.
    fn lost(&mut self, ended: bool) -> Option<ServerNode> {
        let gone = self.present.take()?;
        if self.flows {
            self.flows = false;
            // One that has ended the stream may begin it anew; one that was left has a successor.
            let assigned = self.assigned.iter().filter(|server| ended || server.id != gone.id);
            self.next = assigned.chain(&self.standbys).cloned().collect();
            self.report = Some(ReConfiguration { gone: gone.id, at: None });
        }
        self.try_next();
        Some(gone)
    }

    /// Tries all that are known, the server node first, when the stream comes from nowhere.
    pub(super) fn start_over(&mut self) {
        if !self.flows {
            self.next = self.assigned.iter().chain(&self.standbys).cloned().collect();
            if self.present.is_none() {
                self.try_next();
            }
        }
    }

    /// Tries again what could not be tried before.
    pub(super) fn retry(&mut self) {
        if self.is_blocked {
            self.try_next();
        }
    }

    fn try_next(&mut self) {
        self.is_blocked = false;
        while let Some(server) = self.next.pop_front() {
            match self.engine.pull(&self.channel, &url(&server), self.transport) {
                Ok(()) => {
                    self.present = Some(server);
                    return;
                }
                Err(engine::Error::PathTaken(_)) => {
                    self.next.push_front(server);
                    self.is_blocked = true;
                    return;
                }
                Err(error) => tracing::warn!("{error}"),
            }
        }
    }

    /// What the proxy server has to be told now: that the server node is gone, once it is known where the
    /// stream comes from instead, or that it comes from nowhere.
    pub(super) fn report(&self) -> Option<ReConfiguration> {
        let is_lost = self.present.is_none() && self.next.is_empty();
        let assigned = self.assigned.as_ref()?.id;
        match (&self.present, self.report) {
            (Some(present), Some(report)) if self.flows => {
                // Back at the one that it had left: nothing has happened.
                let at = Some(present.id).filter(|at| *at != report.gone);
                at.map(|_| ReConfiguration { at, ..report })
            }
            (None, Some(report)) if is_lost => Some(report),
            // It has never come.
            (None, None) if is_lost => Some(ReConfiguration { gone: assigned, at: None }),
            _ => None,
        }
    }

    /// The proxy server has been told.
    pub(super) fn reported(&mut self) {
        self.report = None;
    }
}

/// What has become of the stream.
#[derive(Debug)]
pub(super) enum Change {
    /// It comes from there.
    Receiving(ServerNode),
    /// It does not come from there any more, and why.
    Lost(ServerNode, String),
}

/// The URL of the stream with the ticket. A streaming server is given its URL as the operator wrote it.
fn url(server: &ServerNode) -> String {
    match &server.ticket {
        Some(ticket) if server.id != NodeId::ROOT => {
            let mark = if server.url.contains('?') { '&' } else { '?' };
            format!("{}{mark}ticket={ticket}", server.url)
        }
        _ => server.url.clone(),
    }
}
