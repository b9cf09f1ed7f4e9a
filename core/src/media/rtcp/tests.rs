use proptest::prelude::*;

use super::*;

const CNAME: &str = "relay@example";

fn report() -> SenderReport {
    SenderReport { ssrc: 7, ntp: 0xe000_0000_8000_0000, rtp: 90_000, packets: 3, octets: 400 }
}

fn block() -> ReportBlock {
    ReportBlock {
        ssrc: 9,
        fraction_lost: 26,
        cumulative_lost: -3,
        highest_sequence: 0x0001_ffff,
        jitter: 12,
        last_sender_report: 0x0000_8000,
        delay: 65_536,
    }
}

#[test]
fn sender_report_is_read_back_with_blocks_and_name() {
    let bytes = sender_report(&report(), &[block()], CNAME);
    let compound = parse(&bytes).unwrap();
    assert_eq!(compound.sender_report(), Some(report()));
    assert_eq!(compound.report_blocks().collect::<Vec<_>>(), [block()]);
    assert_eq!(compound.cname(7).as_deref(), Some(CNAME));
    assert_eq!(compound.cname(8), None);
    assert!(!compound.has_bye());
}

#[test]
fn receiver_report_has_at_most_31_blocks() {
    let bytes = receiver_report(5, &[block(); 40], CNAME);
    assert_eq!(parse(&bytes).unwrap().report_blocks().count(), 31);
}

#[test]
fn bye_is_a_compound_that_begins_with_a_report() {
    let bytes = bye(0x0102_0304);
    assert_eq!(bytes[..8], [0x80, 201, 0, 1, 1, 2, 3, 4]);
    let compound = parse(&bytes).unwrap();
    assert!(compound.has_bye());
    let Some(Packet::Bye(mut sources)) = compound.packets().last() else { panic!() };
    assert_eq!((sources.next(), sources.next()), (Some(0x0102_0304), None));
}

#[test]
fn pli_names_who_asks_and_who_is_asked() {
    let bytes = feedback(1, CNAME, &[Feedback::Pli { media: 2 }]);
    let packets: Vec<_> = parse(&bytes).unwrap().packets().collect();
    assert!(
        matches!(packets[..], [_, _, Packet::PictureLoss { sender: 1, media: 2 }]),
        "{packets:?}"
    );
}

#[test]
fn ffmpeg_hole_punch_is_a_report_of_nothing() {
    let bytes = [0x80, 0xc9, 0, 1, 0, 0, 0, 0];
    let packets: Vec<_> = parse(&bytes).unwrap().packets().collect();
    assert!(matches!(packets[..], [Packet::ReceiverReport { ssrc: 0, .. }]), "{packets:?}");
}

#[test]
fn reduced_size_feedback_stands_alone() {
    let whole = feedback(1, CNAME, &[Feedback::Pli { media: 2 }]);
    let alone = &whole[whole.len() - 12..];
    assert!(matches!(
        parse(alone).unwrap().packets().next(),
        Some(Packet::PictureLoss { sender: 1, media: 2 })
    ));
}

#[test]
fn full_intra_request_names_the_source_of_its_entry() {
    let bytes = [0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 1, 0, 0, 0];
    assert!(matches!(
        parse(&bytes).unwrap().packets().next(),
        Some(Packet::FullIntraRequest { sender: 1, media: 7 })
    ));
}

#[test]
fn unknown_types_are_passed_over() {
    let mut bytes = vec![0x80, 207, 0, 1, 1, 2, 3, 4];
    bytes.extend(sender_report(&report(), &[], CNAME));
    let compound = parse(&bytes).unwrap();
    assert!(matches!(compound.packets().next(), Some(Packet::Other { kind: 207 })));
    assert_eq!(compound.sender_report(), Some(report()));
}

#[test]
fn rubbish_and_cut_packets_behind_the_first_are_ignored() {
    let whole = sender_report(&report(), &[], CNAME);
    for length in 28..whole.len() {
        assert_eq!(parse(&whole[..length]).unwrap().sender_report(), Some(report()));
    }
    let mut bytes = whole.clone();
    bytes.extend([0; 7]);
    assert_eq!(parse(&bytes).unwrap().packets().count(), 2);
}

