//! Requests that are none, or more than one may ask.

use std::time::Duration;

use rillcast_tests::rtp;
use rillcast_tests::rtsp::Connection;
use rillcast_tests::scene::Scene;
use rillcast_tests::server::Server;

use super::Siege;

/// Longer than the server waits for a first request.
const PATIENCE: Duration = Duration::from_secs(8);

/// The server answers with this status and hangs up.
fn is_refused(server: &Server, bytes: &[u8], status: u16) {
    let mut connection = Connection::open(server.address());
    // It may hang up before it has taken all.
    connection.try_write(bytes);
    let (answers, closed) = connection.last_words(PATIENCE);
    // Where the server closes with something unread, its answer may be lost in the reset.
    let answered = answers == [status] || (answers.is_empty() && bytes.len() > 8192);
    assert!(closed && answered, "{answers:?}, closed: {closed}; {status} expected");
}

fn request(headers: &str) -> Vec<u8> {
    format!("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n{headers}\r\n").into_bytes()
}

#[test]
fn bad_requests_are_refused_and_counted() {
    let scene = Scene::new("bad_requests_are_refused_and_counted");
    let mut siege = Siege::lay(&scene, &[]);
    let long = "x".repeat(5_000);
    let attacks: Vec<(&str, Vec<u8>, u16)> = vec![
        ("binary garbage", b"\0\x01\x02\xff\xfe\x80".repeat(50), 400),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), 400),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20), 400),
        ("a request line without end", b"A".repeat(300_000), 414),
        ("an enormous URL", format!("OPTIONS rtsp://h/{long} RTSP/1.0\r\n").into_bytes(), 414),
        ("an enormous header line", request(&format!("X: {long}\r\n")), 400),
        ("a header line without end", request(&"X".repeat(300_000)), 400),
        ("a flood of headers", request(&"X: y\r\n".repeat(65)), 400),
        ("a head too large", request(&format!("X: {}\r\n", "y".repeat(4_000)).repeat(6)), 413),
        ("folded lines without end", request(&format!("X: y\r\n{}", " z\r\n".repeat(90_000))), 413),
        ("a header without a colon", request("nonsense\r\n"), 400),
        ("Content-Length: a lot", request("Content-Length: 99999999999999999999\r\n"), 400),
        ("Content-Length: too much", request("Content-Length: 70000\r\n"), 413),
        ("Content-Length: negative", request("Content-Length: -1\r\n"), 400),
        ("two lengths", request("Content-Length: 1\r\nContent-Length: 2\r\n"), 400),
    ];
    let count = attacks.len() as u64;
    for (name, bytes, status) in attacks {
        siege.attack(name, |server| is_refused(server, &bytes, status));
    }
    assert_eq!(siege.lift()["bad_requests"], count);
}

#[test]
fn requests_that_do_not_end_are_not_waited_for() {
    let scene = Scene::new("requests_that_do_not_end_are_not_waited_for");
    let mut siege = Siege::lay(&scene, &[]);
    // All at once: each of them is given up when its time is over.
    siege.attack("requests that do not end", |server| {
        let beginnings: [&[u8]; 6] = [
            b"OPTIONS",
            b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n",
            b"ANNOUNCE rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 60000\r\n\r\nv=0\r\n",
            b"$\0\xff\xff and no more",
            b"\r\n",
            b"",
        ];
        let silent: Vec<Connection> = beginnings
            .iter()
            .map(|bytes| {
                let mut connection = Connection::open(server.address());
                connection.write(bytes);
                connection
            })
            .collect();
        for (mut connection, bytes) in silent.into_iter().zip(beginnings) {
            let (answers, closed) = connection.last_words(PATIENCE);
            assert!(closed && answers.is_empty(), "{answers:?} to {bytes:?}, closed: {closed}");
        }
    });
    for (name, drop) in [
        ("slow loris: a byte now and then", &b"x"[..]),
        ("slow loris: blank lines", b"\r\n"),
        ("slow loris: interleaved frames", b"$\x07\0\x01x"),
    ] {
        siege.attack(name, |server| {
            let mut connection = Connection::open(server.address());
            let mut closed = false;
            // Each drop comes long before the server's patience is over.
            for _ in 0..20 {
                closed = !connection.try_write(drop)
                    || connection.last_words(Duration::from_millis(400)).1;
                if closed {
                    break;
                }
            }
            assert!(closed, "the server still listens");
        });
    }
    // How many came in its time is the machine's matter.
    assert!(siege.lift()["stray_frames"].as_u64() > Some(0));
}

