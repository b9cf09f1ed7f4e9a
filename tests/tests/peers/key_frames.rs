//! Key frames that a player asks for, and what publishers make of it.

use std::time::{Duration, Instant};

use rillcast_tests::Transport::{self, Tcp, Udp};
use rillcast_tests::process::Process;
use rillcast_tests::role::program;
use rillcast_tests::rtp;
use rillcast_tests::rtsp::Connection;
use rillcast_tests::scene::Scene;
use rillcast_tests::server::Server;
use rillcast_tests::{clip, ffmpeg, gstreamer};

use crate::CLIP;

const TCP: &str = "RTP/AVP/TCP;unicast;interleaved=0-1";

/// An empty receiver report and a PLI (RFC 4585 §6.3.1) for the source of an RTP packet.
fn picture_loss(packet: &[u8]) -> Vec<u8> {
    let mut compound = vec![0x80, 201, 0, 1, 0, 0, 0, 1, 0x81, 206, 0, 2, 0, 0, 0, 1];
    compound.extend(&packet[8..12]);
    compound
}

/// Whether a packet holds the beginning of an IDR picture's slice.
fn begins_idr(packet: &[u8]) -> bool {
    match packet[12] & 0x1f {
        5 => true,
        28 => packet[13] & 0x9f == 0x85,
        _ => false,
    }
}

/// `rillcast publish test`, whose own key frames are a minute apart.
fn test_picture(scene: &Scene, url: &str, transport: Transport) -> Process {
    let mut command = program();
    command.args(["publish", "test", url, "--size", "320x240", "--gop", "60"]);
    command.args(["--transport", transport.name()]);
    Process::start(scene, "publisher", command)
}

#[test]
fn a_player_two_servers_away_gets_the_key_frame_that_it_asks_for() {
    for transport in [Tcp, Udp] {
        let scene = Scene::new("a_player_two_servers_away_gets_the_key_frame_that_it_asks_for");
        let mut upper = Server::start_at(&scene, "upper", "127.0.0.1:0", &[]);
        let _publisher = test_picture(&scene, &upper.url("live"), transport);
        upper.stream_started("live");
        let pull = format!("live={}", upper.url("live"));
        let mut lower = Server::start_at(&scene, "lower", "127.0.0.1:0", &["--pull", &pull]);
        lower.stream_started("live");
        let mut player = Connection::open(lower.address());
        player.play(&lower.url("live"), TCP);
        // It begins with the only one.
        let first = (0..20).map(|_| player.rtp()).find(|packet| begins_idr(packet));
        let first = first.expect("a key frame at the start");
        (0..20).for_each(|_| assert!(!begins_idr(&player.rtp()), "more than it was told"));
        player.send_packet(1, &picture_loss(&first));
        let begun = Instant::now();
        while !begins_idr(&player.rtp()) {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "none came over {}",
                transport.name()
            );
        }
    }
}

/// A publisher pushes a clip while a player asks for key frames all the time: nothing is lost, and
/// the publisher ends well.
fn is_not_disturbed(name: &str, transport: Transport, publisher: &dyn Fn(&Scene, &str) -> Process) {
    let scene = Scene::new(name);
    let mut server = Server::start(&scene, &["--linger", "0"]);
    let url = server.url("live");
    let mut publisher = publisher(&scene, &url);
    server.stream_started("live");
    let mut player = Connection::open(server.address());
    player.play(&url, TCP);
    let mut last: Option<u16> = None;
    let mut packets = 0;
    while let Some((channel, packet)) = player.packet() {
        if channel == 1 {
            if packet.windows(2).any(|pair| pair == [0x81, 203]) {
                break;
            }
            continue;
        }
        let sequence = rtp::sequence(&packet);
        let expected = last.map_or(sequence, |last| last.wrapping_add(1));
        assert_eq!(sequence, expected, "{} over {}", publisher.name(), transport.name());
        last = Some(sequence);
        packets += 1;
        if packets % 5 == 0 {
            player.send_packet(1, &picture_loss(&packet));
        }
    }
    assert!(packets > 100, "{packets} packets");
    publisher.succeed(CLIP);
    server.stream_ended("live");
    server.balances("live");
}

#[test]
fn ffmpeg_publishes_on_when_it_is_asked_for_key_frames() {
    let clip = clip::b_frames();
    for transport in [Tcp, Udp] {
        let name = "ffmpeg_publishes_on_when_it_is_asked_for_key_frames";
        is_not_disturbed(name, transport, &|scene, url| {
            ffmpeg::publish(scene, &clip, transport, url)
        });
    }
}

#[test]
fn gstreamer_publishes_on_when_it_is_asked_for_key_frames() {
    let clip = clip::slices();
    for transport in [Tcp, Udp] {
        let scene = Scene::new("gstreamer_publishes_on_when_it_is_asked_for_key_frames");
        let mut server = Server::start(&scene, &["--linger", "0"]);
        let url = server.url("live");
        let mut publisher = gstreamer::publish(&scene, &clip, transport, &url);
        server.stream_started("live");
        let mut player = Connection::open(server.address());
        player.play(&url, TCP);
        for _ in 0..150 {
            let packet = player.rtp();
            player.send_packet(1, &picture_loss(&packet));
        }
        assert!(publisher.is_running(), "it has ended: {}", publisher.log());
    }
}
