//! Peers that speak RTSP by hand, over sockets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::PATIENCE;
use crate::media::sdp;

/// A client by hand.
pub(super) struct Client {
    pub(super) stream: TcpStream,
    pub(super) sequence: u32,
}

impl Client {
    pub(super) fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Client { stream, sequence: 0 }
    }

    pub(super) fn send(&mut self, line: &str, headers: &str, body: &str) {
        self.sequence += 1;
        let length = if body.is_empty() {
            String::new()
        } else {
            format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n", body.len())
        };
        let request =
            format!("{line} RTSP/1.0\r\nCSeq: {}\r\n{headers}{length}\r\n{body}", self.sequence);
        self.stream.write_all(request.as_bytes()).expect("written");
    }

    /// Head and body of the next message.
    pub(super) fn receive(&mut self) -> String {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).expect("an answer");
            bytes.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&bytes).into_owned();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().expect("a number"))];
        self.stream.read_exact(&mut body).expect("a body");
        head + &String::from_utf8_lossy(&body)
    }

    pub(super) fn ask(&mut self, line: &str, headers: &str, body: &str) -> String {
        self.send(line, headers, body);
        self.receive()
    }

    /// The next interleaved frame: channel and packet.
    pub(super) fn frame(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 4];
        self.stream.read_exact(&mut head).expect("a frame");
        assert_eq!(head[0], b'$', "a message where a frame was awaited");
        let mut data = vec![0; usize::from(u16::from_be_bytes([head[2], head[3]]))];
        self.stream.read_exact(&mut data).expect("a packet");
        (head[1], data)
    }
}

pub(super) fn session_of(answer: &str) -> String {
    let line = answer.lines().find(|line| line.starts_with("Session: ")).expect("a session");
    let id = line["Session: ".len()..].split(';').next().expect("an id");
    format!("Session: {id}\r\n")
}

/// A publisher by hand that sends interleaved.
pub(super) struct Publisher {
    pub(super) client: Client,
    pub(super) session: String,
    ssrc: u8,
}

impl Publisher {
    pub(super) fn begin(address: SocketAddr, session: &sdp::Session, ssrc: u8) -> Publisher {
        Publisher::begin_at(address, "s", session, ssrc)
    }

    pub(super) fn begin_at(
        address: SocketAddr,
        path: &str,
        session: &sdp::Session,
        ssrc: u8,
    ) -> Publisher {
        let url = format!("rtsp://{address}/{path}");
        let mut client = Client::connect(address);
        let sdp = session.for_announce(address.ip()).to_string();
        assert!(client.ask(&format!("ANNOUNCE {url}"), "", &sdp).contains("200 OK"));
        let set_up = client.ask(
            &format!("SETUP {url}/streamid=0"),
            "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record\r\n",
            "",
        );
        let session = session_of(&set_up);
        assert!(client.ask(&format!("RECORD {url}"), &session, "").contains("200 OK"));
        Publisher { client, session, ssrc }
    }

    /// Sends a packet of one NAL unit; the marker is set.
    pub(super) fn send(&mut self, sequence: u8, nal: u8) {
        let mut packet = vec![b'$', 0, 0, 16, 0x80, 0x80 | 96, 0, sequence];
        packet.extend([0, 0, 1, sequence, 0, 0, 0, self.ssrc, nal, 0x88, 1, 1]);
        self.client.stream.write_all(&packet).expect("written");
    }
}

/// Sequence number, SSRC and NAL unit header of the next packet.
pub(super) fn next_packet(player: &mut Client) -> (u16, u8, u8) {
    let (_, data) = player.frame();
    (u16::from_be_bytes([data[2], data[3]]), data[11], data[12])
}

pub(super) fn play(address: SocketAddr) -> Client {
    let url = format!("rtsp://{address}/s");
    let mut player = Client::connect(address);
    let setup = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
    let session = session_of(&player.ask(&format!("SETUP {url}/trackID=0"), setup, ""));
    assert!(player.ask(&format!("PLAY {url}"), &session, "").contains("200 OK"));
    player
}
