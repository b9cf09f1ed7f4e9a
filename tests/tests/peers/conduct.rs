//! How the server conducts itself towards clients that are slow, gone, wrong, or many in one.

use std::io::Read;
use std::time::{Duration, Instant};

use rillcast_tests::Transport::{Tcp, Udp};
use rillcast_tests::audience::{Allowance, Audience, Program};
use rillcast_tests::rtp::{self, Source};
use rillcast_tests::rtsp::{Connection, first_control};
use rillcast_tests::scene::Scene;
use rillcast_tests::server::Server;
use rillcast_tests::{clip, ffmpeg};

use crate::CLIP;

const TCP: &str = "RTP/AVP/TCP;unicast;interleaved=0-1";
/// How long anything that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn answers_tell_what_is_wrong() {
    let scene = Scene::new("answers_tell_what_is_wrong");
    let mut server = Server::start(&scene, &[]);
    let url = server.url("live");
    let mut client = Connection::open(server.address());

    let public = client.ask("OPTIONS", &url, &[], "").header("public").to_owned();
    for method in
        ["DESCRIBE", "ANNOUNCE", "SETUP", "PLAY", "PAUSE", "RECORD", "GET_PARAMETER", "TEARDOWN"]
    {
        assert!(
            public.split(',').any(|m| m.trim() == method),
            "{method} is not in Public: {public}"
        );
    }
    assert_eq!(client.request("DESCRIBE", &url, &[], "").status, 404, "nobody publishes there");
    assert_eq!(client.request("BREW", &url, &[], "").status, 501, "no such method");
    assert_eq!(
        client.request("PLAY", &url, &[("Session", "12345678")], "").status,
        454,
        "no such session"
    );

    let _publisher = server.publish("live", &rtp::sdp(0));
    let mut second = Connection::open(server.address());
    let sdp = [("Content-Type", "application/sdp")];
    let status = second.request("ANNOUNCE", &url, &sdp, &rtp::sdp(0)).status;
    assert!((400..600).contains(&status), "a second publisher of one stream: {status}");

    let multicast = [("Transport", "RTP/AVP;multicast")];
    let track = format!("{url}/{}", first_control(&client.ask("DESCRIBE", &url, &[], "").body));
    assert_eq!(client.request("SETUP", &track, &multicast, "").status, 461, "multicast");
    client.ask("SETUP", &track, &[("Transport", TCP)], "");
    assert_eq!(client.request("RECORD", &url, &[], "").status, 455, "RECORD in a session to play");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let scene = Scene::new("pipelined_requests_are_answered_in_order");
    let mut server = Server::start(&scene, &[]);
    let url = server.url("live");
    let mut publisher = server.publish("live", &rtp::sdp(0));
    for packet in Source::new().key_frame(5) {
        publisher.send_packet(0, &packet);
    }
    let mut client = Connection::open(server.address());
    client.send("OPTIONS", &url, &[], "");
    client.send("DESCRIBE", &url, &[], "");
    client.send("GET_PARAMETER", &url, &[], "");
    client.send("DESCRIBE", &server.url("other"), &[], "");
    let answers: Vec<(String, u16)> = (0..4)
        .map(|_| client.response())
        .map(|r| (r.header("cseq").to_owned(), r.status))
        .collect();
    let numbers: Vec<&str> = answers.iter().map(|(number, _)| number.as_str()).collect();
    assert_eq!(numbers, ["1", "2", "3", "4"]);
    assert_eq!(answers[1].1, 200);
    assert_eq!(answers[3].1, 404);
}

#[test]
fn rtp_info_tells_the_first_packet() {
    let scene = Scene::new("rtp_info_tells_the_first_packet");
    let mut server = Server::start(&scene, &[]);
    let url = server.url("live");
    let mut publisher = server.publish("live", &rtp::sdp(0));
    let mut source = Source::new();
    for frame in [source.key_frame(5), source.frame(5), source.key_frame(5), source.frame(5)] {
        for packet in frame {
            publisher.send_packet(0, &packet);
        }
    }
    // The publisher's packets are in when the server has answered what came behind them.
    publisher.ask("GET_PARAMETER", &url, &[], "");
    let mut child = Connection::open(server.address());
    let (_, play) = child.play(&url, TCP);
    let first = child.rtp();
    let mut newest = Source::new();
    newest.key_frame(5);
    newest.frame(5);
    assert!(first == newest.key_frame(5)[0], "a child begins with the newest key frame");
    let info = play.header("rtp-info");
    let value =
        |name: &str| info.split(';').find_map(|p| p.trim().strip_prefix(name)).map(str::to_owned);
    assert_eq!(value("seq="), Some(rtp::sequence(&first).to_string()), "{info:?}");
    assert_eq!(value("rtptime="), Some(rtp::timestamp(&first).to_string()), "{info:?}");
}

