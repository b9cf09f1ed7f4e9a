use proptest::prelude::*;

use super::*;

fn header() -> Header {
    Header {
        marker: true,
        payload_type: 96,
        sequence: 0x1234,
        timestamp: 0x5678_9abc,
        ssrc: 0xdead_beef,
        payload: 12..12,
    }
}

fn written() -> [u8; HEADER_LEN] {
    let mut out = [0xff; HEADER_LEN];
    write_header(&mut out, &header());
    out
}

#[test]
fn what_is_written_is_read_back() {
    assert_eq!(parse(&written()), Ok(header()));
}

#[test]
fn payload_lies_behind_csrc_and_extension_and_before_padding() {
    let mut packet = written().to_vec();
    packet[0] |= 0x20 | 0x10 | 2;
    packet.extend([0; 8]); // two CSRC
    packet.extend([0xbe, 0xde, 0, 1, 0, 0, 0, 0]); // extension of one word
    packet.extend(b"payload");
    packet.extend([0, 0, 3]);
    assert_eq!(&packet[parse(&packet).unwrap().payload], b"payload");
}

#[test]
fn ffmpeg_hole_punch_is_a_packet_without_payload() {
    let packet = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert!(parse(&packet).unwrap().payload.is_empty());
}

#[test]
fn live555_hole_punch_is_too_short() {
    assert_eq!(parse(&[0xfe, 0xed, 0xfa, 0xce]), Err(Error::Short { length: 4 }));
}

#[test]
fn version_other_than_two_is_refused() {
    let mut packet = written();
    packet[0] = 0x40;
    assert_eq!(parse(&packet), Err(Error::Version { version: 1 }));
}

#[test]
fn padding_of_zero_or_more_than_there_is_is_refused() {
    let mut packet = written().to_vec();
    packet[0] |= 0x20;
    packet.extend([1, 2, 4]);
    assert_eq!(parse(&packet), Err(Error::Padding { padding: 4, available: 3 }));
    *packet.last_mut().unwrap() = 0;
    assert_eq!(parse(&packet), Err(Error::Padding { padding: 0, available: 3 }));
    *packet.last_mut().unwrap() = 3;
    assert!(parse(&packet).unwrap().payload.is_empty());
}

#[test]
fn csrc_list_and_extension_past_the_end_are_refused() {
    let mut packet = written().to_vec();
    packet[0] |= 1;
    assert_eq!(parse(&packet), Err(Error::CsrcList { needed: 16, length: 12 }));
    packet[0] = 0x90;
    assert_eq!(parse(&packet), Err(Error::Extension { needed: 16, length: 12 }));
    packet.extend([0, 0, 0, 2, 0, 0, 0, 0]);
    assert_eq!(parse(&packet), Err(Error::Extension { needed: 24, length: 20 }));
}

#[test]
fn setters_change_only_their_field() {
    let mut packet = written();
    set_sequence(&mut packet, 1);
    set_timestamp(&mut packet, 2);
    set_ssrc(&mut packet, 3);
    set_marker(&mut packet, false);
    set_payload_type(&mut packet, 97);
    let expected = Header {
        marker: false,
        payload_type: 97,
        sequence: 1,
        timestamp: 2,
        ssrc: 3,
        payload: 12..12,
    };
    assert_eq!(parse(&packet), Ok(expected));
    let mut short = [0; 11];
    set_ssrc(&mut short, u32::MAX);
    assert_eq!(short, [0; 11]);
}

#[test]
fn rtcp_is_told_from_rtp_by_its_second_byte() {
    assert!(is_rtcp(&[0x80, 200, 0, 6]));
    assert!(is_rtcp(&[0x81, 206]));
    assert!(!is_rtcp(&written()));
    assert!(!is_rtcp(&[0x80]));
    assert!(!is_rtcp(&[0xff, 0xc8]));
}

proptest! {
    /// rtp-types is the oracle for what is a packet and where its payload lies.
    #[test]
    fn agrees_with_rtp_types(
        mut packet in prop::collection::vec(any::<u8>(), 0..80),
        version in prop::bool::weighted(0.9),
    ) {
        if version && let Some(first) = packet.first_mut() {
            *first = (*first & 0x3f) | 0x80;
        }
        match (parse(&packet), rtp_types::RtpPacket::parse(&packet)) {
            (Ok(ours), Ok(theirs)) => {
                prop_assert_eq!(ours.marker, theirs.marker_bit());
                prop_assert_eq!(ours.payload_type, theirs.payload_type());
                prop_assert_eq!(ours.sequence, theirs.sequence_number());
                prop_assert_eq!(ours.timestamp, theirs.timestamp());
                prop_assert_eq!(ours.ssrc, theirs.ssrc());
                prop_assert_eq!(&packet[ours.payload], theirs.payload());
            }
            (Err(_), Err(_)) => {}
            (ours, theirs) => prop_assert!(false, "{:?} against {:?}", ours, theirs),
        }
    }
}
