//! An engine in miniature: it answers every question with a yes.

use crate::rtsp::server::{Ask, Chosen, Group, Question, Setup, SetupAnswer, TrackStart};
use crate::rtsp::*;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

pub(crate) const SDP: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=control:*\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n\
    m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/48000/2\r\na=control:trackID=1\r\n";

pub(crate) const SERVER_PORT: (u16, u16) = (7000, 7001);
pub(crate) const GROUP: Group =
    Group { address: IpAddr::V4(Ipv4Addr::new(239, 1, 2, 3)), ports: (20_000, 20_001), ttl: 4 };

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// One message from the front of `bytes`, which it has to fill.
pub(crate) fn message(bytes: &[u8]) -> Message {
    match parse(bytes) {
        Ok(Parsed::Message(message, length)) if length == bytes.len() => message,
        other => panic!("{other:?} of {}", String::from_utf8_lossy(bytes)),
    }
}

/// A request out of its first line and header lines.
pub(crate) fn request(lines: &[&str]) -> Request {
    let text = format!("{}\r\n\r\n", lines.join("\r\n"));
    match message(text.as_bytes()) {
        Message::Request(request) => request,
        other => panic!("{other:?}"),
    }
}

/// The number at the end of a control value.
pub(crate) fn track_number(control: &str) -> Option<usize> {
    control.rsplit(['=', '/']).next()?.parse().ok()
}

/// Says yes.
pub(crate) fn yes(question: &Question) -> Answer {
    match &question.ask {
        Ask::Describe => Answer::Describe { sdp: SDP.to_owned() },
        Ask::Setup(Setup { control, transport, .. }) => match track_number(control) {
            Some(track) => Answer::Setup(SetupAnswer {
                track,
                group: matches!(transport, Chosen::Multicast).then_some(GROUP),
                server_port: matches!(transport, Chosen::Udp { .. }).then_some(SERVER_PORT),
                source: None,
                ssrc: Some(0x00ab_cdef),
            }),
            None => Status::AGGREGATE_OPERATION_NOT_ALLOWED.into(),
        },
        Ask::Play { tracks, .. } => {
            let start = |&track| TrackStart { track, sequence: 7 + track as u16, timestamp: 9000 };
            let (range, rtp_info) = (Some(Range::NOW), tracks.iter().map(start).collect());
            Answer::Play { range, rtp_info, headers: Headers::new() }
        }
        Ask::Announce | Ask::Pause { .. } | Ask::Record { .. } | Ask::Teardown { .. } => {
            Answer::Done
        }
    }
}

/// A server session with the engine behind it.
pub(crate) struct Server {
    pub(crate) session: ServerSession,
    pub(crate) now: Duration,
    /// What was asked.
    pub(crate) questions: Vec<Question>,
    pub(crate) events: Vec<ServerEvent>,
}

impl Server {
    pub(crate) fn new(config: ServerConfig) -> Server {
        let session = ServerSession::new(config, *b"0123456789abcdef", Duration::ZERO);
        Server { session, now: Duration::ZERO, questions: Vec::new(), events: Vec::new() }
    }

    /// Handles a request, answering with `answer` what is asked.
    pub(crate) fn serve(
        &mut self,
        request: Request,
        answer: impl Fn(&Question) -> Answer,
    ) -> Response {
        let step = self.session.handle_request(request, self.now);
        self.drain();
        match step {
            Step::Reply(response) => response,
            Step::Wait(_) => panic!("a question is open"),
            Step::Ask(question) => {
                assert!(self.session.is_waiting());
                let response = self.session.answer(answer(&question), self.now);
                self.questions.push(*question);
                response.expect("a response to an open question")
            }
        }
    }

    /// Handles a request in lines and says yes.
    pub(crate) fn ask(&mut self, lines: &[&str]) -> Response {
        self.serve(request(lines), yes)
    }

    pub(crate) fn last(&self) -> &Ask {
        &self.questions.last().expect("a question").ask
    }

    pub(crate) fn drain(&mut self) {
        while let Some(event) = self.session.poll_event() {
            self.events.push(event);
        }
    }

    /// DESCRIBE and SETUP of two tracks; the header line that names the session.
    pub(crate) fn set_up(&mut self, transports: [&str; 2]) -> String {
        self.ask(&["DESCRIBE rtsp://h/x RTSP/1.0", "CSeq: 1"]);
        let [first, second] = transports.map(|t| format!("Transport: {t}"));
        let response = self.ask(&["SETUP rtsp://h/x/trackID=0 RTSP/1.0", "CSeq: 2", &first]);
        assert_eq!(response.status, Status::OK);
        let session = session_line(&response);
        let response =
            self.ask(&["SETUP rtsp://h/x/trackID=1 RTSP/1.0", "CSeq: 3", &second, &session]);
        assert_eq!(response.status, Status::OK);
        session
    }

    /// The same, then PLAY.
    pub(crate) fn play(&mut self, transports: [&str; 2]) -> String {
        let session = self.set_up(transports);
        let response = self.ask(&["PLAY rtsp://h/x/ RTSP/1.0", "CSeq: 4", &session]);
        assert_eq!(response.status, Status::OK);
        session
    }

    /// ANNOUNCE, SETUP of one track, RECORD.
    pub(crate) fn record(&mut self, transport: &str) -> String {
        let mut announce =
            request(&["ANNOUNCE rtsp://h/x RTSP/1.0", "CSeq: 1", "Content-Type: application/sdp"]);
        announce.body = SDP.as_bytes().to_vec();
        assert_eq!(self.serve(announce, yes).status, Status::OK);
        let transport = format!("Transport: {transport};mode=record");
        let setup = ["SETUP rtsp://h/x/streamid=0 RTSP/1.0", "CSeq: 2", &transport];
        let session = session_line(&self.ask(&setup));
        let response = self.ask(&["RECORD rtsp://h/x RTSP/1.0", "CSeq: 3", &session]);
        assert_eq!(response.status, Status::OK);
        session
    }
}

/// The `Session` line of further requests.
/// A refusal in the RFC's words.
pub(crate) fn refused(method: Method, status: Status) -> ClientError {
    ClientError::Refused { method, status, reason: status.reason().to_owned() }
}

pub(crate) fn session_line(response: &Response) -> String {
    let value = response.headers.get("Session").expect("a session");
    format!("Session: {}", value.split(';').next().unwrap_or_default())
}

pub(crate) const UDP: [&str; 2] =
    ["RTP/AVP;unicast;client_port=5000-5001", "RTP/AVP;unicast;client_port=5002-5003"];
pub(crate) const TCP: [&str; 2] =
    ["RTP/AVP/TCP;unicast;interleaved=0-1", "RTP/AVP/TCP;unicast;interleaved=2-3"];
