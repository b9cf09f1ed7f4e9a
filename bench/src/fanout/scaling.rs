//! How much more goes through with more threads: as many packets as a relay takes, to receivers behind a device
//! that drops them.
//!
//! The source sends the next frame when few enough packets are on their way, so that the relay always has some and
//! none is lost. It sends a frame once and the relay as often as there are receivers: of many receivers the source
//! takes next to nothing of the processors, which are the relay's.
//!
//! The floor takes part as a process for each thread, each with its part of the receivers: they share nothing but
//! the kernel and the machine. What two of them send more than one is what two threads can.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rillcast_loopback::Source;
use serde::Serialize;

use super::process::{Process, Usage};
use super::relay::Task;
use super::sink::Sink;
use super::{Error, Plan, Spread, Subject};

/// Frames that are on their way at once: enough that no thread waits for the source, and few enough for the receive
/// buffer of any program.
const WINDOW: u64 = 6;
/// Between two looks at what has gone through.
const REST: Duration = Duration::from_micros(500);
/// Of the stream before anything is measured.
const WARM_UP: Duration = Duration::from_millis(500);
/// What has not moved for so long is lost, or what the relay has is through.
const STANDSTILL: Duration = Duration::from_millis(500);

/// One relay with so many threads, measured once.
#[derive(Clone, Debug, Serialize)]
pub struct Flood {
    /// Which time it was, from 0.
    pub repetition: usize,
    /// Who relayed.
    pub relay: String,
    /// Fan-out threads, or processes of the floor.
    pub threads: usize,
    /// Packets a second that went through.
    pub rate: f64,
    /// Processor time of the relay for each, in nanoseconds.
    pub cpu_ns: f64,
    /// Processors that it used.
    pub processors: f64,
    /// Packets that did not arrive, from first to last.
    pub lost: u64,
}

/// One relay with so many threads.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Who relayed.
    pub relay: String,
    /// Fan-out threads, or processes of the floor.
    pub threads: usize,
    /// Packets a second.
    pub rate: Spread,
    /// The same as a multiple of what the fewest threads did in the same repetition.
    pub times: Spread,
    /// Processor time for each packet, in nanoseconds.
    pub cpu_ns: Spread,
    /// Processors used.
    pub processors: Spread,
    /// Packets that did not arrive, in all repetitions together.
    pub lost: u64,
}

/// The outcome.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was measured.
    pub plan: Plan,
    /// The engine's figures, then the floor's, those of the fewest threads first.
    pub rows: Vec<Row>,
}

/// Measures the engine and the floor with each number of threads in turn; `told` is called after each.
///
/// # Errors
///
/// When a relay cannot be started, or there can be no sink.
pub fn run(plan: &Plan, threads: &[usize], told: &mut dyn FnMut(&Flood)) -> Result<Report, Error> {
    let relays = [Subject::Engine, plan.floor()];
    let mut floods = Vec::new();
    for repetition in 0..plan.repetitions.max(1) {
        for threads in threads {
            for relay in relays {
                let flood = measure(plan, relay, *threads, repetition)?;
                told(&flood);
                floods.push(flood);
            }
        }
    }
    let row = |relay: Subject| threads.iter().map(move |threads| (plan.name(relay), *threads));
    let rows = relays.into_iter().flat_map(row);
    Ok(Report { rows: rows.map(|row| summed_up(row, &floods)).collect(), plan: plan.clone() })
}

fn summed_up((relay, threads): (&str, usize), floods: &[Flood]) -> Row {
    let of = |threads| {
        floods.iter().filter(move |flood| flood.relay == relay && flood.threads == threads)
    };
    let own = || of(threads);
    let fewest = floods.iter().map(|flood| flood.threads).min().unwrap_or(threads);
    let pairs = own().zip(of(fewest));
    Row {
        relay: relay.to_owned(),
        threads,
        rate: Spread::of(own().map(|flood| flood.rate)),
        times: Spread::of(pairs.map(|(many, few)| many.rate / few.rate)),
        cpu_ns: Spread::of(own().map(|flood| flood.cpu_ns)),
        processors: Spread::of(own().map(|flood| flood.processors)),
        lost: own().map(|flood| flood.lost).sum(),
    }
}

/// Parts of a relay: one process, or several with a part of the receivers each.
struct Parts(Vec<(Process, Source, u64)>);

impl Parts {
    fn start(plan: &Plan, subject: Subject, threads: usize, sink: &Sink) -> Result<Parts, Error> {
        let parts = if subject == Subject::Engine { 1 } else { threads.max(1) };
        let workers = if subject == Subject::Engine { threads } else { 0 };
        let (load, epoch) = (plan.load(), Instant::now());
        let each = sink.addresses().len().div_ceil(parts).max(1);
        let start = |children: &[SocketAddr]| {
            let receivers = children.len() as u64;
            let task = Task { workers, ..Task::of(plan, subject, children.to_vec()) };
            let process = Process::start(plan, &task)?;
            let source = Source::new(&load, &process.ingests, epoch)?;
            Ok((process, source, receivers))
        };
        sink.addresses().chunks(each).map(start).collect::<Result<_, Error>>().map(Parts)
    }

