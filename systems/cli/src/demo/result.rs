//! The figures at the end.

use std::fmt;
use std::time::Duration;

use rillcast::engine::Figures;
use serde::Serialize;

use crate::load::{Histogram, Report};
use crate::play::{bit_rate, millis};

/// Percentage of waiting for a processor from which on it is said that the machine is busy.
const BUSY: f64 = 2.0;

/// Quantiles of a set of times, in milliseconds; None where nothing was measured.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Times {
    /// How many there were.
    pub(crate) count: u64,
    /// Median.
    pub(crate) p50_ms: Option<f64>,
    /// 99 of 100 were not longer.
    pub(crate) p99_ms: Option<f64>,
    /// The longest.
    pub(crate) max_ms: Option<f64>,
}

impl From<&Histogram> for Times {
    fn from(histogram: &Histogram) -> Times {
        Times {
            count: histogram.len(),
            p50_ms: histogram.quantile(0.5).map(millis),
            p99_ms: histogram.quantile(0.99).map(millis),
            max_ms: histogram.max().map(millis),
        }
    }
}

impl Times {
    fn of(sorted: &[Duration]) -> Times {
        Times {
            count: sorted.len() as u64,
            p50_ms: Report::quantile(sorted, 0.5).map(millis),
            p99_ms: Report::quantile(sorted, 0.99).map(millis),
            max_ms: sorted.last().copied().map(millis),
        }
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.p50_ms, self.p99_ms, self.max_ms) {
            (Some(p50), Some(p99), Some(max)) => {
                write!(f, "p50 {p50:.2}  p99 {p99:.2}  max {max:.2} ms")
            }
            _ => f.write_str("not measured"),
        }
    }
}

/// What threads have used, and how long they were kept waiting.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Effort {
    /// Processor time of the relay.
    pub(crate) relay: Duration,
    /// Time that the relay was ready to run but waited for a processor.
    pub(crate) relay_wait: Duration,
    /// The same of the viewers' thread.
    pub(crate) viewers_wait: Duration,
}

impl Effort {
    /// What came on top of an earlier one.
    pub(crate) fn since(&self, before: &Effort) -> Effort {
        Effort {
            relay: self.relay.saturating_sub(before.relay),
            relay_wait: self.relay_wait.saturating_sub(before.relay_wait),
            viewers_wait: self.viewers_wait.saturating_sub(before.viewers_wait),
        }
    }
}

/// What the demonstration found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Outcome {
    /// Always `result`.
    pub(crate) event: &'static str,
    /// Viewers, and how many of them over UDP.
    pub(crate) viewers: usize,
    /// See `viewers`.
    pub(crate) udp_viewers: u64,
    /// How long was measured.
    pub(crate) seconds: f64,
    /// Video frames a second at the worst and at the middle viewer.
    pub(crate) frames_per_second_min: f64,
    /// See `frames_per_second_min`.
    pub(crate) frames_per_second_median: f64,
    /// RTP bits a second at one viewer, on average since it began.
    pub(crate) stream_bits_per_second: f64,
    /// Packets delivered while it was measured.
    pub(crate) packets: u64,
    /// Packets missing at the viewers since they began.
    pub(crate) lost: u64,
    /// Frames with something missing since they began.
    pub(crate) damaged: u64,
    /// Datagrams dropped at the viewers' own sockets; part of `lost`.
    pub(crate) dropped_at_viewers: u64,
    /// Packets that the relay's own ledger says were not delivered.
    pub(crate) undelivered: u64,
    /// Processor time of the relay's thread, per packet delivered. On loopback it includes what the
    /// kernel does to receive the packet at the viewer.
    pub(crate) relay_cpu_us_per_packet: f64,
    /// Share of one processor that the relay's thread used.
    pub(crate) relay_cpu_percent: f64,
    /// Share of the time in which the relay's thread was ready to run but waited for a processor:
    /// what else the machine does. It is in the latencies.
    pub(crate) relay_wait_percent: f64,
    /// The same of the viewers' thread.
    pub(crate) viewers_wait_percent: f64,
    /// Whole frames: from the moment the relay is given the coded frame until the viewer has read
    /// its last packet.
    pub(crate) added_latency_udp: Times,
    /// The same over TCP.
    pub(crate) added_latency_tcp: Times,
    /// Whole frames: from the picture's clock, so with the time of encoding.
    pub(crate) capture_latency: Times,
    /// From sending PLAY until the first packet was read.
    pub(crate) first_packet: Times,
    /// From sending PLAY until the first whole key frame was read.
    pub(crate) first_key: Times,
    /// The same from the beginning of the TCP connection.
    pub(crate) connect_to_key: Times,
    /// Name of the relay's I/O backend.
    pub(crate) backend: &'static str,
    /// Whether segmentation offload is in use.
    pub(crate) gso: String,
    /// What went wrong, if anything did.
    pub(crate) fault: Option<String>,
}

