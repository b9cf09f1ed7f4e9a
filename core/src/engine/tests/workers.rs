//! The same over fan-out threads, and what is theirs alone.

use super::*;
use crate::media::rtcp;

const WORKERS: usize = 2;

macro_rules! with_workers {
    ($($name:ident: $test:path;)*) => {
        $(
            #[test]
            fn $name() {
                with_workers(WORKERS, $test);
            }
        )*
    };
}

with_workers! {
    tcp: super::pushed_and_pulled_over_tcp;
    udp: super::pushed_and_pulled_over_udp;
    begins_where_rtp_info_says: super::a_player_begins_at_the_key_frame_that_rtp_info_names;
    cut_through: super::first_packet_of_a_frame_reaches_a_player_before_the_second_is_sent;
    a_track_is_given_up: super::publishers::a_publisher_sets_up_anew_and_a_player_gives_up_a_track;
    plain_rtp: super::plain_rtp_is_taken_in_as_described_and_sent_on;
    books_are_closed: super::the_books_of_a_stream_are_closed_when_its_last_player_has_gone;
    publisher_comes_back: super::publishers::players_stay_when_a_publisher_goes_and_comes_back;
    takeover: super::publishers::a_publisher_takes_over_where_that_is_allowed;
    own_ports: super::a_player_has_nothing_sent_to_ports_that_are_not_its_own;
    parent_breaks: super::failover::nothing_is_lost_when_the_connection_to_the_parent_breaks;
    parent_is_silent: super::failover::nothing_is_lost_when_the_parent_falls_silent;
    ends_everywhere: super::failover::a_stream_whose_source_has_ended_ends_everywhere;
    key_frames: super::key_frames::a_publisher_is_asked_through_two_engines_at_most_twice_a_second;
    fallback: super::fallback::players_go_over_to_the_fallback_and_back_again;
    the_program_ends_it: super::end::a_publisher_is_hung_up_on_and_the_path_is_free;
    multicast: super::multicast::those_who_stay_after_the_end_of_their_stream_are_sent_away;
}

#[test]
fn threads_send_by_the_other_backends_too() {
    for backend in [Backend::Uring, Backend::Mio] {
        if let Err(error) = crate::io::open(backend) {
            eprintln!("skipped: {error}");
            continue;
        }
        with_workers(WORKERS, || through_three_engines(backend, Transport::Udp, Transport::Udp));
    }
}

/// What a server and its clients need to encrypt.
#[cfg(feature = "tls")]
fn certified() -> (std::sync::Arc<rustls::ServerConfig>, std::sync::Arc<rustls::ClientConfig>) {
    use rustls::pki_types::PrivateKeyDer;

    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let (certificate, key) = (made.cert.der().clone(), made.signing_key.serialize_der());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.clone()).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(key.into());
    let server = rustls::ServerConfig::builder().with_no_client_auth();
    let server = server.with_single_cert(vec![certificate], key).expect("a key that fits");
    let client = rustls::ClientConfig::builder().with_root_certificates(roots);
    (server.into(), client.with_no_client_auth().into())
}

#[cfg(feature = "tls")]
#[test]
fn threads_serve_what_is_encrypted() {
    let (server, client) = certified();
    let config = Config { workers: WORKERS, tls: Some(client), ..Config::default() };
    carried(&config, Transport::Tcp, Transport::Tcp, |engine| {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let address = engine.listen_tls(any, server.clone()).expect("a free port");
        format!("rtsps://{address}")
    });
}

fn engine() -> Audited {
    Audited::start(Config { workers: WORKERS, ..Config::default() })
}

#[test]
fn children_are_spread_over_the_threads() {
    let engine = engine();
    let address = serve(&engine);
    let mut publisher = Publisher::begin(address, &session(), 1);
    publisher.send(0, 0x65);
    let mut players: Vec<Client> = (0..4).map(|_| play(address)).collect();
    publisher.send(1, 0x41);
    for player in &mut players {
        assert_eq!((next_packet(player).0, next_packet(player).0), (0, 1));
    }
    let figures = engine.figures().expect("figures");
    let children: Vec<usize> = figures.workers.iter().map(|worker| worker.children).collect();
    assert_eq!(children, [2, 2]);
    assert!(figures.workers.iter().all(|worker| worker.packets >= 4), "{:?}", figures.workers);
    let keys: Vec<_> = figures.streams[0].children.iter().map(|child| child.key).collect();
    assert_eq!(keys, [0, 1, 2, 3]);
    assert!(figures.streams[0].children.iter().all(|child| child.peer.is_some()));
    // Who comes takes the place of who has left.
    drop(players.remove(0));
    wait_for(&engine, |event| matches!(event, Event::ChildEnded { .. }));
    let _fifth = play(address);
    let workers = engine.figures().expect("figures").workers;
    let children: Vec<usize> = workers.iter().map(|worker| worker.children).collect();
    assert_eq!(children, [2, 2]);
    assert!(workers.iter().all(|worker| worker.packets >= 4), "{workers:?}");
}

