//! What the proxy server is told unasked: that this node is there, what it can do, how it fares, and that its
//! server node is gone.

use std::time::Duration;

use tokio::time::Instant;

use super::ProxyConnection;
use crate::NodeId;
use crate::node::interface;
use crate::node::pluggable::Machine;
use crate::node::service::quality::{Counts, Finding};
use crate::uscp::{ErrorCode, Message, NodeInformation, Quality};

/// How often it is looked how well the server node serves.
const MEASURE: Duration = Duration::from_secs(1);
/// How often it is reckoned how many others this node can serve.
const RECKON: Duration = Duration::from_secs(10);
/// When the stream has begun, so long is waited until the uplink is tested.
pub(super) const UPLINK_AFTER: Duration = Duration::from_secs(2);
/// Until it is tried again if that was not possible, doubling to the longest.
pub(super) const UPLINK_RETRY: Duration = Duration::from_secs(10);
const UPLINK_LATEST: Duration = Duration::from_secs(600);

impl ProxyConnection {
    /// What the proxy server is told of this node.
    pub(super) fn information(&self, quality: Option<Quality>) -> Message {
        let known = self.performance.information();
        Message::NodeInformation(NodeInformation { quality, ..known })
    }

    /// Reckons how many others this node can serve, if it is to be told that for the first time.
    pub(super) fn reckon_first(&mut self) {
        if self.performance.told().is_none() {
            self.look_at_performance();
        }
    }

    fn look_at_performance(&mut self) -> bool {
        self.reckon_due = Instant::now() + RECKON;
        let children = u32::try_from(self.children.count()).unwrap_or(u32::MAX);
        let Some(told) = self.performance.reckon(&Machine::look(), children) else { return false };
        self.tell(told);
        true
    }

    /// Reckons from time to time how many others this node can serve, and tells the proxy server when that has
    /// changed.
    pub(super) async fn reckon(&mut self) {
        if !self.performance.changes() || Instant::now() < self.reckon_due {
            return;
        }
        if self.look_at_performance() {
            self.inform(None).await;
        }
    }

    /// Tests the uplink, once, when it is time.
    pub(super) async fn test_uplink(&mut self) {
        let Some(client) = &mut self.client else { return };
        if self.uplink_due.is_none_or(|due| Instant::now() < due) {
            return;
        }
        match client.test_uplink().await {
            Ok(Some(uplink)) => {
                self.uplink_due = None;
                self.performance.learn_uplink(uplink);
                self.reckon_due = Instant::now();
            }
            Ok(None) => self.test_uplink_later(None),
            Err(interface::Error::Refused(refusal)) => {
                tracing::debug!("the uplink is tested later: {refusal}");
                self.test_uplink_later(refusal.retry_after);
            }
            Err(error) => {
                self.test_uplink_later(None);
                self.lost_proxy(&error);
            }
        }
    }

    /// Others are testing theirs, or it gave nothing.
    fn test_uplink_later(&mut self, asked: Option<u32>) {
        let asked = Duration::from_secs(asked.unwrap_or(0).into());
        self.uplink_due = Some(Instant::now() + self.uplink_retry.max(asked));
        self.uplink_retry = self.uplink_retry.saturating_mul(2).min(UPLINK_LATEST);
    }

    /// Looks from time to time how well the server node serves.
    pub(super) fn measure(&mut self) {
        let now = Instant::now();
        if now < self.measure_due || self.measuring.is_some() {
            return;
        }
        self.measure_due = now + MEASURE;
        let Some(server) = self.stream.server() else {
            self.performance.pause();
            return self.quality.pause();
        };
        self.measuring = Some((server, self.stream.count()));
    }

    /// So much has come from the server node: tells the proxy server what it has to know.
    pub(super) async fn observe(&mut self, server: NodeId, counts: Option<Counts>) {
        // It may be another one by now.
        let Some(counts) = counts.filter(|_| self.stream.server() == Some(server)) else { return };
        let now = Instant::now();
        self.performance.observe(counts.bytes, now.into_std());
        match self.quality.observe(server, counts, now) {
            // Reported like one that is gone.
            Some(Finding::Silent(server)) => self.stream.is_silent(server),
            Some(Finding::Tell(quality)) => self.inform(Some(quality)).await,
            None => {}
        }
    }

    async fn inform(&mut self, quality: Option<Quality>) {
        let information = self.information(quality);
        let Some(client) = &mut self.client else { return };
        match client.ask(information).await {
            Ok(_) => self.due = Instant::now() + self.keepalive,
            Err(interface::Error::Refused(refusal)) if refusal.code != ErrorCode::NotLoggedIn => {
                tracing::debug!("the proxy server does not want to know that: {refusal}");
            }
            Err(error) => self.lost_proxy(&error),
        }
    }

    /// Tells the proxy server that this node is there.
    pub(super) async fn keep(&mut self) {
        self.due = Instant::now() + self.keepalive;
        let Some(client) = &mut self.client else { return };
        match client.ask(Message::Keepalive).await {
            Ok(Message::ReStreamingConnection(connection)) => self.place(connection),
            Ok(_) => {}
            Err(error) => self.lost_proxy(&error),
        }
    }

    /// Tells the proxy server that what it has said unasked has come.
    pub(super) async fn confirm(&mut self) {
        if let Some(client) = &mut self.client
            && let Err(error) = client.confirm().await
        {
            self.lost_proxy(&error);
        }
    }

    /// Tells the proxy server when the server node is gone.
    pub(super) async fn report(&mut self) {
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
}
