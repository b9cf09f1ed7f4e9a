//! The program's other roles: what `publish` sends and `play` keeps is the film itself.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rillcast_tests::Transport::{self, Tcp, Udp};
use rillcast_tests::audience::{Allowance, Audience, Program, wait_for_the_middle};
use rillcast_tests::clip::{self, Clip};
use rillcast_tests::judge::{self, Rule};
use rillcast_tests::process::{self, Process};
use rillcast_tests::role::program;
use rillcast_tests::scene::Scene;
use rillcast_tests::server::Server;
use rillcast_tests::{ffmpeg, rtp};

use crate::{CLIP, end_by_signal};

/// `rillcast publish SOURCE URL`.
fn publish(scene: &Scene, source: &Path, url: &str, transport: Transport) -> Process {
    let mut command = program();
    command.arg("publish").arg(source).args([url, "--transport", transport.name()]);
    Process::start(scene, "publisher", command)
}

/// `rillcast play -o FILE URL`.
fn play(scene: &Scene, name: &str, url: &str, transport: Transport, file: &Path) -> Process {
    let mut command = program();
    command
        .args(["play", url, "--transport", transport.name(), "--stats", "--json", "-o"])
        .arg(file);
    Process::start(scene, name, command)
}

/// Compares what a recording decodes to with the clip.
fn judge_recording(scene: &Scene, name: &str, file: &Path, clip: &Clip, with_sound: bool) {
    let hashes = |what: &str| scene.file(&format!("{name}.{what}"));
    let mut command = ffmpeg::command();
    command.arg("-y").args(ffmpeg::WHOLE_SOUND).arg("-i").arg(file);
    ffmpeg::hash_pictures(&mut command, &hashes("pictures"));
    if with_sound {
        ffmpeg::hash_sound_packets(&mut command, &hashes("packets"));
    }
    Process::start(scene, &format!("{name}-decoder"), command).succeed(CLIP);
    let log =
        std::fs::read_to_string(scene.file(&format!("{name}-decoder.log"))).unwrap_or_default();
    assert_eq!(log.trim(), "", "the decoder warned of {}", file.display());
    let pictures = Rule {
        what: "pictures",
        keys: Some(&clip.keys),
        warm_up: 0,
        missing_at_end: 0,
        at_least: 25,
    };
    let sound = Rule { what: "audio frames", keys: None, at_least: 40, ..pictures };
    let judged = [
        judge::compare(&clip.pictures, &judge::frame_hashes(&hashes("pictures")), pictures),
        if with_sound {
            judge::compare(&clip.sound_packets, &judge::frame_hashes(&hashes("packets")), sound)
        } else {
            Ok(judge::Shown { first: 0, count: 0, missing_at_end: 0 })
        },
    ];
    for verdict in judged {
        println!(
            "{name}: {:?}",
            verdict.unwrap_or_else(|text| panic!("{}: {text}", file.display()))
        );
    }
}

#[test]
fn publishes_and_records_an_mp4() {
    let scene = Scene::new("publishes_and_records_an_mp4");
    let clip = clip::b_frames();
    let mut server = Server::start(&scene, &[]);
    let url = server.url("live");
    let mut publisher = publish(&scene, &clip.file, &url, Tcp);
    server.stream_started("live");
    let (mp4, raw) = (scene.file("out.mp4"), scene.file("out.264"));
    let mut players =
        [play(&scene, "play-mp4", &url, Udp, &mp4), play(&scene, "play-264", &url, Tcp, &raw)];
    let audience = Audience::everyone(&scene, &clip, &url);
    publisher.succeed(CLIP);
    server.stream_ended("live");
    for player in &mut players {
        player.succeed(Duration::from_secs(20));
    }
    judge_recording(&scene, "play-mp4", &mp4, &clip, true);
    judge_recording(&scene, "play-264", &raw, &clip, false);
    audience.judge(&clip, Allowance::default());
    server.balances("live");
}

#[test]
fn publishes_raw_h264_over_udp() {
    let scene = Scene::new("publishes_raw_h264_over_udp");
    let clip = clip::changing_size();
    let mut server = Server::start(&scene, &[]);
    let url = server.url("live");
    let mut publisher = publish(&scene, &clip.file, &url, Udp);
    server.stream_started("live");
    let audience = Audience::everyone(&scene, &clip, &url);
    publisher.succeed(CLIP);
    server.stream_ended("live");
    audience.judge(&clip, Allowance::default());
    server.balances("live");
}

