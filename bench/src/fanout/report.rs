//! The figures of all rounds, beside each other.

use std::fmt;

use serde::Serialize;

use super::{Plan, Round, Subject, Transport};

/// A figure over the repetitions.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Spread {
    /// The one in the middle.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    pub(crate) fn of(figures: impl Iterator<Item = f64>) -> Spread {
        let mut figures: Vec<f64> = figures.collect();
        figures.sort_unstable_by(f64::total_cmp);
        let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
        let last = figures.len().saturating_sub(1);
        Spread { median: at(last / 2), min: at(0), max: at(last) }
    }
}

/// One relay's figures.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Who relayed.
    pub relay: String,
    /// Processor time for each packet delivered, in nanoseconds.
    pub cpu_ns: Spread,
    /// The same as a multiple of the floor's in the same repetition.
    pub ratio: Spread,
    /// Share of one processor used.
    pub load: Spread,
    /// Context switches for each packet.
    pub switches: Spread,
    /// System calls for each packet; `None` where the kernel does not allow to count them.
    pub calls: Option<Spread>,
    /// Bytes in memory.
    pub resident: Spread,
    /// Packets that did not arrive, in all repetitions together.
    pub lost: u64,
    /// From the source to the last packet of a frame at a receiver, in milliseconds: the 50th, 99th and
    /// 99.9th of a hundred.
    pub latency_ms: [f64; 3],
}

/// The outcome.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was measured.
    pub plan: Plan,
    /// Packets of each frame.
    pub packets_per_frame: usize,
    /// The engine's processor time for each packet as a multiple of what it is with one stream for all receivers,
    /// where there are several.
    pub times_one_stream: Option<Spread>,
    /// The same of the floor.
    pub floor_times_one_stream: Option<Spread>,
    /// The figures, the engine's first.
    pub figures: Vec<Figures>,
}

impl Report {
    pub(super) fn new(plan: &Plan, rounds: Vec<Round>) -> Report {
        let subjects = plan.subjects().into_iter();
        Report {
            figures: subjects.map(|subject| figures_of(plan, subject, &rounds)).collect(),
            packets_per_frame: plan.load().packets_per_frame(),
            times_one_stream: (plan.streams > 1)
                .then(|| times(&rounds, Subject::Engine, Subject::OneStream)),
            floor_times_one_stream: (plan.streams > 1)
                .then(|| times(&rounds, plan.floor(), Subject::FloorOneStream)),
            plan: plan.clone(),
        }
    }

    /// Who receives, in words.
    pub fn audience(&self) -> &'static str {
        match self.plan.transport {
            Transport::Udp if self.plan.sink => "UDP receivers behind a device (sink)",
            Transport::Udp if self.plan.gro => "UDP receivers, which read with GRO",
            Transport::Udp => "UDP receivers",
            Transport::Tcp => "TCP receivers",
        }
    }
}

/// What `many` costs as a multiple of what `one` does in the same repetition.
fn times(rounds: &[Round], many: Subject, one: Subject) -> Spread {
    let of = |subject| rounds.iter().filter(move |round| round.subject == subject);
    let pairs = of(many).zip(of(one));
    Spread::of(pairs.map(|(many, one)| many.cpu_ns / one.cpu_ns))
}

fn figures_of(plan: &Plan, subject: Subject, rounds: &[Round]) -> Figures {
    let own = || rounds.iter().filter(move |round| round.subject == subject);
    // The best of what is written in C, repetition by repetition.
    let floor = |repetition: usize| {
        let in_c = |subject| {
            use Subject::{Engine, FloorOneStream, OneStream, Peer, Stalled};
            !matches!(subject, Engine | Stalled | OneStream | FloorOneStream | Peer(_))
        };
        let same = |round: &&Round| round.repetition == repetition && in_c(round.subject);
        rounds.iter().filter(same).map(|round| round.cpu_ns).fold(f64::INFINITY, f64::min)
    };
    let mut latencies: Vec<u32> = own().flat_map(|round| &round.latencies).copied().collect();
    latencies.sort_unstable();
    let quantile = |share: f64| {
        let index = (latencies.len() as f64 * share) as usize;
        latencies.get(index).map_or(f64::NAN, |late| f64::from(*late) / 1000.0)
    };
    Figures {
        relay: plan.name(subject).to_owned(),
        cpu_ns: Spread::of(own().map(|round| round.cpu_ns)),
        ratio: Spread::of(own().map(|round| round.cpu_ns / floor(round.repetition))),
        load: Spread::of(own().map(|round| round.load)),
        switches: Spread::of(own().map(|round| round.switches)),
        calls: own()
            .all(|round| round.calls.is_some())
            .then(|| Spread::of(own().filter_map(|round| round.calls))),
        resident: Spread::of(own().map(|round| round.resident as f64)),
        lost: own().map(|round| round.lost).sum(),
        latency_ms: [quantile(0.5), quantile(0.99), quantile(0.999)],
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = &self.plan;
        if plan.streams > 1 {
            write!(f, "{} streams, each to ", plan.streams)?;
        }
        writeln!(
            f,
            "{} {}; {} frames/s of {} packets; {} x {} s each",
            plan.children,
            self.audience(),
            plan.fps,
            self.packets_per_frame,
            plan.repetitions,
            plan.seconds
        )?;
        writeln!(
            f,
            "{:<9} {:>22} {:>19} {:>6} {:>5} {:>24} {:>9} {:>7} {:>8}",
            "relay",
            "CPU ns/packet",
            "times the floor",
            "lost",
            "load",
            "latency p50/p99/p99.9 ms",
            "switches",
            "calls",
            "MiB"
        )?;
        for figures in &self.figures {
            let (cpu, ratio) = (figures.cpu_ns, figures.ratio);
            let latency = match figures.latency_ms {
                [p50, p99, p999] if p50.is_finite() => format!("{p50:.1} / {p99:.1} / {p999:.1}"),
                _ => "not known".into(),
            };
            writeln!(
                f,
                "{:<9} {:>22} {:>19} {:>6} {:>4.0}% {:>24} {:>9.4} {:>7} {:>8.1}",
                figures.relay,
                format!("{:.0} ({:.0}-{:.0})", cpu.median, cpu.min, cpu.max),
                format!("{:.2} ({:.2}-{:.2})", ratio.median, ratio.min, ratio.max),
                figures.lost,
                figures.load.median * 100.0,
                latency,
                figures.switches.median,
                figures.calls.map_or("–".into(), |calls| format!("{:.4}", calls.median)),
                figures.resident.median / f64::from(1 << 20),
            )?;
        }
        let floor = plan.name(plan.floor());
        for (name, times) in
            [("engine", self.times_one_stream), (floor, self.floor_times_one_stream)]
        {
            let Some(Spread { median, min, max }) = times else { continue };
            writeln!(f, "{name}: {median:.2} ({min:.2}-{max:.2}) times 1 stream to all receivers")?;
        }
        Ok(())
    }
}
