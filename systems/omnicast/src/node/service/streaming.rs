//! Where the stream comes from: the paper's streaming connection (section 3.4.3), as far as it is not the
//! engine's.
//!
//! The engine keeps a session set up with each standby, and goes over to one from the last packet that it
//! has when the server node is gone. This module tells it which these are, and finds out what the proxy
//! server has to be told.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rillcast::engine::{self, Engine, Sources, StreamFigures, Transport, Upstream, Why};
use rillcast::rtsp::Url;
use tokio::task::{JoinHandle, spawn_blocking};

use super::quality::Counts;
use crate::NodeId;
use crate::uscp::{ReConfiguration, ReStreamingConnection, ServerNode};

/// The streaming connection: takes the stream from the server node, and from a standby when that is gone.
pub(super) struct StreamingConnection {
    engine: Arc<Engine>,
    channel: String,
    transport: Transport,
    /// The server node that the proxy server has named last, and the standbys behind it.
    servers: Vec<ServerNode>,
    /// What the engine knows these by.
    addresses: HashMap<NodeId, Address>,
    /// From where the stream comes, or came last.
    present: Option<NodeId>,
    state: State,
    /// The path is not free yet.
    is_blocked: bool,
    /// The server node that is gone, while the proxy server does not know it.
    gone: Option<NodeId>,
    /// The server node that is there and sends nothing, while the proxy server does not know it.
    silent: Option<NodeId>,
}

/// Where the stream is at a server.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Address {
    /// As the proxy server has told.
    told: String,
    /// With a ticket, if the server wants one.
    url: String,
}

impl Address {
    fn of(server: &ServerNode) -> Address {
        Address { told: server.url.clone(), url: url(server) }
    }
}

/// How long the engine may take to tell its figures.
const FIGURES: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing has come yet.
    Opening,
    Flowing,
    /// It comes from nowhere, and no standby has it.
    Lost,
}

