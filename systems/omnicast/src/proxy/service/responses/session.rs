//! One connection: its requests, one after the other.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::refusals::{logged_in_already, not_logged_in, too_much, unasked, unreadable};
use super::service_point::believed;
use super::uplink_tests::UplinkTest;
use super::{Push, ResponseManager, Serial};
use crate::NodeId;
use crate::bucket::Bucket;
use crate::proxy::event::Event;
use crate::proxy::service::topology::{Arrival, SessionId, TopologyConfiguration};
use crate::uscp::{
    Credentials, Envelope, ErrorReport, Login, Message, NodeInformation, ReConfiguration,
    ReStreamingConnection, RequestIds,
};
use crate::wire::{Receiver, Stream, UNANSWERED, send};

/// How long somebody may take to log in.
const UNKNOWN: Duration = Duration::from_secs(10);
/// Keep-alives that may be missing.
const MISSING: u32 = 3;
/// Requests: so many in one go, and one more in each interval.
const REQUESTS: (u32, Duration) = (50, Duration::from_millis(100));
/// How long a node may take to confirm what it was told when a child of it says that it is gone.
const PROBE: Duration = Duration::from_secs(2);
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
    /// When the place was decided that the node was told last.
    said: Serial,
    /// Those of ours that are without an answer.
    unanswered: VecDeque<u64>,
    /// The one of ours that has to be confirmed, and by when.
    probe: Option<(u64, Instant)>,
    uplink_test: UplinkTest,
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
            said: 0,
            unanswered: VecDeque::new(),
            probe: None,
            uplink_test: UplinkTest::default(),
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
        // What somebody says who does not log in wins him no time, and what is told to a node is no sign
        // of its life.
        let login_due = Instant::now() + UNKNOWN;
        let mut heard = Instant::now();
        let reason = loop {
            let patience = match self.member {
                Some(_) => self.manager.keepalive.saturating_mul(MISSING),
                None => UNKNOWN,
            };
            let probed = self.probe.map_or(login_due, |(_, due)| due);
            let tested = self.uplink_test.due();
            let (said, end) = tokio::select! {
                // What has come counts before a clock that ran out meanwhile.
                biased;
                document = receiver.next(heard, patience) => match document {
                    Ok(Some(document)) => {
                        let said = self.hear(&document).await;
                        heard = Instant::now();
                        said
                    }
                    Ok(None) => break "it was closed".to_owned(),
                    Err(error) => break error.to_string(),
                },
                push = pushes.recv() => match push {
                    // It asked meanwhile, and was told what was decided later.
                    Some(Push::Reassign(_, serial)) if serial < self.said => (None, None),
                    Some(Push::Probe(_, serial)) if serial < self.said => {
                        self.confirm().await;
                        (None, None)
                    }
                    Some(Push::Reassign(connection, serial)) => {
                        (Some(self.reassign(*connection, serial)), None)
                    }
                    Some(Push::Probe(connection, serial)) => {
                        let envelope = self.reassign(*connection, serial);
                        self.probe.get_or_insert((envelope.id, Instant::now() + PROBE));
                        (Some(envelope), None)
                    }
                    Some(Push::Replaced) => {
                        // The node is somebody else's from now on.
                        self.member = None;
                        (None, Some("its node has come by another connection"))
                    }
                    Some(Push::Closed) => {
                        // The node stays in the tree: whoever places it now knows it.
                        self.member = None;
                        (None, Some("another proxy server places the nodes of its channel"))
                    }
                    None => (None, Some("it does not take in what it is told")),
                },
                () = sleep_until(login_due), if self.member.is_none() => {
                    break "nobody has logged in over it".to_owned();
                }
                () = sleep_until(tested.unwrap_or(login_due)), if tested.is_some() => {
                    self.uplink_test.end();
                    (None, None)
                }
                () = sleep_until(probed), if self.probe.is_some() => {
                    break "a child said that it is gone, and it does not answer".to_owned();
                }
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
            let lost = self.manager.topology(|topology, now| topology.lost(node, id, now)).await;
            // What could not be written down has not happened.
            let gone = lost.unwrap_or(false);
            let reason = reason.clone();
            self.manager.events.tell(match gone {
                true => Event::NodeLeft { node, reason },
                false => Event::NodeLost { node, reason },
            });
        }
        reason
    }

    /// What tells the node of another place.
    fn reassign(&mut self, connection: ReStreamingConnection, serial: Serial) -> Envelope {
        self.said = serial;
        let id = self.own_ids.next_id();
        self.unanswered.push_back(id);
        if self.unanswered.len() > UNANSWERED {
            self.unanswered.pop_front();
        }
        Envelope { id, message: Message::Reassign(connection) }
    }

    /// Answers what came, if it wants an answer.
    async fn hear(&mut self, document: &[u8]) -> (Option<Envelope>, Option<&'static str>) {
        // Whatever comes costs time to read: too much of it ends the connection.
        let in_time = self.requests.take(self.manager.now().time).is_ok();
        let (id, answer) = match Envelope::parse(document) {
            Ok(Envelope { id, message: Message::Ok }) if self.is_confirmed(id) => {
                if in_time {
                    // It is we who have asked.
                    self.requests.put_back();
                }
                if self.probe.take_if(|(probe, _)| *probe <= id).is_some() {
                    self.confirm().await;
                }
                return (None, None);
            }
            Ok(Envelope { message, .. }) if message.is_answer() => {
                // An answer is not answered, lest two programs do so for ever.
                return (None, self.refuse(unasked(&message)).1);
            }
            Ok(Envelope { id, message }) => {
                let answer = match self.admit(id, in_time) {
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

    /// The node is there, whatever its children say.
    async fn confirm(&self) {
        let Some(Member { node, .. }) = &self.member else { return };
        let (node, id) = (*node, self.id);
        // Nothing is told of it that would have to be written down.
        let _ = self.manager.topology(|topology, _| topology.confirmed(node, id)).await;
    }

    /// Whether it is the id of a request of ours that had no answer yet.
    fn is_confirmed(&mut self, id: u64) -> bool {
        let place = self.unanswered.iter().position(|own| *own == id);
        place.and_then(|place| self.unanswered.remove(place)).is_some()
    }

    fn admit(&mut self, id: u64, in_time: bool) -> Result<(), ErrorReport> {
        self.ids.accept(id).map_err(|error| unreadable(&error))?;
        if in_time { Ok(()) } else { Err(too_much()) }
    }

    async fn answer(&mut self, message: Message) -> Result<Outcome, ErrorReport> {
        match message {
            Message::Login(login) => self.log_in(login, false).await,
            Message::Subscription(login) => self.log_in(login, true).await,
            Message::Logout => {
                let Member { node, .. } = self.leave().await?;
                let reason = "it has logged out".to_owned();
                self.manager.events.tell(Event::NodeLeft { node, reason });
                Ok((Message::Ok, Some("it has logged out")))
            }
            Message::ReConfiguration(request) => self.reconfigure(request).await,
            Message::NodeInformation(information) => self.inform(information).await,
            Message::Unsubscription(password) => self.unsubscribe(password).await,
            Message::Keepalive => {
                let (node, id) = (self.member()?.node, self.id);
                let kept =
                    self.manager.numbered(|topology, now| topology.keep(node, id, now)).await?;
                let fresh = self.placed(kept)?;
                Ok((fresh.map_or(Message::Ok, Message::ReStreamingConnection), None))
            }
            Message::UplinkTest(_) => {
                self.member()?;
                self.uplink_test.piece(&self.manager.uplink_tests, Instant::now())?;
                Ok((Message::Ok, None))
            }
            Message::Reassign(_)
            | Message::ReStreamingConnection(_)
            | Message::Ok
            | Message::Error(_) => Err(unasked(&message)),
        }
    }

    async fn log_in(&mut self, login: Login, subscribe: bool) -> Result<Outcome, ErrorReport> {
        if self.member.is_some() {
            return Err(logged_in_already());
        }
        let Login { credentials, channel, service, resume } = login;
        let service = service.map(|service| believed(&service, self.peer)).transpose()?;
        // Before any work is spent on the password.
        self.manager.topology(|topology, _| topology.is_here(&channel)).await??;
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
        let joined = self.manager.numbered(|topology, now| topology.join(arrival, now)).await?;
        let connection = self.placed(joined)?;
        let node = connection.node;
        self.manager.note_node();
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

    /// What was decided of the node, which it is told now.
    fn placed<T>(
        &mut self,
        (decided, serial): (Result<T, ErrorReport>, Serial),
    ) -> Result<T, ErrorReport> {
        self.said = serial;
        decided
    }

    async fn reconfigure(&mut self, request: ReConfiguration) -> Result<Outcome, ErrorReport> {
        let (node, id) = (self.member()?.node, self.id);
        let work = |topology: &mut TopologyConfiguration, now| {
            topology.reconfigure(node, id, request, now)
        };
        let reconfigured = self.manager.numbered(work).await?;
        let connection = self.placed(reconfigured)?;
        self.manager.events.tell(Event::moved(&connection));
        Ok((Message::ReStreamingConnection(connection), None))
    }

    async fn inform(&mut self, information: NodeInformation) -> Result<Outcome, ErrorReport> {
        let (node, id) = (self.member()?.node, self.id);
        let work =
            |topology: &mut TopologyConfiguration, now| topology.inform(node, id, information, now);
        self.manager.topology(work).await??;
        Ok((Message::Ok, None))
    }

    async fn unsubscribe(&mut self, password: String) -> Result<Outcome, ErrorReport> {
        let user = self.member()?.user.clone();
        let credentials = Credentials { user, password };
        let authentication = &self.manager.authentication;
        let done = authentication.unsubscribe(&credentials, self.peer.ip()).await;
        done.map_err(|error| error.report())?;
        let Member { node, .. } = self.leave().await?;
        let reason = "its account was deleted".to_owned();
        self.manager.events.tell(Event::NodeLeft { node, reason });
        Ok((Message::Ok, Some("its account was deleted")))
    }

    async fn leave(&mut self) -> Result<Member, ErrorReport> {
        let member = self.member()?.clone();
        let id = self.id;
        let node = member.node;
        self.manager.topology(|topology, now| topology.leave(node, id, now)).await?;
        self.member = None;
        Ok(member)
    }

    fn member(&self) -> Result<&Member, ErrorReport> {
        self.member.as_ref().ok_or_else(not_logged_in)
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
