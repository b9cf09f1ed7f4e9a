//! Supplemental enhancement information (H.264 7.3.2.3, annex D): recovery points and user data.

use super::nal;
use super::rbsp::{escape, unescape};
use crate::media::bits::BitReader;

const USER_DATA_UNREGISTERED: u32 = 5;
const RECOVERY_POINT: u32 = 6;

/// Walks over the messages of an SEI NAL unit: calls `visit` with each payload type and size, and
/// the raw bytes from the payload on, until it gives a result.
fn find<I: Iterator<Item = u8> + Clone, T>(
    nal: I,
    mut visit: impl FnMut(u32, usize, &mut dyn Iterator<Item = u8>) -> Option<T>,
) -> Option<T> {
    let mut raw = unescape(nal.skip(1));
    loop {
        let kind = number(&mut raw)?;
        let size = number(&mut raw)? as usize;
        if let Some(found) = visit(kind, size, &mut raw.clone()) {
            return Some(found);
        }
        // The stop bit of the trailing bits (0x80) reads as payload type 128 with no size after it.
        if size > 0 {
            raw.nth(size - 1)?;
        }
    }
}

/// A payload type or size: any number of bytes 255 that are added up, and one less than 255.
fn number(raw: &mut impl Iterator<Item = u8>) -> Option<u32> {
    let mut value = 0u32;
    loop {
        let byte = raw.next()?;
        value = value.checked_add(u32::from(byte))?;
        if byte != 255 {
            return Some(value);
        }
    }
}

/// `recovery_frame_cnt` of the recovery point message in an SEI NAL unit given with its header
/// byte; `None` when it holds no such message.
pub fn recovery_point(nal: impl Iterator<Item = u8> + Clone) -> Option<u32> {
    find(nal, |kind, _, raw| {
        // A count cut off at the end of a fragment still is a recovery point.
        (kind == RECOVERY_POINT).then(|| BitReader::new(raw).ue().unwrap_or(0))
    })
}

/// The payload of the first user data message (`user_data_unregistered`, H.264 D.2.6) with this
/// UUID in an SEI NAL unit given with its header byte.
pub fn find_user_data(nal: impl Iterator<Item = u8> + Clone, uuid: &[u8; 16]) -> Option<Vec<u8>> {
    find(nal, |kind, size, raw| {
        let length = size.checked_sub(uuid.len())?;
        if kind != USER_DATA_UNREGISTERED || !uuid.iter().all(|&byte| raw.next() == Some(byte)) {
            return None;
        }
        let data: Vec<u8> = raw.take(length).collect();
        (data.len() == length).then_some(data)
    })
}

/// A whole SEI NAL unit with one user data message.
pub fn build_user_data(uuid: &[u8; 16], data: &[u8]) -> Vec<u8> {
    let size = uuid.len() + data.len();
    let header = std::iter::once(USER_DATA_UNREGISTERED as u8)
        .chain(std::iter::repeat_n(255, size / 255))
        .chain(std::iter::once((size % 255) as u8));
    let mut nal = Vec::with_capacity(size + size / 64 + 8);
    nal.push(nal::SEI);
    escape(header.chain(*uuid).chain(data.iter().copied()).chain([0x80]), &mut nal);
    nal
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UUID: [u8; 16] = [0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

    proptest! {
        #[test]
        fn user_data_is_found_again_whatever_its_bytes(
            data in prop::collection::vec(prop_oneof![Just(0u8), Just(3), any::<u8>()], 0..600),
        ) {
            let nal = build_user_data(&UUID, &data);
            prop_assert!(!nal.windows(3).any(|w| w[0] == 0 && w[1] == 0 && w[2] < 3));
            prop_assert_eq!(find_user_data(nal.iter().copied(), &UUID), Some(data));
            prop_assert_eq!(find_user_data(nal.iter().copied(), &[9; 16]), None);
            prop_assert_eq!(recovery_point(nal.iter().copied()), None);
        }

        #[test]
        fn any_bytes_are_survived(nal in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = recovery_point(nal.iter().copied());
            let _ = find_user_data(nal.iter().copied(), &UUID);
        }
    }

    #[test]
    fn recovery_point_is_found_behind_another_message() {
        // Payload type 1 of 2 bytes, then a recovery point with recovery_frame_cnt 3.
        let nal = [6, 1, 2, 0xaa, 0xbb, 6, 1, 0b0010_0100, 0x80];
        assert_eq!(recovery_point(nal.iter().copied()), Some(3));
    }

    #[test]
    fn messages_are_read_by_the_library_parser_too() {
        use h264_reader::nal::sei::{HeaderType, SeiReader};
        let nal = build_user_data(&UUID, &[0, 0, 1, 0, 0, 3]);
        let rbsp = h264_reader::rbsp::decode_nal(&nal).unwrap();
        let mut scratch = Vec::new();
        let mut reader = SeiReader::from_rbsp_bytes(&rbsp[..], &mut scratch);
        let message = reader.next().unwrap().unwrap();
        assert_eq!(message.payload_type, HeaderType::UserDataUnregistered);
        assert_eq!(&message.payload[16..], [0, 0, 1, 0, 0, 3]);
    }
}
