//! One connection: its requests, one after the other.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::service_point::believed;
use super::{Push, ResponseManager};
use crate::NodeId;
use crate::bucket::Bucket;
use crate::proxy::event::Event;
use crate::proxy::interface::Stream;
use crate::proxy::service::topology::{Arrival, SessionId};
use crate::uscp::{
    self, Credentials, Envelope, ErrorCode, ErrorReport, Login, Message, NodeInformation,
    ReConfiguration, RequestIds,
};
use crate::wire::{Receiver, send};

/// How long somebody may take to log in.
const UNKNOWN: Duration = Duration::from_secs(10);
/// Keep-alives that may be missing.
const MISSING: u32 = 3;
/// Requests: so many in one go, and one more in each interval.
const REQUESTS: (u32, Duration) = (50, Duration::from_millis(100));
/// Requests that are refused before the connection is closed.
const PATIENCE: u32 = 20;

/// A node that has logged in.
#[derive(Clone, Debug)]
struct Member {
    node: NodeId,
    user: String,
}

/// What becomes of the connection after an answer.
type Outcome = (Message, Option<&'static str>);

pub(super) struct Session {
    manager: Arc<ResponseManager>,
    id: SessionId,
    peer: SocketAddr,
    member: Option<Member>,
    /// Of the node's requests.
    ids: RequestIds,
    /// Of ours.
    own_ids: RequestIds,
    requests: Bucket,
    refused: u32,
}

impl Session {
    pub(super) fn new(manager: Arc<ResponseManager>, id: SessionId, peer: SocketAddr) -> Session {
        Session {
            manager,
            id,
            peer,
            member: None,
            ids: RequestIds::default(),
            own_ids: RequestIds::default(),
            requests: Bucket::new(REQUESTS.0, REQUESTS.1),
            refused: 0,
        }
    }

    /// Serves the connection; why it ended.
    pub(super) async fn serve(
        mut self,
        stream: Box<dyn Stream>,
        mut pushes: mpsc::Receiver<Push>,
    ) -> String {
        let (read, mut write) = tokio::io::split(stream);
        let mut receiver = Receiver::new(read);
        let reason = loop {
            let patience = match self.member {
                Some(_) => self.manager.keepalive.saturating_mul(MISSING),
                None => UNKNOWN,
            };
            let (said, end) = tokio::select! {
                document = receiver.next(patience) => match document {
                    Ok(Some(document)) => self.hear(&document).await,
                    Ok(None) => break "it was closed".to_owned(),
                    Err(error) => break error.to_string(),
                },
                push = pushes.recv() => match push {
                    Some(Push::Reassign(connection)) => {
                        let id = self.own_ids.next_id();
                        (Some(Envelope { id, message: Message::Reassign(*connection) }), None)
                    }
                    Some(Push::Replaced) => {
                        // The node is somebody else's from now on.
                        self.member = None;
                        (None, Some("its node has come by another connection"))
                    }
                    None => (None, Some("it does not take in what it is told")),
                },
            };
            if let Some(envelope) = said
                && let Err(error) = send(&mut write, &envelope).await
            {
                break error.to_string();
            }
            if let Some(end) = end {
                break end.to_owned();
            }
        };
        if let Some(Member { node, .. }) = self.member.take() {
            let id = self.id;
            self.manager.topology(|topology, now| topology.lost(node, id, now));
            self.manager.events.tell(Event::NodeLost { node, reason: reason.clone() });
        }
        reason
    }

    /// Answers what came, if it wants an answer.
    async fn hear(&mut self, document: &[u8]) -> (Option<Envelope>, Option<&'static str>) {
        let (id, answer) = match Envelope::parse(document) {
            Ok(Envelope { message, .. }) if message.is_answer() => return (None, None),
            Ok(Envelope { id, message }) => {
                let answer = match self.admit(id) {
                    Ok(()) => self.answer(message).await,
                    Err(report) => Err(report),
                };
                (id, answer)
            }
            Err(error) => (Envelope::id_of(document), Err(unreadable(&error))),
        };
        let (message, end) = answer.unwrap_or_else(|report| self.refuse(report));
        (Some(Envelope { id, message }), end)
    }

    fn admit(&mut self, id: u64) -> Result<(), ErrorReport> {
        self.ids.accept(id).map_err(|error| unreadable(&error))?;
        self.requests.take(self.manager.now().time).map_err(|_| ErrorReport {
            code: ErrorCode::TooManyRequests,
            text: "you ask too much in too short a time".to_owned(),
            retry_after: Some(1),
        })
    }

    async fn answer(&mut self, message: Message) -> Result<Outcome, ErrorReport> {
        match message {
            Message::Login(login) => self.log_in(login, false).await,
            Message::Subscription(login) => self.log_in(login, true).await,
            Message::Logout => {
                let Member { node, .. } = self.leave()?;
                let reason = "it has logged out".to_owned();
                self.manager.events.tell(Event::NodeLeft { node, reason });
                Ok((Message::Ok, Some("it has logged out")))
            }
            Message::ReConfiguration(request) => self.reconfigure(request),
            Message::NodeInformation(information) => self.inform(information),
            Message::Unsubscription(password) => self.unsubscribe(password).await,
            Message::Keepalive => {
                let node = self.member()?.node;
                let fresh = self.manager.topology(|topology, now| topology.keep(node, now))?;
                Ok((fresh.map_or(Message::Ok, Message::ReStreamingConnection), None))
            }
            Message::Reassign(_)
            | Message::ReStreamingConnection(_)
            | Message::Ok
            | Message::Error(_) => Err(ErrorReport {
                code: ErrorCode::BadRequest,
                text: format!("{} is for the proxy server to say", message.name()),
                retry_after: None,
            }),
        }
    }

    async fn log_in(&mut self, login: Login, subscribe: bool) -> Result<Outcome, ErrorReport> {
        if self.member.is_some() {
            return Err(ErrorReport {
                code: ErrorCode::BadRequest,
                text: "you have logged in over this connection already".to_owned(),
                retry_after: None,
            });
        }
        let Login { credentials, channel, service, resume } = login;
        let service = service.map(|service| believed(&service, self.peer)).transpose()?;
        let authentication = &self.manager.authentication;
        let known = match subscribe {
            true => authentication.subscribe(&credentials, self.peer.ip()).await,
            false => authentication.log_in(&credentials, self.peer.ip()).await,
        };
        known.map_err(|error| {
            tracing::debug!("{}: {error}", self.peer);
            error.report()
        })?;
        let user = credentials.user;
        let arrival = Arrival {
            session: self.id,
            user: user.clone(),
            channel: channel.clone(),
            service,
            resume,
        };
        let connection = self.manager.topology(|topology, now| topology.join(arrival, now))?;
        let node = connection.node;
        self.manager.events.tell(Event::NodeJoined {
            node,
            user: user.clone(),
            channel,
            peer: self.peer.to_string(),
            server: connection.server.id,
            hops: connection.server.hops.saturating_add(1),
        });
        self.member = Some(Member { node, user });
        Ok((Message::ReStreamingConnection(connection), None))
    }

    fn reconfigure(&mut self, request: ReConfiguration) -> Result<Outcome, ErrorReport> {
        let node = self.member()?.node;
        let connection =
            self.manager.topology(|topology, now| topology.reconfigure(node, request, now))?;
        self.manager.events.tell(Event::moved(&connection));
        Ok((Message::ReStreamingConnection(connection), None))
    }

    fn inform(&mut self, information: NodeInformation) -> Result<Outcome, ErrorReport> {
        let node = self.member()?.node;
        self.manager.topology(|topology, now| topology.inform(node, information, now))?;
        Ok((Message::Ok, None))
    }

    async fn unsubscribe(&mut self, password: String) -> Result<Outcome, ErrorReport> {
        let user = self.member()?.user.clone();
        let credentials = Credentials { user, password };
        let authentication = &self.manager.authentication;
        let done = authentication.unsubscribe(&credentials, self.peer.ip()).await;
        done.map_err(|error| error.report())?;
        let Member { node, .. } = self.leave()?;
        let reason = "its account was deleted".to_owned();
        self.manager.events.tell(Event::NodeLeft { node, reason });
        Ok((Message::Ok, Some("its account was deleted")))
    }

    fn leave(&mut self) -> Result<Member, ErrorReport> {
        let member = self.member()?.clone();
        self.member = None;
        self.manager.topology(|topology, now| topology.leave(member.node, now));
        Ok(member)
    }

    fn member(&self) -> Result<&Member, ErrorReport> {
        self.member.as_ref().ok_or_else(|| ErrorReport {
            code: ErrorCode::NotLoggedIn,
            text: "log in first".to_owned(),
            retry_after: None,
        })
    }

    /// Says no, and ends the connection of who has heard it too often.
    fn refuse(&mut self, report: ErrorReport) -> Outcome {
        self.refused += 1;
        self.manager.events.tell(Event::RequestRefused {
            peer: self.peer.to_string(),
            code: report.code.name(),
            reason: report.text.clone(),
        });
        let end = (self.refused >= PATIENCE).then_some("too much was refused");
        (Message::Error(report), end)
    }
}

fn unreadable(error: &uscp::Error) -> ErrorReport {
    let code = match error {
        uscp::Error::Version(_) => ErrorCode::UnsupportedVersion,
        _ => ErrorCode::BadRequest,
    };
    ErrorReport { code, text: error.to_string(), retry_after: None }
}
