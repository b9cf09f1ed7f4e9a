use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rillcast::engine::{Figures, StreamFigures};
use rillcast::relay::{ChildFigures, TrackFigures};
use rillcast::stats::{Cause, ChildLedger, Histogram, Ledger};

use super::super::snapshot::Snapshot;
use super::text;
use crate::serve::{PullPhase, PullState};

fn stream(path: &str, packets: u64, ended: bool) -> StreamFigures {
    let mut ledger = Ledger::default();
    (0..packets).for_each(|_| ledger.publish());
    ledger.drop(Cause::KernelBuffer, 3);
    let mut latency = Histogram::default();
    latency.record(Duration::from_micros(100));
    latency.record(Duration::from_millis(2));
    let sent = |sent| ChildLedger { offered: sent + 2, sent, waiting: 2, ..ChildLedger::default() };
    let lag = Duration::from_millis(250);
    let child = ChildFigures {
        key: 0,
        tag: 0,
        transport: "tcp",
        peer: None,
        playing: true,
        lag,
        ledger: sent(5),
    };
    let track = TrackFigures {
        kind: "video".into(),
        codec: "H264".into(),
        clock_rate: 90_000,
        ssrc: Some(1),
        packets,
        bytes: packets * 100,
        frames: 4,
        key_frames: 1,
        key_frames_asked: 3,
        lost: 2,
        repaired: 1,
        jitter: Duration::from_millis(3),
    };
    StreamFigures {
        path: path.into(),
        from: "a test".into(),
        ended,
        ledger,
        tracks: vec![track],
        children: vec![child],
        former_children: ChildLedger { offered: 4, refused: 4, ..ChildLedger::default() },
        latency,
    }
}

fn rendered() -> String {
    let pulls = [("cam", PullPhase::Up), ("away", PullPhase::Waiting(Instant::now()))];
    let pull = |(path, phase): (&str, _)| PullState { path: path.into(), phase, failures: 2 };
    let figures = Figures {
        backend: "mmsg",
        backend_reason: "it was asked for".into(),
        gso: "off: no \"GSO\" here".into(),
        connections: 7,
        refused_connections: 5,
        bad_requests: 6,
        stray_frames: 8,
        events_lost: 9,
        streams: vec![
            stream("live", 1, true),
            stream("live", 10, false),
            stream("live", 2, true),
            stream("a\"b\\c\nd", 20, false),
        ],
        ..Figures::default()
    };
    let pulls = pulls.map(pull).to_vec();
    text(Arc::new(Snapshot { uptime: Duration::from_secs(90), figures, pulls })).unwrap()
}

/// Samples by name and labels, from a text in which every line has to be one of the format's.
fn parse(text: &str) -> HashMap<&str, f64> {
    let mut samples = HashMap::new();
    let mut family = "";
    let body = text.strip_suffix("# EOF\n").expect("the mark of the end");
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.split(' ');
            assert!(["HELP", "TYPE"].contains(&words.next().unwrap()), "{line}");
            family = words.next().unwrap();
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(series.starts_with(family), "{line} is not of {family}");
        assert!(
            samples.insert(series, value.parse().unwrap()).is_none(),
            "{series} is there twice"
        );
    }
    samples
}

