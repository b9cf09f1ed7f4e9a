//! The ways in that are not a publisher: plain RTP described by an SDP file, and another server.

use rillcast_tests::Transport::{Tcp, Udp};
use rillcast_tests::audience::{Audience, Program, wait_for_the_middle};
use rillcast_tests::rtp::{self, Source};
use rillcast_tests::rtsp::Connection;
use rillcast_tests::scene::Scene;
use rillcast_tests::server::Server;
use rillcast_tests::{clip, ffmpeg};

use crate::{CLIP, FFMPEG, end_by_signal};

/// As the paper's encoding server sends it. The players come before the first packet.
#[test]
fn plain_rtp_from_ffmpeg() {
    let scene = Scene::new("plain_rtp_from_ffmpeg");
    let clip = clip::b_frames();
    let sockets = [rtp::port_pair(), rtp::port_pair()];
    let ports = sockets.each_ref().map(|(rtp, _)| rtp.local_addr().expect("the port").port());
    let sdp = scene.file("live.sdp");
    ffmpeg::describe_rtp(&clip, &ports, &sdp);
    drop(sockets);

    let mut server = Server::start(&scene, &["--rtp", &format!("live={}", sdp.display())]);
    let url = server.url("live");
    server.stream_started("live");
    let mut audience = Audience::default();
    audience.join(&scene, "play", &clip, &url, Program::Ffmpeg, Tcp);
    audience.join(&scene, "play", &clip, &url, Program::GStreamer, Tcp);
    // Not before the players listen: the server does not keep what comes before anybody plays.
    server.child_started("live");
    server.child_started("live");
    let mut publisher = ffmpeg::send_rtp(&scene, &clip, &ports);
    wait_for_the_middle();
    audience.join(&scene, "play-late", &clip, &url, Program::Ffmpeg, Udp);
    publisher.succeed(CLIP);
    end_by_signal(&mut server);
    audience.judge(&clip, FFMPEG);
}

/// A server that fetches the stream from a server: one hop more.
#[test]
fn pulled_from_another_server() {
    let scene = Scene::new("pulled_from_another_server");
    let clip = clip::b_frames();
    let mut origin = Server::start(&scene, &[]);
    let mut publisher = ffmpeg::publish(&scene, &clip, Tcp, &origin.url("cam"));
    origin.stream_started("cam");
    let pull = format!("live={}", origin.url("cam"));
    let mut server = Server::start_at(&scene, "serve-edge", "127.0.0.1:0", &["--pull", &pull]);
    server.stream_started("live");
    let audience = Audience::everyone(&scene, &clip, &server.url("live"));
    publisher.succeed(CLIP);
    origin.stream_ended("cam");
    server.stream_ended("live");
    audience.judge(&clip, FFMPEG);
    origin.balances("cam");
    server.balances("live");
}

/// The same over IPv6.
#[test]
fn over_ipv6() {
    let scene = Scene::new("over_ipv6");
    let clip = clip::b_frames();
    let mut server = Server::start_at(&scene, "serve", "[::1]:0", &[]);
    let url = server.url("live");
    let mut publisher = ffmpeg::publish(&scene, &clip, Tcp, &url);
    server.stream_started("live");
    let audience = Audience::everyone(&scene, &clip, &url);
    publisher.succeed(CLIP);
    server.stream_ended("live");
    audience.judge(&clip, FFMPEG);
    server.balances("live");
}

/// Over UDP the packets and the TEARDOWN come by different sockets: who finds both at once, as after a moment
/// in which the machine had no time for the server, takes the packets first.
#[test]
fn what_was_sent_before_the_teardown_arrives() {
    let scene = Scene::new("what_was_sent_before_the_teardown_arrives");
    let mut server = Server::start(&scene, &[]);
    let url = server.url("live");
    let (media, _reports) = rtp::port_pair();
    let port = media.local_addr().expect("the port").port();
    let mut publisher = Connection::open(server.address());
    publisher.ask("ANNOUNCE", &url, &[("Content-Type", "application/sdp")], &rtp::sdp(0));
    let transport = format!("RTP/AVP;unicast;client_port={port}-{};mode=record", port + 1);
    let track = format!("{url}/streamid=0");
    let setup = publisher.ask("SETUP", &track, &[("Transport", &transport)], "");
    let to = server.udp_port(&setup, 0);
    publisher.ask("RECORD", &url, &[("Range", "npt=0.000-")], "");
    server.stream_started("live");
    let mut player = Connection::open(server.address());
    player.play(&url, "RTP/AVP/TCP;unicast;interleaved=0-1");

    server.process().signal("STOP");
    let mut source = Source::new();
    let mut sent = source.key_frame(5);
    sent.extend((0..20).flat_map(|_| source.frame(5)));
    for packet in &sent {
        media.send_to(packet, to).expect("sending to the server");
    }
    publisher.send("TEARDOWN", &url, &[], "");
    server.process().signal("CONT");

    for (number, packet) in sent.iter().enumerate() {
        assert!(player.rtp() == *packet, "packet {number} of {} is missing", sent.len());
    }
    server.balances("live");
}