#[test]
fn answers_come_between_packets_and_pause_holds() {
    let engine = engine();
    let address = serve(&engine);
    let url = format!("rtsp://{address}/s");
    let mut publisher = Publisher::begin(address, &session(), 1);
    publisher.send(0, 0x65);
    let mut player = Client::connect(address);
    let setup = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
    let session = session_of(&player.ask(&format!("SETUP {url}/trackID=0"), setup, ""));
    for round in 0..20 {
        player.send(&format!("PLAY {url}"), &session, "");
        assert!(player.receive().starts_with("RTSP/1.0 200"));
        // From the key frame on, which is the only one.
        for sequence in 0..=round {
            assert_eq!(next_packet(&mut player).0, sequence);
        }
        player.send(&format!("PAUSE {url}"), &session, "");
        assert!(player.receive().starts_with("RTSP/1.0 200"));
        publisher.send(round as u8 + 1, 0x41);
        // It is in when its publisher has had an answer to what came behind it.
        publisher.client.ask(&format!("OPTIONS {url}"), "", "");
        check(&engine);
    }
    player.send(&format!("TEARDOWN {url}"), &session, "");
    assert!(player.receive().starts_with("RTSP/1.0 200"));
    wait_for(&engine, |event| matches!(event, Event::ChildEnded { .. }));
}

/// A player over UDP: its sockets for RTP and RTCP, and where its reports go.
fn over_udp(address: SocketAddr, player: &mut Client) -> (UdpSocket, UdpSocket, u16) {
    let url = format!("rtsp://{address}/s");
    let (rtp, rtcp) = loop {
        let rtp = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let port = rtp.local_addr().expect("an address").port();
        if let (0, Ok(rtcp)) = (port & 1, UdpSocket::bind(("127.0.0.1", port | 1))) {
            break (rtp, rtcp);
        }
    };
    rtp.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let port = rtp.local_addr().expect("an address").port();
    let transport = format!("Transport: RTP/AVP;unicast;client_port={port}-{}\r\n", port + 1);
    let answer = player.ask(&format!("SETUP {url}/trackID=0"), &transport, "");
    let server = answer.split("server_port=").nth(1).and_then(|rest| rest.split('-').next());
    let server: u16 = server.and_then(|port| port.parse().ok()).expect("a port");
    assert!(player.ask(&format!("PLAY {url}"), &session_of(&answer), "").contains("200 OK"));
    (rtp, rtcp, server + 1)
}

fn sequence_at(rtp: &UdpSocket) -> u16 {
    let mut packet = [0; 64];
    rtp.recv(&mut packet).expect("a packet");
    u16::from_be_bytes([packet[2], packet[3]])
}

#[test]
fn what_a_player_asks_for_is_sent_again_by_the_thread_that_serves_it() {
    let engine = engine();
    let address = serve(&engine);
    let mut publisher = Publisher::begin(address, &session(), 1);
    publisher.send(0, 0x65);
    let mut players = [Client::connect(address), Client::connect(address)];
    for player in &mut players {
        let (rtp, rtcp, server) = over_udp(address, player);
        assert_eq!(sequence_at(&rtp), 0);
        let nack = rtcp::Feedback::Nack { media: 1, lost: &[0] };
        let request = rtcp::feedback(9, "test", &[nack]);
        rtcp.send_to(&request, ("127.0.0.1", server)).expect("sent");
        assert_eq!(sequence_at(&rtp), 0, "once more");
    }
    let figures = engine.figures().expect("figures");
    assert_eq!(figures.streams[0].all_children().resent, 2);
    check(&engine);
}

#[test]
fn who_does_not_read_is_cut_off_and_others_go_on() {
    let mut config = Config { workers: WORKERS, ..Config::default() };
    config.limits.cut_off = Duration::from_millis(1);
    let engine = Audited::start(config);
    let address = serve(&engine);
    let mut source = engine.source("s", session()).expect("a source");
    write(&mut source, 0);
    let stalled = play(address);
    let mut ended = false;
    for n in 1.. {
        write(&mut source, n);
        ended |= std::iter::from_fn(|| engine.next_event(Some(Duration::ZERO)))
            .any(|event| event.to_string().ends_with("it does not read what it asked for"));
        if ended {
            break;
        }
    }
    let mut player = play(address);
    player.frame();
    drop(stalled);
    check(&engine);
}

#[test]
fn a_child_of_the_program_is_served_and_removed() {
    use crate::engine::{ChildOptions, Receiver};
    let engine = engine();
    let mut source = engine.source("s", session()).expect("a source");
    write(&mut source, 0);
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("a pair");
    ours.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let receiver = Receiver::Connection {
        socket: theirs.into(),
        channels: vec![Some((0, 1)), None],
        reading: true,
    };
    let child = engine.add_child("s", receiver, ChildOptions::default()).expect("a child");
    let mut first = [0; 4];
    (&ours).read_exact(&mut first).expect("a frame");
    assert_eq!(first[0], b'$');
    engine.remove_child(child).expect("it was there");
    let mut rest = Vec::new();
    (&ours).read_to_end(&mut rest).expect("the end");
    let figures = engine.figures().expect("figures");
    assert!(figures.streams[0].children.is_empty() && figures.workers.len() == WORKERS);
    assert!(figures.streams[0].former_children.sent > 0);
}

#[test]
fn too_many_are_refused() {
    let config = Config { workers: 1 << 20, ..Config::default() };
    assert!(Engine::start(config).is_err_and(|error| error.to_string().contains("workers")));
}
