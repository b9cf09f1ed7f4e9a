//! Those who publish to here.

use crate::io::Token;
use crate::media::sdp;
use crate::relay::Kind;
use crate::rtsp::server::{Chosen, Refusal, Setup, SetupAnswer};
use crate::rtsp::{Answer, Status};

use super::super::error::Error;
use super::super::event::Event;
use super::super::media::{Ingest, Sender};
use super::super::role::{Inlets, Part, Publisher, Role};
use super::super::worker::Worker;

/// Why a second publisher is refused.
const TAKEN: &str = "somebody publishes at this path already";

fn taken() -> Refusal {
    Refusal { detail: Some(TAKEN), ..Refusal::from(Status::FORBIDDEN) }
}

impl Worker {
    pub(super) fn announce(
        &mut self,
        token: Token,
        path: &str,
        body: &[u8],
    ) -> Result<Answer, Status> {
        let session = match sdp::Session::parse(body) {
            Ok(session) => session,
            Err(error) => {
                self.tell_refused(token, path, &format!("its session description: {error}"));
                return Err(Status::BAD_REQUEST);
            }
        };
        if session.media.iter().any(|media| media.protocol.is_secure()) {
            self.tell_refused(token, path, "SRTP is not supported");
            return Err(Status::UNSUPPORTED_MEDIA_TYPE);
        }
        if path.is_empty() {
            self.tell_refused(token, path, "its URL has no path");
            return Err(Status::NOT_FOUND);
        }
        if !self.config.takeover && self.is_taken(path) {
            self.tell_refused(token, path, TAKEN);
            return Ok(Answer::Refuse(taken()));
        }
        let server = self.server(token).ok_or(Status::INTERNAL_SERVER_ERROR)?;
        let Part::Idle = server.part else { return Err(Status::METHOD_NOT_VALID_IN_THIS_STATE) };
        let (path, inlets) = (path.to_owned(), Inlets::default());
        let announced = self.io.now();
        let server = self.server(token).ok_or(Status::INTERNAL_SERVER_ERROR)?;
        let publisher = Publisher { path, session, inlets, announced, stream: None, ended: false };
        server.part = Part::Publisher(Box::new(publisher));
        Ok(Answer::Done)
    }

    pub(in crate::engine) fn tell_refused(&self, token: Token, path: &str, reason: &str) {
        let peer = self.connections.get(&token).map(|connection| connection.peer.to_string());
        let (path, peer) = (path.to_owned(), peer.unwrap_or_default());
        self.tell(Event::PublisherRefused { path, peer, reason: reason.to_owned() });
    }

    pub(super) fn publisher(&mut self, token: Token) -> Option<&mut Publisher> {
        match &mut self.server(token)?.part {
            Part::Publisher(publisher) => Some(publisher),
            Part::Idle | Part::Player(_) => None,
        }
    }

    pub(super) fn set_up_publisher(
        &mut self,
        token: Token,
        setup: &Setup,
    ) -> Result<Answer, Status> {
        let local = self.io.local_addr(token).map_err(|_| Status::INTERNAL_SERVER_ERROR)?.ip();
        let server = self.server(token).ok_or(Status::INTERNAL_SERVER_ERROR)?;
        let Part::Publisher(publisher) = &mut server.part else {
            return Err(Status::METHOD_NOT_VALID_IN_THIS_STATE);
        };
        let track = match publisher.session.track_of_url(&setup.control) {
            Some(track) => track,
            None if publisher.session.media.len() == 1 => 0,
            None => return Err(Status::NOT_FOUND),
        };
        let number = u8::try_from(track).map_err(|_| Status::NOT_FOUND)?;
        if publisher.stream.is_some() {
            return Err(Status::METHOD_NOT_VALID_IN_THIS_STATE);
        }
        // Set up anew, as after another transport has failed: the former one goes.
        let former = publisher.inlets.forget(number);
        self.close_inlets(former);
        let server_port = match setup.transport {
            Chosen::Tcp { rtp, rtcp } => {
                if let Some(publisher) = self.publisher(token) {
                    publisher.inlets.add_channels(number, rtp, rtcp);
                }
                None
            }
            Chosen::Udp { client_rtp, client_rtcp } => {
                let (ports, sockets) = self.bind_inlet(local, number).map_err(|error| {
                    tracing::warn!(%error, "a publisher cannot be served over UDP");
                    Status::UNSUPPORTED_TRANSPORT
                })?;
                if let Some(publisher) = self.publisher(token) {
                    publisher.inlets.sockets.extend(sockets);
                    publisher.inlets.ports.push((number, client_rtp, client_rtcp));
                }
                Some(ports)
            }
            // We choose groups to send to, not to hear.
            Chosen::Multicast => return Err(Status::UNSUPPORTED_TRANSPORT),
        };
        let group = None;
        Ok(Answer::Setup(SetupAnswer { track, server_port, group, source: None, ssrc: None }))
    }

    pub(super) fn record(&mut self, token: Token) -> Result<Answer, Status> {
        let connection = self.connections.get_mut(&token).ok_or(Status::SESSION_NOT_FOUND)?;
        let peer = connection.peer;
        let Role::Server(server) = &mut connection.role else {
            return Err(Status::METHOD_NOT_VALID_IN_THIS_STATE);
        };
        let Part::Publisher(publisher) = &mut server.part else {
            return Err(Status::METHOD_NOT_VALID_IN_THIS_STATE);
        };
        if publisher.stream.is_some() {
            return Ok(Answer::Done);
        }
        let sockets = std::mem::take(&mut publisher.inlets.sockets);
        let ports = std::mem::take(&mut publisher.inlets.ports);
        let (path, session) = (publisher.path.clone(), publisher.session.clone());
        let from = format!("RTSP publisher {peer}");
        if self.config.takeover {
            self.displace(&path);
        }
        let id = match self.feed_stream(token, path.clone(), from, session) {
            Ok(id) => id,
            Err(error) => {
                self.tell_refused(token, &path, &error.to_string());
                for (token, _, _) in sockets {
                    self.io.close(token);
                }
                return match error {
                    Error::PathTaken(_) => Ok(Answer::Refuse(taken())),
                    Error::Session(_) => Err(Status::BAD_REQUEST),
                    _ => Err(Status::SERVICE_UNAVAILABLE),
                };
            }
        };
        for (socket, track, kind) in sockets {
            let named = ports.iter().find(|(other, _, _)| *other == track);
            let port = named.map(|(_, rtp, rtcp)| if kind == Kind::Rtp { *rtp } else { *rtcp });
            let sender = Sender::Agreed { ip: peer.ip(), port, heard: None };
            let mut ingest = Ingest::new(id, track, kind, sender);
            ingest.session = Some(token);
            self.open_inlet(socket, ingest);
        }
        if let Some(publisher) = self.publisher(token) {
            publisher.stream = Some(id);
        }
        Ok(Answer::Done)
    }
}
