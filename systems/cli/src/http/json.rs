//! The figures as JSON.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rillcast::engine::{
    FallbackFigures, OnDemandFigures, OnDemandState, StreamFigures, WorkerFigures,
};
use rillcast::relay::{ChildFigures, TrackFigures};
use rillcast::stats::{Cause, ChildLedger, Histogram};
use serde::Serialize;

use super::snapshot::Snapshot;
use crate::serve::{PullPhase, PullState};

/// `/api/streams`.
pub(super) fn text(seen: &Snapshot) -> serde_json::Result<String> {
    let mut text = serde_json::to_string_pretty(&Server::new(seen, Instant::now()))?;
    text.push('\n');
    Ok(text)
}

#[derive(Serialize)]
struct Server<'a> {
    version: &'static str,
    uptime_s: f64,
    backend: &'static str,
    backend_reason: &'a str,
    gso: &'a str,
    connections: usize,
    refused_connections: u64,
    bad_requests: u64,
    stray_frames: u64,
    events_lost: u64,
    workers: Vec<Worker>,
    streams: Vec<Stream<'a>>,
    pulls: Vec<Pull<'a>>,
    on_demand: Vec<OnDemand<'a>>,
    fallbacks: Vec<Fallback<'a>>,
}

impl<'a> Server<'a> {
    fn new(seen: &'a Snapshot, now: Instant) -> Server<'a> {
        let figures = &seen.figures;
        Server {
            version: env!("CARGO_PKG_VERSION"),
            uptime_s: seen.uptime.as_secs_f64(),
            backend: figures.backend,
            backend_reason: &figures.backend_reason,
            gso: &figures.gso,
            connections: figures.connections,
            refused_connections: figures.refused_connections,
            bad_requests: figures.bad_requests,
            stray_frames: figures.stray_frames,
            events_lost: figures.events_lost,
            workers: figures.workers.iter().map(Worker::new).collect(),
            streams: figures.streams.iter().map(Stream::new).collect(),
            pulls: seen.pulls.iter().map(|pull| Pull::new(pull, now)).collect(),
            on_demand: figures.on_demand.iter().map(OnDemand::new).collect(),
            fallbacks: figures.fallbacks.iter().map(Fallback::new).collect(),
        }
    }
}

/// A fan-out thread.
#[derive(Serialize)]
struct Worker {
    children: usize,
    packets: u64,
    cpu_s: f64,
}

impl Worker {
    fn new(worker: &WorkerFigures) -> Worker {
        let WorkerFigures { children, packets, cpu } = *worker;
        Worker { children, packets, cpu_s: cpu.as_secs_f64() }
    }
}

#[derive(Serialize)]
struct Stream<'a> {
    path: &'a str,
    from: &'a str,
    ended: bool,
    balances: bool,
    received: u64,
    published: u64,
    consumed: u64,
    /// By cause; causes without any are left out.
    dropped: BTreeMap<&'static str, u64>,
    tracks: Vec<Track<'a>>,
    latency: Latency,
    children: Vec<Child>,
    former_children: Account,
}

impl<'a> Stream<'a> {
    fn new(stream: &'a StreamFigures) -> Stream<'a> {
        let ledger = &stream.ledger;
        let dropped = Cause::ALL.into_iter().map(|cause| (cause.name(), ledger.dropped(cause)));
        Stream {
            path: &stream.path,
            from: &stream.from,
            ended: stream.ended,
            balances: stream.balances(),
            received: ledger.received,
            published: ledger.published,
            consumed: ledger.consumed,
            dropped: dropped.filter(|(_, packets)| *packets > 0).collect(),
            tracks: stream.tracks.iter().map(Track::new).collect(),
            latency: Latency::new(&stream.latency),
            children: stream.children.iter().map(Child::new).collect(),
            former_children: Account::new(&stream.former_children),
        }
    }
}

#[derive(Serialize)]
struct Track<'a> {
    kind: &'a str,
    codec: &'a str,
    clock_rate: u32,
    ssrc: Option<u32>,
    packets: u64,
    bytes: u64,
    frames: u64,
    key_frames: u64,
    key_frames_asked: u64,
    lost: u64,
    repaired: u64,
    jitter_ms: f64,
}

