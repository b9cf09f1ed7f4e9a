//! The node's dealings with the proxy server: the paper's proxy connection (section 3.4.3).

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use rillcast::engine::{self, Backoff};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Error;
use super::engine_events::Children;
use super::proxies::Proxies;
use super::quality::{Counts, Finding, QualityMeter};
use super::relay::TicketGate;
use super::streaming::{Change, StreamingConnection, bare};
use crate::NodeId;
use crate::node::config::Config;
use crate::node::event::Event;
use crate::node::interface::{self, ProxyClient};
use crate::uscp::{
    ErrorCode, Login, Message, NodeInformation, Quality, ReStreamingConnection, ServicePoint,
};

/// Time to the first new attempt to reach the proxy server, and the longest between two.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));
/// How often it is looked for what could not be done before.
const LOOK: Duration = Duration::from_millis(100);
/// How often it is looked how well the server node serves.
const MEASURE: Duration = Duration::from_secs(1);
/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_millis(700);
/// How long the children may take to move when this node leaves.
const CHILDREN: Duration = Duration::from_millis(700);
/// How often it is looked whether they have.
const LEAVING: Duration = Duration::from_millis(10);
/// How often the proxy server is told that this node is there, unless it says how often it wants to be.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// The proxy connection: logs in, keeps in touch, reports, obeys.
pub(super) struct ProxyConnection {
    config: Config,
    proxies: Proxies,
    service: Option<ServicePoint>,
    gate: Arc<TicketGate>,
    stream: StreamingConnection,
    events: SyncSender<Event>,
    client: Option<ProxyClient>,
    /// The account has still to be made.
    subscribe: bool,
    /// The last ticket, by which the proxy server knows this node again.
    ticket: Option<String>,
    backoff: Backoff,
    /// When the proxy server is tried, or asked, again.
    due: Instant,
    keepalive: Duration,
    children: Children,
    /// The proxy server does not want to hear before that the server node is gone.
    report_due: Instant,
    quality: QualityMeter,
    /// When it is looked again how well the server node serves.
    measure_due: Instant,
    /// Which server node it is that is being looked at, and what comes of that.
    measuring: Option<(NodeId, JoinHandle<Option<Counts>>)>,
    /// When this node turned to the proxy server, and when that had named a server node; until the first
    /// stream comes.
    joining: Option<(Instant, Instant)>,
}

impl ProxyConnection {
    pub(super) fn new(
        config: Config,
        proxies: Proxies,
        port: u16,
        gate: Arc<TicketGate>,
        stream: StreamingConnection,
        children: Children,
        events: SyncSender<Event>,
    ) -> ProxyConnection {
        let host = config.host.map(|host| host.to_string());
        ProxyConnection {
            service: (config.capacity > 0).then_some(ServicePoint { host, port }),
            subscribe: config.subscribe,
            config,
            proxies,
            gate,
            stream,
            events,
            client: None,
            ticket: None,
            backoff: Backoff::new(BACKOFF.0, BACKOFF.1),
            due: Instant::now(),
            keepalive: KEEPALIVE,
            children,
            report_due: Instant::now(),
            quality: QualityMeter::default(),
            measure_due: Instant::now(),
            measuring: None,
            joining: None,
        }
    }

    /// Works until it is told to stop, or the proxy server will not have this node.
    pub(super) async fn run(
        mut self,
        mut engine: mpsc::Receiver<engine::Event>,
        mut stop: oneshot::Receiver<()>,
    ) -> Result<(), Error> {
        loop {
            let look = Instant::now() + LOOK;
            tokio::select! {
                _ = &mut stop => break,
                event = engine.recv() => match event {
                    Some(event) => self.on_stream(&event),
                    None => return Err(Error::Engine(engine::Error::Stopped)),
                },
                told = hear(&mut self.client) => match told {
                    Ok(connection) => self.place(connection),
                    Err(error) => self.lost_proxy(&error),
                },
                () = sleep_until(self.due) => match &self.client {
                    Some(_) => self.keep().await,
                    None => self.log_in().await?,
                },
                (server, counts) = measured(&mut self.measuring) => {
                    self.observe(server, counts).await;
                }
                () = sleep_until(look) => self.stream.retry(),
            }
            self.confirm().await;
            self.measure();
            self.report().await;
        }
        if let Some(mut client) = self.client.take() {
            // If it does not hear this, it will notice.
            let _ = timeout(GOODBYE, client.ask(Message::Logout)).await;
        }
        let moved = self.children_move();
        // Those that are left then go over when they notice.
        let _ = timeout(CHILDREN, moved).await;
        Ok(())
    }