/// What has become of the stream.
#[derive(Debug)]
pub(super) enum Change {
    /// It comes from there.
    Receiving(ServerNode),
    /// It does not come from there any more, and why.
    Lost(NodeId, String),
    /// It has gone over from one to the other.
    Switched(NodeId, ServerNode, Box<engine::Switched>),
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
            servers: Vec::new(),
            addresses: HashMap::new(),
            present: None,
            state: State::Opening,
            is_blocked: false,
            gone: None,
            silent: None,
        }
    }

    /// The proxy server has said where to take the stream. A session that there is goes on with the
    /// ticket that it was begun with.
    pub(super) fn assign(&mut self, connection: &ReStreamingConnection) {
        let ReStreamingConnection { server, standbys, .. } = connection;
        let before: Vec<NodeId> = self.servers.iter().map(|server| server.id).collect();
        self.servers = [server].into_iter().chain(standbys).cloned().collect();
        let mut old = std::mem::take(&mut self.addresses);
        for server in &self.servers {
            let known = old.remove(&server.id).filter(|known| known.told == server.url);
            let address = known.unwrap_or_else(|| Address::of(server));
            self.addresses.insert(server.id, address);
        }
        let now = self.servers.iter().map(|server| server.id);
        // A standby that has taken over for a moment is to be left again.
        let elsewhere = self.present != self.servers.first().map(|server| server.id);
        if self.state != State::Flowing || elsewhere || !now.eq(before) {
            self.apply();
        }
    }

    /// Tells the engine again what it could not be told while the path was taken.
    pub(super) fn retry(&mut self) {
        if self.is_blocked {
            self.apply();
        }
    }

    /// Begins anew with fresh tickets, when the stream comes from nowhere.
    pub(super) fn start_over(&mut self) {
        if self.state == State::Lost {
            let fresh = self.servers.iter().map(|server| (server.id, Address::of(server)));
            self.addresses = fresh.collect();
            self.apply();
        }
    }

    fn apply(&mut self) {
        let upstream = |server: &ServerNode| {
            let known = self.addresses.get(&server.id);
            let url = known.map_or_else(|| url(server), |known| known.url.clone());
            Upstream::new(url).over(self.transport)
        };
        let Some((server, standbys)) = self.servers.split_first() else { return };
        let standbys = standbys.iter().take(Sources::MAX_STANDBYS).map(upstream);
        let sources = standbys.fold(Sources::new(upstream(server)), Sources::standby);
        let told = match self.engine.set_upstreams(&self.channel, &sources) {
            Err(engine::Error::NoStream(_)) => self.engine.pull_from(&self.channel, &sources),
            told => told,
        };
        self.is_blocked = matches!(told, Err(engine::Error::PathTaken(_)));
        if let Err(error) = told
            && !self.is_blocked
        {
            tracing::warn!("{error}");
        }
    }

    /// Something has happened to the stream. What is to be told of it.
    pub(super) fn handle(&mut self, event: &engine::Event) -> Option<Change> {
        use engine::Event as E;
        match event {
            E::StreamStarted { path, from } | E::StreamResumed { path, from }
                if *path == self.channel =>
            {
                self.state = State::Flowing;
                let server = self.server_at(from)?;
                self.present = Some(server.id);
                Some(Change::Receiving(server))
            }
            E::UpstreamSwitched(switched) if switched.path == self.channel => {
                self.state = State::Flowing;
                let server = self.server_at(&switched.to)?;
                let gone = self.present.replace(server.id).filter(|gone| *gone != server.id)?;
                if switched.why != Why::Moved {
                    self.gone = Some(gone);
                }
                Some(Change::Switched(gone, server, switched.clone()))
            }
            E::StandbyLost { path, url: lost, .. } if *path == self.channel => {
                self.refresh(lost);
                None
            }
            E::StreamInterrupted { path, reason }
            | E::StreamEnded { path, reason }
            | E::PullFailed { path, reason, .. }
                if *path == self.channel =>
            {
                let was = std::mem::replace(&mut self.state, State::Lost);
                let gone = self.present.or_else(|| Some(self.servers.first()?.id))?;
                // It is told once that it is lost, not again that it has ended at last.
                (was != State::Lost).then(|| {
                    self.gone = Some(gone);
                    Change::Lost(gone, reason.clone())
                })
            }
            _ => None,
        }
    }

    /// A server could not be reached, perhaps because its ticket is too old by now.
    fn refresh(&mut self, lost: &str) {
        let Some(server) = self.server_at(lost) else { return };
        let fresh = Address::of(&server);
        if self.addresses.insert(server.id, fresh.clone()).is_some_and(|old| old != fresh) {
            self.apply();
        }
    }

    /// From whom the stream comes; `None` while it comes from nowhere.
    pub(super) fn server(&self) -> Option<NodeId> {
        self.present.filter(|_| self.state == State::Flowing)
    }

    /// Asks the engine what has come of the stream so far; `None` when that cannot be told now. The engine's thread
    /// may take a while, for which another one waits than that which obeys the proxy server.
    pub(super) fn count(&self) -> JoinHandle<Option<Counts>> {
        let (engine, channel) = (self.engine.clone(), self.channel.clone());
        spawn_blocking(move || {
            let figures = engine.figures_within(FIGURES).ok()??;
            let own = |stream: &&StreamFigures| stream.path == channel && !stream.ended;
            let tracks = &figures.streams.iter().find(own)?.tracks;
            let received = tracks.iter().map(|track| track.packets).sum();
            let lost = tracks.iter().map(|track| track.lost).sum();
            let bytes = tracks.iter().map(|track| track.bytes).sum();
            Some(Counts { received, lost, bytes })
        })
    }

    /// The stream comes from this server node, and yet nothing comes.
    pub(super) fn is_silent(&mut self, server: NodeId) {
        self.silent = Some(server);
    }

    /// What the proxy server has to be told now: that the server node is gone, and where the stream comes
    /// from instead.
    pub(super) fn report(&mut self) -> Option<ReConfiguration> {
        if self.state == State::Flowing && self.present == self.gone {
            // Back at the one that it had left: nothing has happened.
            self.gone = None;
        }
        match (self.state, self.gone) {
            (State::Opening, _) | (State::Lost, None) => None,
            (State::Lost, Some(gone)) => Some(ReConfiguration { gone, at: None }),
            (State::Flowing, Some(gone)) => Some(ReConfiguration { gone, at: self.present }),
            (State::Flowing, None) => {
                let gone = self.silent.take().filter(|silent| self.present == Some(*silent))?;
                Some(ReConfiguration { gone, at: None })
            }
        }
    }

    /// The proxy server has been told.
    pub(super) fn reported(&mut self) {
        self.gone = None;
        if self.state == State::Lost {
            self.state = State::Opening;
        }
    }

    /// The server that the engine calls so.
    fn server_at(&self, name: &str) -> Option<ServerNode> {
        self.servers.iter().find(|server| bare(&server.url) == bare(name)).cloned()
    }
}