#[test]
fn a_child_that_does_not_read_delays_nobody() {
    let scene = Scene::new("a_child_that_does_not_read_delays_nobody");
    let mut server = Server::start(&scene, &["--linger", "0"]);
    let url = server.url("live");
    let mut publisher = server.publish("live", &rtp::sdp(0));
    let mut source = Source::new();
    for packet in source.key_frame(50) {
        publisher.send_packet(0, &packet);
    }
    publisher.ask("GET_PARAMETER", &url, &[], "");
    let mut stuck = Connection::open(server.address());
    stuck.play(&url, TCP);
    let mut child = Connection::open(server.address());
    child.play(&url, TCP);
    (0..51).for_each(|_| drop(child.rtp()));

    // 40 MB: more than any socket holds. Each frame is sent when the good child has the last one.
    for number in 1..670 {
        let frame = if number % 25 == 0 { source.key_frame(50) } else { source.frame(50) };
        for packet in &frame {
            publisher.send_packet(0, packet);
        }
        for packet in &frame {
            assert!(child.rtp() == *packet, "the good child lost a packet of frame {number}");
        }
    }
    drop(publisher);
    server.stream_ended("live");

    // What the other one can still read is whole packets, and after every gap a key frame.
    let mut last: Option<u16> = None;
    let mut gaps = 0;
    let mut count = 0;
    while let Some((channel, packet)) = stuck.packet() {
        if channel != 0 {
            continue;
        }
        let sequence = rtp::sequence(&packet);
        if last.is_some_and(|last| last.wrapping_add(1) != sequence) {
            assert!(rtp::begins_key_frame(&packet), "it goes on in the middle of pictures");
            gaps += 1;
        }
        last = Some(sequence);
        count += 1;
    }
    assert!(count >= 51, "it got what there was when it came, not only {count} packets");
    assert!(count < 670 * 50, "no socket holds 40 MB: {count} packets, {gaps} gaps");
}

#[test]
fn a_publisher_that_dies_ends_its_stream_and_may_come_back() {
    let scene = Scene::new("a_publisher_that_dies_ends_its_stream_and_may_come_back");
    let clip = clip::b_frames();
    let mut server = Server::start(&scene, &["--linger", "0"]);
    let url = server.url("live");
    let mut publisher = ffmpeg::publish(&scene, &clip, Tcp, &url);
    server.stream_started("live");
    let mut player = ffmpeg::play(&scene, "play-first", &clip, Tcp, &url);
    let mut child = Connection::open(server.address());
    child.play(&url, TCP);
    child.rtp();
    publisher.kill();
    server.stream_ended("live");
    // The player may complain of half a frame, but has to see the end.
    let ended = player.process.wait(Duration::from_secs(10));
    assert!(ended.is_some(), "the player still waits for a stream that has ended");

    let mut publisher = ffmpeg::publish(&scene, &clip, Tcp, &url);
    server.stream_started("live");
    let mut audience = Audience::default();
    audience.join(&scene, "play-second", &clip, &url, Program::Ffmpeg, Udp);
    publisher.succeed(CLIP);
    server.stream_ended("live");
    audience.judge(&clip, Allowance { sound_at_end: 6, ..Allowance::default() });
}

/// What GStreamer does when it has shown the last picture of a stream that is over. It takes any
/// other answer than 200 for an error, and 455 above all.
#[test]
fn a_player_may_pause_and_leave_after_the_end() {
    let scene = Scene::new("a_player_may_pause_and_leave_after_the_end");
    let mut server = Server::start(&scene, &[]);
    let url = server.url("live");
    let mut publisher = server.publish("live", &rtp::sdp(0));
    for packet in Source::new().key_frame(5) {
        publisher.send_packet(0, &packet);
    }
    let mut child = Connection::open(server.address());
    child.play(&url, TCP);
    publisher.ask("TEARDOWN", &url, &[], "");
    server.stream_ended("live");
    let mut goodbye = false;
    while !goodbye {
        let (channel, packet) = child.packet().expect("a BYE before the connection is closed");
        goodbye = channel == 1 && rtp::is_bye(&packet);
    }
    child.ask("PAUSE", &url, &[], "");
    child.ask("TEARDOWN", &url, &[], "");
}

