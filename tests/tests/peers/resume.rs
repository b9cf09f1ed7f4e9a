//! A publisher goes and comes back; its players stay.

use std::thread;
use std::time::Duration;

use rillcast_tests::Transport::{Tcp, Udp};
use rillcast_tests::clip::{self, Clip};
use rillcast_tests::judge;
use rillcast_tests::scene::Scene;
use rillcast_tests::server::Server;
use rillcast_tests::{ffmpeg, gstreamer};

use crate::CLIP;

/// What a player has shown has to end with the whole clip, as the second publisher sent it.
fn ends_with_the_clip(name: &str, clip: &Clip, shown: &[String]) {
    let source = &clip.pictures;
    let before = shown.len().saturating_sub(source.len());
    assert!(shown.ends_with(source), "{name} has not shown the second clip whole: {shown:?}");
    assert!(before > 0, "{name} has shown nothing of the first publisher's");
}

#[test]
fn players_see_a_publisher_come_back() {
    let scene = Scene::new("players_see_a_publisher_come_back");
    let clip = clip::b_frames();
    let mut server = Server::start(&scene, &[]);
    let url = server.url("live");
    let mut first = ffmpeg::publish(&scene, &clip, Tcp, &url);
    server.stream_started("live");
    let mut players = [Tcp, Udp].map(|transport| {
        let name = format!("play-{}", transport.name());
        ffmpeg::play(&scene, &name, &clip, transport, &url)
    });
    let mut others = [Tcp, Udp].map(|transport| {
        let name = format!("play-gstreamer-{}", transport.name());
        gstreamer::play(&scene, &name, &clip, transport, &url)
    });
    (0..4).for_each(|_| server.child_started("live"));
    // Some of it is to be shown.
    thread::sleep(Duration::from_secs(2));
    first.kill();
    server.wait_for(CLIP, |event| event["event"] == "stream_interrupted");
    let mut second = ffmpeg::publish(&scene, &clip, Tcp, &url);
    server.wait_for(CLIP, |event| event["event"] == "stream_resumed");
    second.succeed(CLIP);
    server.stream_ended("live");
    for player in &mut players {
        player.process.wait(CLIP).expect("the player ends with the stream");
        let shown = judge::frame_hashes(&player.pictures);
        ends_with_the_clip(player.process.name(), &clip, &shown);
    }
    for player in &mut others {
        player.process.wait(CLIP).expect("the player ends with the stream");
        let shown = judge::checksums(&player.hashes, 32);
        ends_with_the_clip(player.process.name(), &clip, &shown);
    }
}