#[test]
fn publishes_standard_input_as_plain_rtp() {
    let scene = Scene::new("publishes_standard_input_as_plain_rtp");
    let clip = clip::slices();
    let raw = scene.file("slices.264");
    let mut command = ffmpeg::command();
    command.arg("-i").arg(&clip.file).args(["-c", "copy"]).arg(&raw);
    process::output(command);

    let (socket, rtcp) = rtp::port_pair();
    let port = socket.local_addr().expect("the port").port();
    let sdp = scene.file("live.sdp");
    let mut command = program();
    command.args(["publish", "-", &format!("rtp://127.0.0.1:{port}"), "--sdp"]).arg(&sdp);
    let input = File::open(&raw).expect("the raw clip");
    let mut publisher = Process::with_input(&scene, "publisher", command, Stdio::from(input));
    wait_for_file(&sdp);
    drop((socket, rtcp));

    let mut server = Server::start(&scene, &["--rtp", &format!("live={}", sdp.display())]);
    let url = server.url("live");
    server.stream_started("live");
    let mut audience = Audience::default();
    audience.join(&scene, "play", &clip, &url, Program::GStreamer, Tcp);
    wait_for_the_middle();
    audience.join(&scene, "play-late", &clip, &url, Program::Ffmpeg, Udp);
    publisher.succeed(CLIP);
    end_by_signal(&mut server);
    audience.judge(&clip, Allowance::default());
}

#[test]
fn the_test_picture_arrives_whole() {
    let scene = Scene::new("the_test_picture_arrives_whole");
    let mut server = Server::start(&scene, &[]);
    let url = server.url("live");
    let _publisher = publish(&scene, Path::new("test"), &url, Udp);
    server.stream_started("live");
    let mut command = program();
    command.args(["play", &url, "--transport", "udp", "--frames", "75", "--json"]);
    let last = last_json_line(&process::output(command));
    assert_eq!(last["whole"], true, "{last}");
    assert_eq!(last["tracks"][0]["lost"], 0, "{last}");
    assert!(last["tracks"][0]["frames"].as_u64() >= Some(75), "{last}");
    assert!(last["latency_ms"].is_number(), "the test picture carries a clock: {last}");
}

#[test]
fn the_demonstration_loses_nothing() {
    let scene = Scene::new("the_demonstration_loses_nothing");
    let mut command = program();
    command.args(["demo", "--seconds", "3", "--children", "20", "--nodes", "4", "--json"]);
    let output = scene.file("demo.json");
    Process::with_output(&scene, "demo", command, Some(&output)).succeed(Duration::from_secs(90));
    let printed = std::fs::read_to_string(output).expect("what it printed");
    for shape in ["chain", "tree"] {
        let outcome = printed.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        let outcome = outcome.into_iter().find(|line: &serde_json::Value| {
            line["event"] == "tree_result" && line["shape"] == shape
        });
        let faults = &outcome.expect("what the nodes have shown")["faults"];
        assert_eq!((&faults["lost"], &faults["twice"]), (&0.into(), &0.into()), "{faults}");
    }
    let result = last_json_line(&printed);
    assert_eq!(result["event"], "result", "{result}");
    assert_eq!(result["viewers"], 20, "{result}");
    assert_eq!(result["lost"], 0, "{result}");
    assert_eq!(result["undelivered"], 0, "{result}");
    assert_eq!(result["damaged"], 0, "{result}");
}

#[test]
fn mistakes_are_told_in_one_sentence() {
    let scene = Scene::new("mistakes_are_told_in_one_sentence");
    let server = Server::start(&scene, &[]);
    let missing = server.url("nobody-publishes-this");
    let cases: [(&[&str], i32); 7] = [
        (&["play", &missing], 1),
        (&["play", "rtsp://127.0.0.1:1/x"], 1),
        (&["play", "http://127.0.0.1/x"], 2),
        (&["publish", "no-such-file.mp4", &missing], 2),
        (&["serve", "--rtsp", "nonsense"], 2),
        (&["serve", "--rtsp", "127.0.0.1:0", "--rtp", "x=no-such-file.sdp"], 2),
        (&["serve", "--no-such-option"], 2),
    ];
    for (arguments, code) in cases {
        let mut command: Command = program();
        command.args(arguments);
        let mut process = Process::start(&scene, "mistake", command);
        let status = process.wait(Duration::from_secs(15)).expect("an end");
        let said = process.log();
        assert_eq!(status.code(), Some(code), "{arguments:?} said: {said}");
        let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("rillcast: ")).collect();
        assert_eq!(lines.len(), 1, "{arguments:?} said: {said}");
    }
}

fn last_json_line(text: &str) -> serde_json::Value {
    let line = text.lines().last().expect("a line");
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// Waits until a file is there and holds something.
fn wait_for_file(path: &Path) {
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while std::fs::metadata(path).map_or(0, |m| m.len()) == 0 {
        assert!(std::time::Instant::now() < deadline, "no {} was written", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}
