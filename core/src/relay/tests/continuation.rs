//! Receivers that go over from one stream to another with the same packets.

use super::*;
use crate::media::rtp::Mark;
use crate::relay::{Continuation, OtherPackets, Overlap, Packet};

const TICKS: u32 = 3000;

/// A frame of three packets a number, the tenth of which is a key frame.
fn picture(number: u16) -> Vec<Packet> {
    frame(number * 3, u32::from(number) * TICKS, number.is_multiple_of(10), 3)
}

fn pictures(numbers: std::ops::Range<u16>) -> Vec<Packet> {
    numbers.flat_map(picture).collect()
}

fn mark(sequence: u16) -> Vec<(usize, Mark)> {
    let timestamp = u32::from(sequence / 3) * TICKS;
    vec![(0, Mark { ssrc: 7, sequence, timestamp })]
}

/// A child of the stream that goes on behind what it has, and the numbers of what it is sent.
fn resumed(
    stream: &mut Stream,
    marks: &[(usize, Mark)],
) -> Result<(Option<u64>, Vec<u16>), OtherPackets> {
    let mut net = Net::default();
    let child = stream.add_child(tcp_child(9), at(0));
    let begun = stream.play_from(child, marks)?;
    let Continuation { replayed, .. } = begun.expect("it is there");
    stream.kick(child, at(0), &mut net);
    let sent = net.frames(9).iter().map(|packet| h264::sequence(packet)).collect();
    stream.remove_child(child);
    Ok((replayed, sent))
}

#[test]
fn a_child_gets_what_follows_on_what_it_has() {
    let (mut stream, mut net) = stream();
    feed(&mut stream, &mut net, pictures(0..30));
    assert_eq!(resumed(&mut stream, &mark(80)), Ok((Some(9), (81..90).collect())));
    // Of the group of pictures before the present one too, and in the middle of a frame.
    assert_eq!(resumed(&mut stream, &mark(40)), Ok((Some(49), (41..90).collect())));
    assert_eq!(resumed(&mut stream, &mark(89)), Ok((Some(0), vec![])));
    // It has more than there is here.
    assert_eq!(resumed(&mut stream, &mark(120)), Ok((Some(0), vec![])));
    assert_eq!(resumed(&mut stream, &[]), Ok((Some(0), vec![])));
    check(&mut stream);
}

#[test]
fn who_lacks_what_is_gone_begins_at_the_newest_key_frame() {
    let limits = super::super::Limits { history: Duration::ZERO, ..Default::default() };
    let mut stream = Stream::new(session(1), limits).unwrap();
    let mut net = Net::default();
    for number in 0..65 {
        feed(&mut stream, &mut net, picture(number));
    }
    let whole_group = Ok((None, (180..195).collect()));
    assert_eq!(resumed(&mut stream, &mark(20)), whole_group);
    // So long ago that the numbers have come round.
    let old = vec![(
        0,
        Mark { ssrc: 7, sequence: 190, timestamp: (190 / 3 * TICKS).wrapping_sub(1 << 30) },
    )];
    assert_eq!(resumed(&mut stream, &old), whole_group);
}

#[test]
fn whoever_has_other_packets_is_refused() {
    let (mut stream, mut net) = stream();
    feed(&mut stream, &mut net, pictures(0..3));
    let [(_, known)] = mark(5)[..] else { unreachable!() };
    for (track, other) in [
        (0, Mark { ssrc: 8, ..known }),
        (0, Mark { timestamp: known.timestamp + 1, ..known }),
        (1, known),
    ] {
        assert_eq!(resumed(&mut stream, &[(track, other)]), Err(OtherPackets), "{other:?}");
    }
}