/// A UDP player's sockets for RTP and RTCP are read in no order, by ffmpeg RTCP first: a BYE that
/// comes together with the last packets makes it forget them.
#[test]
fn the_goodbye_leaves_time_to_read_the_last_packets() {
    let scene = Scene::new("the_goodbye_leaves_time_to_read_the_last_packets");
    let mut server = Server::start(&scene, &[]);
    let url = server.url("live");
    let mut publisher = server.publish("live", &rtp::sdp(0));
    let mut source = Source::new();
    for packet in source.key_frame(5) {
        publisher.send_packet(0, &packet);
    }
    let (rtp, rtcp) = rtp::port_pair();
    let port = rtp.local_addr().expect("the port").port();
    for socket in [&rtp, &rtcp] {
        socket.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    }
    let mut child = Connection::open(server.address());
    child.play(&url, &format!("RTP/AVP;unicast;client_port={port}-{}", port + 1));
    let last = source.frame(5);
    for packet in &last {
        publisher.send_packet(0, packet);
    }
    let asked = Instant::now();
    publisher.send("TEARDOWN", &url, &[], "");

    let mut packet = [0; 2_000];
    loop {
        let length = rtp.recv(&mut packet).expect("the last packet");
        if last.last().is_some_and(|last| last[..] == packet[..length]) {
            break;
        }
    }
    loop {
        let length = rtcp.recv(&mut packet).expect("a BYE");
        if rtp::is_bye(&packet[..length]) {
            break;
        }
    }
    // From before the end of the stream until after the BYE: however late this reads, it is no less.
    let waited = asked.elapsed();
    assert!(waited >= Duration::from_millis(500), "BYE only {waited:?} after the last packet");
}

#[test]
fn ends_by_a_signal_and_tells_its_players() {
    let scene = Scene::new("ends_by_a_signal_and_tells_its_players");
    let mut server = Server::start(&scene, &[]);
    let url = server.url("live");
    let mut publisher = server.publish("live", &rtp::sdp(0));
    for packet in Source::new().key_frame(5) {
        publisher.send_packet(0, &packet);
    }
    let mut child = Connection::open(server.address());
    child.play(&url, TCP);
    server.process().signal("TERM");
    let status = server.process().wait(PATIENCE).expect("the server ends");
    assert!(status.success(), "{status}");
    // The child is told: BYE, and the connection closed.
    let mut goodbye = false;
    while let Some((channel, packet)) = child.packet() {
        goodbye |= channel == 1 && rtp::is_bye(&packet);
    }
    assert!(goodbye, "no RTCP BYE before the connection was closed");
}

/// A server that is ended says TEARDOWN to those that it fetches from.
#[test]
fn a_server_that_ends_says_goodbye_upstream() {
    let scene = Scene::new("a_server_that_ends_says_goodbye_upstream");
    let mut upstream = Server::start(&scene, &[]);
    let url = upstream.url("live");
    let mut publisher = upstream.publish("live", &rtp::sdp(0));
    for packet in Source::new().key_frame(5) {
        publisher.send_packet(0, &packet);
    }
    let pull = ["--pull", &format!("copy={url}")];
    let mut server = Server::start_at(&scene, "copy", "127.0.0.1:0", &pull);
    server.stream_started("copy");
    upstream.child_started("live");
    server.end();
    let gone = upstream.wait_for(PATIENCE, |event| event["event"] == "child_ended");
    assert_eq!(gone["reason"], "it said TEARDOWN", "{gone}");
}

#[test]
fn nonsense_does_no_harm() {
    let scene = Scene::new("nonsense_does_no_harm");
    let mut server = Server::start(&scene, &[]);
    let url = server.url("live");
    let nonsense: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\0\0\0\0\0\0\0\0\r\n\r\n",
        b"DESCRIBE rtsp://x/y RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 99999999999\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: -1\r\n\r\n",
        b"$\x07\xff\xffabc",
        &[b'A'; 200_000],
    ];
    for bytes in nonsense {
        let mut stream =
            std::net::TcpStream::connect(server.address()).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_millis(300))).expect("a deadline");
        let _ = std::io::Write::write_all(&mut stream, bytes);
        let _ = stream.read(&mut [0; 1_000]);
    }
    let mut publisher = server.publish("live", &rtp::sdp(0));
    // Not RTP, on channels that exist and that do not.
    for (channel, packet) in
        [(0, &b""[..]), (0, b"\x80"), (1, b"\xff\xff"), (9, b"abcdefghijklmnop"), (0, &[0xff; 60])]
    {
        publisher.send_packet(channel, packet);
    }
    let mut source = Source::new();
    let frame = source.key_frame(5);
    for packet in &frame {
        publisher.send_packet(0, packet);
    }
    publisher.ask("GET_PARAMETER", &url, &[], "");
    let mut child = Connection::open(server.address());
    child.play(&url, TCP);
    for packet in &frame {
        assert!(child.rtp() == *packet, "not the key frame that was sent");
    }
    assert!(server.process().is_running());
}
