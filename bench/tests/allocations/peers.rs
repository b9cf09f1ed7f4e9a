//! A publisher and players, just enough of each: blocking, one thread apiece.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How packets travel between a peer and the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
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
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = socket.local_addr().expect("bound").port();
        // Reports go to a port that nobody reads: this socket's own neighbour is good enough.
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

/// Publishes until dropped: 100 pictures a second of 5 packets, a key frame every half second.
pub(crate) struct Publisher {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Publisher {
    /// Announces and begins.
    pub(crate) fn start(server: SocketAddr, transport: Transport) -> Publisher {
        let mut rtsp = Rtsp::connect(server);
        rtsp.request("ANNOUNCE", "", "Content-Type: application/sdp\r\n", SDP);
        let udp = rtsp.set_up(transport, "/streamid=0", ";mode=record");
        rtsp.request("RECORD", "", "Range: npt=0.000-\r\n", "");
        let stop = Arc::new(AtomicBool::new(false));
        let asked = stop.clone();
        let thread = thread::spawn(move || {
            let (start, mut sequence) = (Instant::now(), 0u16);
            for picture in 0u32.. {
                if asked.load(Ordering::Relaxed) {
                    return;
                }
                let due = Duration::from_millis(10) * picture;
                thread::sleep(due.saturating_sub(start.elapsed()));
                for part in 0..5 {
                    let packet = packet(sequence, picture, part);
                    sequence = sequence.wrapping_add(1);
                    match &udp {
                        Some((socket, port)) => {
                            let to = (Ipv4Addr::LOCALHOST, *port);
                            socket.send_to(&packet, to).expect("sent");
                        }
                        None => {
                            let [high, low] = (packet.len() as u16).to_be_bytes();
                            let framed = [&[b'$', 0, high, low][..], &packet].concat();
                            rtsp.stream.write_all(&framed).expect("the engine reads");
                        }
                    }
                }
            }
        });
        Publisher { stop, thread: Some(thread) }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the publisher had nothing to complain about");
        }
    }
}

/// One packet of a picture in five FU-A fragments (RFC 6184 section 5.8).
fn packet(sequence: u16, picture: u32, part: u32) -> Vec<u8> {
    let kind = if picture.is_multiple_of(50) { 5 } else { 1 };
    let (start, end) = (u8::from(part == 0) << 7, u8::from(part == 4) << 6);
    let length = if part == 4 { 700 } else { 1_100 };
    let mut packet = vec![0x80, u8::from(part == 4) << 7 | 96];
    packet.extend(sequence.to_be_bytes());
    packet.extend((picture * 900).to_be_bytes());
    packet.extend([1, 2, 3, 4, 0x60 | 28, start | end | kind]);
    packet.resize(length, 0x88);
    packet
}

/// Plays until dropped, and counts packets.
pub(crate) struct Player {
    stop: Arc<AtomicBool>,
    packets: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Player {
    /// Sets up and begins.
    pub(crate) fn start(server: SocketAddr, transport: Transport) -> Player {
        let mut rtsp = Rtsp::connect(server);
        let described = rtsp.request("DESCRIBE", "", "Accept: application/sdp\r\n", "");
        let control = described.body.rsplit("a=control:").next().expect("the track has one");
        let control = format!("/{}", control.lines().next().unwrap_or_default().trim());
        let udp = rtsp.set_up(transport, &control, "");
        let (stop, packets) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (asked, count) = (stop.clone(), packets.clone());
        let patience = Some(Duration::from_millis(100));
        rtsp.request("PLAY", "", "", "");
        let thread = thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            if let Some((socket, _)) = udp {
                socket.set_read_timeout(patience).expect("an option of every socket");
                while !asked.load(Ordering::Relaxed) {
                    if socket.recv(&mut buffer).is_ok() {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                }
                return;
            }
            // The publisher outlives the players, so a frame comes soon and no read waits long.
            while !asked.load(Ordering::Relaxed) {
                let mut head = [0; 4];
                rtsp.reader.read_exact(&mut head).expect("the stream goes on");
                assert_eq!(head[0], b'$', "only packets come while playing");
                let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
                rtsp.reader.read_exact(&mut buffer[..length]).expect("the stream goes on");
                count.fetch_add(u64::from(head[1] == 0), Ordering::Relaxed);
            }
        });
        Player { stop, packets, thread: Some(thread) }
    }

    /// RTP packets received so far.
    pub(crate) fn packets(&self) -> u64 {
        self.packets.load(Ordering::Relaxed)
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the player had nothing to complain about");
        }
    }
}
