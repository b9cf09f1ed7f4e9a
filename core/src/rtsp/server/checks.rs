//! What a request has to fulfil, and the responses that say so.

use super::ServerSession;
use super::state::{self, Session};
use super::target::{self, Mount, Target};
use crate::rtsp::{Mode, Request, Response, Status};

/// The response of a request that gets no further.
pub(super) type Refused = Box<Response>;

impl ServerSession {
    /// `Require` and `Proxy-Require`: no extension is known here.
    pub(super) fn check_require(&self, cseq: u32, request: &Request) -> Result<(), Refused> {
        let headers = &request.headers;
        let tags = headers.get_all("Require").chain(headers.get_all("Proxy-Require"));
        let tags: Vec<&str> = tags.filter(|tag| !tag.trim().is_empty()).collect();
        if tags.is_empty() {
            return Ok(());
        }
        let mut response = self.respond(Some(cseq), Status::OPTION_NOT_SUPPORTED);
        response.headers.push("Unsupported", tags.join(", "));
        Err(Box::new(response))
    }

    /// A `Session` header has to name the session of this connection.
    pub(super) fn check_session(&self, cseq: u32, request: &Request) -> Result<(), Refused> {
        match (session_id(request), &self.session) {
            (None, _) => Ok(()),
            (Some(id), Some(session)) if session.id == id => Ok(()),
            (Some(_), _) => Err(self.refuse(cseq, Status::SESSION_NOT_FOUND)),
        }
    }

    /// The session, which the request has to name and which has to be of this mode.
    pub(super) fn session_of(
        &self,
        cseq: u32,
        request: &Request,
        mode: Mode,
    ) -> Result<&Session, Refused> {
        self.check_session(cseq, request)?;
        match &self.session {
            None => Err(self.refuse(cseq, Status::METHOD_NOT_VALID_IN_THIS_STATE)),
            Some(_) if session_id(request).is_none() => {
                Err(self.refuse(cseq, Status::SESSION_NOT_FOUND))
            }
            Some(session) if session.mode != mode => {
                Err(self.refuse(cseq, Status::METHOD_NOT_VALID_IN_THIS_STATE))
            }
            Some(session) => Ok(session),
        }
    }

    pub(super) fn mount(&self, cseq: u32, request: &Request) -> Result<Mount, Refused> {
        target::mount(&request.uri).map_err(|_| self.refuse(cseq, Status::BAD_REQUEST))
    }

    pub(super) fn target(
        &self,
        cseq: u32,
        request: &Request,
        known: Option<&Mount>,
    ) -> Result<Target, Refused> {
        target::target(&request.uri, known).map_err(|_| self.refuse(cseq, Status::BAD_REQUEST))
    }

    pub(super) fn tracks_of(
        &self,
        cseq: u32,
        session: &Session,
        target: &Target,
    ) -> Result<Vec<usize>, Refused> {
        let tracks = if target.mount.path == session.mount.path {
            session.select(&target.control)
        } else {
            None
        };
        tracks.ok_or_else(|| self.refuse(cseq, Status::NOT_FOUND))
    }

    pub(super) fn only_aggregate(
        &self,
        cseq: u32,
        session: &Session,
        target: &Target,
    ) -> Result<(), Refused> {
        let tracks = self.tracks_of(cseq, session, target)?;
        if tracks.len() < session.tracks.len() {
            return Err(self.refuse(cseq, Status::ONLY_AGGREGATE_OPERATION_ALLOWED));
        }
        Ok(())
    }

    /// An error response, with the list of methods that belongs to it.
    pub(super) fn refuse(&self, cseq: u32, status: Status) -> Refused {
        let mut response = self.respond(Some(cseq), status);
        match status {
            Status::METHOD_NOT_ALLOWED => {
                response.headers.push("Allow", state::public(&self.config));
            }
            Status::METHOD_NOT_VALID_IN_THIS_STATE => {
                let announced = self.announced.is_some();
                let allow = state::allow(&self.config, announced, self.session.as_ref());
                response.headers.push("Allow", allow);
            }
            Status::NOT_IMPLEMENTED => {
                response.headers.push("Public", state::public(&self.config));
            }
            _ => {}
        }
        Box::new(response)
    }

    pub(super) fn respond(&self, cseq: Option<u32>, status: Status) -> Response {
        let mut response = Response::new(status);
        if let Some(cseq) = cseq {
            response.headers.push("CSeq", cseq.to_string());
        }
        if !self.config.server.is_empty() {
            response.headers.push("Server", self.config.server.clone());
        }
        response
    }

    /// Repeats the session id to a request that named it.
    pub(super) fn with_session(&self, mut response: Response, request: &Request) -> Response {
        if request.headers.get("Session").is_some()
            && let Some(session) = &self.session
        {
            response.headers.push("Session", self.session_value(&session.id));
        }
        response
    }

    /// No space before `timeout`: FFmpeg would not see it.
    pub(super) fn session_value(&self, id: &str) -> String {
        format!("{id};timeout={}", self.config.timeout.as_secs().max(1))
    }
}

/// The id in the `Session` header, without parameters.
fn session_id(request: &Request) -> Option<&str> {
    Some(request.headers.get("Session")?.split(';').next()?.trim())
}