/// A URL without the user, the password and what stands behind it: the engine tells no credentials, and
/// tickets change. It is also what people are told.
pub(super) fn bare(url: &str) -> String {
    let parsed = Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.to_string());
    parsed.split('?').next().unwrap_or_default().to_owned()
}

/// The URL of the stream with the ticket. A streaming server is given its URL as the operator wrote it, and the
/// ticket in the place of `ticket` in its query: it may be none that knows what a ticket is.
fn url(server: &ServerNode) -> String {
    let ServerNode { id, url, ticket: Some(ticket), .. } = server else {
        return server.url.clone();
    };
    match url.split_once('?') {
        _ if *id != NodeId::ROOT => {
            let mark = if url.contains('?') { '&' } else { '?' };
            format!("{url}{mark}ticket={ticket}")
        }
        Some((path, query)) => {
            let shown = format!("ticket={ticket}");
            let parts = query.split('&').map(|part| if part == "ticket" { &shown } else { part });
            format!("{path}?{}", parts.collect::<Vec<_>>().join("&"))
        }
        None => url.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::{bare, url};
    use crate::NodeId;
    use crate::uscp::ServerNode;

    #[test]
    fn the_ticket_goes_where_it_is_wanted() {
        let with_ticket = |id, url: &str| {
            let ticket = Some("abc".to_owned());
            super::url(&ServerNode { id: NodeId(id), url: url.to_owned(), hops: 0, ticket })
        };
        assert_eq!(with_ticket(7, "rtsp://h/live"), "rtsp://h/live?ticket=abc");
        assert_eq!(with_ticket(7, "rtsp://h/live?x=y"), "rtsp://h/live?x=y&ticket=abc");
        for url in ["rtsp://h/live", "rtsp://h/ticket", "rtsp://h/live?x=ticket"] {
            assert_eq!(with_ticket(0, url), url, "the streaming server does not want one");
        }
        assert_eq!(with_ticket(0, "rtsp://h/live?ticket"), "rtsp://h/live?ticket=abc");
        assert_eq!(with_ticket(0, "rtsp://h/live?x&ticket&y"), "rtsp://h/live?x&ticket=abc&y");
        let told = ServerNode { id: NodeId(7), url: "rtsp://h/live".into(), hops: 1, ticket: None };
        assert_eq!(url(&told), told.url);
    }

    #[test]
    fn a_server_is_known_by_its_url_whatever_the_credentials_and_the_ticket() {
        let told = bare("rtsp://studio:secret@example.org:8554/live?ticket=abc");
        assert_eq!(told, bare("rtsp://example.org:8554/live?ticket=def&x=y"));
        assert!(!told.contains("secret") && !told.contains("abc"), "{told}");
        assert_ne!(told, bare("rtsp://example.org:8555/live"));
        assert_ne!(told, bare("rtsp://example.org:8554/live2"));
        assert_eq!(bare("no URL"), "no URL");
    }
}
