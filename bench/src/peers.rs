//! A publisher and players for tests, just enough of each: blocking, one thread apiece.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How packets travel between a peer and the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// Interleaved.
    Tcp,
}

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=t\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
    a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==\r\n\
    a=control:streamid=0\r\n";

/// An RTSP connection of a peer.
struct Rtsp {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    url: String,
    sequence: u32,
    session: String,
}

impl Rtsp {
    fn connect(server: SocketAddr) -> Rtsp {
        let stream = TcpStream::connect(server).expect("the engine listens");
        stream.set_nodelay(true).expect("an option of every connection");
        let reader = BufReader::with_capacity(1 << 16, stream.try_clone().expect("cloned"));
        let url = format!("rtsp://{server}/t");
        Rtsp { stream, reader, url, sequence: 0, session: String::new() }
    }

    /// Sends a request and reads the headers of its answer, which must be 200.
    fn request(&mut self, method: &str, suffix: &str, headers: &str, body: &str) -> Answer {
        self.sequence += 1;
        let session = match self.session.as_str() {
            "" => String::new(),
            session => format!("Session: {session}\r\n"),
        };
        let length = match body.len() {
            0 => String::new(),
            length => format!("Content-Length: {length}\r\n"),
        };
        let text = format!(
            "{method} {}{suffix} RTSP/1.0\r\nCSeq: {}\r\n{session}{headers}{length}\r\n{body}",
            self.url, self.sequence
        );
        self.stream.write_all(text.as_bytes()).expect("the engine reads");
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line).expect("the engine answers");
            if line.trim().is_empty() {
                break;
            }
            lines.push(line.trim().to_owned());
        }
        assert!(lines[0].contains(" 200 "), "{method}: {}", lines[0]);
        if let Some(session) = value(&lines, "Session:") {
            self.session = session.split(';').next().unwrap_or_default().to_owned();
        }
        let length = value(&lines, "Content-Length:").map_or(0, |n| n.parse().expect("a number"));
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body).expect("the body comes");
        Answer { lines, body: String::from_utf8(body).expect("SDP is text") }
    }

    /// SETUP of the only track; `suffix` is its control. Returns the socket and the server's port.
    fn set_up(
        &mut self,
        transport: Transport,
        suffix: &str,
        mode: &str,
    ) -> Option<(UdpSocket, u16)> {
        if transport == Transport::Tcp {
            let wanted = format!("Transport: RTP/AVP/TCP;unicast;interleaved=0-1{mode}\r\n");
            self.request("SETUP", suffix, &wanted, "");
            return None;
        }
        let (socket, port) = std::iter::repeat_with(|| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
            let port = socket.local_addr().expect("bound").port();
            (socket, port)
        })
        .find(|(_, port)| port.is_multiple_of(2))
        .expect("every other port is even");
        // Reports go to a port that nobody reads: this socket's own neighbour, an odd one and so none that
        // another of these peers has named.
        let wanted = format!(
            "Transport: RTP/AVP/UDP;unicast;client_port={port}-{}{mode}\r\n",
            port.wrapping_add(1)
        );
        let answer = self.request("SETUP", suffix, &wanted, "");
        let answer = value(&answer.lines, "Transport:").expect("an answer names the transport");
        let ports = answer.split("server_port=").nth(1).expect("UDP has a server port");
        let port = ports.split(['-', ';']).next().and_then(|port| port.parse().ok());
        Some((socket, port.expect("a number")))
    }
}

/// The answer to a request.
struct Answer {
    lines: Vec<String>,
    body: String,
}

fn value<'a>(lines: &'a [String], name: &str) -> Option<&'a str> {
    lines.iter().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// A publisher that has announced its stream and may send.
pub struct Publisher {
    rtsp: Rtsp,
    /// Where datagrams go.
    udp: Option<(UdpSocket, u16)>,
}

impl Publisher {
    /// Announces a stream of H.264.
    ///
    /// # Panics
    /// When the server does not take it, as everything here: these peers are for tests.
    pub fn connect(server: SocketAddr, transport: Transport) -> Publisher {
        let mut rtsp = Rtsp::connect(server);
        rtsp.request("ANNOUNCE", "", "Content-Type: application/sdp\r\n", SDP);
        let udp = rtsp.set_up(transport, "/streamid=0", ";mode=record");
        rtsp.request("RECORD", "", "Range: npt=0.000-\r\n", "");
        Publisher { rtsp, udp }
    }