#[test]
fn report_that_claims_more_blocks_than_it_has_is_not_read() {
    let bytes = [0x85, 201, 0, 1, 0, 0, 0, 1];
    assert!(matches!(parse(&bytes).unwrap().packets().next(), Some(Packet::Other { kind: 201 })));
}

#[test]
fn what_is_not_rtcp_is_refused_with_the_reason() {
    assert_eq!(parse(&[0x80]).unwrap_err(), Error::Short { needed: 4, length: 1 });
    assert_eq!(parse(&[0x80, 200, 0, 6, 0]).unwrap_err(), Error::Short { needed: 28, length: 5 });
    assert_eq!(parse(&[0x00, 200, 0, 0]).unwrap_err(), Error::Version { version: 0 });
    assert_eq!(parse(&[0x80, 96, 0, 0]).unwrap_err(), Error::Type { kind: 96 });
}

#[test]
fn timestamps_and_wallclock_are_mapped_by_the_report() {
    let report = report();
    assert_eq!(report.ntp_of(90_000 + 45_000, 90_000), Some(report.ntp + (1 << 31)));
    assert_eq!(report.ntp_of(0, 90_000), Some(report.ntp - (1 << 32)));
    assert_eq!(report.timestamp_at(report.ntp + (1 << 31), 48_000), 90_000 + 24_000);
    assert_eq!(SenderReport { ntp: 0, ..report }.ntp_of(0, 90_000), None);
}

#[test]
fn round_trip_is_what_the_receiver_did_not_keep_it() {
    let sent = 0x10_0000_0000u64;
    let block = ReportBlock {
        last_sender_report: ntp::middle(sent),
        delay: 65_536,
        ..ReportBlock::default()
    };
    assert_eq!(block.round_trip(sent + (3 << 31)), Some(32_768));
    assert_eq!(block.round_trip(sent), None);
    assert_eq!(ReportBlock::default().round_trip(sent), None);
}

proptest! {
    #[test]
    fn any_bytes_do_not_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), real: bool) {
        if real && let [first, kind, high, low, ..] = &mut bytes[..] {
            *first = (*first & 0x3f) | 0x80;
            *kind = 200 + *kind % 8;
            (*high, *low) = (0, *low % 40);
        }
        if let Ok(compound) = parse(&bytes) {
            for packet in compound.packets() {
                match packet {
                    Packet::SenderReport(_, reports) | Packet::ReceiverReport { reports, .. } => {
                        prop_assert!(reports.count() <= 31);
                    }
                    Packet::Bye(sources) => prop_assert!(sources.count() <= 31),
                    Packet::Nack { lost, .. } => prop_assert!(lost.count() <= 1020),
                    _ => {}
                }
            }
            let _ = (compound.cname(0), compound.has_bye(), compound.sender_report());
        }
    }

    #[test]
    fn nack_is_read_back(mut lost in prop::collection::btree_set(any::<u16>(), 1..60)) {
        let asked: Vec<u16> = lost.iter().copied().collect();
        let bytes = feedback(1, CNAME, &[Feedback::Nack { media: 2, lost: &asked }]);
        let compound = parse(&bytes).unwrap();
        let Some(Packet::Nack { sender: 1, media: 2, lost: read }) = compound.packets().last()
        else { panic!() };
        for number in read {
            prop_assert!(lost.remove(&number));
        }
        prop_assert!(lost.is_empty());
    }

    #[test]
    fn blocks_are_read_back(
        ssrc: u32, fraction_lost: u8, cumulative_lost in -0x80_0000i32..0x80_0000,
        highest_sequence: u32, jitter: u32, last_sender_report: u32, delay: u32,
    ) {
        let block = ReportBlock {
            ssrc, fraction_lost, cumulative_lost, highest_sequence, jitter, last_sender_report, delay,
        };
        let bytes = receiver_report(1, &[block], "");
        prop_assert_eq!(parse(&bytes).unwrap().report_blocks().collect::<Vec<_>>(), [block]);
    }

    #[test]
    fn mapping_there_and_back_is_exact_to_the_tick(
        ntp in 1u64.., rtp: u32, timestamp: u32, rate in prop::sample::select(&[8000u32, 44_100, 48_000, 90_000]),
    ) {
        let report = SenderReport { ntp, rtp, ..report() };
        let there = report.ntp_of(timestamp, rate).unwrap();
        prop_assert_eq!(report.timestamp_at(there, rate), timestamp);
    }
}
