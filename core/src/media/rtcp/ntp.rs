//! NTP timestamps: seconds since 1900 in 32.32 fixed point (RFC 3550 §4).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// From 1900-01-01 to 1970-01-01.
const UNIX_OFFSET: u64 = 2_208_988_800;

/// Seconds of an era, after which the format wraps: the second one begins in 2036.
const ERA: u64 = 1 << 32;

/// The wallclock time of this system time. The upper bit wraps in 2036, as the format wants it.
pub fn from_system_time(time: SystemTime) -> u64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => from_duration(since).wrapping_add(UNIX_OFFSET << 32),
        Err(before) => (UNIX_OFFSET << 32).wrapping_sub(from_duration(before.duration())),
    }
}

/// The system time of a wallclock time, taken to lie between 1968 and 2104 (RFC 4330 §3: a
/// timestamp with the highest bit unset is of the era after 2036). `None` when the platform has no
/// such time.
pub fn to_system_time(ntp: u64) -> Option<SystemTime> {
    let mut seconds = ntp >> 32;
    if seconds < 1 << 31 {
        seconds += ERA;
    }
    let fraction = to_duration(ntp & u64::from(u32::MAX));
    let since_1900 = Duration::from_secs(seconds) + fraction;
    match since_1900.checked_sub(Duration::from_secs(UNIX_OFFSET)) {
        Some(since) => UNIX_EPOCH.checked_add(since),
        None => UNIX_EPOCH.checked_sub(Duration::from_secs(UNIX_OFFSET) - since_1900),
    }
}

/// A span of time as 32.32 fixed point, rounded to the nearest step; wraps after 2^32 s.
pub fn from_duration(duration: Duration) -> u64 {
    let fraction = ((u64::from(duration.subsec_nanos()) << 32) + 500_000_000) / 1_000_000_000;
    (duration.as_secs() << 32).wrapping_add(fraction)
}

/// A span in 32.32 fixed point as time, rounded to the nearest nanosecond.
pub fn to_duration(span: u64) -> Duration {
    let nanos = ((span & u64::from(u32::MAX)) * 1_000_000_000 + (1 << 31)) >> 32;
    Duration::from_secs(span >> 32) + Duration::from_nanos(nanos)
}

/// The middle 32 bits: 16.16 fixed point, as in report blocks.
pub fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_unix_epoch_is_2208988800() {
        assert_eq!(from_system_time(UNIX_EPOCH), 2_208_988_800 << 32);
        assert_eq!(to_system_time(2_208_988_800 << 32), Some(UNIX_EPOCH));
    }

    #[test]
    fn time_goes_on_after_the_era_ends_in_2036() {
        let later = UNIX_EPOCH + Duration::from_secs((1 << 32) - UNIX_OFFSET + 5);
        assert_eq!(from_system_time(later), 5 << 32);
        assert_eq!(to_system_time(5 << 32), Some(later));
    }

    #[test]
    fn middle_is_seconds_and_fraction_of_16_bits() {
        assert_eq!(middle(0x1234_5678_9abc_def0), 0x5678_9abc);
    }

    proptest! {
        #[test]
        fn system_time_survives_to_the_nanosecond(
            seconds in 0u64..4_000_000_000, nanos in 0u32..1_000_000_000,
        ) {
            let time = UNIX_EPOCH + Duration::new(seconds, nanos);
            prop_assert_eq!(to_system_time(from_system_time(time)), Some(time));
        }

        #[test]
        fn any_timestamp_is_a_time(ntp in any::<u64>()) {
            let time = to_system_time(ntp).unwrap();
            // A nanosecond is 4.3 steps.
            let error = from_system_time(time).wrapping_sub(ntp) as i64;
            prop_assert!(error.abs() <= 3, "{}", error);
        }
    }
}
