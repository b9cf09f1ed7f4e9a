//! The clock in the test source's stream, for machines: when each picture was made, and its number.
//!
//! Every access unit carries an SEI message with user data (H.264 D.2.6) under a UUID of our own,
//! by which a player measures the time from capture to arrival. Its payload is two big-endian
//! 64-bit numbers: nanoseconds since the Unix epoch, and the number of the picture.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rillcast::media::h264::{nal, sei};

/// Under which the message is found: a random (version 4) UUID,
/// 7a4f0c3e-5b1d-4e86-9d27-41c8a2f6b950.
pub(crate) const UUID: [u8; 16] = [
    0x7a, 0x4f, 0x0c, 0x3e, 0x5b, 0x1d, 0x4e, 0x86, 0x9d, 0x27, 0x41, 0xc8, 0xa2, 0xf6, 0xb9, 0x50,
];

/// Where a picture of the test source comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// When the picture was drawn, before it was encoded.
    pub(crate) captured: SystemTime,
    /// Its number, from 0.
    pub(crate) frame: u64,
}

/// The SEI NAL unit that carries a stamp.
pub(crate) fn encode(stamp: &Stamp) -> Vec<u8> {
    let since_epoch = stamp.captured.duration_since(UNIX_EPOCH).unwrap_or_default();
    let nanoseconds = u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX);
    let mut data = [0; 16];
    let (time, frame) = data.split_at_mut(8);
    time.copy_from_slice(&nanoseconds.to_be_bytes());
    frame.copy_from_slice(&stamp.frame.to_be_bytes());
    sei::build_user_data(&UUID, &data)
}

/// Reads the user data of the message (what follows the UUID).
pub(crate) fn decode(data: &[u8]) -> Option<Stamp> {
    let (time, rest) = data.split_first_chunk()?;
    let since_epoch = Duration::from_nanos(u64::from_be_bytes(*time));
    Some(Stamp {
        captured: UNIX_EPOCH.checked_add(since_epoch)?,
        frame: u64::from_be_bytes(*rest.first_chunk()?),
    })
}

/// Finds a stamp in an RTP payload (RFC 6184): a single SEI NAL unit, or one within a STAP-A.
pub(crate) fn find(payload: &[u8]) -> Option<Stamp> {
    match nal::unit_type(*payload.first()?) {
        nal::SEI => read(payload),
        nal::STAP_A => {
            let mut rest = payload.get(1..)?;
            while let Some((size, behind)) = rest.split_first_chunk() {
                let (unit, next) =
                    behind.split_at_checked(usize::from(u16::from_be_bytes(*size)))?;
                if unit.first().is_some_and(|&header| nal::unit_type(header) == nal::SEI)
                    && let Some(stamp) = read(unit)
                {
                    return Some(stamp);
                }
                rest = next;
            }
            None
        }
        _ => None,
    }
}

fn read(unit: &[u8]) -> Option<Stamp> {
    decode(&sei::find_user_data(unit.iter().copied(), &UUID)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(nanoseconds: u64, frame: u64) -> Stamp {
        Stamp { captured: UNIX_EPOCH + Duration::from_nanos(nanoseconds), frame }
    }

    #[test]
    fn a_stamp_comes_back_to_the_nanosecond() {
        // Zeros and small numbers need emulation prevention; 2^63 is the year 2262.
        for stamp in [stamp(0, 0), stamp(1_795_000_000_123_456_789, 257), stamp(1 << 63, 1)] {
            let unit = encode(&stamp);
            assert_eq!(find(&unit), Some(stamp));
            assert!(!unit.windows(3).any(|w| w[0] == 0 && w[1] == 0 && w[2] < 3));
        }
    }

    #[test]
    fn a_stamp_is_found_within_an_aggregation_packet() {
        let unit = encode(&stamp(1_795_000_000_000_000_000, 42));
        let mut packet = vec![nal::STAP_A, 0, 2, 0x09, 0xf0, 0, unit.len() as u8];
        packet.extend_from_slice(&unit);
        assert_eq!(find(&packet).map(|stamp| stamp.frame), Some(42));
        packet.pop();
        assert_eq!(find(&packet), None);
        assert_eq!(find(&[]), None);
        assert_eq!(find(&[nal::STAP_A, 0]), None);
    }
}
