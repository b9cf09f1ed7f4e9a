//! Figures over HTTP: what they tell is what was done.

use std::process::Command;
use std::time::{Duration, Instant};

use rillcast_tests::process;
use rillcast_tests::rtp::{self, Source};
use rillcast_tests::rtsp::Connection;
use rillcast_tests::scene::Scene;
use rillcast_tests::server::Server;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(10);
const TCP: &str = "RTP/AVP/TCP;unicast;interleaved=0-1";

fn curl(url: &str) -> String {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--fail", "--max-time", "5", url]);
    process::output(command)
}

/// The stream as `/api/streams` has it, once `wanted` holds for it.
fn stream(server: &Server, wanted: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + PATIENCE;
    loop {
        let text = curl(&format!("{}api/streams", server.http()));
        let all: Value = serde_json::from_str(&text).expect("JSON");
        let stream = &all["streams"][0];
        if wanted(stream) {
            return stream.clone();
        }
        assert!(Instant::now() < end, "the figures do not get there: {text}");
    }
}

/// The value of one series of `/metrics`.
fn value(metrics: &str, series: &str) -> Option<f64> {
    let value = |line: &str| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok();
    metrics.lines().find_map(value)
}

#[test]
fn figures_are_what_was_sent_and_what_the_ledger_says() {
    let scene = Scene::new("figures_are_what_was_sent_and_what_the_ledger_says");
    let mut server = Server::start(&scene, &[]);
    let url = server.url("live");
    let mut publisher = server.publish("live", &rtp::sdp(0));
    let mut player = Connection::open(server.address());
    player.play(&url, TCP);

    let mut source = Source::new();
    let (mut packets, mut bytes) = (0, 0);
    for number in 0..20 {
        let frame = if number % 10 == 0 { source.key_frame(8) } else { source.frame(5) };
        frame.iter().for_each(|packet| publisher.send_packet(0, packet));
        for packet in frame {
            assert!(player.rtp() == packet, "the player lost a packet");
            packets += 1;
            bytes += packet.len();
        }
    }
    publisher.send_packet(0, &[0; 20]); // of no version of RTP
    let told = stream(&server, |stream| {
        stream["received"] == packets + 1 && stream["children"][0]["waiting"] == 0
    });
    assert_eq!((&told["published"], &told["consumed"]), (&packets.into(), &0.into()), "{told}");
    assert_eq!(told["dropped"], serde_json::json!({ "malformed": 1 }), "{told}");
    assert_eq!((&told["balances"], &told["ended"]), (&true.into(), &false.into()), "{told}");
    let track = &told["tracks"][0];
    assert_eq!((&track["packets"], &track["bytes"]), (&packets.into(), &bytes.into()), "{told}");
    assert_eq!((&track["frames"], &track["key_frames"]), (&20.into(), &2.into()), "{told}");
    let child = &told["children"][0];
    assert_eq!((&child["sent"], &child["transport"]), (&packets.into(), &"tcp".into()), "{told}");
    assert!(child["peer"].as_str().is_some_and(|peer| peer.starts_with("127.0.0.1:")), "{told}");
    assert!(told["latency"]["batches"].as_u64() > Some(0), "{told}");

    let metrics = curl(&format!("{}metrics", server.http()));
    let packets = f64::from(packets);
    for (series, wanted) in [
        (r#"rillcast_published_packets_total{path="live"}"#, packets),
        (r#"rillcast_dropped_packets_total{path="live",cause="malformed"}"#, 1.0),
        (r#"rillcast_child_packets_total{path="live",fate="sent"}"#, packets),
        (r#"rillcast_children{path="live",transport="tcp"}"#, 1.0),
        (r#"rillcast_ledger_balances{path="live"}"#, 1.0),
        ("rillcast_streams", 1.0),
    ] {
        assert_eq!(value(&metrics, series), Some(wanted), "{series} in\n{metrics}");
    }
    assert_eq!(curl(&format!("{}healthz", server.http())), "ok\n");

    server.process().signal("TERM");
    let ledger = server.wait_for(PATIENCE, |event| event["event"] == "ledger");
    for key in ["received", "published", "consumed", "dropped"] {
        assert_eq!(ledger[key], told[key], "{key} of {ledger}");
    }
    assert_eq!(ledger["sent"], told["children"][0]["sent"], "{ledger}");
}

#[test]
fn children_that_have_left_stay_in_the_figures() {
    let scene = Scene::new("children_that_have_left_stay_in_the_figures");
    let mut server = Server::start(&scene, &[]);
    let url = server.url("live");
    let mut publisher = server.publish("live", &rtp::sdp(0));
    let mut source = Source::new();
    let frame = source.key_frame(3);
    for _ in 0..3 {
        let mut player = Connection::open(server.address());
        player.play(&url, TCP);
        server.child_started("live");
        if packets_of(&server) == 0 {
            frame.iter().for_each(|packet| publisher.send_packet(0, packet));
        }
        frame.iter().for_each(|packet| assert!(player.rtp() == *packet, "another packet"));
        drop(player);
        server.wait_for(PATIENCE, |event| event["event"] == "child_ended");
    }
    let told = stream(&server, |stream| stream["children"].as_array().is_some_and(Vec::is_empty));
    let former = &told["former_children"];
    assert_eq!((&former["sent"], &former["offered"]), (&12.into(), &12.into()), "{told}");
}

fn packets_of(server: &Server) -> u64 {
    stream(server, |stream| stream["published"].is_u64())["published"].as_u64().unwrap_or(0)
}
