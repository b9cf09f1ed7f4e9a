//! The measurements measure something: every relay delivers everything, and has used some time for it.

use rillcast_tests::process;
use rillcast_tests::role::program;
use serde_json::Value;

/// The relays' figures of a short `rillcast bench fanout`.
fn fanout(options: &[&str]) -> Vec<Value> {
    let mut command = program();
    command.args(["--json", "bench", "fanout", "--children", "8"]);
    command.args(["--seconds", "1", "--repetitions", "1"]).args(options);
    let output = process::output(command);
    let last = output.lines().last().unwrap_or_default();
    let result: Value = serde_json::from_str(last).expect("the last line is the result");
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