impl Outcome {
    /// Puts together what the viewers report, what the relay used, and what it says itself.
    pub(crate) fn new(
        viewers: usize,
        report: Report,
        effort: Effort,
        figures: &Figures,
    ) -> Outcome {
        let percent = |time: Duration| time.as_secs_f64() * 100.0 / report.seconds.max(1e-3);
        let (udp, tcp) = (report.total.udp, report.total.tcp);
        let undelivered = figures.streams.iter().map(|stream| stream.all_children().lost());
        let mut outcome = Outcome {
            event: "result",
            viewers,
            udp_viewers: udp.players,
            seconds: report.seconds,
            frames_per_second_min: report.frame_rates.first().copied().unwrap_or(0.0),
            frames_per_second_median: Report::quantile(&report.frame_rates, 0.5).unwrap_or(0.0),
            stream_bits_per_second: report.bits as f64
                / report.seconds.max(1e-3)
                / viewers.max(1) as f64,
            packets: report.packets,
            lost: udp.lost + tcp.lost,
            damaged: udp.damaged + tcp.damaged,
            dropped_at_viewers: udp.overflow + tcp.overflow,
            undelivered: undelivered.sum(),
            relay_cpu_us_per_packet: effort.relay.as_secs_f64() * 1e6
                / report.packets.max(1) as f64,
            relay_cpu_percent: percent(effort.relay),
            relay_wait_percent: percent(effort.relay_wait),
            viewers_wait_percent: percent(effort.viewers_wait),
            added_latency_udp: (&report.latencies.added_udp).into(),
            added_latency_tcp: (&report.latencies.added_tcp).into(),
            capture_latency: (&report.latencies.captured).into(),
            first_packet: Times::of(&report.first_packet),
            first_key: Times::of(&report.first_key),
            connect_to_key: Times::of(&report.connect_to_key),
            backend: figures.backend,
            gso: figures.gso.clone(),
            fault: None,
        };
        outcome.fault = outcome.find_fault(&report);
        outcome
    }

    fn find_fault(&self, report: &Report) -> Option<String> {
        if let Some(reason) = &report.total.failure {
            return Some(format!(
                "{} of {} viewers were cut off: {reason}",
                report.total.failed, self.viewers
            ));
        }
        if self.lost > 0 && self.dropped_at_viewers > 0 {
            return Some(format!(
                "{} packets were lost, {} of them at the viewers' own sockets: this machine is too busy for so many viewers",
                self.lost, self.dropped_at_viewers
            ));
        }
        if self.lost + self.undelivered > 0 {
            return Some(format!(
                "{} packets were lost on the way, and the relay gave up {}",
                self.lost, self.undelivered
            ));
        }
        None
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{} viewers ({} UDP, {} TCP) of one {} stream, measured for {:.1} s",
            self.viewers,
            self.udp_viewers,
            self.viewers as u64 - self.udp_viewers,
            bit_rate(self.stream_bits_per_second),
            self.seconds
        )?;
        writeln!(
            f,
            "  frames/s at the viewers   min {:.2}  median {:.2}",
            self.frames_per_second_min, self.frames_per_second_median
        )?;
        writeln!(
            f,
            "  lost packets              {} of {} ({} damaged frames)",
            self.lost, self.packets, self.damaged
        )?;
        writeln!(
            f,
            "  relay's processor time    {:.2} µs per delivered packet, {:.0} % of one processor ({}, GSO {})",
            self.relay_cpu_us_per_packet, self.relay_cpu_percent, self.backend, self.gso
        )?;
        writeln!(
            f,
            "                            (the engine's thread; on loopback with the kernel's receiving half)"
        )?;
        writeln!(f, "  added latency, UDP        {}", self.added_latency_udp)?;
        writeln!(f, "  added latency, TCP        {}", self.added_latency_tcp)?;
        writeln!(
            f,
            "                            (whole frames, from the relay's input to the viewer's read)"
        )?;
        writeln!(f, "  picture to viewer         {}", self.capture_latency)?;
        if self.relay_wait_percent.max(self.viewers_wait_percent) >= BUSY {
            writeln!(
                f,
                "                            (this machine was busy: the relay waited {:.0} % of the time for a processor,\n                            the viewers {:.0} %; that is in the latencies)",
                self.relay_wait_percent, self.viewers_wait_percent
            )?;
        }
        writeln!(f, "  PLAY to first packet      {}", self.first_packet)?;
        writeln!(f, "  PLAY to first key frame   {}", self.first_key)?;
        write!(f, "  connect to key frame      {}", self.connect_to_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Snapshot, Sums};

    fn outcome(udp: Sums, failure: Option<&str>) -> Outcome {
        let failed = usize::from(failure.is_some());
        let failure = failure.map(str::to_owned);
        let total = Snapshot { udp, failed, failure, ..Snapshot::default() };
        let report = Report {
            total,
            seconds: 10.0,
            packets: 1_000_000,
            bits: 8_000_000_000,
            frame_rates: vec![29.5, 30.0, 30.0],
            ..Report::default()
        };
        let effort = Effort { relay: Duration::from_secs(1), ..Effort::default() };
        Outcome::new(400, report, effort, &Figures::default())
    }

    #[test]
    fn whole_delivery_has_no_fault() {
        let outcome = outcome(Sums::default(), None);
        assert_eq!(outcome.fault, None);
        assert_eq!(outcome.relay_cpu_us_per_packet, 1.0);
        assert_eq!(outcome.relay_cpu_percent, 10.0);
        assert_eq!(outcome.stream_bits_per_second, 2_000_000.0);
        assert_eq!((outcome.frames_per_second_min, outcome.frames_per_second_median), (29.5, 30.0));
    }

    #[test]
    fn one_lost_packet_is_a_fault_and_its_place_is_named() {
        let lost = |overflow| outcome(Sums { lost: 1, overflow, ..Sums::default() }, None).fault;
        assert!(lost(0).is_some_and(|fault| fault.contains("on the way")));
        assert!(lost(1).is_some_and(|fault| fault.contains("viewers' own sockets")));
    }

    #[test]
    fn a_viewer_that_was_cut_off_is_a_fault() {
        let fault = outcome(Sums::default(), Some("the server: closed the connection")).fault;
        assert!(fault.is_some_and(|fault| fault.starts_with("1 of 400 viewers were cut off: the")));
    }
}
