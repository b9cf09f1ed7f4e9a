//! Sender reports and report blocks as values.

use super::ntp;

/// The sender information of a sender report (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderReport {
    /// Synchronisation source of the sender.
    pub ssrc: u32,
    /// Wallclock time when it was sent: seconds since 1900 in 32.32 fixed point. 0 when the sender
    /// has no clock.
    pub ntp: u64,
    /// The same moment as an RTP timestamp.
    pub rtp: u32,
    /// RTP packets sent so far.
    pub packets: u32,
    /// Payload bytes sent so far.
    pub octets: u32,
}

impl SenderReport {
    /// The wallclock time (32.32) of an RTP timestamp of the same source that is nearer than 2^31
    /// ticks to the report's. `None` when the sender has no clock.
    pub fn ntp_of(&self, timestamp: u32, clock_rate: u32) -> Option<u64> {
        if self.ntp == 0 {
            return None;
        }
        let ticks = i128::from(timestamp.wrapping_sub(self.rtp) as i32);
        let step = (ticks << 32) / i128::from(clock_rate.max(1));
        // The era of the NTP clock ends in 2036; wallclock differences go on across it.
        Some(self.ntp.wrapping_add(step as u64))
    }

    /// The RTP timestamp of a wallclock time (32.32), rounded to the nearest tick.
    pub fn timestamp_at(&self, ntp: u64, clock_rate: u32) -> u32 {
        let step = i128::from(ntp.wrapping_sub(self.ntp) as i64);
        let ticks = (step * i128::from(clock_rate) + (1 << 31)) >> 32;
        self.rtp.wrapping_add(ticks as u32)
    }

    /// The middle 32 bits of the wallclock time, as receivers give it back in
    /// [`ReportBlock::last_sender_report`].
    pub fn middle(&self) -> u32 {
        ntp::middle(self.ntp)
    }
}

/// What a receiver says about one source (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source.
    pub ssrc: u32,
    /// Share of the packets lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the beginning; less than 0 when there were duplicates. Written with 24
    /// bits, beyond which it stays at the limit.
    pub cumulative_lost: i32,
    /// Highest sequence number received, with the number of wraps in the upper half.
    pub highest_sequence: u32,
    /// Jitter of arrival in timestamp ticks (RFC 3550 A.8).
    pub jitter: u32,
    /// [`SenderReport::middle`] of the last sender report received, 0 when there was none.
    pub last_sender_report: u32,
    /// Time since that arrived, in 1/65536 s.
    pub delay: u32,
}

const CUMULATIVE_MAX: i32 = 0x7f_ffff;
const CUMULATIVE_MIN: i32 = -0x80_0000;

impl ReportBlock {
    pub(super) fn read(block: &rtcp_types::ReportBlock<'_>) -> ReportBlock {
        ReportBlock {
            ssrc: block.ssrc(),
            fraction_lost: block.fraction_lost(),
            // Extends the sign of 24 bits.
            cumulative_lost: ((block.cumulative_lost() << 8) as i32) >> 8,
            highest_sequence: block.extended_sequence_number(),
            jitter: block.interarrival_jitter(),
            last_sender_report: block.last_sender_report_timestamp(),
            delay: block.delay_since_last_sender_report_timestamp(),
        }
    }

    pub(super) fn builder(&self) -> rtcp_types::ReportBlockBuilder {
        let lost = self.cumulative_lost.clamp(CUMULATIVE_MIN, CUMULATIVE_MAX);
        rtcp_types::ReportBlock::builder(self.ssrc)
            .fraction_lost(self.fraction_lost)
            .cumulative_lost(lost as u32 & 0xff_ffff)
            .extended_sequence_number(self.highest_sequence)
            .interarrival_jitter(self.jitter)
            .last_sender_report_timestamp(self.last_sender_report)
            .delay_since_last_sender_report_timestamp(self.delay)
    }

    /// Round-trip time in 1/65536 s, for a block received at `now` (32.32, on the clock that the
    /// sender reports carry). `None` when the receiver has seen no report, or when the clock went
    /// back.
    pub fn round_trip(&self, now: u64) -> Option<u32> {
        if self.last_sender_report == 0 {
            return None;
        }
        let passed = ntp::middle(now).wrapping_sub(self.last_sender_report);
        let trip = passed.wrapping_sub(self.delay) as i32;
        u32::try_from(trip).ok()
    }
}
