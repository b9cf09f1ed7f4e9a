//! The relay over sockets that are lists.

mod branch;
mod continuation;
mod key_frames;
mod repair;
mod retransmission;
mod succession;
mod support;

use std::time::Duration;

use super::{Kind, Start, Stream};
use crate::stats::Cause;
use support::{Net, at, frame, h264, session, tcp_child, tcp_tracks, udp_child, udp_tracks};

/// A stream with one H.264 track, and the world below it.
fn stream() -> (Stream, Net) {
    let stream = Stream::new(session(1), super::Limits::default()).unwrap();
    (stream, Net::default())
}

fn begin(stream: &mut Stream, net: &mut Net, key: usize, now: Duration) {
    stream.play(key, Start::KeyFrame).unwrap();
    stream.kick(key, now, net);
}

fn feed(stream: &mut Stream, net: &mut Net, packets: Vec<super::Packet>) {
    let now = packets.last().map_or(Duration::ZERO, |packet| packet.arrival);
    for packet in packets {
        stream.ingest(packet);
    }
    stream.fan_out(now, net);
}

fn check(stream: &mut Stream) {
    assert!(stream.ledger().balances(), "{:?}", stream.ledger());
    for child in stream.child_figures() {
        assert!(child.ledger.balances(), "{child:?}");
    }
}

#[test]
fn first_packet_of_a_frame_is_out_before_the_last_is_in() {
    let (mut stream, mut net) = stream();
    feed(&mut stream, &mut net, frame(0, 0, true, 1));
    let udp = stream.add_child(udp_child(1), at(0));
    let tcp = stream.add_child(tcp_child(1), at(0));
    begin(&mut stream, &mut net, udp, at(0));
    begin(&mut stream, &mut net, tcp, at(0));
    let (sent, written) = (net.datagrams(1).len(), net.frames(1).len());

    let mut packets = frame(1, 3000, false, 3);
    let rest = packets.split_off(1);
    feed(&mut stream, &mut net, packets);
    assert_eq!(net.datagrams(1).len(), sent + 1);
    assert_eq!(net.frames(1).len(), written + 1);
    feed(&mut stream, &mut net, rest);
    assert_eq!(net.datagrams(1).len(), sent + 3);
    check(&mut stream);
}

#[test]
fn a_child_begins_with_the_newest_key_frame_and_is_told_so() {
    let (mut stream, mut net) = stream();
    for n in 0..10u16 {
        feed(&mut stream, &mut net, frame(n * 2, u32::from(n) * 3000, n % 4 == 0, 2));
    }
    let key = stream.add_child(udp_child(1), at(0));
    let points = stream.play(key, Start::KeyFrame).unwrap();
    assert_eq!(points, [Some((16, 8 * 3000))]);
    stream.kick(key, at(0), &mut net);
    while stream.pacing() {
        stream.pace(at(0), &mut net);
    }
    let sequences: Vec<u16> = net.datagrams(1).iter().map(|data| h264::sequence(data)).collect();
    assert_eq!(sequences, [16, 17, 18, 19]);
    feed(&mut stream, &mut net, frame(20, 30_000, false, 2));
    assert_eq!(net.datagrams(1).len(), 6);
    check(&mut stream);
}

#[test]
fn a_child_catches_up_with_a_stream_faster_than_its_burst() {
    let (mut stream, mut net) = stream();
    let mut sequence = 0u16;
    // 20 kB a millisecond, where a burst is 4 KiB.
    let mut millisecond = |stream: &mut Stream, net: &mut Net| {
        let packets = frame(sequence, u32::from(sequence), sequence == 0, 200);
        sequence = sequence.wrapping_add(200);
        feed(stream, net, packets);
    };
    (0..5).for_each(|_| millisecond(&mut stream, &mut net));
    let key = stream.add_child(udp_child(1), at(0));
    begin(&mut stream, &mut net, key, at(0));
    assert!(stream.pacing());
    for _ in 0..20 {
        millisecond(&mut stream, &mut net);
        stream.pace(at(0), &mut net);
    }
    assert!(!stream.pacing(), "it never gets live");
    assert_eq!(stream.child_figures()[0].ledger.too_slow, 0);
    check(&mut stream);
}

