//! Players that do not read, and players that want packets sent to somebody else.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::time::Duration;

use rillcast_tests::rtp::{self, Source};
use rillcast_tests::rtsp::Connection;
use rillcast_tests::scene::Scene;

use super::Siege;

#[test]
fn who_does_not_read_is_cut_off() {
    let scene = Scene::new("who_does_not_read_is_cut_off");
    let mut siege = Siege::lay(&scene, &[]);
    siege.attack("requests whose answers are not read", |server| {
        let mut client = Connection::open(server.address());
        let request = format!("DESCRIBE {} RTSP/1.0\r\nCSeq: 1\r\n\r\n", server.url("bystander"));
        let many = request.repeat(1_000);
        // 20 MB of answers and more: no socket holds so many.
        let hung_up = (0..100).any(|_| !client.try_write(many.as_bytes()));
        assert!(hung_up, "the server keeps answers without end");
    });
    siege.attack("a player that never reads", |server| {
        let url = server.url("much");
        let mut publisher = server.publish("much", &rtp::sdp(0));
        let mut source = Source::new();
        for packet in source.key_frame(50) {
            publisher.send_packet(0, &packet);
        }
        publisher.ask("GET_PARAMETER", &url, &[], "");
        let mut stuck = Connection::open(server.address());
        stuck.play(&url, "RTP/AVP/TCP;unicast;interleaved=0-1");
        for number in 1..400 {
            let frame = if number % 25 == 0 { source.key_frame(50) } else { source.frame(50) };
            frame.iter().for_each(|packet| publisher.send_packet(0, packet));
        }
        server.wait_for(Duration::from_secs(20), |event| {
            event["event"] == "child_ended"
                && event["path"] == "much"
                && event["reason"].as_str().is_some_and(|why| why.contains("does not read"))
        });
        publisher.ask("TEARDOWN", &url, &[], "");
        let ledger = server.ledger("much");
        assert_eq!(ledger["balances"], true, "{ledger}");
    });
    siege.bystander.finish(&mut siege.server);
}

/// A server must not become an amplifier: it sends by UDP only to the address that a request came from,
/// whatever the request, or a datagram, says.
#[test]
fn nobody_is_sent_what_he_did_not_ask_for() {
    let scene = Scene::new("nobody_is_sent_what_he_did_not_ask_for");
    let mut siege = Siege::lay(&scene, &[]);
    let url = siege.server.url("bystander");
    let victim = UdpSocket::bind("127.0.0.9:0").expect("a second address of this machine");
    victim.set_nonblocking(true).expect("it only looks");
    let port = victim.local_addr().expect("the port").port() & !1;
    let is_silent = |victim: &UdpSocket| {
        let error = victim.recv(&mut [0; 2048]).expect_err("the victim got a packet");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    };

    siege.attack("a destination that is somebody else", |server| {
        for (name, value) in
            [("destination", "127.0.0.9"), ("source", "127.0.0.9"), ("dest_addr", "\"127.0.0.9\"")]
        {
            let mut client = Connection::open(server.address());
            let transport =
                format!("RTP/AVP;unicast;{name}={value};client_port={port}-{}", port + 1);
            let track = client.first_track(&url);
            match client.request("SETUP", &track, &[("Transport", &transport)], "").status {
                200 => drop(client.ask("PLAY", &url, &[], "")),
                status => assert_eq!(status, 461),
            }
        }
    });
    is_silent(&victim);
    siege.attack("ports of services", |server| {
        for port in [0, 53, 123, 1023] {
            let mut client = Connection::open(server.address());
            let transport = format!("RTP/AVP;unicast;client_port={port}-{}", port + 1);
            let track = client.first_track(&url);
            let status = client.request("SETUP", &track, &[("Transport", &transport)], "").status;
            assert_eq!(status, 461, "port {port}");
        }
    });
    siege.attack("reports from a stranger", |server| {
        // A player whose ports are known, and a stranger who asks in his place for packets again, or
        // says goodbye for him.
        let (media, _reports) = rtp::port_pair();
        let port = media.local_addr().expect("the port").port();
        let mut client = Connection::open(server.address());
        let transport = format!("RTP/AVP;unicast;client_port={port}-{}", port + 1);
        let (setup, _) = client.play(&url, &transport);
        let nack = [0x81, 205, 0, 3, 0, 0, 0, 7, 0x5e, 0xed, 0xca, 0xfe, 0xff, 0xdc, 0xff, 0xff];
        let bye = [0x81, 203, 0, 1, 0x5e, 0xed, 0xca, 0xfe];
        for which in [0, 1] {
            let to = server.udp_port(&setup, which);
            for _ in 0..200 {
                victim.send_to(&nack, to).expect("a datagram");
                victim.send_to(&bye, to).expect("a datagram");
            }
        }
        client.ask("TEARDOWN", &url, &[], "");
    });
    is_silent(&victim);
    siege.attack("media from a stranger", |server| {
        let url = server.url("camera");
        let (media, _reports) = rtp::port_pair();
        let port = media.local_addr().expect("the port").port();
        let mut publisher = Connection::open(server.address());
        let sdp = [("Content-Type", "application/sdp")];
        publisher.ask("ANNOUNCE", &url, &sdp, &rtp::sdp(0));
        let transport = format!("RTP/AVP;unicast;client_port={port}-{};mode=record", port + 1);
        let track = format!("{url}/streamid=0");
        let setup = publisher.ask("SETUP", &track, &[("Transport", &transport)], "");
        publisher.ask("RECORD", &url, &[], "");
        server.stream_started("camera");
        let mut source = Source::new();
        let to = server.udp_port(&setup, 0);
        for packet in source.key_frame(3) {
            media.send_to(&packet, to).expect("a datagram");
        }
        for _ in 0..100 {
            victim.send_to(&source.frame(2)[0], to).expect("a datagram");
        }
        for packet in source.frame(3) {
            media.send_to(&packet, to).expect("a datagram");
        }
        let mut player = Connection::open(server.address());
        player.play(&url, "RTP/AVP/TCP;unicast;interleaved=0-1");
        (0..7).for_each(|_| drop(player.rtp()));
        publisher.ask("TEARDOWN", &url, &[], "");
        let ledger = server.ledger("camera");
        assert_eq!(ledger["dropped"]["stranger"], 100, "{ledger}");
    });
    is_silent(&victim);
    siege.bystander.finish(&mut siege.server);
}