    /// Waits until the proxy server has sent the children elsewhere.
    async fn children_move(&self) {
        while self.children.count() > 0 {
            sleep(LEAVING).await;
        }
    }

    async fn log_in(&mut self) -> Result<(), Error> {
        let login = Login {
            credentials: self.config.credentials.clone(),
            channel: self.config.channel.clone(),
            service: self.service.clone(),
            resume: self.ticket.clone(),
        };
        let message = match self.subscribe {
            true => Message::Subscription(login),
            false => Message::Login(login),
        };
        let began = Instant::now();
        let connecting = ProxyClient::connect(self.proxies.present(), self.config.tls.clone());
        let answer = match connecting.await {
            Ok(mut client) => {
                let answer = client.ask_for_server(message).await;
                answer.map(|connection| (client, connection))
            }
            Err(error) => Err(error),
        };
        let (mut client, connection) = match answer {
            Ok(answer) => answer,
            Err(interface::Error::Refused(report)) if report.code == ErrorCode::Elsewhere => {
                let proxy = report.proxy.clone();
                match self.proxies.is_elsewhere(proxy) {
                    true => self.due = Instant::now(),
                    false => self.lost_proxy(&interface::Error::Refused(report)),
                }
                return Ok(());
            }
            Err(interface::Error::Refused(report))
                if self.ticket.is_none() && is_final(report.code) =>
            {
                return Err(Error::Refused(report));
            }
            Err(error) => {
                self.lost_proxy(&error);
                if matches!(error, interface::Error::Lost(_)) && self.proxies.is_away() {
                    self.due = Instant::now();
                }
                return Ok(());
            }
        };
        self.proxies.is_there();
        self.subscribe = false;
        self.backoff.reset();
        if self.ticket.is_none() {
            self.joining = Some((began, Instant::now()));
        }
        // The session with the server node is set up meanwhile.
        self.place(connection);
        let informed = client.ask(self.information(None)).await;
        self.client = Some(client);
        if let Err(error) = informed {
            self.lost_proxy(&error);
        }
        Ok(())
    }

    fn information(&self, quality: Option<Quality>) -> Message {
        let capacity = self.config.capacity;
        Message::NodeInformation(NodeInformation { capacity, quality, ..Default::default() })
    }

    /// Looks from time to time how well the server node serves.
    fn measure(&mut self) {
        let now = Instant::now();
        if now < self.measure_due || self.measuring.is_some() {
            return;
        }
        self.measure_due = now + MEASURE;
        let Some(server) = self.stream.server() else { return self.quality.pause() };
        self.measuring = Some((server, self.stream.count()));
    }

    /// So much has come from the server node: tells the proxy server what it has to know.
    async fn observe(&mut self, server: NodeId, counts: Option<Counts>) {
        // It may be another one by now.
        let Some(counts) = counts.filter(|_| self.stream.server() == Some(server)) else { return };
        match self.quality.observe(server, counts, Instant::now()) {
            // Reported like one that is gone.
            Some(Finding::Silent(server)) => self.stream.is_silent(server),
            Some(Finding::Tell(quality)) => self.inform(quality).await,
            None => {}
        }
    }

    async fn inform(&mut self, quality: Quality) {
        let information = self.information(Some(quality));
        let Some(client) = &mut self.client else { return };
        match client.ask(information).await {
            Ok(_) => self.due = Instant::now() + self.keepalive,
            Err(interface::Error::Refused(refusal)) if refusal.code != ErrorCode::NotLoggedIn => {
                tracing::debug!("the proxy server does not want to know the quality: {refusal}");
            }
            Err(error) => self.lost_proxy(&error),
        }
    }

    /// Tells the proxy server that this node is there.
    async fn keep(&mut self) {
        self.due = Instant::now() + self.keepalive;
        let Some(client) = &mut self.client else { return };
        match client.ask(Message::Keepalive).await {
            Ok(Message::ReStreamingConnection(connection)) => self.place(connection),
            Ok(_) => {}
            Err(error) => self.lost_proxy(&error),
        }
    }

    /// Tells the proxy server that what it has said unasked has come.
    async fn confirm(&mut self) {
        if let Some(client) = &mut self.client
            && let Err(error) = client.confirm().await
        {
            self.lost_proxy(&error);
        }
    }

