//! One relay, measured once.

use std::net::SocketAddr;
use std::time::Instant;

use rillcast_loopback::{
    Arrived, Flowing, KEY_INTERVAL, Load, Processors, Receivers, Source, drive,
};
use serde::Serialize;

use super::process::Process;
use super::relay::Task;
use super::sink::Sink;
use super::{Error, Plan, Subject, rtsp};

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Round {
    /// Which time it was, from 0.
    pub repetition: usize,
    /// Who relayed.
    #[serde(skip)]
    pub subject: Subject,
    /// Packets that reached a receiver while it was measured.
    pub packets: u64,
    /// Packets that did not, from first to last.
    pub lost: u64,
    /// Packets that the relay could not hand to the kernel, or not yet at the end.
    pub refused: u64,
    /// The relaying process's processor time for each, in nanoseconds.
    pub cpu_ns: f64,
    /// Share of one processor that it used.
    pub load: f64,
    /// Context switches of the relaying process for each packet.
    pub switches: f64,
    /// System calls of the relaying process for each packet, in the time before it was measured, since counting
    /// them costs some; `None` where the kernel does not allow it.
    pub calls: Option<f64>,
    /// Memory of the relaying process at the end, in bytes.
    pub resident: u64,
    /// How long frames took, from the source to the last packet at each receiver, in microseconds,
    /// sorted.
    #[serde(skip)]
    pub latencies: Vec<u32>,
}

/// Where the packets go.
enum Audience {
    Receivers(Receivers),
    Sink(Sink),
}

impl Audience {
    fn of(plan: &Plan, load: &Load, epoch: Instant) -> Result<Audience, Error> {
        if plan.sink {
            return Ok(Audience::Sink(Sink::start(load.receivers())?));
        }
        Ok(Audience::Receivers(Receivers::start(load, epoch)?))
    }

    fn addresses(&self) -> &[SocketAddr] {
        match self {
            Audience::Receivers(receivers) => receivers.addresses(),
            Audience::Sink(sink) => sink.addresses(),
        }
    }

    fn arrived(&self) -> Result<Arrived, Error> {
        match self {
            Audience::Receivers(receivers) => Ok(receivers.arrived()),
            // Nobody reads, and so nobody knows when.
            Audience::Sink(sink) => Ok(Arrived { packets: sink.arrived()?, latencies: Vec::new() }),
        }
    }
}

pub(super) fn measure(
    plan: &Plan,
    subject: Subject,
    repetition: usize,
    processors: Option<Processors>,
) -> Result<Round, Error> {
    let epoch = Instant::now();
    let load = plan.load_of(subject);
    let (process, audience, mut source) = match subject {
        Subject::Peer(index) => {
            let Some(peer) = plan.peers.get(index) else {
                return Err(Error::Relay("there is no such peer".into()));
            };
            let start = || Process::peer(peer);
            let (mut process, server) = Processors::at_relay(processors, start)?;
            let source = Source::new(&load, &process.ingests, epoch)?;
            // Many relays answer players only when the stream flows.
            let flowing = Flowing::start(source, load.interval())?;
            let play = |ports| rtsp::play(server, plan.transport, ports, || process.runs());
            let receivers = Receivers::players(&load, epoch, play);
            let receivers = receivers.map_err(|error| process.blame(error))?;
            // And they let them begin with a key frame; one of them may have come too early.
            std::thread::sleep(KEY_INTERVAL * 2);
            (process, Audience::Receivers(receivers), flowing.stop()?)
        }
        _ => {
            let audience = Audience::of(plan, &load, epoch)?;
            let children = audience.addresses().to_vec();
            let task = Task { streams: load.streams, ..Task::of(plan, subject, children) };
            let process = Processors::at_relay(processors, || Process::start(plan, &task))?;
            let source = Source::new(&load, &process.ingests, epoch)?;
            (process, audience, source)
        }
    };
    let (mut counter, mut calls) = (process.count_calls(), None);
    let usage = || {
        // Asked before and after it is measured: the calls are those before.
        if let Some(counter) = counter.take() {
            calls = counter.finish();
        }
        process.usage()
    };
    let driven = drive(&load, &mut source, || audience.arrived(), usage)?;
    let done = process.finish()?;

    let each = |amount: u64| amount as f64 / driven.packets.max(1) as f64;
    let (before, after) = driven.used;
    let cpu = after.cpu.saturating_sub(before.cpu);
    Ok(Round {
        repetition,
        subject,
        packets: driven.packets,
        lost: driven.lost,
        refused: done.refused,
        cpu_ns: each(cpu),
        load: cpu as f64 / 1e9 / driven.elapsed.as_secs_f64(),
        switches: each(after.switches.saturating_sub(before.switches)),
        calls: calls.map(|calls| calls as f64 / driven.before.max(1) as f64),
        resident: after.resident,
        latencies: driven.latencies,
    })
}
