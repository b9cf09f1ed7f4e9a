//! A stream that stands in where nobody publishes.

use std::thread;
use std::time::Duration;

use rillcast_tests::Transport::{Tcp, Udp};
use rillcast_tests::process::Process;
use rillcast_tests::role::program;
use rillcast_tests::scene::Scene;
use rillcast_tests::server::Server;
use rillcast_tests::{clip, ffmpeg, judge};

use crate::CLIP;

#[test]
fn players_stay_from_publisher_to_fallback_to_publisher() {
    let scene = Scene::new("players_stay_from_publisher_to_fallback_to_publisher");
    let clip = clip::b_frames();
    let mut server = Server::start(&scene, &["--fallback", "live=pause", "--linger", "0"]);
    let url = server.url("live");
    let mut first = ffmpeg::publish(&scene, &clip, Tcp, &url);
    server.stream_started("live");
    let mut command = program();
    command.args(["publish", "--loop"]).arg(&clip.file).arg(server.url("pause"));
    let _pause = Process::start(&scene, "pause", command);
    server.stream_started("pause");
    let mut players = [Tcp, Udp].map(|transport| {
        let name = format!("play-{}", transport.name());
        ffmpeg::play(&scene, &name, &clip, transport, &url)
    });
    (0..2).for_each(|_| server.child_started("live"));
    thread::sleep(Duration::from_secs(2));
    first.kill();
    let goes_on = |from: &'static str| {
        move |event: &serde_json::Value| {
            event["event"] == "stream_resumed"
                && event["from"].as_str().is_some_and(|text| text.starts_with(from))
        }
    };
    server.wait_for(CLIP, goes_on("its fallback pause"));
    // Some of it is to be shown.
    thread::sleep(Duration::from_secs(4));
    let mut second = ffmpeg::publish(&scene, &clip, Tcp, &url);
    server.wait_for(CLIP, goes_on("RTSP publisher"));
    second.succeed(CLIP);
    server.wait_for(CLIP, goes_on("its fallback pause"));
    server.process().signal("TERM");
    for player in &mut players {
        player.process.wait(CLIP).expect("the player ends with the server");
        let shown = judge::frame_hashes(&player.pictures);
        let name = player.process.name();
        // The second publisher's film is there from its first to its last picture, without a gap.
        let whole = shown.windows(clip.pictures.len()).position(|part| part == clip.pictures);
        let before = whole.unwrap_or_else(|| panic!("{name} has not shown the second film whole"));
        // Two seconds of the first, and four of what stood in.
        assert!(before > 100, "{name} has shown {before} pictures before the second publisher's");
    }
}
