//! Coming to the proxy server, and coming back.

use std::time::Duration;

use tokio::time::Instant;

use super::ProxyConnection;
use crate::node::event::Event;
use crate::node::interface::{self, ProxyClient};
use crate::node::service::Error;
use crate::uscp::{ErrorCode, Login, Message};

impl ProxyConnection {
    /// Logs in at the present proxy server, or finds out that it is away.
    ///
    /// # Errors
    /// It will never have this node.
    pub(super) async fn log_in(&mut self) -> Result<(), Error> {
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
        self.reckon_first();
        let informed = client.ask(self.information(None)).await;
        self.client = Some(client);
        if let Err(error) = informed {
            self.lost_proxy(&error);
        }
        Ok(())
    }

    /// The proxy server is away, or wants to be left alone: it is tried again later. The stream goes on.
    pub(super) fn lost_proxy(&mut self, error: &interface::Error) {
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