#[test]
fn a_child_of_a_stream_without_key_frame_waits_for_one() {
    let (mut stream, mut net) = stream();
    feed(&mut stream, &mut net, frame(0, 0, false, 2));
    let key = stream.add_child(udp_child(1), at(0));
    begin(&mut stream, &mut net, key, at(0));
    feed(&mut stream, &mut net, frame(2, 3000, false, 2));
    assert!(net.datagrams(1).is_empty());
    feed(&mut stream, &mut net, frame(4, 6000, true, 2));
    assert_eq!(h264::sequence(&net.datagrams(1)[0]), 4);
    check(&mut stream);
}

#[test]
fn parameter_sets_in_band_go_into_the_description() {
    let (mut stream, mut net) = stream();
    let (sps, pps) = ([0x67, 0x42, 0xc0, 0x1e, 0xd9], [0x68, 0xce, 0x3c, 0x80]);
    let stap = [&[0x78, 0, 5][..], &sps, &[0, 4], &pps].concat();
    let packets = vec![h264::packet(0, 0, false, 96, &stap), h264::packet(1, 0, true, 96, &[0x65])];
    feed(&mut stream, &mut net, packets);
    assert_eq!(stream.session().media[0].format.parameter_sets(), [&sps[..], &pps]);
    // Changed ones replace them, here each in a packet of its own.
    let changed = [0x67, 0x42, 0xc0, 0x1f, 0xd9];
    feed(&mut stream, &mut net, vec![h264::packet(2, 3000, false, 96, &changed)]);
    assert_eq!(stream.session().media[0].format.parameter_sets(), [&changed[..], &pps]);
}

#[test]
fn packets_of_one_size_go_out_as_one_run_with_a_shorter_one_at_its_end() {
    let (mut stream, mut net) = stream();
    feed(&mut stream, &mut net, frame(0, 0, true, 1));
    let child = stream.add_child(udp_child(1), at(0));
    begin(&mut stream, &mut net, child, at(0));
    net.runs.clear();
    feed(&mut stream, &mut net, frame(1, 3000, false, 70));
    // 64 is what one send takes; the last packet of a frame is shorter.
    assert_eq!(net.runs, [64, 6]);
    check(&mut stream);
}

#[test]
fn a_connection_that_takes_half_a_packet_gets_the_other_half_first() {
    let (mut stream, mut net) = stream();
    feed(&mut stream, &mut net, frame(0, 0, true, 1));
    let slow = stream.add_child(tcp_child(1), at(0));
    let fast = stream.add_child(tcp_child(2), at(0));
    begin(&mut stream, &mut net, slow, at(0));
    begin(&mut stream, &mut net, fast, at(0));
    net.room(1, 100);
    feed(&mut stream, &mut net, frame(1, 3000, false, 4));
    feed(&mut stream, &mut net, frame(5, 6000, false, 4));
    assert_eq!(net.frames(2).len(), 9);
    net.room(1, usize::MAX);
    net.drain(1);
    stream.writable(slow, at(1), &mut net);
    assert_eq!(net.frames(1), net.frames(2));
    check(&mut stream);
}

#[test]
fn a_connection_that_lags_too_far_goes_on_at_the_newest_key_frame() {
    let (mut stream, mut net) = stream();
    feed(&mut stream, &mut net, frame(0, 0, true, 1));
    let slow = stream.add_child(tcp_child(1), at(0));
    begin(&mut stream, &mut net, slow, at(0));
    net.room(1, 0);
    for n in 1..=10u16 {
        let mut packets = frame(n, u32::from(n) * 90_000, n == 9, 1);
        packets.iter_mut().for_each(|packet| packet.arrival = at(u64::from(n)));
        feed(&mut stream, &mut net, packets);
    }
    net.room(1, usize::MAX);
    stream.writable(slow, at(10), &mut net);
    let sequences: Vec<u16> = net.frames(1).iter().map(|data| h264::sequence(data)).collect();
    assert_eq!(sequences, [0, 9, 10]);
    let ledger = stream.child_figures()[0].ledger;
    assert_eq!((ledger.too_slow, ledger.waiting), (8, 0));
    check(&mut stream);
}

