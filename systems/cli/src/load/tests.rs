//! The load against a server whose every packet is known.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use rillcast::rtsp::Url;

use super::*;

const SDP: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=t\r\nt=0 0\r\na=control:*\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n\
    a=control:trackID=0\r\n";

/// Frames sent to each player: a key frame first, three packets each.
const FRAMES: u16 = 20;

/// Serves players one after another, each with the same packets but those numbered in `holes`.
fn serve(holes: &'static [u16]) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve_one(stream, holes));
        }
    });
    address
}

fn serve_one(mut stream: TcpStream, holes: &[u16]) {
    let mut input = Vec::new();
    let mut buffer = [0; 4096];
    let mut client = None;
    let rtp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    loop {
        let count = stream.read(&mut buffer).unwrap_or(0);
        if count == 0 {
            return;
        }
        input.extend_from_slice(&buffer[..count]);
        while let Some(end) = input.windows(4).position(|w| w == b"\r\n\r\n") {
            let request = String::from_utf8_lossy(&input[..end]).into_owned();
            input.drain(..end + 4);
            let header = |name: &str| {
                request.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("").trim()
            };
            let cseq = header("CSeq:").to_owned();
            let mut answer = |headers: &str, body: &str| {
                let text = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{headers}\r\n{body}");
                stream.write_all(text.as_bytes()).expect("the client reads");
            };
            match request.split(' ').next().unwrap_or("") {
                "DESCRIBE" => answer(
                    &format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n", SDP.len()),
                    SDP,
                ),
                "SETUP" => {
                    let wanted = header("Transport:").to_owned();
                    client = wanted.split("client_port=").nth(1).map(|ports| {
                        ports.split('-').next().and_then(|p| p.parse::<u16>().ok()).unwrap_or(0)
                    });
                    answer(&format!("Transport: {wanted}\r\nSession: 12345678\r\n"), "");
                }
                "PLAY" => {
                    answer("Session: 12345678\r\n", "");
                    for packet in
                        packets().enumerate().filter(|(n, _)| !holes.contains(&(*n as u16)))
                    {
                        send(&mut stream, &rtp, client, &packet.1);
                    }
                }
                _ => answer("Public: DESCRIBE, SETUP, PLAY, TEARDOWN\r\nSession: 12345678\r\n", ""),
            }
        }
    }
}

fn send(stream: &mut TcpStream, rtp: &UdpSocket, client: Option<u16>, packet: &[u8]) {
    match client {
        Some(port) => drop(rtp.send_to(packet, (Ipv4Addr::LOCALHOST, port)).expect("sent")),
        None => {
            let [high, low] = (packet.len() as u16).to_be_bytes();
            stream.write_all(&[&[b'$', 0, high, low], packet].concat()).expect("the client reads");
        }
    }
}

fn packets() -> impl Iterator<Item = Vec<u8>> {
    (0..FRAMES).flat_map(|frame| {
        (0..3u16).map(move |part| {
            let [s1, s2] = (65_500 + u32::from(frame * 3 + part)).to_be_bytes()[2..] else {
                unreachable!("two bytes are left of four")
            };
            let timestamp = (u32::from(frame) * 3000).to_be_bytes();
            let marker = if part == 2 { 0x80 } else { 0 };
            // A slice of an IDR picture first, then of others (RFC 6184 section 5.6).
            let nal = if frame == 0 { 0x65 } else { 0x41 };
            let mut packet = vec![0x80, marker | 96, s1, s2];
            packet.extend(timestamp);
            packet.extend([0, 0, 0, 1, nal, 0x88, 0x80, 1, 2, 3]);
            packet
        })
    })
}

fn load(address: SocketAddr, udp: usize, tcp: usize) -> Load {
    let url = Url::parse(&format!("rtsp://{address}/t")).expect("a URL");
    let plan = Plan {
        url,
        address,
        udp,
        tcp,
        ramp: Duration::from_millis(20),
        log: PublishLog::default(),
    };
    let load = Load::start(plan).expect("started");
    load.measure();
    load
}

/// Waits until what the load has received satisfies `done`, or for a long time.
fn wait(load: &Load, done: impl Fn(&Snapshot) -> bool) -> Snapshot {
    let start = Instant::now();
    loop {
        let snapshot = load.snapshot();
        if done(&snapshot) || start.elapsed() > Duration::from_secs(20) {
            return snapshot;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn every_packet_and_frame_is_counted_over_both_transports() {
    let load = load(serve(&[]), 3, 4);
    let per_player = u64::from(FRAMES);
    let snapshot = wait(&load, |s| s.udp.frames + s.tcp.frames == 7 * per_player);
    assert_eq!((snapshot.udp.players, snapshot.tcp.players), (3, 4), "{snapshot:?}");
    assert_eq!((snapshot.udp.frames, snapshot.tcp.frames), (3 * per_player, 4 * per_player));
    assert_eq!((snapshot.udp.packets, snapshot.tcp.packets), (9 * per_player, 12 * per_player));
    assert_eq!((snapshot.udp.lost, snapshot.tcp.lost, snapshot.failed), (0, 0, 0));
    let report = load.report().expect("the thread lives");
    assert_eq!(report.first_key.len(), 7);
    assert!(report.first_packet.iter().zip(&report.first_key).all(|(a, b)| a <= b));
}

#[test]
fn a_hole_is_loss_and_a_damaged_frame() {
    let load = load(serve(&[7]), 1, 1);
    let per_player = u64::from(FRAMES);
    let snapshot = wait(&load, |s| s.udp.frames + s.tcp.frames == 2 * per_player);
    for sums in [snapshot.udp, snapshot.tcp] {
        assert_eq!((sums.lost, sums.damaged, sums.frames), (1, 1, per_player));
    }
}

#[test]
fn a_player_without_server_fails_with_a_reason() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|l| l.local_addr());
    let load = load(free.expect("a port was free"), 0, 1);
    let snapshot = wait(&load, |s| s.failed == 1);
    assert_eq!(snapshot.failed, 1);
    assert!(snapshot.failure.is_some_and(|reason| reason.contains("refused")));
}
