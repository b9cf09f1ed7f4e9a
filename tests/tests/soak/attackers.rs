//! Strangers, for as long as it takes.

use std::net::TcpStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rillcast_tests::rtp::{self, Source};
use rillcast_tests::rtsp::Connection;

/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(200);
/// Connections that say nothing, in each round.
const IDLE: usize = 50;

/// Attacks until it is stopped; how many rounds.
pub(crate) fn attack(address: &str, stopped: &Receiver<()>) -> u64 {
    let mut silent: Vec<TcpStream> = Vec::new();
    // It keeps connections to the end of the next rounds.
    let mut stuck = Vec::new();
    for round in 0.. {
        garbage(address);
        lying_publisher(address, round);
        silent.retain(|stream| stream.set_nonblocking(true).is_ok());
        silent.extend((0..IDLE).filter_map(|_| TcpStream::connect(address).ok()));
        if silent.len() > 4 * IDLE {
            silent.drain(..IDLE);
        }
        stuck.extend(player_that_does_not_read(address, round));
        if stuck.len() > 8 {
            stuck.remove(0);
        }
        match stopped.recv_timeout(PAUSE) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return round + 1,
        }
    }
    0
}

fn garbage(address: &str) {
    let flood = format!("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n{}\r\n", "X: y\r\n".repeat(100));
    let lie = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 60000\r\n\r\n";
    for bytes in [&[0xff; 3000][..], flood.as_bytes(), lie.as_bytes(), b"$\0\xff\xff", b"OPTI"] {
        Connection::open(address).try_write(bytes);
    }
}

/// Publishes what is no RTP, and hangs up.
fn lying_publisher(address: &str, round: u64) {
    let url = format!("rtsp://{address}/lies/{}", round % 3);
    let mut connection = Connection::open(address);
    let sdp = [("Content-Type", "application/sdp")];
    if connection.request("ANNOUNCE", &url, &sdp, &rtp::sdp(0)).status != 200 {
        return;
    }
    let transport = [("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record")];
    connection.ask("SETUP", &format!("{url}/streamid=0"), &transport, "");
    if connection.request("RECORD", &url, &[], "").status != 200 {
        return;
    }
    let mut source = Source::of(round as u32);
    for packet in source.key_frame(3) {
        connection.send_packet(0, &packet);
    }
    for lie in [&b"\xa0\x60\0\0\0\0\0\0\0\0\0\0\xff"[..], b"\x9f\x60", b"", &[0x7f; 1200]] {
        connection.send_packet(0, lie);
        connection.send_packet(7, lie);
    }
    for payload in [&b"\x7c\x05abc"[..], b"\x78\xff\xff\x65", b"\x7c\xc5"] {
        connection.send_packet(0, &source.any(payload));
    }
}

fn player_that_does_not_read(address: &str, round: u64) -> Option<Connection> {
    let url = format!("rtsp://{address}/soak/{}", round % 5);
    let mut connection = Connection::open(address);
    let description = connection.request("DESCRIBE", &url, &[], "");
    if description.status != 200 {
        return None;
    }
    let base = description.header("content-base");
    let track = format!("{base}{}", rillcast_tests::rtsp::first_control(&description.body));
    let transport = [("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1")];
    connection.request("SETUP", &track, &transport, "");
    connection.send("PLAY", &url, &[], "");
    Some(connection)
}
