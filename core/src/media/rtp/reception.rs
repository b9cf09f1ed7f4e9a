//! What a receiver says of a source: loss and jitter (RFC 3550 §6.4, A.3, A.8).

use std::time::Duration;

use super::sequence::{Class, Place};
use crate::media::rtcp::{ReportBlock, SenderReport, ntp};

/// Statistics of one source, for receiver reports and figures.
///
/// Where a packet stands is told by a [`Sequence`](super::sequence::Sequence); times are those of
/// one monotonic clock.
#[derive(Clone, Debug)]
pub struct Reception {
    clock_rate: u32,
    /// Extended number of the first packet since the source last (re)started.
    base: Option<u64>,
    highest: u64,
    received: u64,
    /// Lost before the last restart.
    lost_before: i64,
    /// Expected and received when the last report was made.
    reported: (u64, u64),
    transit: Option<u32>,
    /// In ticks times 16, as in RFC 3550 A.8.
    jitter: u32,
    last_sender_report: Option<(u32, Duration)>,
}

impl Reception {
    /// For a source whose timestamps count `clock_rate` ticks per second.
    pub fn new(clock_rate: u32) -> Reception {
        Reception {
            clock_rate: clock_rate.max(1),
            base: None,
            highest: 0,
            received: 0,
            lost_before: 0,
            reported: (0, 0),
            transit: None,
            jitter: 0,
            last_sender_report: None,
        }
    }

    /// Takes a packet: its place in the sequence, its RTP timestamp, and when it arrived.
    pub fn receive(&mut self, place: Place, timestamp: u32, arrival: Duration) {
        match place.class {
            // It counts when the next packet confirms it: a restart starts anew.
            Class::Suspect => return,
            Class::Restart => {
                self.lost_before = self.lost();
                self.base = None;
                self.received = 0;
                self.reported = (0, 0);
                self.transit = None;
            }
            Class::InOrder | Class::Gap(_) | Class::Late | Class::Duplicate => {}
        }
        self.received += 1;
        let base = self.base.get_or_insert(place.extended);
        *base = (*base).min(place.extended);
        if self.received == 1 || place.extended > self.highest {
            self.highest = place.extended;
        }
        if place.class != Class::Duplicate {
            self.measure_jitter(timestamp, arrival);
        }
    }

