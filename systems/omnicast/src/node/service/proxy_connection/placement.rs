//! Going where the proxy server says, and what becomes of the stream there.

use std::time::Duration;

use rillcast::engine;
use tokio::time::Instant;

use super::ProxyConnection;
use super::reports::UPLINK_AFTER;
use crate::node::event::Event;
use crate::node::service::streaming::{Change, bare};
use crate::uscp::ReStreamingConnection;

impl ProxyConnection {
    /// The proxy server has said where to take the stream.
    pub(super) fn place(&mut self, connection: ReStreamingConnection) {
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

    /// Something has happened to the stream.
    pub(super) fn on_stream(&mut self, event: &engine::Event) {
        match self.stream.handle(event) {
            Some(Change::Receiving(server)) => {
                if self.performance.wants_uplink() && self.uplink_due.is_none() {
                    // Not while the stream begins.
                    self.uplink_due = Some(Instant::now() + UPLINK_AFTER);
                }
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
}
