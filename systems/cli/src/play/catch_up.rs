//! Where the burst at the beginning ends and the live stream begins.
//!
//! A server begins with what it has kept since the last key frame, as fast as it may, so that there is
//! a picture at once. Rates that count this burst tell nothing of the stream.
//!
//! While a player catches up, frames come closer together than they are to be shown: each is less late
//! against its timestamp than all before it. The live stream begins at the last frame that gained on
//! them in this way.

use std::time::Duration;

/// A frame that is less late than the best one by no more than this has not gained: that is jitter.
const JITTER: Duration = Duration::from_millis(10);
/// When no frame has gained for so long, the player has caught up.
const CALM: Duration = Duration::from_millis(500);

/// Finds the beginning of the live stream, from the frames of one track.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CatchUp {
    /// Clock rate of the track, in Hz.
    rate: i128,
    /// The frame that gained last: when it came, and its lateness in nanoseconds, from an origin
    /// of its own.
    best: Option<(Duration, i128)>,
    over: bool,
}

impl CatchUp {
    /// For a track with a clock of so many hertz.
    pub(crate) fn new(rate: u32) -> CatchUp {
        CatchUp { rate: i128::from(rate.max(1)), ..CatchUp::default() }
    }

    /// Takes a frame with its timestamp (in ticks, without wrapping) and the time at which it came.
    /// True when the player still catches up: what has come so far, this frame included, is burst.
    pub(crate) fn frame(&mut self, timestamp: i64, arrival: Duration) -> bool {
        if self.over {
            return false;
        }
        let came = nanoseconds(arrival);
        let late = came - i128::from(timestamp) * 1_000_000_000 / self.rate;
        let Some((at, least)) = self.best else {
            self.best = Some((arrival, late));
            return true;
        };
        if late + nanoseconds(JITTER) < least {
            self.best = Some((arrival, late));
            return true;
        }
        self.over = arrival.saturating_sub(at) >= CALM;
        false
    }
}

fn nanoseconds(time: Duration) -> i128 {
    i128::try_from(time.as_nanos()).unwrap_or(i128::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: u32 = 3_600;

    /// How many of the frames, given by their arrivals in milliseconds, are burst.
    fn burst(arrivals: &[u64]) -> usize {
        let mut catch_up = CatchUp::new(90_000);
        let frames = (0i64..).zip(arrivals);
        let still = frames.map(|(number, arrival)| {
            catch_up.frame(number * i64::from(FRAME), Duration::from_millis(*arrival))
        });
        still.collect::<Vec<_>>().iter().rposition(|still| *still).map_or(0, |last| last + 1)
    }

    #[test]
    fn the_burst_ends_where_frames_come_at_their_own_pace() {
        // A large key frame, nine frames at once, then one every 40 ms.
        let mut arrivals = vec![30];
        arrivals.extend((1..10).map(|n| 30 + n * 3));
        arrivals.extend((0..50).map(|n| 80 + n * 40));
        assert_eq!(burst(&arrivals), 11);
    }

    #[test]
    fn a_stream_without_a_burst_is_live_from_its_second_frame() {
        let arrivals: Vec<u64> = (0..50).map(|n| n * 40 + n % 3).collect();
        assert_eq!(burst(&arrivals), 1);
    }

    #[test]
    fn a_late_gain_is_no_catching_up() {
        // After ten seconds in time the network holds frames back and lets them go.
        let mut arrivals: Vec<u64> = (0..250).map(|n| n * 40 + 30).collect();
        arrivals.extend((250..300).map(|n| n * 40));
        assert_eq!(burst(&arrivals), 1);
    }

    #[test]
    fn frames_out_of_the_order_of_their_times_do_no_harm() {
        // I P B B P B B: timestamps 0 3 1 2 6 4 5 frames, sent in time.
        let mut catch_up = CatchUp::new(90_000);
        let order = (0i64..40).flat_map(|group| [3, 1, 2].map(|place| group * 3 + place));
        let still = (0u64..).zip(order).map(|(sent, time)| {
            catch_up.frame(time * i64::from(FRAME), Duration::from_millis(sent * 40))
        });
        assert_eq!(still.filter(|still| *still).count(), 1);
    }
}
