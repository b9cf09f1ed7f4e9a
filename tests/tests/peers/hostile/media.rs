//! Publishers whose packets are lies.

use rillcast_tests::rtp::{self, Source};
use rillcast_tests::rtsp::Connection;
use rillcast_tests::scene::Scene;
use rillcast_tests::server::Server;
use serde_json::Value;

use super::Siege;

/// That of a [`Source`].
const SSRC: [u8; 4] = [0x5e, 0xed, 0xca, 0xfe];

/// An RTP packet of the payload type 96 with this first byte and this behind its header.
fn packet(first: u8, sequence: u16, rest: &[u8]) -> Vec<u8> {
    let mut packet = vec![first, 96];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 1]);
    packet.extend(SSRC);
    packet.extend(rest);
    packet
}

/// Publishes a good picture, what is given, and a good picture again. A player gets all that the server
/// lets through, the last picture whole; the books of the stream are returned.
fn publish(
    server: &mut Server,
    path: &str,
    lies: impl FnOnce(&mut Source) -> Vec<Vec<u8>>,
) -> Value {
    let url = server.url(path);
    let mut publisher = server.publish(path, &rtp::sdp(0));
    let mut source = Source::new();
    for packet in source.key_frame(3) {
        publisher.send_packet(0, &packet);
    }
    publisher.ask("GET_PARAMETER", &url, &[], "");
    let mut player = Connection::open(server.address());
    player.play(&url, "RTP/AVP/TCP;unicast;interleaved=0-1");
    for packet in lies(&mut source) {
        publisher.send_packet(0, &packet);
    }
    let good = source.key_frame(3);
    for packet in &good {
        publisher.send_packet(0, packet);
    }
    let mut left = good.iter().peekable();
    while let Some(next) = left.peek() {
        if player.rtp() == **next {
            left.next();
        }
    }
    publisher.ask("TEARDOWN", &url, &[], "");
    drop(player);
    let ledger = server.ledger(path);
    assert_eq!(ledger["balances"], true, "{ledger}");
    ledger
}

#[test]
fn packets_that_lie_are_dropped_and_counted() {
    let scene = Scene::new("packets_that_lie_are_dropped_and_counted");
    let mut siege = Siege::lay(&scene, &[]);
    let many = |first: u8, rest: &[u8]| -> Vec<Vec<u8>> {
        (0..100).map(|n| packet(first, n, rest)).collect()
    };
    let mut other = many(0x80, b"another codec");
    other.iter_mut().for_each(|packet| packet[1] = 97);
    let attacks: Vec<(&str, &str, Vec<Vec<u8>>, &str)> = vec![
        ("RTP of version 0", "version-0", many(0x00, b"xyz"), "malformed"),
        ("RTP of version 3", "version-3", many(0xc0, b"xyz"), "malformed"),
        ("padding longer than the packet", "padding", many(0xa0, b"xy\xff"), "malformed"),
        ("padding of nothing", "no-padding", many(0xa0, b"xy\0"), "malformed"),
        (
            "an extension beyond the end",
            "extension",
            many(0x90, b"\xbe\xde\xff\xffxyz"),
            "malformed",
        ),
        ("half an extension", "half", many(0x90, b"\xbe"), "malformed"),
        ("more CSRCs than bytes", "csrc", many(0x8f, b"xyz"), "malformed"),
        ("packets of one byte", "short", vec![vec![0x80]; 100], "malformed"),
        ("empty packets", "empty", vec![Vec::new(); 100], "malformed"),
        ("another codec than announced", "codec", other, "payload_type"),
    ];
    for (name, path, packets, cause) in attacks {
        siege.attack(name, |server| {
            let ledger = publish(server, path, |_| packets);
            assert_eq!(ledger["dropped"][cause], 100, "{ledger}");
        });
    }
    siege.attack("packets on channels that nobody has", |server| {
        let url = server.url("channels");
        let mut publisher = Connection::open(server.address());
        publisher.publish(&url, &rtp::sdp(0));
        (0..100).for_each(|_| publisher.send_packet(200, b"stray"));
        publisher.ask("TEARDOWN", &url, &[], "");
        assert_eq!(server.ledger("channels")["dropped"]["channel"], 100);
    });
    siege.bystander.finish(&mut siege.server);
}

/// The relay does not look into payloads more than it must: these lies reach the players, and harm
/// neither them nor what comes behind.
#[test]
fn payloads_that_lie_pass_through_and_do_no_harm() {
    let scene = Scene::new("payloads_that_lie_pass_through_and_do_no_harm");
    let mut siege = Siege::lay(&scene, &[]);
    let attacks: [(&str, &str, &[u8]); 7] = [
        ("FU-A without a start", "fu-a", &[0x7c, 0x05, 1, 2, 3]),
        ("FU-A that starts and ends", "fu-a-both", &[0x7c, 0xc5, 1, 2, 3]),
        ("FU-A of FU-A", "fu-a-nested", &[0x7c, 0x9c, 0x7c, 0x85]),
        ("STAP-A with lying lengths", "stap", &[0x78, 0xff, 0xff, 0x65, 0, 0]),
        ("STAP-A of nothing", "stap-empty", &[0x78, 0, 0, 0, 0, 0]),
        ("MTAP", "mtap", &[0x7a, 0, 0, 0xff, 0xff, 0, 0, 0]),
        ("AAC in a track of H.264", "aac", &[0, 16, 0x0f, 0xff, 0x21, 0x10, 4, 0x60, 0x8c]),
    ];
    for (name, path, payload) in attacks {
        siege.attack(name, |server| {
            let lies = |source: &mut Source| (0..50).map(|_| source.any(payload)).collect();
            let ledger = publish(server, path, lies);
            assert!(
                ledger["dropped"].as_object().is_none_or(|causes| causes.is_empty()),
                "{ledger}"
            );
            assert!(ledger["published"].as_u64() >= Some(58), "{ledger}");
        });
    }
    siege.bystander.finish(&mut siege.server);
}
