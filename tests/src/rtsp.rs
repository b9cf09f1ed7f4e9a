//! RTSP by hand, over a plain socket.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long the server may take for any answer or packet.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to an RTSP server.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    packets: VecDeque<(u8, Vec<u8>)>,
    responses: VecDeque<Response>,
    sequence: u32,
    session: Option<String>,
}

/// What the server answered.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Response {
    /// The value of a header; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }
}

impl Connection {
    /// Connects to `HOST:PORT`.
    ///
    /// # Panics
    /// When nobody listens there.
    pub fn open(address: impl ToSocketAddrs) -> Connection {
        Connection::over(TcpStream::connect(address).expect("the server's port"))
    }

    /// Takes over a stream that is connected.
    ///
    /// # Panics
    /// When it is not.
    pub fn over(stream: TcpStream) -> Connection {
        stream.set_read_timeout(Some(PATIENCE)).expect("a deadline for reads");
        stream.set_write_timeout(Some(PATIENCE)).expect("a deadline for writes");
        stream.set_nodelay(true).expect("no delay");
        Connection {
            stream,
            received: Vec::new(),
            packets: VecDeque::new(),
            responses: VecDeque::new(),
            sequence: 0,
            session: None,
        }
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Panics
    /// When none comes within the deadline, or not to this request.
    pub fn request(
        &mut self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        self.send(method, url, headers, body);
        let response = self.response();
        assert_eq!(
            response.header("cseq"),
            self.sequence.to_string(),
            "CSeq of the answer to {method}"
        );
        response
    }

    /// The same, and asks for 200.
    ///
    /// # Panics
    /// When the answer is another.
    pub fn ask(
        &mut self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        let response = self.request(method, url, headers, body);
        assert_eq!(response.status, 200, "answer to {method} {url}: {response:?}");
        response
    }

    /// Sends a request and does not wait.
    ///
    /// # Panics
    /// When the connection is gone.
    pub fn send(&mut self, method: &str, url: &str, headers: &[(&str, &str)], body: &str) {
        self.sequence += 1;
        let mut text = format!("{method} {url} RTSP/1.0\r\nCSeq: {}\r\n", self.sequence);
        let session = self.session.iter().map(|session| ("Session", session.as_str()));
        for (name, value) in headers.iter().copied().chain(session) {
            text += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() {
            text += &format!("Content-Length: {}\r\n", body.len());
        }
        text += "\r\n";
        text += body;
        self.write(text.as_bytes());
    }

    /// Writes bytes as they are.
    ///
    /// # Panics
    /// When the connection is gone.
    pub fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("writing to the server");
    }

    /// Writes bytes as they are, to a server that may have hung up already; whether all were taken.
    pub fn try_write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Waits until the server has hung up, or has answered everything and does neither for `limit`;
    /// gives its answers and whether it has hung up. What is not RTSP is passed over.
    pub fn last_words(&mut self, limit: Duration) -> (Vec<u16>, bool) {
        self.stream.set_read_timeout(Some(limit)).expect("a deadline for reads");
        let mut bytes = Vec::new();
        // An error is the deadline, or a reset: the server closed with something unread.
        let closed = match self.stream.read_to_end(&mut bytes) {
            Ok(_) => true,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let status = |line: &str| line.strip_prefix("RTSP/1.0 ")?.get(..3)?.parse().ok();
        (text.lines().filter_map(status).collect(), closed)
    }

    /// Sends an interleaved packet.
    ///
    /// # Panics
    /// When the connection is gone.
    pub fn send_packet(&mut self, channel: u8, packet: &[u8]) {
        let length = u16::try_from(packet.len()).expect("a packet of at most 65,535 bytes");
        let mut framed = vec![b'$', channel];
        framed.extend(length.to_be_bytes());
        framed.extend(packet);
        self.write(&framed);
    }

    /// The next answer of the server.
    ///
    /// # Panics
    /// When none comes within the deadline.
    pub fn response(&mut self) -> Response {
        loop {
            if let Some(response) = self.responses.pop_front() {
                if self.session.is_none() && !response.header("session").is_empty() {
                    let session = response.header("session").split(';').next().unwrap_or_default();
                    self.session = Some(session.to_owned());
                }
                return response;
            }
            assert!(self.read(), "the server closed the connection instead of an answer");
        }
    }

    /// The next interleaved packet and its channel; `None` when the server closed the connection.
    ///
    /// # Panics
    /// When none comes within the deadline.
    pub fn packet(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some(packet) = self.packets.pop_front() {
                return Some(packet);
            }
            if !self.read() {
                return None;
            }
        }
    }

    /// The next RTP packet of the first track, past RTCP.
    ///
    /// # Panics
    /// When none comes within the deadline, or the server closed the connection.
    pub fn rtp(&mut self) -> Vec<u8> {
        loop {
            let (channel, packet) =
                self.packet().expect("the server closed the connection instead of a packet");
            if channel == 0 {
                return packet;
            }
        }
    }

    /// Becomes a publisher of one track over TCP.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn publish(&mut self, url: &str, sdp: &str) {
        self.ask("ANNOUNCE", url, &[("Content-Type", "application/sdp")], sdp);
        let transport = "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record";
        self.ask("SETUP", &format!("{url}/streamid=0"), &[("Transport", transport)], "");
        self.ask("RECORD", url, &[("Range", "npt=0.000-")], "");
    }

