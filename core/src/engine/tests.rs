//! Whole engines over loopback: everything but the codecs is real.

mod audited;
mod by_hand;
mod end;
mod failover;
mod fallback;
mod key_frames;
mod multicast;
mod net;
mod on_demand;
mod ports;
mod publishers;
mod pulls;
mod simulated;
mod sources;
mod workers;

use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

pub(super) use audited::{Audited, audit, with_workers};
use by_hand::{Client, Publisher, next_packet, play, session_of};

use super::{Config, Engine, Event, Source, Transport};
use crate::io::Backend;
use crate::media::{Payload, sdp};
use crate::relay::Next;

const PATIENCE: Duration = Duration::from_secs(20);
/// Parameter sets of a 320 × 240 Baseline stream.
const SPS: &[u8] = &[0x67, 0x42, 0xc0, 0x14, 0xda, 0x05, 0x07, 0xec, 0x04, 0x40];
const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];

fn engine() -> Audited {
    Audited::start(Config::default())
}

fn serve(engine: &Engine) -> SocketAddr {
    engine.listen(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port")
}

fn session() -> sdp::Session {
    let mut session = sdp::Session::new("test");
    session.media =
        vec![sdp::Media::h264(96, &[SPS, PPS]), sdp::Media::aac(97, &[0x11, 0x90], 48_000, 2)];
    session
}

fn wait_for(engine: &Engine, wanted: impl Fn(&Event) -> bool) -> Event {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let event = engine.next_event(Some(left)).expect("the event in time");
        if let Event::StreamClosed(stream) = &event {
            audit(stream);
        }
        if wanted(&event) {
            return event;
        }
    }
}

/// Slice data of frame `n`: large enough for several packets, and told apart by its bytes.
fn slice(n: u32) -> Vec<u8> {
    let header = if n.is_multiple_of(10) { 0x65 } else { 0x41 };
    let mut nal = vec![header, 0x88];
    nal.extend((0..3000u32).map(|i| (i.wrapping_mul(n + 1) % 251) as u8 | 1));
    nal
}

fn time(n: u32) -> Duration {
    Duration::from_millis(u64::from(n) * 40)
}

fn write(source: &mut Source, n: u32) {
    let slice = slice(n);
    let nals: &[&[u8]] = if n.is_multiple_of(10) { &[SPS, PPS, &slice] } else { &[&slice] };
    source.write_h264(0, nals, time(n)).expect("the stream is there");
    source.write_aac(1, &[n as u8; 300], time(n)).expect("the stream is there");
}

fn check(engine: &Engine) {
    engine.figures().expect("figures").streams.iter().for_each(audit);
}

fn through_three_engines(backend: Backend, push: Transport, pull: Transport) {
    let config = Config { backend, ..Config::default() };
    carried(&config, push, pull, |server| format!("rtsp://{}", serve(server)));
}

/// A source in one engine, pushed to a second, pulled by a third: every frame arrives, whole. `serve` has the second one
/// listen, and tells where.
fn carried(config: &Config, push: Transport, pull: Transport, serve: impl Fn(&Engine) -> String) {
    let [origin, server, player] = std::array::from_fn(|_| Audited::start(config.clone()));
    let url = format!("{}/live/cam?x=1", serve(&server));
    let mut source = origin.source("made", session()).expect("a source");
    write(&mut source, 0);
    origin.push("made", &url, push).expect("a push");
    wait_for(&origin, |event| matches!(event, Event::PushStarted { .. }));
    wait_for(&server, |event| matches!(event, Event::StreamStarted { .. }));
    player.pull("copy", &url, pull).expect("a pull");
    let mut reader = player.reader("copy", PATIENCE).expect("a reader");
    wait_for(&server, |event| matches!(event, Event::ChildStarted { .. }));
    let workers = server.figures().expect("figures").workers;
    assert!(workers.is_empty() || workers.iter().map(|worker| worker.children).sum::<usize>() == 1);

    let (mut next, mut video, mut audio) = (1, Vec::new(), 0);
    // Sockets are read in turn, so that the last of one track may come after the last of the other.
    while next < 60 || video.last() != Some(&59) || audio < 50 {
        if next < 60 {
            write(&mut source, next);
            next += 1;
        }
        let pause = match next {
            60 => PATIENCE,
            // It begins with the newest key frame: not with a late one because a thread had to wait.
            _ if video.is_empty() => Duration::from_millis(100),
            _ => Duration::from_millis(1),
        };
        match reader.next(pause) {
            Next::Frame(frame) => match frame.data.payload {
                Payload::H264(unit) => {
                    assert!(!frame.data.damaged && (!video.is_empty() || frame.data.key));
                    let n = video.last().map_or(first_frame(&unit), |last| last + 1);
                    assert_eq!(unit.nals().next_back().expect("a slice").to_vec(), slice(n));
                    video.push(n);
                }
                Payload::Aac(_) => audio += 1,
                Payload::Opaque(_) => panic!("no such track"),
            },
            Next::TimedOut if next < 60 => {}
            other => panic!("{other:?} after {video:?} and {audio} frames of audio"),
        }
    }
    assert!(video.len() >= 50, "{} frames", video.len());
    for engine in [&origin, &server, &player] {
        check(engine);
    }
    drop(source);
    wait_for(&server, |event| matches!(event, Event::StreamEnded { .. }));
    wait_for(&player, |event| matches!(event, Event::StreamEnded { .. }));
    while !matches!(reader.next(PATIENCE), Next::Ended) {}
}

