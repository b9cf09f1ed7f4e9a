//! Servers of a tree die in every way there is; players below see nothing of it.

use std::thread;
use std::time::Duration;

use rillcast_tests::Transport::Tcp;
use rillcast_tests::clip;
use rillcast_tests::ffmpeg;
use rillcast_tests::judge::{self, Rule};
use rillcast_tests::rtsp::Connection;
use rillcast_tests::scene::Scene;
use rillcast_tests::server::Server;

use crate::CLIP;

const PATIENCE: Duration = Duration::from_secs(10);

/// Sequence numbers of the first track, to the end of the stream.
fn numbers(mut player: Connection) -> Vec<u16> {
    let mut numbers = Vec::new();
    while let Some((channel, packet)) = player.packet() {
        if channel == 0 {
            numbers.push(u16::from_be_bytes([packet[2], packet[3]]));
        }
    }
    numbers
}

/// origin → four parents → node → child → players; the node's parents go one after the other.
#[test]
fn players_see_nothing_of_servers_that_die_above_them() {
    let scene = Scene::new("players_see_nothing_of_servers_that_die_above_them");
    let clip = clip::large_key_frames();
    let mut origin = Server::start(&scene, &[]);
    let mut publisher = ffmpeg::publish(&scene, &clip, Tcp, &origin.url("live"));
    origin.stream_started("live");
    let below = |name: &str, options: &[String]| {
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        Server::start_at(&scene, name, "127.0.0.1:0", &options)
    };
    let from = |option: &str, server: &Server| {
        [format!("--{option}"), format!("live={}", server.url("live"))]
    };
    let mut parents =
        ["killed", "ended", "stopped", "last"].map(|name| below(name, &from("pull", &origin)));
    parents.iter_mut().for_each(|parent| parent.stream_started("live"));
    let standbys = parents[1..].iter().flat_map(|parent| from("standby", parent));
    let sources: Vec<String> = from("pull", &parents[0]).into_iter().chain(standbys).collect();
    let mut node = below("node", &sources);
    node.stream_started("live");
    for _ in 1..parents.len() {
        node.wait_for(PATIENCE, |event| event["event"] == "standby_ready");
    }
    let mut child = below("child", &from("pull", &node));
    child.stream_started("live");
    let mut player = ffmpeg::play(&scene, "play", &clip, Tcp, &child.url("live"));
    child.child_started("live");
    let mut by_hand = Connection::open(child.address());
    by_hand.play(&child.url("live"), "RTP/AVP/TCP;unicast;interleaved=0-1");
    let numbers = thread::spawn(|| numbers(by_hand));

    let urls = parents.each_ref().map(|parent| parent.url("live"));
    // One that ends says so only when its players over UDP have had time to read what is left.
    let ways = [&["closed"][..], &["silent", "left", "closed"], &["silent"]];
    for (at, ways) in ways.into_iter().enumerate() {
        let process = parents[at].process();
        match at {
            0 => process.kill(),
            1 => process.signal("TERM"),
            _ => process.signal("STOP"),
        }
        let switched = node.wait_for(PATIENCE, |event| event["event"] == "upstream_switched");
        println!("{switched}");
        assert!(ways.iter().any(|why| switched["why"] == *why), "{switched}");
        let (from, to) = (urls[at].as_str(), urls[at + 1].as_str());
        assert_eq!((&switched["from"], &switched["to"]), (&from.into(), &to.into()));
        assert_eq!(switched["missing"], 0, "{switched}");
    }
    publisher.succeed(CLIP);
    node.stream_ended("live");
    parents[2].process().signal("CONT");

    player.process.succeed(CLIP);
    let shown = judge::frame_hashes(&player.pictures);
    let rule = Rule {
        what: "pictures",
        keys: None,
        warm_up: 0,
        missing_at_end: 0,
        at_least: clip.pictures.len() / 3,
    };
    judge::compare(&clip.pictures, &shown, rule).expect("each picture once, in order, to the end");
    let numbers = numbers.join().expect("no panic");
    let next = |pair: &[u16]| pair[1] == pair[0].wrapping_add(1);
    assert!(numbers.len() > 500 && numbers.windows(2).all(next), "{numbers:?}");
}
