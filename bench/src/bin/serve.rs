//! The figures of a server under 200 UDP and 200 TCP players of a 2 Mbit/s stream, beside what they
//! are meant to be.
//!
//! `cargo run --release -p rillcast-bench --bin serve [SECONDS]`
//!
//! It runs `rillcast demo --children 400 --json`: a server, a test picture with a key frame every two
//! seconds, and real RTSP players on loopback, all on this machine. Exit code 0 when every target is
//! met. That the engine allocates nothing while it relays is shown by
//! `cargo test --release -p rillcast-bench --test allocations`.

use std::process::{Command, ExitCode, Stdio};

use serde_json::Value;

/// Players, half of them over UDP.
const PLAYERS: u64 = 400;

/// A figure by its place in the result, what it is, and its limit.
const TARGETS: [(&str, &str, f64); 6] = [
    ("/lost", "packets lost", 0.0),
    ("/undelivered", "packets given up by the relay", 0.0),
    ("/added_latency_udp/p99_ms", "added latency of whole frames, UDP, p99 [ms]", 10.0),
    ("/added_latency_tcp/p99_ms", "added latency of whole frames, TCP, p99 [ms]", 10.0),
    ("/first_key/p50_ms", "PLAY to first key frame, p50 [ms]", 20.0),
    ("/damaged", "frames damaged", 0.0),
];

/// Figures without a target of their own.
const SHOWN: [(&str, &str); 10] = [
    ("/frames_per_second_min", "frames/s at the worst player"),
    ("/frames_per_second_median", "frames/s at the middle player"),
    ("/stream_bits_per_second", "stream [bit/s]"),
    ("/packets", "packets delivered"),
    ("/relay_cpu_us_per_packet", "relay CPU per delivered packet, receiving half included [µs]"),
    ("/relay_cpu_percent", "relay CPU [% of one processor]"),
    ("/relay_wait_percent", "relay waited for a processor [% of the time]"),
    ("/viewers_wait_percent", "viewers waited for a processor [% of the time]"),
    ("/first_key/p99_ms", "PLAY to first key frame, p99 [ms]"),
    ("/connect_to_key/p50_ms", "connect to first key frame, p50 [ms]"),
];

fn main() -> ExitCode {
    let seconds = std::env::args().nth(1).unwrap_or_else(|| "20".into());
    match measure(&seconds) {
        Ok(result) => show(&result),
        Err(reason) => {
            eprintln!("bench serve: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the demonstration; its last line is the result.
fn measure(seconds: &str) -> Result<Value, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let players = PLAYERS.to_string();
    let run = Command::new(cargo)
        .args([
            "run",
            "--release",
            "--quiet",
            "--package",
            "rillcast-cli",
            "--",
            "demo",
            "--json",
            "--nodes",
            "0",
        ])
        .args(["--children", &players, "--seconds", seconds])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    let text = String::from_utf8_lossy(&run.stdout);
    let last = text.lines().last().ok_or("the demonstration printed nothing")?;
    let result: Value = serde_json::from_str(last)
        .map_err(|error| format!("its last line is not JSON: {error}"))?;
    match result.get("event").and_then(Value::as_str) {
        Some("result") => Ok(result),
        _ => Err(format!("the demonstration ended early: {last}")),
    }
}

fn show(result: &Value) -> ExitCode {
    let figure = |place: &str| result.pointer(place).and_then(Value::as_f64);
    for (place, what) in SHOWN {
        println!("{:>14}  {what}", figure(place).map_or("?".into(), |value| format!("{value:.2}")));
    }
    let mut met = true;
    for (place, what, limit) in TARGETS {
        let value = figure(place);
        let good = value.is_some_and(|value| value <= limit);
        met &= good;
        println!(
            "{:>14}  {what}: at most {limit}{}",
            value.map_or("?".into(), |value| format!("{value:.2}")),
            if good { "" } else { "  MISSED" }
        );
    }
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