fn first_frame<P: AsRef<[u8]> + Clone>(unit: &crate::media::h264::AccessUnit<P>) -> u32 {
    let bytes = unit.nals().next_back().expect("a slice").to_vec();
    (0..60).find(|n| slice(*n) == bytes).expect("one of ours")
}

#[test]
fn pushed_and_pulled_over_tcp() {
    through_three_engines(Backend::Auto, Transport::Tcp, Transport::Tcp);
}

#[test]
fn pushed_and_pulled_over_udp() {
    through_three_engines(Backend::Auto, Transport::Udp, Transport::Udp);
}

#[test]
fn pushed_over_udp_and_pulled_over_tcp() {
    through_three_engines(Backend::Auto, Transport::Udp, Transport::Tcp);
}

#[test]
fn every_backend_relays() {
    for backend in Backend::ALL {
        match crate::io::open(backend) {
            Ok(_) => {
                through_three_engines(backend, Transport::Udp, Transport::Udp);
                through_three_engines(backend, Transport::Tcp, Transport::Tcp);
            }
            Err(error) => eprintln!("skipped: {error}"),
        }
    }
}

#[test]
fn a_backend_is_shown_with_the_reason() {
    let figures = engine().figures().expect("figures");
    assert!(!figures.backend.is_empty() && !figures.backend_reason.is_empty());
    let config = Config { backend: Backend::Mio, ..Config::default() };
    let figures = Audited::start(config).figures().expect("figures");
    assert_eq!((figures.backend, figures.backend_reason.as_str()), ("mio", "it was asked for"));
}

#[test]
fn a_player_begins_at_the_key_frame_that_rtp_info_names() {
    let engine = engine();
    let url = format!("rtsp://{}/s", serve(&engine));
    let mut source = engine.source("s", session()).expect("a source");
    (0..25).for_each(|n| write(&mut source, n));
    let mut client = Client::connect(url["rtsp://".len()..url.len() - 2].parse().expect("address"));
    let described = client.ask(&format!("DESCRIBE {url}"), "", "");
    assert!(described.starts_with("RTSP/1.0 200") && described.contains("sprop-parameter-sets"));
    // Channels of the client's own choice.
    let set_up = client.ask(
        &format!("SETUP {url}/trackID=0"),
        "Transport: RTP/AVP/TCP;unicast;interleaved=10-11\r\n",
        "",
    );
    assert!(set_up.contains("interleaved=10-11"), "{set_up}");
    let played = client.ask(&format!("PLAY {url}"), &session_of(&set_up), "");
    let named: u16 = played
        .split("seq=")
        .nth(1)
        .and_then(|rest| rest.split([';', ',', '\r']).next())
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("no seq in {played}"));
    let (channel, report) = client.frame();
    assert_eq!((channel, report[1]), (11, 200), "the sender report comes first");
    let (channel, first) = client.frame();
    assert_eq!((channel, u16::from_be_bytes([first[2], first[3]])), (10, named));
    // SPS and PPS in one packet, before the slice of the key frame.
    assert_eq!(first[12] & 0x1f, 24);
    check(&engine);
}