#[test]
fn the_track_that_is_furthest_back_sets_the_place() {
    let mut stream = Stream::new(session(2), super::super::Limits::default()).unwrap();
    let mut net = Net::default();
    for number in 0..40 {
        let mut packets = picture(number);
        let mut sound = frame(1000 + number, u32::from(number), false, 1);
        sound.iter_mut().for_each(|packet| packet.track = 1);
        packets.extend(sound);
        feed(&mut stream, &mut net, packets);
    }
    let child = stream.add_child(tcp_tracks(9), at(0));
    let mut marks = mark(110);
    marks.push((1, Mark { ssrc: 7, sequence: 1035, timestamp: 35 }));
    let begun = stream.play_from(child, &marks).expect("the same").expect("a child");
    // Packets 111 to 119 of the one, 1036 to 1039 of the other.
    assert_eq!(begun.replayed, Some(9 + 4));
    let starts: Vec<u16> = begun.start.iter().map(|point| point.expect("known").0).collect();
    assert_eq!(starts, [111, 1036]);
}

#[test]
fn what_two_sources_have_sent_goes_on_once_and_in_order() {
    for datagrams in [false, true] {
        let (mut stream, mut net) = stream();
        let take = |stream: &mut Stream, packet: Packet| match datagrams {
            true => stream.ingest_datagram(packet),
            false => stream.ingest(packet),
        };
        let child = stream.add_child(tcp_child(9), at(0));
        picture(0).into_iter().for_each(|packet| take(&mut stream, packet));
        stream.fan_out(at(0), &mut net);
        begin(&mut stream, &mut net, child, at(0));
        let lost = |packets: Vec<Packet>, lost: std::ops::Range<usize>| {
            let kept = |(number, _): &(usize, Packet)| !lost.contains(number);
            packets
                .into_iter()
                .enumerate()
                .filter(kept)
                .map(|(_, packet)| packet)
                .collect::<Vec<_>>()
        };
        // Up to 296, without the last three, but for one that came by datagram and waits for them.
        let numbers = if datagrams { 296..299 } else { 297..300 };
        let rest = lost(pictures(0..100), numbers).split_off(3);
        rest.into_iter().for_each(|packet| take(&mut stream, packet));
        let last = stream.marks()[0].1.sequence;
        assert_eq!(last, if datagrams { 295 } else { 296 });
        stream.begin_overlap();
        // Longer than for others, since what is missing may come from the one that takes over.
        stream.tend(Duration::from_millis(250));
        // From far back, in which one packet is missing that is there already.
        lost(pictures(0..101), 290..291).into_iter().for_each(|packet| take(&mut stream, packet));
        let Overlap { duplicates, missing } = stream.end_overlap();
        assert_eq!((missing, duplicates), (0, u64::from(last) + u64::from(datagrams)));
        stream.fan_out(at(0), &mut net);
        let sent: Vec<u16> = net.frames(9).iter().map(|packet| h264::sequence(packet)).collect();
        assert_eq!(sent, (0..303).collect::<Vec<_>>());
        check(&mut stream);
    }
}

#[test]
fn what_nobody_has_does_not_hold_up_the_stream_while_another_takes_over() {
    let (mut stream, _) = stream();
    stream.ingest_datagram(picture(0).remove(0));
    stream.begin_overlap();
    // Without the second packet of the first picture.
    pictures(1..3).into_iter().for_each(|packet| stream.ingest_datagram(packet));
    let published = stream.ledger().published;
    stream.tend(Duration::from_millis(250));
    assert_eq!(stream.ledger().published, published, "it may come yet");
    stream.tend(Duration::from_millis(600));
    assert_eq!(stream.ledger().published, published + 6);
    check(&mut stream);
}

#[test]
fn what_neither_source_has_is_missing() {
    let (mut stream, mut net) = stream();
    feed(&mut stream, &mut net, pictures(0..10));
    stream.begin_overlap();
    feed(&mut stream, &mut net, pictures(20..21));
    assert_eq!(stream.end_overlap(), Overlap { duplicates: 0, missing: 30 });
    stream.begin_overlap();
    feed(&mut stream, &mut net, pictures(2000..2001));
    assert_eq!(stream.end_overlap().missing, 5937);
    assert_eq!(stream.end_overlap(), Overlap::default());
}
