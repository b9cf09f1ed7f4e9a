//! What the live display shows: rates since the line before.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::load::Snapshot;
use crate::play::bit_rate;

/// Turns counts into rates.
#[derive(Debug)]
pub(crate) struct Progress {
    /// When the last line was made, and the counts of then.
    last: (Instant, Snapshot, Duration),
}

/// Rates over the viewers of one transport.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Rates {
    /// Viewers with a picture.
    pub(crate) viewers: u64,
    /// Frames a second at one viewer, on average.
    pub(crate) frames_per_second: f64,
    /// Packets a second, all viewers together.
    pub(crate) packets_per_second: f64,
    /// Bits a second, all viewers together.
    pub(crate) bits_per_second: f64,
    /// Packets missing so far.
    pub(crate) lost: u64,
}

/// One state of the display.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    /// Always `progress`.
    pub(crate) event: &'static str,
    /// Since the viewers began to come.
    pub(crate) seconds: f64,
    /// By transport.
    pub(crate) udp: Rates,
    /// By transport.
    pub(crate) tcp: Rates,
    /// Share of one processor that the relay's thread used.
    pub(crate) relay_cpu_percent: f64,
}

impl Progress {
    /// Begins now, when nothing is counted yet but `relay`, the processor time of the relay.
    pub(crate) fn new(relay: Duration) -> Progress {
        Progress { last: (Instant::now(), Snapshot::default(), relay) }
    }

    /// Whether it is time for another line.
    pub(crate) fn due(&self, period: Duration) -> bool {
        self.last.0.elapsed() >= period
    }

    /// The next line; `relay` is the processor time that the relay has used so far.
    pub(crate) fn line(&mut self, time: Duration, now: Snapshot, relay: Duration) -> Line {
        let at = Instant::now();
        let line = {
            let (since, before, used) = &self.last;
            let seconds = at.duration_since(*since).as_secs_f64();
            let rate = |count: f64| if seconds > 0.0 { count / seconds } else { 0.0 };
            let rates = |now: &crate::load::Sums, before: &crate::load::Sums| Rates {
                viewers: now.players,
                frames_per_second: rate(
                    (now.frames - before.frames) as f64 / now.players.max(1) as f64,
                ),
                packets_per_second: rate((now.packets - before.packets) as f64),
                bits_per_second: rate((now.bytes - before.bytes) as f64 * 8.0),
                lost: now.lost,
            };
            Line {
                event: "progress",
                seconds: time.as_secs_f64(),
                udp: rates(&now.udp, &before.udp),
                tcp: rates(&now.tcp, &before.tcp),
                relay_cpu_percent: rate(relay.saturating_sub(*used).as_secs_f64() * 100.0),
            }
        };
        self.last = (at, now, relay);
        line
    }
}

impl Rates {
    /// One row of the table.
    pub(crate) fn row(&self, name: &str) -> String {
        format!(
            "{name:<9}{:>8}{:>11.1}{:>12.0}{:>16}{:>7}",
            self.viewers,
            self.frames_per_second,
            self.packets_per_second,
            bit_rate(self.bits_per_second),
            self.lost
        )
    }

    /// The heads of the columns.
    pub(crate) fn head() -> String {
        format!(
            "{:<9}{:>8}{:>11}{:>12}{:>16}{:>7}",
            "", "viewers", "frames/s", "packets/s", "out", "lost"
        )
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:4.0} s", self.seconds)?;
        for (name, rates) in [("udp", &self.udp), ("tcp", &self.tcp)] {
            write!(
                f,
                "  {name}: {} viewers {:.1} frames/s {:.0} packets/s {} lost {}",
                rates.viewers,
                rates.frames_per_second,
                rates.packets_per_second,
                bit_rate(rates.bits_per_second),
                rates.lost
            )?;
        }
        write!(f, "  relay CPU {:.0} %", self.relay_cpu_percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Sums;

    #[test]
    fn counts_become_rates_per_viewer() {
        let sums = |frames, packets| Sums { players: 10, frames, packets, ..Sums::default() };
        let at = Instant::now().checked_sub(Duration::from_secs(2)).expect("the machine is up");
        let before = Snapshot { udp: sums(0, 0), ..Snapshot::default() };
        let mut progress = Progress { last: (at, before, Duration::ZERO) };
        assert!(progress.due(Duration::from_secs(1)));
        let now = Snapshot { udp: sums(600, 6_000), ..Snapshot::default() };
        let line = progress.line(Duration::from_secs(2), now, Duration::from_millis(500));
        assert!((line.udp.frames_per_second - 30.0).abs() < 0.5, "{line:?}");
        assert!((line.udp.packets_per_second - 3_000.0).abs() < 50.0, "{line:?}");
        assert!((line.relay_cpu_percent - 25.0).abs() < 0.5, "{line:?}");
        assert!(!progress.due(Duration::from_secs(1)));
    }
}
