//! H.265 over RTP (RFC 7798), as far as a relay that passes it through needs it: where a decoder
//! may start.

use super::codec::Inspect;

/// Payload header: forbidden bit, type, layer, temporal id (RFC 7798 §1.1.4).
const HEADER_LEN: usize = 2;

/// Pictures at which decoding can start (IRAP): BLA, IDR, CRA and two reserved types (H.265 table
/// 7-1).
const IRAP: std::ops::RangeInclusive<u8> = 16..=23;
/// Slices of any picture.
const SLICES: std::ops::RangeInclusive<u8> = 0..=31;
const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;
/// Aggregation packet (RFC 7798 §4.4.2).
const AP: u8 = 48;
/// Fragmentation unit (RFC 7798 §4.4.3).
const FU: u8 = 49;

/// Classifies an RTP payload, through aggregation packets and fragments, without allocation.
/// Malformed payloads give what was readable.
///
/// Aggregation packets with decoding order numbers (`sprop-max-don-diff` over 0, which no common
/// sender uses) are not understood; single NAL units and fragments are, either way.
pub fn inspect(payload: &[u8]) -> Inspect {
    let mut seen = Inspect::default();
    let Some(kind) = unit_type(payload) else { return seen };
    match kind {
        AP => {
            let mut rest = payload.get(HEADER_LEN..).unwrap_or_default();
            while let Some((&[high, low], units)) = rest.split_first_chunk::<2>() {
                let length = usize::from(u16::from_be_bytes([high, low]));
                let Some((unit, behind)) = units.split_at_checked(length) else { break };
                if let Some(kind) = unit_type(unit) {
                    add(&mut seen, kind, unit.get(HEADER_LEN..));
                }
                rest = behind;
            }
        }
        FU => {
            if let Some(fu) = payload.get(HEADER_LEN) {
                let starts = fu & 0x80 != 0;
                add(&mut seen, fu & 0x3f, payload.get(HEADER_LEN + 1..).filter(|_| starts));
            }
        }
        kind => add(&mut seen, kind, payload.get(HEADER_LEN..)),
    }
    seen
}

/// The type of a NAL unit that has at least its header.
fn unit_type(nal: &[u8]) -> Option<u8> {
    let (header, _) = nal.split_first_chunk::<HEADER_LEN>()?;
    Some((header[0] >> 1) & 0x3f)
}

/// A picture parameter set alone may stand before any picture; the other two come with a start.
/// `body` is what follows the header, where the unit begins in this packet.
fn add(seen: &mut Inspect, kind: u8, body: Option<&[u8]>) {
    let first = body.and_then(<[u8]>::first);
    // first_slice_segment_in_pic_flag is the first bit of a slice (H.265 §7.3.6.1).
    seen.begins |= first.is_some_and(|first| !SLICES.contains(&kind) || first & 0x80 != 0);
    seen.parameter_sets |= matches!(kind, VPS | SPS | PPS);
    seen.key |= IRAP.contains(&kind) || matches!(kind, VPS | SPS);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nal(kind: u8) -> [u8; 4] {
        [kind << 1, 1, 0xaa, 0xbb]
    }

    fn aggregate(kinds: &[u8]) -> Vec<u8> {
        let mut packet = vec![AP << 1, 1];
        for &kind in kinds {
            packet.extend([0, 4]);
            packet.extend(nal(kind));
        }
        packet
    }

    #[test]
    fn random_access_pictures_are_keys_and_others_are_not() {
        for kind in 0..=63 {
            let seen = inspect(&nal(kind));
            let key = (16..=23).contains(&kind) || kind == VPS || kind == SPS;
            if kind != AP && kind != FU {
                assert_eq!(seen.key, key, "type {kind}");
            }
        }
        assert_eq!(inspect(&nal(PPS)), Inspect { key: false, parameter_sets: true, begins: true });
    }

    #[test]
    fn parameter_sets_are_seen_in_an_aggregation_packet() {
        let seen = inspect(&aggregate(&[35, VPS, SPS, PPS]));
        assert_eq!(seen, Inspect { key: true, parameter_sets: true, begins: true });
        let seen = inspect(&aggregate(&[35, 39, 1]));
        assert_eq!(seen, Inspect { key: false, parameter_sets: false, begins: true });
    }

    #[test]
    fn first_and_later_fragments_of_an_idr_are_keys() {
        for flags in [0x80, 0, 0x40] {
            assert!(inspect(&[FU << 1, 1, flags | 19, 0]).key);
            assert!(!inspect(&[FU << 1, 1, flags | 1, 0]).key);
        }
    }

    #[test]
    fn a_picture_begins_with_the_first_fragment_of_its_first_slice() {
        assert!(inspect(&[FU << 1, 1, 0x80 | 19, 0x80]).begins);
        assert!(!inspect(&[FU << 1, 1, 0x80 | 19, 0]).begins, "a later slice");
        assert!(!inspect(&[FU << 1, 1, 19, 0x80]).begins, "a later fragment");
        assert!(inspect(&[1 << 1, 1, 0x80]).begins && !inspect(&[1 << 1, 1, 0]).begins);
    }

    #[test]
    fn cut_aggregation_packet_tells_what_was_whole() {
        let mut packet = aggregate(&[SPS, 19]);
        packet.truncate(packet.len() - 1);
        assert_eq!(inspect(&packet), Inspect { key: true, parameter_sets: true, begins: true });
        assert_eq!(inspect(&packet[..6]), Inspect::default());
    }

    proptest! {
        #[test]
        fn any_payload_does_not_panic(payload in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = inspect(&payload);
        }
    }
}