impl<'a> Track<'a> {
    fn new(track: &'a TrackFigures) -> Track<'a> {
        Track {
            kind: &track.kind,
            codec: &track.codec,
            clock_rate: track.clock_rate,
            ssrc: track.ssrc,
            packets: track.packets,
            bytes: track.bytes,
            frames: track.frames,
            key_frames: track.key_frames,
            key_frames_asked: track.key_frames_asked,
            lost: track.lost,
            repaired: track.repaired,
            jitter_ms: millis(track.jitter),
        }
    }
}

/// Of the batches of a stream.
#[derive(Serialize)]
struct Latency {
    batches: u64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

impl Latency {
    fn new(latency: &Histogram) -> Latency {
        Latency {
            batches: latency.count(),
            p50_ms: millis(latency.quantile(0.5)),
            p99_ms: millis(latency.quantile(0.99)),
            max_ms: millis(latency.longest()),
        }
    }
}

#[derive(Serialize)]
struct Child {
    key: usize,
    transport: &'static str,
    peer: Option<SocketAddr>,
    playing: bool,
    lag_ms: f64,
    #[serde(flatten)]
    account: Account,
}

impl Child {
    fn new(child: &ChildFigures) -> Child {
        Child {
            key: child.key,
            transport: child.transport,
            peer: child.peer,
            playing: child.playing,
            lag_ms: millis(child.lag),
            account: Account::new(&child.ledger),
        }
    }
}

/// In packets.
#[derive(Serialize)]
struct Account {
    offered: u64,
    sent: u64,
    unwanted: u64,
    too_slow: u64,
    refused: u64,
    waiting: u64,
    resent: u64,
}

impl Account {
    fn new(ledger: &ChildLedger) -> Account {
        let ChildLedger { offered, sent, unwanted, too_slow, refused, waiting, resent } = *ledger;
        Account { offered, sent, unwanted, too_slow, refused, waiting, resent }
    }
}

#[derive(Serialize)]
struct Pull<'a> {
    path: &'a str,
    state: &'static str,
    failures: u64,
    /// Until the next attempt, while it waits for one.
    retry_in_s: Option<f64>,
}

impl<'a> Pull<'a> {
    fn new(pull: &'a PullState, now: Instant) -> Pull<'a> {
        let retry = match pull.phase {
            PullPhase::Waiting(at) => Some(at.saturating_duration_since(now).as_secs_f64()),
            PullPhase::Connecting | PullPhase::Up => None,
        };
        Pull {
            path: &pull.path,
            state: pull.phase.name(),
            failures: pull.failures,
            retry_in_s: retry,
        }
    }
}

#[derive(Serialize)]
struct OnDemand<'a> {
    path: &'a str,
    state: &'static str,
    /// Until the next attempt may be made.
    again_in_s: Option<f64>,
}

impl<'a> OnDemand<'a> {
    fn new(stream: &'a OnDemandFigures) -> OnDemand<'a> {
        let (state, again) = match stream.state {
            OnDemandState::Idle => ("idle", None),
            OnDemandState::Opening => ("opening", None),
            OnDemandState::Up => ("up", None),
            OnDemandState::Failed { again_in } => ("failed", Some(again_in.as_secs_f64())),
        };
        OnDemand { path: &stream.path, state, again_in_s: again }
    }
}

#[derive(Serialize)]
struct Fallback<'a> {
    path: &'a str,
    source: &'a str,
    stands_in: bool,
}

impl<'a> Fallback<'a> {
    fn new(fallback: &'a FallbackFigures) -> Fallback<'a> {
        let FallbackFigures { path, source, stands_in } = fallback;
        Fallback { path, source, stands_in: *stands_in }
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