    /// Sends one RTP packet.
    ///
    /// # Panics
    /// When the server is gone.
    pub fn send(&mut self, packet: &[u8]) {
        match &self.udp {
            Some((socket, port)) => {
                socket.send_to(packet, (Ipv4Addr::LOCALHOST, *port)).expect("sent");
            }
            None => {
                let [high, low] = (packet.len() as u16).to_be_bytes();
                let framed = [&[b'$', 0, high, low][..], packet].concat();
                self.rtsp.stream.write_all(&framed).expect("the engine reads");
            }
        }
    }
}

/// Sends pictures until dropped: 100 a second, of [`PARTS`] packets each, a key frame every half
/// second.
pub struct Pictures {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Pictures {
    /// Begins.
    pub fn start(mut publisher: Publisher) -> Pictures {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = stop.clone();
        let thread = thread::spawn(move || {
            let start = Instant::now();
            for picture in 0u32.. {
                if asked.load(Ordering::Relaxed) {
                    return;
                }
                let due = Duration::from_millis(10) * picture;
                thread::sleep(due.saturating_sub(start.elapsed()));
                (0..PARTS).for_each(|part| publisher.send(&packet(picture, part)));
            }
        });
        Pictures { stop, thread: Some(thread) }
    }
}

impl Drop for Pictures {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the publisher had nothing to complain about");
        }
    }
}

/// Packets of a picture.
pub const PARTS: u32 = 5;

/// Ticks of the RTP clock between two pictures.
const TICKS: u32 = 900;

/// One packet of a picture, which is cut into FU-A fragments (RFC 6184 section 5.8); every fiftieth
/// picture is a key frame.
pub fn packet(picture: u32, part: u32) -> Vec<u8> {
    let (first, last) = (part == 0, part == PARTS - 1);
    let kind = if picture.is_multiple_of(50) { 5 } else { 1 };
    let mut packet = vec![0x80, u8::from(last) << 7 | 96];
    packet.extend(((picture * PARTS + part) as u16).to_be_bytes());
    packet.extend((picture * TICKS).to_be_bytes());
    packet.extend([1, 2, 3, 4, 0x60 | 28, u8::from(first) << 7 | u8::from(last) << 6 | kind]);
    packet.resize(if last { 700 } else { 1_100 }, 0x88);
    packet
}

/// Number of the picture that a packet is of.
pub fn picture_of(packet: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*packet.get(4..)?.first_chunk()?) / TICKS)
}

/// Plays until dropped.
pub struct Player {
    stop: Arc<AtomicBool>,
    connection: TcpStream,
    thread: Option<JoinHandle<()>>,
}

impl Player {
    /// Sets up and begins; `received` is called with every RTP packet, on a thread of the player's.
    ///
    /// # Panics
    /// When the server does not let it play.
    pub fn start(
        server: SocketAddr,
        transport: Transport,
        mut received: impl FnMut(&[u8]) + Send + 'static,
    ) -> Player {
        let mut rtsp = Rtsp::connect(server);
        let described = rtsp.request("DESCRIBE", "", "Accept: application/sdp\r\n", "");
        let control = described.body.rsplit("a=control:").next().expect("the track has one");
        let control = format!("/{}", control.lines().next().unwrap_or_default().trim());
        let udp = rtsp.set_up(transport, &control, "");
        let stop = Arc::new(AtomicBool::new(false));
        let asked = stop.clone();
        let patience = Some(Duration::from_millis(100));
        rtsp.request("PLAY", "", "", "");
        let connection = rtsp.stream.try_clone().expect("cloned");
        let thread = thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            if let Some((socket, _)) = udp {
                socket.set_read_timeout(patience).expect("an option of every socket");
                while !asked.load(Ordering::Relaxed) {
                    if let Ok(length) = socket.recv(&mut buffer) {
                        received(&buffer[..length]);
                    }
                }
                return;
            }
            loop {
                let mut head = [0; 4];
                let mut read = |into: &mut [u8]| rtsp.reader.read_exact(into).is_ok();
                if !read(&mut head) {
                    assert!(asked.load(Ordering::Relaxed), "the stream goes on");
                    return;
                }
                assert_eq!(head[0], b'$', "only packets come while playing");
                let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
                if !read(&mut buffer[..length]) {
                    assert!(asked.load(Ordering::Relaxed), "the stream goes on");
                    return;
                }
                if head[1] == 0 {
                    received(&buffer[..length]);
                }
            }
        });
        Player { stop, connection, thread: Some(thread) }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Ends a read that waits; the server may have closed the connection already.
        let _ = self.connection.shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the player had nothing to complain about");
        }
    }
}