#[test]
fn numbers_are_where_they_belong() {
    let text = rendered();
    let samples = parse(&text);
    let path = r#"path="live""#;
    let track = format!(r#"{{{path},track="0",kind="video",codec="H264"}}"#);
    for (series, value) in [
        ("rillcast_uptime_seconds".into(), 90.0),
        ("rillcast_connections".into(), 7.0),
        ("rillcast_refused_connections_total".into(), 5.0),
        ("rillcast_bad_requests_total".into(), 6.0),
        ("rillcast_stray_frames_total".into(), 8.0),
        ("rillcast_events_lost_total".into(), 9.0),
        ("rillcast_streams".into(), 2.0),
        (format!("rillcast_received_packets_total{{{path}}}"), 13.0),
        (format!("rillcast_published_packets_total{{{path}}}"), 10.0),
        (format!(r#"rillcast_dropped_packets_total{{{path},cause="kernel_buffer"}}"#), 3.0),
        (format!(r#"rillcast_dropped_packets_total{{{path},cause="ring_full"}}"#), 0.0),
        (format!("rillcast_ledger_balances{{{path}}}"), 1.0),
        (format!("rillcast_latency_seconds_count{{{path}}}"), 2.0),
        (format!("rillcast_latency_seconds_sum{{{path}}}"), 0.0021),
        (format!(r#"rillcast_children{{{path},transport="tcp"}}"#), 1.0),
        (format!(r#"rillcast_children{{{path},transport="udp"}}"#), 0.0),
        (format!(r#"rillcast_children{{{path},transport="multicast"}}"#), 0.0),
        (format!(r#"rillcast_child_packets_total{{{path},fate="sent"}}"#), 5.0),
        (format!(r#"rillcast_child_packets_total{{{path},fate="refused"}}"#), 4.0),
        (format!("rillcast_child_waiting_packets{{{path}}}"), 2.0),
        (format!("rillcast_child_lag_seconds{{{path}}}"), 0.25),
        (format!("rillcast_track_bytes_total{track}"), 1000.0),
        (format!("rillcast_track_lost_packets{track}"), 2.0),
        (format!("rillcast_track_jitter_seconds{track}"), 0.003),
        (r#"rillcast_pull_up{path="cam"}"#.into(), 1.0),
        (r#"rillcast_pull_up{path="away"}"#.into(), 0.0),
        (r#"rillcast_pull_failures_total{path="away"}"#.into(), 2.0),
        (r#"rillcast_received_packets_total{path="a\"b\\c\nd"}"#.into(), 23.0),
    ] {
        assert_eq!(samples.get(series.as_str()), Some(&value), "{series} in\n{text}");
    }
    let info = samples.keys().find(|series| series.starts_with("rillcast_engine_info{"));
    assert!(info.unwrap().contains(
        r#"backend="mmsg",backend_reason="it was asked for",gso="off: no \"GSO\" here""#
    ));
}

#[test]
fn buckets_of_the_histogram_grow_up_to_its_count() {
    let text = rendered();
    let prefix = r#"rillcast_latency_seconds_bucket{le=""#;
    let suffix = r#"",path="live"}"#;
    let of_live = text.lines().filter_map(|line| line.strip_prefix(prefix)).filter_map(|line| {
        let (le, count) = line.split_once(suffix)?;
        let le = if le == "+Inf" { f64::INFINITY } else { le.parse().unwrap() };
        Some((le, count.trim().parse::<u64>().unwrap()))
    });
    let buckets: Vec<(f64, u64)> = of_live.collect();
    assert!(buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1));
    assert_eq!(buckets.last(), Some(&(f64::INFINITY, 2)));
    let below = |limit: f64| buckets.iter().filter(|(le, _)| *le <= limit).map(|(_, n)| *n).max();
    assert_eq!((below(0.000_064), below(0.000_128), below(0.003)), (Some(0), Some(1), Some(2)));
}

/// docs/figures.md names every metric and no other.
#[test]
fn the_documentation_is_true() {
    let document = include_str!("../../../../../docs/figures.md");
    let text = rendered();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let exposed: Vec<String> = types
        .map(|(name, kind)| match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        })
        .collect();
    let rows =
        document.lines().filter_map(|line| line.strip_prefix("| `rillcast_")?.split_once('`'));
    // A name by itself; the expressions of alerts begin with one, too.
    let names = rows.map(|(name, _)| name).filter(|name| !name.contains(' '));
    let described: Vec<String> = names.map(|name| format!("rillcast_{name}")).collect();
    assert_eq!(described, exposed);
}