#[test]
fn first_packet_of_a_frame_reaches_a_player_before_the_second_is_sent() {
    let engine = engine();
    let address = serve(&engine);
    let url = format!("rtsp://{address}/s");
    let mut publisher = Client::connect(address);
    let sdp = session().for_announce(address.ip()).to_string();
    assert!(publisher.ask(&format!("ANNOUNCE {url}"), "", &sdp).contains("200 OK"));
    let set_up = publisher.ask(
        &format!("SETUP {url}/streamid=0"),
        "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record\r\n",
        "",
    );
    assert!(publisher.ask(&format!("RECORD {url}"), &session_of(&set_up), "").contains("200 OK"));
    let packet = |sequence: u8, marker: u8| {
        let mut data = vec![b'$', 0, 0, 16, 0x80, 96 | marker << 7, 0, sequence];
        data.extend([0, 0, 0, 1, 0, 0, 0, 9, 0x65, 0x88, 1, 1]);
        data
    };
    publisher.stream.write_all(&packet(0, 1)).expect("written");

    let mut player = Client::connect(address);
    let set_up = player.ask(
        &format!("SETUP {url}/trackID=0"),
        "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n",
        "",
    );
    player.ask(&format!("PLAY {url}"), &session_of(&set_up), "");
    assert_eq!(player.frame().1[3], 0);
    for sequence in 1..4 {
        publisher.stream.write_all(&packet(sequence, u8::from(sequence == 3))).expect("written");
        assert_eq!(player.frame().1[3], sequence);
    }
}

/// What FFmpeg does when UDP was refused on its way, and a player that drops one of its tracks.
#[test]
fn plain_rtp_is_taken_in_as_described_and_sent_on() {
    let engine = engine();
    // The pair above a port that was free a moment ago: another one when somebody took it since.
    let port = (0..100)
        .map(|_| {
            let free = UdpSocket::bind("127.0.0.1:0").expect("a port");
            free.local_addr().expect("an address").port() & !1
        })
        .find(|port| {
            let described = format!(
                "v=0\r\nc=IN IP4 127.0.0.1\r\nm=video {port} RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
            );
            let described = sdp::Session::parse(described.as_bytes()).expect("SDP");
            engine.ingest_rtp("in", described).is_ok()
        })
        .expect("a free pair of ports");
    let (rtp, rtcp) = (UdpSocket::bind("127.0.0.1:0"), UdpSocket::bind("127.0.0.1:0"));
    let (rtp, rtcp) = (rtp.expect("a port"), rtcp.expect("a port"));
    rtp.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let to = |socket: &UdpSocket| socket.local_addr().expect("an address");
    engine.send_rtp("in", vec![(to(&rtp), to(&rtcp))]).expect("sent on");

    let packet = [0x80, 96 | 0x80, 0, 5, 0, 0, 0, 1, 0, 0, 0, 9, 0x65, 0x88, 1, 1];
    let sender = UdpSocket::bind("127.0.0.1:0").expect("a port");
    sender.send_to(&packet, ("127.0.0.1", port)).expect("sent");
    let mut received = [0; 64];
    assert_eq!(rtp.recv(&mut received).expect("a packet"), packet.len());
    assert_eq!(received[..packet.len()], packet);
    check(&engine);
}

#[test]
fn the_books_of_a_stream_are_closed_when_its_last_player_has_gone() {
    let engine = engine();
    let address = serve(&engine);
    let url = format!("rtsp://{address}/s");
    let mut source = engine.source("s", session()).expect("a source");
    (0..3).for_each(|n| write(&mut source, n));
    let mut player = Client::connect(address);
    let set_up = player.ask(
        &format!("SETUP {url}/trackID=0"),
        "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n",
        "",
    );
    player.ask(&format!("PLAY {url}"), &session_of(&set_up), "");
    // It hangs up while media is on its way to it, as players do that are closed.
    player.frame();
    drop(player);
    (3..50).for_each(|n| write(&mut source, n));
    let gone = wait_for(&engine, |event| matches!(event, Event::ChildEnded { .. }));
    assert!(gone.to_string().ends_with("it closed the connection"), "{gone}");
    drop(source);
    let closed = wait_for(&engine, |event| matches!(event, Event::StreamClosed(_)));
    let Event::StreamClosed(stream) = closed else { unreachable!() };
    assert!(stream.ended && stream.balances() && stream.children.is_empty(), "{stream:?}");
    assert!(stream.ledger.published > 150 && stream.former_children.sent > 0, "{stream:?}");
}

