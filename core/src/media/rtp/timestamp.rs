//! RTP timestamps that do not wrap.

/// Extends 32-bit RTP timestamps to 64 bits.
///
/// Each timestamp is taken to be the one nearest to that before it, so steps back (B-frames,
/// reordered packets) and forward by less than 2^31 ticks (6.6 hours at 90 kHz) come out right.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extender {
    last: Option<i64>,
}

impl Extender {
    /// The 64-bit timestamp; the first one is given back as it is.
    pub fn extend(&mut self, timestamp: u32) -> i64 {
        let extended = match self.last {
            None => i64::from(timestamp),
            // The low 32 bits of `last` are the timestamp it came from.
            Some(last) => {
                let step = timestamp.wrapping_sub(last as u32) as i32;
                last.wrapping_add(i64::from(step))
            }
        };
        self.last = Some(extended);
        extended
    }
}

#[cfg(test)]
mod tests {
    use super::Extender;

    #[test]
    fn wraps_upwards_and_steps_back_across_the_wrap() {
        let mut extender = Extender::default();
        assert_eq!(extender.extend(u32::MAX - 10), i64::from(u32::MAX) - 10);
        assert_eq!(extender.extend(5), i64::from(u32::MAX) + 6);
        assert_eq!(extender.extend(u32::MAX), i64::from(u32::MAX));
        assert_eq!(extender.extend(100), (1 << 32) + 100);
    }

    #[test]
    fn first_timestamp_may_be_followed_by_an_older_one() {
        let mut extender = Extender::default();
        assert_eq!(extender.extend(3), 3);
        assert_eq!(extender.extend(u32::MAX), -1);
    }
}
