//! Packets sent again in a stream of their own (RFC 4588).

use std::time::Duration;

use super::check;
use super::support::{Net, at, session, udp_retransmitted};
use crate::media::rtcp::{self, Feedback};
use crate::media::rtp;
use crate::relay::{ChildKey, Kind, Limits, Packet, Start, Stream};
use crate::ring::Span;

const PORT: u16 = 1;
const RTCP: u16 = 1001;
const SSRC: u32 = 0x0102_0304;
/// Of the retransmissions.
const TYPE: u8 = 97;

/// A packet with all that RTP allows: two contributing sources, an extension, padding.
fn elaborate(sequence: u16) -> Packet {
    let mut bytes = vec![0b1011_0010, 0x80 | 96];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend((u32::from(sequence) * 3000).to_be_bytes());
    bytes.extend(SSRC.to_be_bytes());
    bytes.extend([1, 1, 1, 1, 2, 2, 2, 2, 0xbe, 0xde, 0, 1, 0x10, 9, 0, 0]);
    bytes.extend([0x65, 0x80, sequence as u8, 7, 0, 0, 3]);
    Packet::new(Span::from_vec(bytes), Kind::Rtp, 0, Duration::ZERO)
}

fn report(ntp: u64) -> Packet {
    let report = rtcp::SenderReport { ssrc: SSRC, ntp, rtp: 5000, packets: 10, octets: 1000 };
    let bytes = rtcp::sender_report(&report, &[], "camera");
    Packet::new(Span::from_vec(bytes), Kind::Rtcp, 0, Duration::ZERO)
}

/// A stream of ten packets, and a child that has agreed to retransmissions.
fn playing(net: &mut Net) -> (Stream, ChildKey) {
    let mut stream = Stream::new(session(1), Limits::default()).unwrap();
    let key = stream.add_child(udp_retransmitted(PORT, TYPE), at(0));
    stream.play(key, Start::Live).unwrap();
    stream.kick(key, at(0), net);
    stream.ingest(report(1 << 32));
    (100..110).for_each(|sequence| stream.ingest(elaborate(sequence)));
    stream.fan_out(at(0), net);
    (stream, key)
}

fn ask(stream: &mut Stream, key: ChildKey, lost: &[u16], now: Duration, net: &mut Net) {
    let nack = rtcp::feedback(9, "player", &[Feedback::Nack { media: SSRC, lost }]);
    stream.hear(key, &nack, now, net);
}

/// The sender report among the datagrams of another source than the stream's.
fn own_reports(net: &Net) -> Vec<rtcp::SenderReport> {
    let reports = net.datagrams(RTCP).iter().filter_map(|data| {
        let compound = rtcp::parse(data).unwrap();
        let report = compound.sender_report().filter(|report| report.ssrc != SSRC)?;
        assert_eq!(compound.cname(report.ssrc).as_deref(), Some("camera"));
        Some(report)
    });
    reports.collect()
}

#[test]
fn a_retransmission_has_a_header_of_its_own_before_the_payload_of_the_original() {
    let mut net = Net::default();
    let (mut stream, key) = playing(&mut net);
    ask(&mut stream, key, &[103, 107], at(1), &mut net);
    let sent = net.datagrams(PORT);
    assert_eq!(sent.len(), 12);
    let headers: Vec<_> = sent.iter().map(|data| rtp::parse(data).unwrap()).collect();
    for (again, original) in [(10, 3), (11, 7)] {
        let (header, first) = (&headers[again], &headers[original]);
        assert_eq!((header.payload_type, header.timestamp), (TYPE, first.timestamp));
        assert!(header.marker && header.ssrc != SSRC);
        let (payload, old) = (&sent[again][header.payload.clone()], &sent[original]);
        assert_eq!(payload[..2], first.sequence.to_be_bytes());
        assert_eq!(payload[2..], old[first.payload.clone()], "and no padding");
        assert_eq!(sent[again][0], old[0] & !0x20);
        assert_eq!(sent[again][12..header.payload.start], old[12..first.payload.start]);
    }
    assert_eq!(headers[11].sequence, headers[10].sequence.wrapping_add(1), "a count of its own");
    assert_eq!(headers[10].ssrc, headers[11].ssrc);
    assert_eq!(stream.child_figures()[0].ledger.resent, 2);
    check(&mut stream);
}

#[test]
fn a_stream_of_retransmissions_is_reported_and_ended_as_any_other() {
    let mut net = Net::default();
    let (mut stream, key) = playing(&mut net);
    assert_eq!(own_reports(&net), []);
    for (second, sequence) in [(1, 101), (2, 102), (7, 103)] {
        ask(&mut stream, key, &[sequence], at(second), &mut net);
    }
    let reports = own_reports(&net);
    let told: Vec<_> = reports.iter().map(|report| (report.packets, report.octets)).collect();
    assert_eq!(told, [(1, 6), (3, 18)], "at the first, and every five seconds");
    assert_eq!((reports[0].ntp, reports[0].rtp), (1 << 32, 5000), "the clock of the original");
    stream.finish(at(8));
    stream.fan_out(at(8), &mut net);
    let compounds = net.datagrams(RTCP).iter().map(|data| rtcp::parse(data).unwrap());
    let byes: Vec<u32> =
        compounds.filter_map(|c| c.bye().map(|mut by| by.next().unwrap())).collect();
    assert_eq!(byes, [SSRC, reports[0].ssrc]);
    check(&mut stream);
}

#[test]
fn a_retransmission_that_is_refused_is_accounted_for() {
    let mut net = Net::default();
    let (mut stream, key) = playing(&mut net);
    net.refuse_datagrams_to(PORT);
    ask(&mut stream, key, &[105], at(1), &mut net);
    let ledger = &stream.child_figures()[0].ledger;
    assert_eq!((ledger.resent, ledger.refused), (1, 1));
    check(&mut stream);
}
