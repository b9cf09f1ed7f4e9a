//! Is one program that relays dearer than another, by a few parts of a hundred?
//!
//! The turns of [`run`](super::run) take seconds, and what one costs differs by 10 to 20 % from the next. To see less,
//! both programs live at the same time here and take turns of a third of a second, in an order that is drawn for each. What one
//! process pays more than another of the same program, since its memory lies elsewhere, is found in no such pair: so all of
//! them are started anew several times, and a third takes part, the *control*, which is the first program once more. What the
//! control differs by is what this measurement cannot tell.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use fastrand::Rng;
use rillcast_loopback::{Load, Processors, Receivers, Source, pin_to};
use serde::Serialize;

use super::process::Process;
use super::relay::Task;
use super::{Error, Plan, Subject};

/// Frames of a turn.
const FRAMES: u32 = 40;
/// How long the last packets may be on their way.
const DRAIN: Duration = Duration::from_secs(2);
/// Draws of the estimate's interval.
const DRAWS: usize = 4000;

/// What is measured.
#[derive(Clone, Debug)]
pub struct Contest {
    /// What is relayed, and by whom; receivers are reached by UDP.
    pub plan: Plan,
    /// The other program: it takes the same orders on its standard input.
    pub other: PathBuf,
    /// How often all programs are started.
    pub lives: usize,
    /// Turns of each in a life.
    pub turns: usize,
}

/// What was found in one life.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Life {
    /// Processor time of the first program for each packet, in nanoseconds: the median of its turns.
    pub cpu_ns: f64,
    /// Processor time of the other as a multiple of it: the median of the turns.
    pub other: f64,
    /// The same of the control.
    pub control: f64,
    /// Packets that did not arrive.
    pub lost: u64,
}

/// A figure, and where it lies by 95 %, reckoned from how the lives differ (bootstrap).
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Estimate {
    /// The mean of the lives.
    pub mean: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Estimate {
    /// From a figure of each life.
    pub fn of(lives: &[f64]) -> Estimate {
        let mean = |figures: &mut dyn Iterator<Item = f64>| {
            figures.sum::<f64>() / lives.len().max(1) as f64
        };
        // Of a fixed seed: the same lives give the same interval.
        let mut rng = Rng::with_seed(1);
        let mut drawn = || rng.choice(lives).copied().unwrap_or(f64::NAN);
        let mut means: Vec<f64> =
            (0..DRAWS).map(|_| mean(&mut (0..lives.len()).map(|_| drawn()))).collect();
        means.sort_unstable_by(f64::total_cmp);
        let at = |part: f64| means.get((DRAWS as f64 * part) as usize).copied().unwrap_or(f64::NAN);
        Estimate { mean: mean(&mut lives.iter().copied()), low: at(0.025), high: at(0.975) }
    }
}

/// A program that relays, with a source and receivers of its own.
struct Side {
    process: Process,
    receivers: Receivers,
    source: Source,
    /// Packets that were sent to it, once for each receiver.
    expected: u64,
}

impl Side {
    fn start(plan: &Plan, load: &Load, processors: Option<Processors>) -> Result<Side, Error> {
        let epoch = Instant::now();
        let receivers = Receivers::start(load, epoch)?;
        let task = Task::of(plan, Subject::Engine, receivers.addresses().to_vec());
        let process = Processors::at_relay(processors, || Process::start(plan, &task))?;
        let source = Source::new(load, &process.ingests, epoch)?;
        Ok(Side { process, receivers, source, expected: 0 })
    }

    /// Sends its part of the stream; returns nanoseconds of the program for each packet that arrived, and how many did not.
    fn turn(&mut self, load: &Load) -> Result<(f64, u64), Error> {
        let before = self.process.usage()?.cpu;
        let already = self.expected;
        let start = Instant::now();
        for frame in 0..FRAMES {
            let moment = start + load.interval() * frame;
            std::thread::sleep(moment.saturating_duration_since(Instant::now()));
            self.expected += self.source.send(0)? * load.children as u64;
        }
        let deadline = Instant::now() + DRAIN;
        let mut arrived = self.receivers.arrived().packets;
        while arrived < self.expected && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
            arrived = self.receivers.arrived().packets;
        }
        let used = self.process.usage()?.cpu.saturating_sub(before);
        let lost = self.expected.saturating_sub(arrived);
        self.expected = arrived;
        Ok((used as f64 / arrived.saturating_sub(already).max(1) as f64, lost))
    }
}

/// Measures life after life; `told` is called after each.
///
/// # Errors
///
/// When a program cannot be started or sockets are refused.
pub fn compare(contest: &Contest, told: &mut dyn FnMut(&Life)) -> Result<Vec<Life>, Error> {
    let processors = contest.plan.processors();
    if let Some(processors) = processors {
        pin_to(processors.harness);
    }
    // Drawn alike each time, so that it can be repeated.
    let mut rng = Rng::with_seed(1);
    let mut lives = Vec::with_capacity(contest.lives);
    for _ in 0..contest.lives {
        let life = live(contest, processors, &mut rng)?;
        told(&life);
        lives.push(life);
    }
    Ok(lives)
}

fn live(contest: &Contest, processors: Option<Processors>, rng: &mut Rng) -> Result<Life, Error> {
    let Contest { plan, other, turns, .. } = contest;
    let load = plan.load();
    let others = Plan { program: other.clone(), arguments: Vec::new(), ..plan.clone() };
    // The first, the other, the control. Who is started first differs.
    let mut sides = [None, None, None];
    let mut order = [0, 1, 2];
    rng.shuffle(&mut order);
    for index in order {
        let plan = if index == 1 { &others } else { plan };
        if let Some(side) = sides.get_mut(index) {
            *side = Some(Side::start(plan, &load, processors)?);
        }
    }
    let (mut own, mut ratios, mut lost) = (Vec::new(), [Vec::new(), Vec::new()], 0);
    for turn in 0..=*turns {
        let mut spent = [0.0; 3];
        rng.shuffle(&mut order);
        for index in order {
            let side = sides.get_mut(index).and_then(Option::as_mut);
            let (Some(side), Some(spent)) = (side, spent.get_mut(index)) else { continue };
            let (nanoseconds, missing) = side.turn(&load)?;
            *spent = nanoseconds;
            lost += missing;
        }
        // In the first turn pages are written for the first time.
        if turn > 0 {
            let [first, other, control] = spent;
            let [others, controls] = &mut ratios;
            own.push(first);
            others.push(other / first);
            controls.push(control / first);
        }
    }
    for side in sides.into_iter().flatten() {
        lost += side.process.finish()?.refused;
    }
    let [other, control] = ratios.map(median);
    Ok(Life { cpu_ns: median(own), other, control, lost })
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_as_sure_as_the_lives_are_alike() {
        let sure = Estimate::of(&[1.0, 1.01, 0.99, 1.0]);
        let unsure = Estimate::of(&[1.0, 1.3, 0.7, 1.0]);
        assert!((sure.mean - 1.0).abs() < 1e-9 && (unsure.mean - 1.0).abs() < 1e-9);
        assert!(0.99 <= sure.low && sure.low < 1.0 && 1.0 < sure.high && sure.high <= 1.01);
        assert!(unsure.high - unsure.low > 10.0 * (sure.high - sure.low));
    }

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert!(median(Vec::new()).is_nan());
    }
}
