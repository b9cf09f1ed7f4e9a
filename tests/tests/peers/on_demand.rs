//! Streams that a server fetches while somebody plays them.

use std::time::Duration;

use rillcast_tests::Transport::{Tcp, Udp};
use rillcast_tests::clip;
use rillcast_tests::ffmpeg;
use rillcast_tests::judge;
use rillcast_tests::rtsp::Connection;
use rillcast_tests::scene::Scene;
use rillcast_tests::server::Server;

use crate::CLIP;

#[test]
fn players_have_a_stream_fetched_and_it_ends_after_them() {
    let scene = Scene::new("players_have_a_stream_fetched_and_it_ends_after_them");
    let clip = clip::b_frames();
    let mut upper = Server::start_at(&scene, "upper", "127.0.0.1:0", &["--linger", "0"]);
    let pull = format!("copy={}", upper.url("live"));
    let options = ["--pull-on-demand", &pull, "--on-demand-grace", "1", "--linger", "0"];
    let mut lower = Server::start_at(&scene, "lower", "127.0.0.1:0", &options);
    let url = lower.url("copy");

    let mut early = Connection::open(lower.address());
    let answer = early.request("DESCRIBE", &url, &[], "");
    assert_eq!(answer.status, 404, "nobody publishes yet: {answer:?}");
    lower.wait_for(CLIP, |event| event["event"] == "pull_failed");

    let mut publisher = ffmpeg::publish(&scene, &clip, Tcp, &upper.url("live"));
    upper.stream_started("live");
    // Who has failed just now is not asked again at once.
    std::thread::sleep(Duration::from_secs(1));
    let mut players = [Tcp, Udp].map(|transport| {
        let name = format!("play-{}", transport.name());
        ffmpeg::play(&scene, &name, &clip, transport, &url)
    });
    lower.stream_started("copy");
    publisher.succeed(CLIP);
    for player in &mut players {
        player.process.wait(CLIP).expect("the player ends with the stream");
        let shown = judge::frame_hashes(&player.pictures);
        assert!(shown.len() > 25 && clip.pictures.ends_with(&shown), "{}", player.process.name());
    }
    lower.stream_ended("copy");
}

#[test]
fn a_stream_that_nobody_plays_is_let_go() {
    let scene = Scene::new("a_stream_that_nobody_plays_is_let_go");
    let mut upper = Server::start_at(&scene, "upper", "127.0.0.1:0", &[]);
    let mut command = rillcast_tests::role::program();
    command.args(["publish", "test", &upper.url("live"), "--size", "320x240"]);
    let _publisher = rillcast_tests::process::Process::start(&scene, "publisher", command);
    upper.stream_started("live");
    let pull = format!("copy={}", upper.url("live"));
    let options = ["--pull-on-demand", &pull, "--on-demand-grace", "1"];
    let mut lower = Server::start_at(&scene, "lower", "127.0.0.1:0", &options);
    for _ in 0..2 {
        let mut player = Connection::open(lower.address());
        player.play(&lower.url("copy"), "RTP/AVP/TCP;unicast;interleaved=0-1");
        player.rtp();
        upper.child_started("live");
        drop(player);
        let ended = lower.stream_ended("copy");
        assert!(ended["reason"].as_str().is_some_and(|why| why.contains("nobody")), "{ended}");
        upper.wait_for(CLIP, |event| event["event"] == "child_ended");
    }
}