#[test]
fn a_connection_that_takes_nothing_is_told_to_be_stalled() {
    let (mut stream, mut net) = stream();
    feed(&mut stream, &mut net, frame(0, 0, true, 1));
    let key = stream.add_child(tcp_child(1), at(0));
    begin(&mut stream, &mut net, key, at(0));
    net.room(1, 0);
    feed(&mut stream, &mut net, frame(1, 3000, false, 1));
    assert!(!stream.is_stalled(key, at(5)));
    assert!(stream.is_stalled(key, at(11)));
}

#[test]
fn duplicates_and_foreign_payload_types_are_dropped_and_counted() {
    let (mut stream, mut net) = stream();
    feed(&mut stream, &mut net, frame(0, 0, true, 2));
    feed(&mut stream, &mut net, frame(0, 0, true, 1));
    let foreign = h264::packet(9, 0, true, 33, &[0x41, 0x80]);
    feed(&mut stream, &mut net, vec![foreign]);
    assert_eq!(stream.ledger().dropped(Cause::Duplicate), 1);
    assert_eq!(stream.ledger().dropped(Cause::PayloadType), 1);
    check(&mut stream);
}

#[test]
fn what_the_kernel_refuses_is_the_childs_loss_and_nobody_elses() {
    let (mut stream, mut net) = stream();
    feed(&mut stream, &mut net, frame(0, 0, true, 1));
    let (bad, good) =
        (stream.add_child(udp_child(1), at(0)), stream.add_child(udp_child(2), at(0)));
    begin(&mut stream, &mut net, bad, at(0));
    begin(&mut stream, &mut net, good, at(0));
    net.refuse_datagrams_to(1);
    feed(&mut stream, &mut net, frame(1, 3000, false, 3));
    let ledgers: Vec<_> = stream.child_figures().iter().map(|child| child.ledger).collect();
    assert_eq!((ledgers[0].refused, ledgers[0].sent), (3, 1));
    assert_eq!((ledgers[1].refused, ledgers[1].sent), (0, 4));
    check(&mut stream);
}

#[test]
fn pause_and_play_again_keep_the_ledger() {
    let (mut stream, mut net) = stream();
    feed(&mut stream, &mut net, frame(0, 0, true, 2));
    for key in [stream.add_child(udp_child(1), at(0)), stream.add_child(tcp_child(2), at(0))] {
        begin(&mut stream, &mut net, key, at(0));
        feed(&mut stream, &mut net, frame(2 + 4 * key as u16, 3000, false, 2));
        stream.pause(key);
        feed(&mut stream, &mut net, frame(4 + 4 * key as u16, 6000, false, 2));
        check(&mut stream);
        begin(&mut stream, &mut net, key, at(0));
        check(&mut stream);
    }
    let ledger = stream.remove_child(0).unwrap();
    assert!(ledger.balances() && ledger.sent > 0, "{ledger:?}");
}

#[test]
fn the_end_is_a_bye_behind_the_last_packet() {
    let (mut stream, mut net) = stream();
    feed(&mut stream, &mut net, frame(0, 0, true, 1));
    let key = stream.add_child(tcp_child(1), at(0));
    begin(&mut stream, &mut net, key, at(0));
    stream.finish(at(1));
    stream.fan_out(at(1), &mut net);
    let frames = net.frames_of(1, Kind::Rtcp);
    assert!(crate::media::rtcp::parse(frames.last().unwrap()).unwrap().has_bye());
    check(&mut stream);
}

#[test]
fn a_source_has_left_when_it_said_bye_for_every_track_and_sent_nothing_since() {
    let (mut stream, mut net) = stream();
    let bye = || {
        let span = crate::ring::Span::from_vec(crate::media::rtcp::bye(7));
        vec![super::Packet::new(span, Kind::Rtcp, 0, Duration::ZERO)]
    };
    feed(&mut stream, &mut net, bye());
    assert!(!stream.source_left(), "nothing has come yet");
    feed(&mut stream, &mut net, frame(0, 0, true, 2));
    assert!(!stream.source_left());
    feed(&mut stream, &mut net, bye());
    assert!(stream.source_left());
    feed(&mut stream, &mut net, frame(2, 3000, false, 2));
    assert!(!stream.source_left(), "it goes on");
    check(&mut stream);
}

