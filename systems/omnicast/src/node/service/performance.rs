//! How many others this node can serve: the paper's performance calculator (section 3.4.3).
//!
//! Does no I/O and reads no clock. It is shown what has come of the stream, what the machine has free, and what a test
//! of the uplink has found; it says what the proxy server is to be told, and when that is something else.
//!
//! * The uplink is what the operator says, or what the test has found. Until it is known the node serves nobody.
//! * The bit rate is what the operator says, or the highest of the last minute, counted in windows of ten seconds. Until there is one it is taken to be 2 Mbit/s.
//! * Processors and memory bound how many *more* can be served than are: what these cost is not free any more.
//!
//! A number that goes to and fro would send children to and fro. So less is told when it was reckoned twice in a row, and then the
//! larger of the two; more when it was three times, and then the smallest; and neither for less than a tenth.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::node::config::{Capacity, Uplink};
use crate::node::event::Event;
use crate::node::pluggable::{Machine, capacity};
use crate::uscp::NodeInformation;

/// How long a bit rate is counted.
const WINDOW: Duration = Duration::from_secs(10);
/// So many of these count.
const WINDOWS: usize = 6;
/// Bits a second that a stream is taken to have of which nothing is known.
const USUAL: u64 = 2_000_000;
/// How often in a row less, or more, has to be reckoned until it is told.
const LESS: usize = 2;
const MORE: usize = 3;

/// Reckons how many others can be served.
#[derive(Debug)]
pub(super) struct Performance {
    plan: Capacity,
    /// What a test has found.
    tested: Option<u64>,
    rate: BitRate,
    /// What the proxy server was told, or is about to be.
    told: Option<u32>,
    /// What was reckoned since, all of it less or all of it more.
    differing: Vec<u32>,
    machine: Machine,
}

/// How much comes.
#[derive(Debug, Default)]
struct BitRate {
    /// When the window began, and what had come then.
    window: Option<(Instant, u64)>,
    /// Bits a second in the last windows in which something came.
    counted: VecDeque<u64>,
}

impl BitRate {
    fn observe(&mut self, bytes: u64, now: Instant) {
        let (began, before) = *self.window.get_or_insert((now, bytes));
        let length = now.saturating_duration_since(began);
        // Counts that go back are those of another stream.
        let Some(came) = bytes.checked_sub(before) else {
            self.window = Some((now, bytes));
            return;
        };
        if length < WINDOW {
            return;
        }
        self.window = Some((now, bytes));
        // A source that pauses will go on.
        if came > 0 {
            let milliseconds = u64::try_from(length.as_millis()).unwrap_or(u64::MAX).max(1);
            self.counted.push_back(came.saturating_mul(8_000) / milliseconds);
            if self.counted.len() > WINDOWS {
                self.counted.pop_front();
            }
        }
    }
}

impl Performance {
    pub(super) fn new(plan: Capacity) -> Performance {
        Performance {
            plan,
            tested: None,
            rate: BitRate::default(),
            told: None,
            differing: Vec::new(),
            machine: Machine::default(),
        }
    }

    /// So many bytes have come of the stream.
    pub(super) fn observe(&mut self, bytes: u64, now: Instant) {
        self.rate.observe(bytes, now);
    }

    /// The stream comes from nowhere.
    pub(super) fn pause(&mut self) {
        self.rate.window = None;
    }

    /// Whether the uplink has to be tested.
    pub(super) fn wants_uplink(&self) -> bool {
        let is_tested = matches!(self.plan, Capacity::Reckoned { uplink: Uplink::Tested, .. });
        is_tested && self.tested.is_none()
    }

    /// A test has found that the uplink carries so many bits a second.
    pub(super) fn learn_uplink(&mut self, bits: u64) {
        self.tested = Some(bits);
    }

    /// Whether it can become another number.
    pub(super) fn changes(&self) -> bool {
        matches!(self.plan, Capacity::Reckoned { .. })
    }

    /// What the proxy server was told last.
    pub(super) fn told(&self) -> Option<u32> {
        self.told
    }

    /// What the proxy server is told.
    pub(super) fn information(&self) -> NodeInformation {
        let capacity = self.told.unwrap_or(0);
        let Capacity::Reckoned { .. } = self.plan else {
            return NodeInformation { capacity, ..NodeInformation::default() };
        };
        let Machine { idle_percent, free_memory, .. } = self.machine;
        NodeInformation {
            capacity,
            uplink: self.uplink(),
            cpu: idle_percent,
            memory: free_memory,
            ..NodeInformation::default()
        }
    }

    /// Reckons anew, while this node serves so many. What is to be told, if it is something else than was.
    pub(super) fn reckon(&mut self, machine: &Machine, children: u32) -> Option<Event> {
        self.machine = *machine;
        let now = self.capacity(children)?;
        let told = match self.told {
            None => now,
            Some(told) => self.steady(told, now)?,
        };
        self.told = Some(told);
        self.differing.clear();
        let bitrate = self.changes().then(|| self.bitrate());
        Some(Event::Capacity { children: told, uplink: self.uplink(), bitrate })
    }

    /// What is to be told instead of what was.
    fn steady(&mut self, told: u32, now: u32) -> Option<u32> {
        let is_less = now < told;
        if now.abs_diff(told) < (told / 10).max(1) {
            self.differing.clear();
            return None;
        }
        if self.differing.iter().any(|before| (*before < told) != is_less) {
            self.differing.clear();
        }
        self.differing.push(now);
        let all = self.differing.iter().copied();
        match is_less {
            true if self.differing.len() >= LESS => all.max(),
            false if self.differing.len() >= MORE => all.min(),
            _ => None,
        }
    }

