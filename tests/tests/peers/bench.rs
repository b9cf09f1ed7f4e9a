//! The measurements measure something: every relay delivers everything, and has used some time for it.

use rillcast_tests::process;
use rillcast_tests::role::program;
use serde_json::Value;

/// The last line of a measurement.
fn result(options: &[&str]) -> Value {
    let mut command = program();
    command.args(["--json", "bench"]).args(options);
    let output = process::output(command);
    let last = output.lines().last().unwrap_or_default();
    serde_json::from_str(last).expect("the last line is the result")
}

/// The relays' figures of a short `rillcast bench fanout`.
fn fanout(options: &[&str]) -> Vec<Value> {
    let short = ["fanout", "--children", "8", "--seconds", "2", "--repetitions", "1"];
    // Few enough that a receiver's buffer, which is the system's, holds what comes while nothing runs.
    let slow = ["--bitrate", "500000"];
    let result = result(&[&short[..], &slow, options].concat());
    result["figures"].as_array().expect("the result has figures").clone()
}

fn check(figures: &[Value], relays: &[&str]) {
    let names: Vec<_> = figures.iter().filter_map(|figures| figures["relay"].as_str()).collect();
    assert_eq!(names, relays);
    for figures in figures {
        assert_eq!(figures["lost"], 0, "{figures}");
        assert!(figures["cpu_ns"]["median"].as_f64().is_some_and(|ns| ns > 0.0), "{figures}");
    }
}

#[test]
fn every_relay_delivers_by_udp() {
    check(&fanout(&[]), &["engine", "gso", "sendmmsg", "sendto"]);
    check(&fanout(&["--gro"]), &["engine", "gso", "sendmmsg", "sendto"]);
}

#[test]
fn every_relay_delivers_by_tcp() {
    check(&fanout(&["--transport", "tcp"]), &["engine", "writev"]);
}

#[test]
fn frames_and_the_ring_have_their_times() {
    let short = ["--children", "8", "--bitrate", "500000", "--seconds", "1", "--repetitions", "1"];
    let latency = result(&[&["latency"][..], &short].concat());
    for relay in latency["relays"].as_array().expect("the result has relays") {
        assert!(relay["frames"].as_u64() > Some(0), "{latency}");
        assert!(relay["ms"][0].as_f64() <= relay["ms"][5].as_f64(), "{latency}");
    }
    let ring = result(&["ring", "--repetitions", "1"]);
    let rows = ring["rows"].as_array().expect("the result has rows");
    assert_eq!(rows.len(), 6, "{ring}");
    let known = |row: &Value| row["figures"][0]["ns"].as_f64().is_some_and(|ns| ns > 0.0);
    assert!(rows.iter().all(known), "{ring}");
}

#[test]
fn those_that_take_nothing_are_told_apart() {
    let load = ["latency", "--children", "8", "--transport", "tcp", "--stalled", "25"];
    let short = ["--seconds", "1", "--repetitions", "1"];
    let latency = result(&[&load[..], &short].concat());
    assert!(latency["stalled"]["refused"].as_u64() > Some(0), "{latency}");
    let relays = latency["relays"].as_array().expect("the result has relays");
    assert_eq!(relays.len(), 3, "{latency}");
    // The others get everything.
    assert!(relays.iter().all(|relay| relay["lost"] == 0), "{latency}");
}

#[test]
fn players_have_their_memory() {
    let memory = ["memory", "--from", "2", "--children", "6", "--repetitions", "1"];
    let memory = result(&memory);
    let rows = memory["rows"].as_array().expect("the result has rows");
    assert_eq!(rows.len(), 4, "{memory}");
    assert!(rows.iter().all(|row| row["bytes"]["median"].is_number()), "{memory}");
}

#[test]
fn nodes_tell_what_the_paper_measured() {
    let experiment = ["omnicast", "--experiment"];
    let chain = ["connection", "--nodes", "3", "--rounds", "1"];
    let chain = result(&[&experiment[..], &chain].concat());
    let hops = chain["hops"].as_array().expect("the result has hops");
    assert_eq!(hops.len(), 3, "{chain}");
    for hop in hops {
        assert_eq!(hop["lost_frames"], 0, "{chain}");
        assert!(hop["total_ms"]["p50"].as_f64().is_some_and(|ms| ms > 0.0), "{chain}");
    }
    let relay = ["frame-rate", "--children", "3", "--seconds", "2"];
    let relay = result(&[&experiment[..], &relay].concat());
    assert_eq!(relay["nodes"].as_array().map(Vec::len), Some(3), "{relay}");
    let faults = &relay["faults"];
    assert!(faults["frames"].as_u64() > Some(100), "{relay}");
    for fault in ["lost", "twice", "changed"] {
        assert_eq!(faults[fault], 0, "{relay}");
    }
}