/// Packets must not come round to where they are sent from, nor go where nobody has asked for them.
#[test]
fn a_player_has_nothing_sent_to_ports_that_are_not_its_own() {
    let engine = engine();
    let address = serve(&engine);
    let mut publisher = Publisher::begin(address, &session(), 1);
    publisher.send(0, 0x65);
    let url = format!("rtsp://{address}/s/trackID=0");
    let mut player = Client::connect(address);
    let set_up = |player: &mut Client, port: u16| {
        let to = port + 1;
        let headers = format!("Transport: RTP/AVP;unicast;client_port={port}-{to}\r\n");
        player.ask(&format!("SETUP {url}"), &headers, "")
    };
    assert!(set_up(&mut player, 22).starts_with("RTSP/1.0 461"));
    let answer = set_up(&mut player, 40_000);
    assert!(answer.starts_with("RTSP/1.0 200"), "{answer}");
    let own = answer.split("server_port=").nth(1).and_then(|rest| rest.split('-').next());
    let own = own.and_then(|port| port.parse().ok()).expect("a port");
    assert!(set_up(&mut Client::connect(address), own).starts_with("RTSP/1.0 461"));
}

#[test]
fn garbage_is_answered_and_cut_off_while_others_go_on() {
    let engine = engine();
    let address = serve(&engine);
    let mut bystander = Client::connect(address);
    let mut hostile = Client::connect(address);
    hostile.stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").expect("written");
    assert!(hostile.receive().starts_with("RTSP/1.0 4"));
    let mut rest = Vec::new();
    hostile.stream.read_to_end(&mut rest).expect("the end");
    let answer = bystander.ask(&format!("OPTIONS rtsp://{address}/"), "", "");
    assert!(answer.starts_with("RTSP/1.0 200") && answer.contains("Public:"), "{answer}");
}

#[test]
fn a_flood_of_requests_is_answered_to_the_last_and_others_go_on() {
    const REQUESTS: u32 = 500;
    let flood = |clients: &mut [&mut Client]| {
        let of = |n| format!("OPTIONS * RTSP/1.0\r\nCSeq: {n}\r\n\r\n");
        let all: String = (1..=REQUESTS).map(of).collect();
        for client in clients {
            client.stream.write_all(all.as_bytes()).expect("written");
        }
    };
    let is_answered = |client: &mut Client| {
        for n in 1..=REQUESTS {
            let answer = client.receive();
            let lines = ("RTSP/1.0 200", format!("\r\nCSeq: {n}\r\n"));
            assert!(answer.starts_with(lines.0) && answer.contains(&lines.1), "{n}: {answer}");
        }
    };
    let engine = engine();
    let address = serve(&engine);
    let mut publisher = Publisher::begin(address, &session(), 1);
    publisher.send(0, 0x65);
    let mut player = play(address);
    assert_eq!(next_packet(&mut player), (0, 1, 0x65));
    let mut clients: Vec<Client> = (0..12).map(|_| Client::connect(address)).collect();
    flood(&mut clients.iter_mut().collect::<Vec<_>>());
    // In the midst of its media, too.
    flood(&mut [&mut publisher.client]);
    publisher.send(1, 0x41);
    clients.iter_mut().for_each(is_answered);
    is_answered(&mut publisher.client);
    assert_eq!(next_packet(&mut player), (1, 1, 0x41));
    check(&engine);
}

#[test]
fn a_pull_of_nothing_fails_with_a_reason() {
    let (server, player) = (engine(), engine());
    let url = format!("rtsp://{}/nothing", serve(&server));
    player.pull("copy", &url, Transport::Auto).expect("begun");
    let failed = wait_for(&player, |event| matches!(event, Event::PullFailed { .. }));
    assert!(failed.to_string().contains("404"), "{failed}");
    drop(server);
    player.pull("copy", &url, Transport::Auto).expect("begun");
    let failed = wait_for(&player, |event| matches!(event, Event::PullFailed { .. }));
    assert!(failed.to_string().contains("refused"), "{failed}");
}
