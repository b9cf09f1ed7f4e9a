//! One relay, measured once.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::pin::Processors;
use super::process::Process;
use super::receivers::Receivers;
use super::relay::Task;
use super::source::{Flowing, KEY_INTERVAL, Source};
use super::{Error, Plan, Subject};

/// Of the stream before anything is measured.
const WARM_UP: Duration = Duration::from_millis(700);
/// For what is under way before the stream begins.
const SETTLE: Duration = Duration::from_millis(300);
/// How long the last packets may be on their way.
const DRAIN: Duration = Duration::from_secs(2);

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
    /// Packets that the relay could not hand to the kernel.
    pub refused: u64,
    /// The relaying process's processor time for each, in nanoseconds.
    pub cpu_ns: f64,
    /// Share of one processor that it used.
    pub load: f64,
    /// Context switches of the relaying process for each packet.
    pub switches: f64,
    /// Memory of the relaying process at the end, in bytes.
    pub resident: u64,
    /// How long frames took, from the source to the last packet at each receiver, in microseconds,
    /// sorted.
    #[serde(skip)]
    pub latencies: Vec<u32>,
}

pub(super) fn measure(
    plan: &Plan,
    subject: Subject,
    repetition: usize,
    processors: Option<Processors>,
) -> Result<Round, Error> {
    let epoch = Instant::now();
    let interval = plan.interval();
    let (process, receivers, mut source) = match subject {
        Subject::Peer(index) => {
            let command = plan.peers.get(index).map_or("", |peer| &peer.command);
            let start = || Process::peer(command);
            let (process, server) = Processors::at_relay(processors, start)?;
            let source = Source::new(plan, process.ingest, epoch)?;
            // Many relays answer players only when the stream flows.
            let flowing = Flowing::start(source, interval)?;
            let receivers = Receivers::players(plan, epoch, server)?;
            // And they let them begin with a key frame; one of them may have come too early.
            std::thread::sleep(KEY_INTERVAL * 2);
            (process, receivers, flowing.stop()?)
        }
        _ => {
            let receivers = Receivers::start(plan, epoch)?;
            let children = receivers.addresses.clone();
            let task = Task { subject, transport: plan.transport, children };
            let process = Processors::at_relay(processors, || Process::start(plan, &task))?;
            let source = Source::new(plan, process.ingest, epoch)?;
            (process, receivers, source)
        }
    };
    let frames = |time: Duration| (time.as_secs_f64() / interval.as_secs_f64()).ceil() as u32;
    let warm = frames(WARM_UP).max(1);
    let measured = frames(Duration::from_secs_f64(plan.seconds.max(0.1))).max(1);

    // What players were given at their beginning does not count.
    std::thread::sleep(SETTLE);
    let first = receivers.arrived().packets;
    let start = Instant::now();
    let mut sent = 0;
    // Between two frames, so that what is under way does not count.
    let middle = |frame: u32| start + interval * frame - interval / 4;
    for frame in 0..warm {
        wait_until(start + interval * frame);
        sent += source.send()?;
    }
    wait_until(middle(warm));
    let (before, used_before) = (receivers.arrived(), process.usage()?);
    let began = Instant::now();
    for frame in warm..warm + measured {
        wait_until(start + interval * frame);
        sent += source.send()?;
    }
    wait_until(middle(warm + measured));
    let (after, used_after) = (receivers.arrived(), process.usage()?);
    let seconds = began.elapsed().as_secs_f64();

    let expected = first + sent * plan.children as u64;
    let deadline = Instant::now() + DRAIN;
    let mut arrived = after.packets;
    while arrived < expected && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
        arrived = receivers.arrived().packets;
    }
    let done = process.finish()?;

    let packets = after.packets - before.packets;
    let each = |amount: u64| amount as f64 / packets.max(1) as f64;
    let cpu = used_after.cpu.saturating_sub(used_before.cpu);
    let mut latencies = after.latencies;
    latencies.sort_unstable();
    Ok(Round {
        repetition,
        subject,
        packets,
        lost: expected.saturating_sub(arrived),
        refused: done.refused,
        cpu_ns: each(cpu),
        load: cpu as f64 / 1e9 / seconds,
        switches: each(used_after.switches.saturating_sub(used_before.switches)),
        resident: used_after.resident,
        latencies,
    })
}

fn wait_until(moment: Instant) {
    std::thread::sleep(moment.saturating_duration_since(Instant::now()));
}
