//! From a request to a question, or straight to a response.

use super::checks::Refused;
use super::question::{Ask, EndReason, Question, ServerEvent, Setup, Step};
use super::state::{self, Pending, PendingAsk, PendingSetup, Session};
use super::target::{self, Mount, Target};
use super::{ServerSession, negotiate};
use crate::rtsp::limits::MAX_TRACKS;
use crate::rtsp::{Method, Mode, Range, Request, Status, Transport};

impl ServerSession {
    pub(super) fn dispatch(&mut self, request: Request) -> Step {
        let Some(cseq) = request.headers.cseq() else {
            return Step::Reply(self.respond(None, Status::BAD_REQUEST));
        };
        match self.take(cseq, request) {
            Ok(step) => step,
            Err(response) => Step::Reply(*response),
        }
    }

    fn take(&mut self, cseq: u32, request: Request) -> Result<Step, Refused> {
        if request.version.major != 1 {
            return Err(self.refuse(cseq, Status::RTSP_VERSION_NOT_SUPPORTED));
        }
        self.check_require(cseq, &request)?;
        match request.method {
            Method::Options => {
                self.check_session(cseq, &request)?;
                let mut response = self.respond(Some(cseq), Status::OK);
                response.headers.push("Public", state::public(&self.config));
                Ok(Step::Reply(self.with_session(response, &request)))
            }
            Method::GetParameter | Method::SetParameter => {
                self.check_session(cseq, &request)?;
                // An empty one is a keep-alive; there are no parameters to read or to set.
                let blank = request.body.iter().all(u8::is_ascii_whitespace);
                let status = if blank { Status::OK } else { Status::PARAMETER_NOT_UNDERSTOOD };
                let response = self.respond(Some(cseq), status);
                Ok(Step::Reply(self.with_session(response, &request)))
            }
            Method::Describe => self.describe(cseq, request),
            Method::Announce => self.announce(cseq, request),
            Method::Setup => self.setup(cseq, request),
            Method::Play => self.play(cseq, request),
            Method::Pause => self.pause(cseq, request),
            Method::Record => self.record(cseq, request),
            Method::Teardown => self.teardown(cseq, request),
            // A client has no business redirecting a server.
            Method::Redirect => Err(self.refuse(cseq, Status::METHOD_NOT_ALLOWED)),
            Method::Extension(_) => Err(self.refuse(cseq, Status::NOT_IMPLEMENTED)),
        }
    }

    fn describe(&mut self, cseq: u32, request: Request) -> Result<Step, Refused> {
        if !accepts_sdp(&request) {
            return Err(self.refuse(cseq, Status::NOT_ACCEPTABLE));
        }
        let mount = self.mount(cseq, &request)?;
        let base = target::content_base(&request.uri);
        let pending = PendingAsk::Describe { mount: mount.clone(), base };
        Ok(self.ask(cseq, mount, request, Ask::Describe, pending))
    }

    fn announce(&mut self, cseq: u32, request: Request) -> Result<Step, Refused> {
        if !self.config.record {
            return Err(self.refuse(cseq, Status::METHOD_NOT_ALLOWED));
        }
        if self.session.is_some() || self.announced.is_some() {
            return Err(self.refuse(cseq, Status::METHOD_NOT_VALID_IN_THIS_STATE));
        }
        let sdp = match request.headers.get("Content-Type") {
            Some(kind) => {
                let kind = kind.split(';').next().unwrap_or_default();
                kind.trim().eq_ignore_ascii_case("application/sdp")
            }
            None => request.body.trim_ascii_start().starts_with(b"v="),
        };
        if !sdp {
            return Err(self.refuse(cseq, Status::UNSUPPORTED_MEDIA_TYPE));
        }
        if request.body.is_empty() {
            return Err(self.refuse(cseq, Status::BAD_REQUEST));
        }
        let mount = self.mount(cseq, &request)?;
        let pending = PendingAsk::Announce { mount: mount.clone() };
        Ok(self.ask(cseq, mount, request, Ask::Announce, pending))
    }

    fn setup(&mut self, cseq: u32, request: Request) -> Result<Step, Refused> {
        self.check_session(cseq, &request)?;
        let offers: Vec<Transport> = match request.headers.get("Transport") {
            None => return Err(self.refuse(cseq, Status::BAD_REQUEST)),
            Some(_) => {
                request.headers.get_all("Transport").flat_map(Transport::parse_all).collect()
            }
        };
        // A SETUP without id begins anew (FFmpeg, when UDP stays silent). Done before anything
        // else is looked at: whatever becomes of the new session, the client has left the old.
        if request.headers.get("Session").is_none()
            && let Some(old) = self.session.take()
        {
            let (session, reason) = (Some(old.id), EndReason::Replaced);
            self.events.push_back(ServerEvent::SessionEnded { session, reason });
        }
        let session = self.session.as_ref();
        if session.is_some_and(Session::is_active) {
            return Err(self.refuse(cseq, Status::METHOD_NOT_VALID_IN_THIS_STATE));
        }
        let known =
            session.map(|s| &s.mount).or(self.announced.as_ref()).or(self.described.as_ref());
        let Target { mount, control } = self.target(cseq, &request, known)?;
        if session.is_some_and(|s| s.mount.path != mount.path) {
            return Err(self.refuse(cseq, Status::AGGREGATE_OPERATION_NOT_ALLOWED));
        }
        let in_use = session.map(|s| s.in_use(&control)).unwrap_or_default();
        if in_use.len() >= MAX_TRACKS {
            return Err(self.refuse(cseq, Status::NOT_ENOUGH_BANDWIDTH));
        }
        let Some((offer, transport)) = negotiate::choose(&offers, &self.config, &in_use) else {
            return Err(self.refuse(cseq, Status::UNSUPPORTED_TRANSPORT));
        };
        let announced = self.announced.as_ref().is_some_and(|m| m.path == mount.path);
        let mode = match offer.mode {
            Some(mode) => mode,
            None if announced => Mode::Record,
            None => Mode::Play,
        };
        let unannounced = mode == Mode::Record && !announced;
        if unannounced || session.is_some_and(|s| s.mode != mode) {
            return Err(self.refuse(cseq, Status::METHOD_NOT_VALID_IN_THIS_STATE));
        }
        let id = match session {
            Some(session) => session.id.clone(),
            None => self.tokens.next(),
        };
        let ask = Ask::Setup(Setup {
            session: id.clone(),
            control: control.clone(),
            mode,
            profile: offer.profile,
            transport,
        });
        let (uri, kept) = (request.uri.clone(), mount.clone());
        let pending = PendingSetup { id, mount: kept, mode, control, uri, offer, transport };
        Ok(self.ask(cseq, mount, request, ask, PendingAsk::Setup(pending)))
    }