    /// `None`: that cannot be said yet.
    fn capacity(&self, children: u32) -> Option<u32> {
        match self.plan {
            Capacity::Fixed(children) => Some(children),
            Capacity::Reckoned { .. } => {
                Some(capacity::children(self.uplink()?, self.bitrate(), &self.machine, children))
            }
        }
    }

    fn uplink(&self) -> Option<u64> {
        match self.plan {
            Capacity::Reckoned { uplink: Uplink::Known(bits), .. } => Some(bits),
            _ => self.tested,
        }
    }

    fn bitrate(&self) -> u64 {
        match self.plan {
            Capacity::Reckoned { bitrate: Some(bits), .. } => bits,
            _ => self.rate.counted.iter().copied().max().unwrap_or(USUAL),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MBIT: u64 = 1_000_000;

    fn reckoned(uplink: Uplink, bitrate: Option<u64>) -> Performance {
        Performance::new(Capacity::Reckoned { uplink, bitrate })
    }

    /// What is told, with a machine that sets no limit.
    fn reckon(performance: &mut Performance) -> Option<u32> {
        let told = performance.reckon(&Machine::default(), 0)?;
        let Event::Capacity { children, .. } = told else { panic!("{told:?}") };
        assert_eq!(performance.information().capacity, children);
        Some(children)
    }

    /// So many seconds in which that comes.
    fn stream(
        performance: &mut Performance,
        from: Instant,
        seconds: u64,
        bytes: u64,
        rate: u64,
    ) -> u64 {
        for second in 1..=seconds {
            let so_far = bytes + second * rate / 8;
            performance.observe(so_far, from + Duration::from_secs(second));
        }
        bytes + seconds * rate / 8
    }

    #[test]
    fn a_fixed_number_is_told_once() {
        let mut performance = Performance::new(Capacity::Fixed(7));
        assert_eq!(reckon(&mut performance), Some(7));
        assert_eq!(reckon(&mut performance), None);
        assert!(!performance.changes() && !performance.wants_uplink());
        assert_eq!(
            performance.information(),
            NodeInformation { capacity: 7, ..Default::default() }
        );
    }

    #[test]
    fn nobody_is_served_until_the_uplink_is_known() {
        let mut performance = reckoned(Uplink::Tested, Some(2 * MBIT));
        assert!(performance.wants_uplink());
        assert_eq!(reckon(&mut performance), None);
        assert_eq!(performance.information().capacity, 0);
        performance.learn_uplink(21 * MBIT);
        assert!(!performance.wants_uplink());
        assert_eq!(reckon(&mut performance), Some(8));
        assert_eq!(performance.information().uplink, Some(21 * MBIT));
    }

    #[test]
    fn the_stream_says_what_it_takes() {
        let mut performance = reckoned(Uplink::Known(42 * MBIT), None);
        // 2 Mbit/s until it is known.
        assert_eq!(reckon(&mut performance), Some(16));
        let now = Instant::now();
        let bytes = stream(&mut performance, now, 11, 0, 8 * MBIT);
        assert_eq!(reckon(&mut performance), None, "once is no reason");
        assert_eq!(reckon(&mut performance), Some(4));
        // A pause of the source is no lower rate, and a quiet scene not at once.
        let later = now + Duration::from_secs(11);
        stream(&mut performance, later, 60, bytes, 0);
        assert_eq!(reckon(&mut performance), None);
        let later = later + Duration::from_secs(60);
        let bytes = stream(&mut performance, later, 51, bytes, 4 * MBIT);
        assert_eq!(reckon(&mut performance), None);
        stream(&mut performance, later + Duration::from_secs(51), 20, bytes, 4 * MBIT);
        assert_eq!([(); 3].map(|()| reckon(&mut performance)), [None, None, Some(8)]);
        // Another stream begins to be counted.
        performance.observe(0, later + Duration::from_secs(80));
        assert_eq!(reckon(&mut performance), None);
    }

    #[test]
    fn to_and_fro_is_not_told() {
        let mut performance = reckoned(Uplink::Tested, Some(MBIT));
        performance.learn_uplink(210 * MBIT);
        assert_eq!(reckon(&mut performance), Some(160));
        for _ in 0..10 {
            for uplink in [100, 300, 300, 205] {
                performance.learn_uplink(uplink * MBIT);
                assert_eq!(reckon(&mut performance), None);
            }
        }
        performance.learn_uplink(100 * MBIT);
        assert_eq!(reckon(&mut performance), None);
        performance.learn_uplink(105 * MBIT);
        assert_eq!(reckon(&mut performance), Some(80), "the larger of two");
        for (uplink, told) in [(420, None), (210, None), (315, Some(160))] {
            performance.learn_uplink(uplink * MBIT);
            assert_eq!(reckon(&mut performance), told, "the smallest of three");
        }
    }

    #[test]
    fn who_is_served_already_needs_nothing_more() {
        let mut performance = reckoned(Uplink::Known(1_000 * MBIT), Some(MBIT));
        let busy = Machine { idle_cpus: Some(0.0), free_memory: Some(0), idle_percent: Some(0) };
        let told = performance.reckon(&busy, 12);
        assert!(matches!(told, Some(Event::Capacity { children: 12, .. })), "{told:?}");
        let known = performance.information();
        assert_eq!((known.cpu, known.memory), (Some(0), Some(0)));
    }
}