    /// The URL under which a player sets up the first track of a stream.
    ///
    /// # Panics
    /// When the server does not describe it.
    pub fn first_track(&mut self, url: &str) -> String {
        let description = self.ask("DESCRIBE", url, &[("Accept", "application/sdp")], "");
        let base = description.header("content-base").to_owned();
        assert!(base.ends_with('/'), "Content-Base has to end with a slash: {base}");
        format!("{base}{}", first_control(&description.body))
    }

    /// Becomes a player of the first track, with the value of `Transport` given. Gives the answers
    /// to SETUP and PLAY.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn play(&mut self, url: &str, transport: &str) -> (Response, Response) {
        let track = self.first_track(url);
        let setup = self.ask("SETUP", &track, &[("Transport", transport)], "");
        let play = self.ask("PLAY", &format!("{url}/"), &[("Range", "npt=0.000-")], "");
        (setup, play)
    }

    /// Reads more and takes it apart; false when the server has closed the connection.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 65_536];
        match self.stream.read(&mut bytes) {
            Ok(0) => return false,
            Ok(count) => self.received.extend(&bytes[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return false,
            Err(error) => panic!("nothing from the server within {PATIENCE:?}: {error}"),
        }
        let mut at = 0;
        while let Some(length) = self.take_one(at) {
            at += length;
        }
        self.received.drain(..at);
        true
    }

    /// Takes one packet or answer at the place `at`; its length, `None` when it is not complete.
    fn take_one(&mut self, at: usize) -> Option<usize> {
        let rest = self.received.get(at..).filter(|rest| !rest.is_empty())?;
        if rest[0] == b'$' {
            let length = usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]));
            let packet = rest.get(4..4 + length)?.to_vec();
            self.packets.push_back((rest[1], packet));
            return Some(4 + length);
        }
        assert!(
            rest[0] == b'R',
            "neither a packet nor an answer: {:?}",
            &rest[..rest.len().min(40)]
        );
        let head = rest.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
        let text = String::from_utf8_lossy(&rest[..head]).into_owned();
        let mut lines = text.lines();
        let status =
            lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|s| s.parse().ok());
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_lowercase(), value.trim().to_owned()))
            .collect();
        let mut response =
            Response { status: status.expect("a status code"), headers, body: String::new() };
        let length: usize = response.header("content-length").parse().unwrap_or(0);
        response.body = String::from_utf8_lossy(rest.get(head..head + length)?).into_owned();
        self.responses.push_back(response);
        Some(head + length)
    }
}

/// The control URL of the first media section of an SDP.
///
/// # Panics
/// When it has none.
pub fn first_control(sdp: &str) -> &str {
    let media = sdp.find("m=").expect("a media section");
    let line = sdp[media..].lines().find_map(|line| line.strip_prefix("a=control:"));
    line.expect("a control URL").trim()
}