    fn play(&mut self, cseq: u32, request: Request) -> Result<Step, Refused> {
        let session = self.session_of(cseq, &request, Mode::Play)?;
        let target = self.target(cseq, &request, Some(&session.mount))?;
        let tracks = self.tracks_of(cseq, session, &target)?;
        let range = match request.headers.get("Range") {
            None => None,
            Some(value) => match Range::parse(value) {
                None => return Err(self.refuse(cseq, Status::INVALID_RANGE)),
                range => range,
            },
        };
        let scale = request.headers.get("Scale").and_then(|value| value.trim().parse::<f32>().ok());
        let scale = scale.filter(|scale| scale.is_finite() && *scale != 1.0);
        let pending = PendingAsk::Play { tracks: tracks.clone() };
        let ask = Ask::Play { session: session.id.clone(), tracks, range, scale };
        Ok(self.ask(cseq, target.mount, request, ask, pending))
    }

    fn record(&mut self, cseq: u32, request: Request) -> Result<Step, Refused> {
        let session = self.session_of(cseq, &request, Mode::Record)?;
        let target = self.target(cseq, &request, Some(&session.mount))?;
        self.only_aggregate(cseq, session, &target)?;
        let ask = Ask::Record { session: session.id.clone(), tracks: session.indices() };
        Ok(self.ask(cseq, target.mount, request, ask, PendingAsk::Record))
    }

    fn pause(&mut self, cseq: u32, request: Request) -> Result<Step, Refused> {
        self.check_session(cseq, &request)?;
        let session = match &self.session {
            Some(session) if session.is_active() => session,
            _ => return Err(self.refuse(cseq, Status::METHOD_NOT_VALID_IN_THIS_STATE)),
        };
        let session = self.session_of(cseq, &request, session.mode)?;
        let target = self.target(cseq, &request, Some(&session.mount))?;
        self.only_aggregate(cseq, session, &target)?;
        let ask = Ask::Pause { session: session.id.clone() };
        Ok(self.ask(cseq, target.mount, request, ask, PendingAsk::Pause))
    }

    fn teardown(&mut self, cseq: u32, request: Request) -> Result<Step, Refused> {
        self.check_session(cseq, &request)?;
        let named = request.headers.get("Session").is_some();
        let (mount, session, tracks, last) = match (&self.session, &self.announced) {
            (Some(session), _) if named => {
                // The id says which session; a URL that means nothing here ends all of it.
                let target = self.target(cseq, &request, Some(&session.mount)).ok();
                let control = target.map(|t| t.control).unwrap_or_default();
                let all = session.indices();
                let tracks = session.select(&control).unwrap_or_else(|| all.clone());
                let last = tracks.len() == all.len();
                if !last && session.mode == Mode::Record {
                    return Err(self.refuse(cseq, Status::ONLY_AGGREGATE_OPERATION_ALLOWED));
                }
                (session.mount.clone(), Some(session.id.clone()), tracks, last)
            }
            (None, Some(mount)) => (mount.clone(), None, Vec::new(), true),
            _ => return Err(self.refuse(cseq, Status::SESSION_NOT_FOUND)),
        };
        let pending = PendingAsk::Teardown { tracks: tracks.clone(), last };
        let ask = Ask::Teardown { session, tracks, last };
        Ok(self.ask(cseq, mount, request, ask, pending))
    }

    fn ask(
        &mut self,
        cseq: u32,
        mount: Mount,
        request: Request,
        ask: Ask,
        pending: PendingAsk,
    ) -> Step {
        self.pending = Some(Pending { cseq, ask: pending });
        Step::Ask(Box::new(Question { path: mount.path, query: mount.query, request, ask }))
    }
}

/// Whether `Accept` allows an SDP; it does when it is missing.
fn accepts_sdp(request: &Request) -> bool {
    let sdp = |range: &str| {
        let kind = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(kind.as_str(), "application/sdp" | "application/*" | "*/*" | "*" | "")
    };
    request.headers.get("Accept").is_none()
        || request.headers.get_all("Accept").any(|accept| accept.split(',').any(sdp))
}