    /// Tells the proxy server when the server node is gone.
    async fn report(&mut self) {
        // What there is to report is kept until it can be told.
        if Instant::now() < self.report_due || self.client.is_none() {
            return;
        }
        let Some(report) = self.stream.report() else { return };
        let Some(client) = &mut self.client else { return };
        match client.ask_for_server(Message::ReConfiguration(report)).await {
            Ok(connection) => {
                self.stream.reported();
                self.place(connection);
            }
            Err(interface::Error::Refused(refusal)) if refusal.code != ErrorCode::NotLoggedIn => {
                tracing::warn!("the proxy server gives no other server node: {refusal}");
                let wait = Duration::from_secs(refusal.retry_after.unwrap_or(1).into());
                self.report_due = Instant::now() + wait;
                // Perhaps those that are known are back meanwhile.
                self.stream.start_over();
            }
            Err(error) => self.lost_proxy(&error),
        }
    }

    fn place(&mut self, connection: ReStreamingConnection) {
        let ReStreamingConnection { node, server, standbys, key, keepalive } = &connection;
        if let Some(key) = key
            && !self.gate.open(key, *node)
        {
            tracing::warn!("the proxy server's key cannot be used: no child will be let in");
        }
        if let Some(seconds) = keepalive {
            self.keepalive = Duration::from_secs(u64::from(*seconds).max(1));
        }
        self.ticket = server.ticket.clone().or(self.ticket.take());
        self.due = Instant::now() + self.keepalive;
        self.tell(Event::Placed {
            node: *node,
            server: server.id,
            url: bare(&server.url),
            hops: server.hops.saturating_add(1),
            standbys: standbys.len(),
        });
        self.stream.assign(&connection);
    }

    fn on_stream(&mut self, event: &engine::Event) {
        match self.stream.handle(event) {
            Some(Change::Receiving(server)) => {
                if let Some((began, placed)) = self.joining.take() {
                    self.tell(Event::Connected {
                        began: began.into_std(),
                        uscp_ms: (placed - began).as_secs_f64() * 1e3,
                        rtsp_ms: placed.elapsed().as_secs_f64() * 1e3,
                    });
                }
                self.tell(Event::Receiving { server: server.id, url: bare(&server.url) });
            }
            Some(Change::Lost(server, reason)) => {
                self.tell(Event::ServerLost { server, reason });
            }
            Some(Change::Switched(from, to, switched)) => {
                self.tell(Event::Switched {
                    from,
                    to: to.id,
                    url: bare(&to.url),
                    reason: switched.reason,
                    gap_ms: switched.gap.as_secs_f64() * 1e3,
                    replayed: switched.replayed,
                    duplicates: switched.duplicates,
                    missing: switched.missing,
                });
            }
            None => {}
        }
    }

    /// The proxy server is away, or wants to be left alone: it is tried again later. The stream goes on.
    fn lost_proxy(&mut self, error: &interface::Error) {
        self.client = None;
        let wait = self.backoff.wait();
        let asked = match error {
            interface::Error::Refused(report) => {
                // Somebody else has this node's place, or it may not have it: it begins anew.
                if matches!(report.code, ErrorCode::NotLoggedIn | ErrorCode::Forbidden) {
                    self.ticket = None;
                }
                report.retry_after.map_or(Duration::ZERO, |s| Duration::from_secs(s.into()))
            }
            interface::Error::Lost(_) => Duration::ZERO,
        };
        self.due = Instant::now() + wait.max(asked);
        self.tell(Event::ProxyLost { reason: error.to_string() });
        self.stream.start_over();
    }

    fn tell(&self, event: Event) {
        // Lost when nobody takes events.
        let _ = self.events.try_send(event);
    }
}

/// What the proxy server says unasked; never, while there is no connection.
async fn hear(client: &mut Option<ProxyClient>) -> Result<ReStreamingConnection, interface::Error> {
    match client {
        Some(client) => client.reassigned().await,
        None => std::future::pending().await,
    }
}

/// What was counted of a server node; never, while nothing is.
async fn measured(
    measuring: &mut Option<(NodeId, JoinHandle<Option<Counts>>)>,
) -> (NodeId, Option<Counts>) {
    let Some((server, counting)) = measuring else { return std::future::pending().await };
    // It ends before it is done only when the node does.
    let counts = counting.await.unwrap_or(None);
    let server = *server;
    *measuring = None;
    (server, counts)
}

/// Whether asking again is of no use.
fn is_final(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::WrongCredentials
            | ErrorCode::UserExists
            | ErrorCode::Forbidden
            | ErrorCode::UnknownChannel
            | ErrorCode::BadRequest
            | ErrorCode::UnsupportedVersion
    )
}
