//! A packet goes out before the rest of its frame has come in. The order of events is the test: the
//! rest of a frame is sent only when the child has got its first packet.

use std::net::UdpSocket;
use std::time::Duration;

use rillcast_tests::rtp::{self, Source};
use rillcast_tests::rtsp::Connection;
use rillcast_tests::scene::Scene;
use rillcast_tests::server::Server;

/// Packets of the frame that is held back after the first of them.
const PACKETS: usize = 20;

/// Sends a key frame that the child begins with, then frames of which the child has to have the
/// first packet before the second is sent.
fn frames_in_the_making(
    mut send: impl FnMut(&[u8]),
    mut receive: impl FnMut() -> Vec<u8>,
    source: &mut Source,
) {
    for number in 0..10 {
        let frame = if number % 5 == 0 { source.key_frame(PACKETS) } else { source.frame(PACKETS) };
        for packet in frame {
            send(&packet);
            assert!(receive() == packet, "not the packet that was sent");
        }
    }
}

#[test]
fn from_tcp_to_tcp() {
    let scene = Scene::new("cut_through_tcp_to_tcp");
    let mut server = Server::start(&scene, &[]);
    let (mut publisher, mut child, mut source) = publisher_and_child(&mut server);
    child.play(&server.url("live"), "RTP/AVP/TCP;unicast;interleaved=0-1");
    skip_first_key_frame(|| child.rtp());
    frames_in_the_making(|p| publisher.send_packet(0, p), || child.rtp(), &mut source);
}

#[test]
fn from_tcp_to_udp() {
    let scene = Scene::new("cut_through_tcp_to_udp");
    let mut server = Server::start(&scene, &[]);
    let (mut publisher, mut child, mut source) = publisher_and_child(&mut server);
    let (socket, _rtcp) = rtp::port_pair();
    let port = socket.local_addr().expect("the port").port();
    child.play(&server.url("live"), &format!("RTP/AVP;unicast;client_port={port}-{}", port + 1));
    skip_first_key_frame(|| receive(&socket));
    frames_in_the_making(|p| publisher.send_packet(0, p), || receive(&socket), &mut source);
}

#[test]
fn from_plain_rtp_to_tcp() {
    let scene = Scene::new("cut_through_rtp_to_tcp");
    let (socket, rtcp) = rtp::port_pair();
    let port = socket.local_addr().expect("the port").port();
    drop((socket, rtcp));
    let sdp = scene.file("live.sdp");
    std::fs::write(&sdp, rtp::sdp(port)).expect("the SDP");
    let mut server = Server::start(&scene, &["--rtp", &format!("live={}", sdp.display())]);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let send = |packet: &[u8]| {
        let sent = socket.send_to(packet, ("127.0.0.1", port));
        assert_eq!(sent.ok(), Some(packet.len()), "sending on loopback");
    };
    let mut source = Source::new();
    for packet in source.key_frame(PACKETS) {
        send(&packet);
    }
    server.stream_started("live");
    let mut child = Connection::open(server.address());
    child.play(&server.url("live"), "RTP/AVP/TCP;unicast;interleaved=0-1");
    skip_first_key_frame(|| child.rtp());
    frames_in_the_making(send, || child.rtp(), &mut source);
}

/// A publisher that has sent one key frame, and a child that has not asked for anything yet.
fn publisher_and_child(server: &mut Server) -> (Connection, Connection, Source) {
    let mut source = Source::new();
    let mut publisher = server.publish("live", &rtp::sdp(0));
    for packet in source.key_frame(PACKETS) {
        publisher.send_packet(0, &packet);
    }
    (publisher, Connection::open(server.address()), source)
}

/// The child begins with the whole key frame that was sent before it came.
fn skip_first_key_frame(mut receive: impl FnMut() -> Vec<u8>) {
    let expected = Source::new().key_frame(PACKETS);
    for packet in expected {
        assert!(receive() == packet, "not the key frame the stream began with");
    }
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a deadline");
    let mut packet = vec![0; 2_000];
    let length = socket.recv(&mut packet).expect("a packet within the deadline");
    packet.truncate(length);
    packet
}