#[test]
fn a_child_that_gives_up_a_track_gets_the_others_on() {
    let mut stream = Stream::new(session(2), super::Limits::default()).unwrap();
    let mut net = Net::default();
    let of_track = |track: u8, mut packets: Vec<super::Packet>| {
        packets.iter_mut().for_each(|packet| packet.track = track);
        packets
    };
    feed(&mut stream, &mut net, frame(0, 0, true, 1));
    feed(&mut stream, &mut net, of_track(1, frame(0, 0, true, 1)));
    for transport in [udp_tracks(1), tcp_tracks(2)] {
        let key = stream.add_child(transport, at(0));
        begin(&mut stream, &mut net, key, at(0));
        stream.drop_tracks(key, &[0, 9], at(0), &mut net);
    }
    let (datagrams, frames) = (net.datagrams(1).len(), net.frames(2).len());
    feed(&mut stream, &mut net, frame(1, 3000, false, 3));
    assert_eq!((net.datagrams(1).len(), net.frames(2).len()), (datagrams, frames));
    feed(&mut stream, &mut net, of_track(1, frame(1, 3000, false, 2)));
    assert_eq!((net.datagrams(1).len(), net.frames(2).len()), (datagrams + 2, frames + 2));
    check(&mut stream);
}

/// What somebody does in one step of [`live_through`]: what, who, and how much.
type Step = (u8, usize, usize);

fn steps() -> impl proptest::strategy::Strategy<Value = Vec<Step>> {
    proptest::collection::vec((0u8..9, 0usize..4, 0usize..5000), 1..120)
}

/// Whatever the publisher, the children and their connections do: both ledgers balance, each
/// connection carries whole frames, and what arrives at a child is in order. Frames have at most
/// `longest` packets.
fn live_through(steps: Vec<Step>, limits: super::Limits, longest: usize) {
    let mut stream = Stream::new(session(1), limits).unwrap();
    let mut net = Net::default();
    // Key and port of each child, and how often it was told to play.
    let mut children: Vec<(usize, u16, usize)> = Vec::new();
    let (mut sequence, mut now) = (0u16, 0);
    for (step, which, amount) in steps {
        let known = children.len();
        let child = children.get_mut(which);
        match (step, child) {
            (0..=2, _) => {
                let count = 1 + (amount % longest) as u16;
                let mut packets =
                    frame(sequence, u32::from(sequence) * 100, amount % 5 == 0, count);
                packets.iter_mut().for_each(|packet| packet.arrival = at(now));
                sequence = sequence.wrapping_add(count + u16::from(amount % 7 == 0));
                feed(&mut stream, &mut net, packets);
            }
            (3, _) if known < 4 => {
                let port = known as u16 + 1;
                let transport = if amount % 2 == 0 { tcp_child(port) } else { udp_child(port) };
                let key = stream.add_child(transport, at(now));
                children.push((key, port, 1));
                begin(&mut stream, &mut net, key, at(now));
            }
            (4, Some((_, port, _))) => net.room(*port, amount),
            (5, Some((key, port, _))) => {
                net.room(*port, amount * 4);
                if net.drain(*port) {
                    stream.writable(*key, at(now), &mut net);
                }
            }
            (6, _) => stream.pace(at(now), &mut net),
            (7, Some((key, _, _))) => stream.pause(*key),
            (8, Some((key, _, plays))) => {
                *plays += 1;
                begin(&mut stream, &mut net, *key, at(now));
            }
            _ => now += 1,
        }
        check(&mut stream);
    }
    for (_, port, plays) in children {
        let arrived: Vec<u16> = net
            .frames(port)
            .iter()
            .chain(net.datagrams(port))
            .map(|data| h264::sequence(data))
            .collect();
        // Who plays anew begins at the newest key frame, which it may have had.
        let back = arrived.windows(2).filter(|pair| pair[1] <= pair[0]).count();
        assert!(back < plays, "child {port} told {plays} times to play got {arrived:?}");
    }
}

proptest::proptest! {
    #[test]
    fn nothing_is_lost_uncounted(steps in steps()) {
        live_through(steps, super::Limits::default(), 9);
    }
}

proptest::proptest! {
    // Each case carries some ten thousand packets.
    #![proptest_config(proptest::test_runner::Config::with_cases(32))]

    /// The ring comes round several times; who is slow is overtaken.
    #[test]
    fn nothing_is_lost_uncounted_in_a_ring_that_is_too_small(steps in steps()) {
        let limits = super::Limits { ring_packets: 4096, ..super::Limits::default() };
        live_through(steps, limits, 500);
    }
}
