//! The node's dealings with the proxy server: the paper's proxy connection (section 3.4.3).

mod login;
mod placement;
mod reports;

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use rillcast::engine::{self, Backoff};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Error;
use super::engine_events::Children;
use super::performance::Performance;
use super::proxies::Proxies;
use super::quality::{Counts, QualityMeter};
use super::relay::TicketGate;
use super::streaming::StreamingConnection;
use crate::NodeId;
use crate::node::config::Config;
use crate::node::event::Event;
use crate::node::interface::{self, ProxyClient};
use crate::uscp::{Message, ReStreamingConnection, ServicePoint};

/// Time to the first new attempt to reach the proxy server, and the longest between two.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));
/// How often it is looked for what could not be done before.
const LOOK: Duration = Duration::from_millis(100);
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
    performance: Performance,
    /// When it is reckoned again how many others this node can serve.
    reckon_due: Instant,
    /// When the uplink is tested, and how long it is waited before that is tried again; `None`: it is not, or not yet.
    uplink_due: Option<Instant>,
    uplink_retry: Duration,
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
            service: (!config.capacity.is_none()).then_some(ServicePoint { host, port }),
            subscribe: config.subscribe,
            performance: Performance::new(config.capacity),
            reckon_due: Instant::now(),
            uplink_due: None,
            uplink_retry: reports::UPLINK_RETRY,
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
            tokio::select! {
                // The only thing that takes long. What it has sent of a message is of no more use then.
                _ = &mut stop => break,
                () = self.test_uplink() => {}
            }
            self.reckon().await;
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