    /// Sends the next frame; tells how many packets are to come of it.
    fn send(&mut self) -> Result<u64, Error> {
        let sent = self.0.iter_mut().map(|(_, source, receivers)| Ok(source.send(0)? * *receivers));
        sent.sum()
    }

    fn usage(&self) -> Result<Usage, Error> {
        self.0.iter().map(|(process, ..)| process.usage()).sum()
    }

    fn finish(self) -> Result<(), Error> {
        self.0.into_iter().try_for_each(|(process, ..)| process.finish().map(drop))
    }
}

/// What goes into a sink.
struct Flow<'a> {
    sink: &'a Sink,
    parts: Parts,
    /// Packets that are on their way at once.
    window: u64,
    /// Packets that are to come of what was sent.
    expected: u64,
    /// Of these, what has gone through or is given up, and when that was last more than before.
    through: u64,
    moved: Instant,
}

impl Flow<'_> {
    /// Sends as much as goes through until a moment.
    fn run_until(&mut self, moment: Instant) -> Result<(), Error> {
        while Instant::now() < moment {
            if self.on_its_way()? < self.window {
                self.expected += self.parts.send()?;
            } else {
                std::thread::sleep(REST);
            }
        }
        Ok(())
    }

    /// Waits until nothing comes any more.
    fn run_out(&mut self) -> Result<(), Error> {
        while self.on_its_way()? > 0 {
            std::thread::sleep(REST);
        }
        Ok(())
    }

    fn on_its_way(&mut self) -> Result<u64, Error> {
        let through = self.sink.passed()?;
        if through > self.through {
            (self.through, self.moved) = (through, Instant::now());
        } else if self.moved.elapsed() > STANDSTILL {
            // It does not come any more; the account at the end tells of it.
            (self.through, self.moved) = (self.expected, Instant::now());
        }
        Ok(self.expected.saturating_sub(self.through))
    }
}

fn measure(
    plan: &Plan,
    subject: Subject,
    threads: usize,
    repetition: usize,
) -> Result<Flood, Error> {
    let sink = Sink::start(plan.children)?;
    let parts = Parts::start(plan, subject, threads, &sink)?;
    let window = WINDOW * (plan.load().packets_per_frame() * plan.children) as u64;
    let (expected, through, moved) = (0, 0, Instant::now());
    let mut flow = Flow { sink: &sink, parts, window, expected, through, moved };

    flow.run_until(Instant::now() + WARM_UP)?;
    let (before, used, began) = (sink.passed()?, flow.parts.usage()?, Instant::now());
    flow.run_until(began + plan.load().duration)?;
    let (after, usage, elapsed) = (sink.passed()?, flow.parts.usage()?, began.elapsed());
    flow.run_out()?;

    let packets = after.saturating_sub(before) as f64;
    let cpu = usage.cpu.saturating_sub(used.cpu) as f64;
    let lost = flow.expected.saturating_sub(sink.arrived()?);
    flow.parts.finish()?;
    Ok(Flood {
        repetition,
        relay: plan.name(subject).to_owned(),
        threads,
        rate: packets / elapsed.as_secs_f64(),
        cpu_ns: cpu / packets.max(1.0),
        processors: cpu / 1e9 / elapsed.as_secs_f64(),
        lost,
    })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { children, repetitions, seconds, .. } = self.plan;
        let packets = self.plan.load().packets_per_frame();
        writeln!(
            f,
            "as many packets as go through, to {children} UDP receivers behind a device (sink); frames of {packets} \
             packets; {repetitions} x {seconds} s each"
        )?;
        writeln!(
            f,
            "{:<9} {:>7} {:>32} {:>22} {:>20} {:>10} {:>6}",
            "relay",
            "threads",
            "packets/s",
            "times the fewest",
            "CPU ns/packet",
            "processors",
            "lost"
        )?;
        for Row { relay, threads, rate, times, cpu_ns, processors, lost } in &self.rows {
            writeln!(
                f,
                "{relay:<9} {threads:>7} {:>32} {:>22} {:>20} {:>10.2} {lost:>6}",
                format!("{:.0} ({:.0}-{:.0})", rate.median, rate.min, rate.max),
                format!("{:.2} ({:.2}-{:.2})", times.median, times.min, times.max),
                format!("{:.0} ({:.0}-{:.0})", cpu_ns.median, cpu_ns.min, cpu_ns.max),
                processors.median
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_compared_within_their_repetition() {
        let flood = |repetition, threads, rate| Flood {
            repetition,
            relay: "engine".into(),
            threads,
            rate,
            cpu_ns: 1.0,
            processors: threads as f64,
            lost: 1,
        };
        // The machine became slower by half between the two.
        let floods = [flood(0, 1, 100.0), flood(0, 2, 190.0), flood(1, 1, 50.0), flood(1, 2, 90.0)];
        let row = summed_up(("engine", 2), &floods);
        assert_eq!((row.times.min, row.times.max, row.lost), (1.8, 1.9, 2));
        assert_eq!(summed_up(("engine", 1), &floods).times.median, 1.0);
    }
}