#[test]
fn requests_out_of_place_get_an_answer() {
    let scene = Scene::new("requests_out_of_place_get_an_answer");
    let mut siege = Siege::lay(&scene, &[]);
    let url = siege.server.url("bystander");
    const TCP: [(&str, &str); 1] = [("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1")];

    siege.attack("SETUP of tracks that do not exist", |server| {
        let mut client = Connection::open(server.address());
        let first = client.first_track(&url);
        for (track, status) in [
            (format!("{first}1"), 404),
            (format!("{first}99999999999999999999"), 404),
            (format!("{url}/../../../etc/passwd"), 400),
            (first.replace("bystander", "nobody"), 404),
        ] {
            assert_eq!(client.request("SETUP", &track, &TCP, "").status, status, "{track}");
        }
    });
    siege.attack("many SETUPs on one connection", |server| {
        let mut client = Connection::open(server.address());
        let track = client.first_track(&url);
        for _ in 0..500 {
            let status = client.request("SETUP", &track, &TCP, "").status;
            assert!((200..500).contains(&status), "{status}");
        }
    });
    siege.attack("interleaved frames before PLAY", |server| {
        let mut client = Connection::open(server.address());
        for _ in 0..100 {
            client.send_packet(0, &[0x80; 1400]);
        }
        let track = client.first_track(&url);
        client.ask("SETUP", &track, &TCP, "");
        for _ in 0..100 {
            client.send_packet(0, &[0x80; 1400]);
        }
        client.ask("PLAY", &url, &[], "");
        assert_eq!(client.rtp()[0], 0x80);
    });
    siege.attack("media before RECORD", |server| {
        let mut client = Connection::open(server.address());
        let early = server.url("early");
        client.ask("ANNOUNCE", &early, &[("Content-Type", "application/sdp")], &rtp::sdp(0));
        for _ in 0..100 {
            client.send_packet(0, &[0x80; 1400]);
        }
        assert_eq!(client.request("DESCRIBE", &early, &[], "").status, 404);
    });
    siege.attack("session descriptions that are bombs", |server| {
        for (body, refused) in [
            (format!("v=0\r\n{}", "m=video 0 RTP/AVP 96\r\n".repeat(2_900)), true),
            (format!("v=0\r\nm=video 0 RTP/AVP{}\r\n", " 96".repeat(5_000)), false),
            (format!("v=0\r\n{}m=video 0 RTP/AVP 96\r\n", "a=x\r\n".repeat(12_000)), false),
            (format!("{}a=fmtp:96 {}\r\n", rtp::sdp(0), "x=1;".repeat(4_000)), false),
            (
                format!(
                    "{}a=fmtp:96 sprop-parameter-sets={}\r\n",
                    rtp::sdp(0),
                    "AAAA,".repeat(3_000)
                ),
                false,
            ),
            ("v=".repeat(30_000), true),
            ("\0".repeat(60_000), true),
        ] {
            let mut client = Connection::open(server.address());
            let sdp = [("Content-Type", "application/sdp")];
            let status = client.request("ANNOUNCE", &server.url("bomb"), &sdp, &body).status;
            let begins = &body[..body.len().min(60)];
            assert!(status == 400 || (!refused && status == 200), "{status}: {begins}");
        }
    });
    // Two hundred in all, and a few more of the publisher.
    assert!(siege.lift()["stray_frames"].as_u64() >= Some(200));
}