    /// RFC 3550 A.8.
    fn measure_jitter(&mut self, timestamp: u32, arrival: Duration) {
        let ticks = arrival.as_nanos() * u128::from(self.clock_rate) / 1_000_000_000;
        let transit = (ticks as u32).wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let change = (transit.wrapping_sub(before) as i32).unsigned_abs();
            let decay = self.jitter.saturating_add(8) >> 4;
            self.jitter = self.jitter.saturating_add(change).saturating_sub(decay);
        }
    }

    /// Takes a sender report of the source, for the round-trip time.
    pub fn sender_report(&mut self, report: &SenderReport, arrival: Duration) {
        self.last_sender_report = Some((report.middle(), arrival));
    }

    /// Packets that should have come since the source last (re)started.
    pub fn expected(&self) -> u64 {
        self.base.map_or(0, |base| self.highest.saturating_sub(base) + 1)
    }

    /// Packets that came since then, late ones and duplicates included.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Packets lost in all, also before restarts; less than 0 when duplicates outnumber losses.
    pub fn lost(&self) -> i64 {
        let difference = i128::from(self.expected()) - i128::from(self.received);
        self.lost_before.saturating_add(i64::try_from(difference).unwrap_or(0))
    }

    /// Jitter of arrival in timestamp ticks.
    pub fn jitter(&self) -> u32 {
        self.jitter >> 4
    }

    /// Jitter of arrival as time.
    pub fn jitter_time(&self) -> Duration {
        Duration::from_nanos(u64::from(self.jitter()) * 1_000_000_000 / u64::from(self.clock_rate))
    }

    /// The report block about the source `ssrc`, and the beginning of the next interval.
    pub fn report(&mut self, ssrc: u32, now: Duration) -> ReportBlock {
        let (expected, received) = (self.expected(), self.received);
        let interval = expected.saturating_sub(self.reported.0);
        let arrived = received.saturating_sub(self.reported.1);
        self.reported = (expected, received);
        let missing = interval.saturating_sub(arrived);
        let fraction = (missing << 8).checked_div(interval).unwrap_or(0);
        let (last_sender_report, delay) = match self.last_sender_report {
            Some((middle, arrival)) => {
                (middle, ntp::middle(ntp::from_duration(now.saturating_sub(arrival))))
            }
            None => (0, 0),
        };
        ReportBlock {
            ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            cumulative_lost: self.lost().clamp(i32::MIN.into(), i32::MAX.into()) as i32,
            // Numbers are extended from one cycle on.
            highest_sequence: self.highest.saturating_sub(1 << 16) as u32,
            jitter: self.jitter(),
            last_sender_report,
            delay,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::media::rtp::sequence::Sequence;

    fn run(numbers: &[u16]) -> Reception {
        let mut sequence = Sequence::default();
        let mut reception = Reception::new(8000);
        for (index, &number) in (0u32..).zip(numbers) {
            let arrival = Duration::from_millis(20) * index;
            reception.receive(sequence.receive(number), 160 * index, arrival);
        }
        reception
    }

    #[test]
    fn steady_arrival_has_neither_loss_nor_jitter() {
        let mut reception = run(&[65_534, 65_535, 0, 1]);
        let report = reception.report(9, Duration::from_secs(1));
        assert_eq!((report.fraction_lost, report.cumulative_lost, report.jitter), (0, 0, 0));
        assert_eq!(report.highest_sequence, 0x1_0001);
        assert_eq!(report.ssrc, 9);
    }

    #[test]
    fn fraction_is_of_the_interval_and_the_sum_of_all_time() {
        let mut sequence = Sequence::default();
        let mut reception = Reception::new(90_000);
        let mut receive = |reception: &mut Reception, numbers: &[u16]| {
            for &number in numbers {
                reception.receive(sequence.receive(number), 0, Duration::ZERO);
            }
        };
        receive(&mut reception, &[0, 2]);
        assert_eq!(reception.report(1, Duration::ZERO).fraction_lost, 85); // 1 of 3
        receive(&mut reception, &[3, 4]);
        let report = reception.report(1, Duration::ZERO);
        assert_eq!((report.fraction_lost, report.cumulative_lost), (0, 1));
    }

    #[test]
    fn late_packet_is_not_lost_and_duplicates_count_below_zero() {
        assert_eq!(run(&[1, 3, 2]).lost(), 0);
        assert_eq!(run(&[1, 2, 2, 2]).lost(), -2);
        assert_eq!(run(&[2, 1]).lost(), 0);
    }

    #[test]
    fn stray_packet_counts_as_nothing() {
        let reception = run(&[1, 40_000, 2]);
        assert_eq!((reception.expected(), reception.received()), (2, 2));
    }

    #[test]
    fn restart_keeps_what_was_lost_before() {
        let reception = run(&[1, 3, 40_000, 40_001, 40_002]);
        assert_eq!(reception.lost(), 1);
        assert_eq!((reception.expected(), reception.received()), (2, 2));
    }

    #[test]
    fn jitter_is_a_sixteenth_of_the_change_of_transit_time() {
        let mut sequence = Sequence::default();
        let mut reception = Reception::new(8000);
        for (number, millis) in [(0, 0), (1, 20 + 40)] {
            let place = sequence.receive(number);
            reception.receive(place, 160 * u32::from(number), Duration::from_millis(millis));
        }
        assert_eq!(reception.jitter(), 320 / 16);
        assert_eq!(reception.jitter_time(), Duration::from_micros(2500));
    }

    #[test]
    fn delay_since_the_last_sender_report_is_told() {
        let mut reception = run(&[1]);
        let report = SenderReport { ntp: 0x1122_3344_5566_7788, ..SenderReport::default() };
        reception.sender_report(&report, Duration::from_secs(10));
        let block = reception.report(1, Duration::from_millis(10_500));
        assert_eq!((block.last_sender_report, block.delay), (0x3344_5566, 32_768));
    }

    proptest! {
        #[test]
        fn any_arrival_is_counted_without_overflow(
            packets in prop::collection::vec((any::<u16>(), any::<u32>(), any::<u64>()), 0..200),
        ) {
            let mut sequence = Sequence::default();
            let mut reception = Reception::new(90_000);
            for (number, timestamp, nanos) in packets {
                reception.receive(sequence.receive(number), timestamp, Duration::from_nanos(nanos));
                let _ = (reception.report(1, Duration::ZERO), reception.jitter_time());
            }
        }
    }
}
