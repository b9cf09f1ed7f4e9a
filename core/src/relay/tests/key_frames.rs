//! Key frames that are asked of the source.

use std::time::Duration;

use super::support::{Net, frame, session, tcp_child, udp_child};
use crate::media::rtcp::{self, Feedback};
use crate::relay::{ChildKey, Limits, Start, Stream};

const SSRC: u32 = 7;
const REPORTER: u32 = 99;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A stream that has had one key frame and one other.
fn running(net: &mut Net) -> Stream {
    let mut stream = Stream::new(session(1), Limits::default()).unwrap();
    feed(&mut stream, net, 0, true);
    feed(&mut stream, net, 1, false);
    stream
}

fn feed(stream: &mut Stream, net: &mut Net, number: u16, key: bool) {
    let time = ms(u64::from(number) * 40);
    frame(number, u32::from(number) * 3600, key, 1).into_iter().for_each(|p| stream.ingest(p));
    stream.fan_out(time, net);
}

fn player(stream: &mut Stream, net: &mut Net, udp: bool) -> ChildKey {
    let transport = if udp { udp_child(1) } else { tcp_child(1) };
    let key = stream.add_child(transport, ms(0));
    stream.play(key, Start::KeyFrame).unwrap();
    stream.kick(key, ms(0), net);
    key
}

/// The source that a request asks for a key frame.
fn asked(request: &[u8]) -> Option<u32> {
    let compound = rtcp::parse(request).expect("RTCP");
    assert!(matches!(compound.packets().next(), Some(rtcp::Packet::ReceiverReport { .. })));
    compound.packets().find_map(|packet| match packet {
        rtcp::Packet::PictureLoss { sender: REPORTER, media } => Some(media),
        _ => None,
    })
}

fn request(stream: &mut Stream, now: Duration) -> Option<u32> {
    let wanted = stream.wants_key_frame(now);
    let request = stream.request(0, REPORTER, now);
    assert_eq!(request.is_some(), wanted);
    request.and_then(|request| asked(&request))
}

#[test]
fn what_a_child_asks_for_is_asked_of_the_source_at_most_twice_a_second() {
    for udp in [true, false] {
        let mut net = Net::default();
        let mut stream = running(&mut net);
        let key = player(&mut stream, &mut net, udp);
        assert_eq!(request(&mut stream, ms(100)), None);
        let pli = rtcp::feedback(1, "a", &[Feedback::Pli { media: SSRC }]);
        let mut times = Vec::new();
        for now in (100..2100).map(ms) {
            stream.hear(key, &pli, now, &mut net);
            times.extend(request(&mut stream, now).map(|media| (now, media)));
        }
        assert_eq!(times, [100, 600, 1100, 1600].map(|at| (ms(at), SSRC)));
        assert_eq!(stream.track_figures()[0].key_frames_asked, 4);
        // It has come: nothing more is to be asked for.
        feed(&mut stream, &mut net, 2, true);
        assert_eq!(request(&mut stream, ms(5000)), None);
        super::check(&mut stream);
    }
}

#[test]
fn a_full_intra_request_is_one_too_and_one_for_another_source_is_not() {
    let mut net = Net::default();
    let mut stream = running(&mut net);
    let key = player(&mut stream, &mut net, true);
    let other = rtcp::feedback(1, "a", &[Feedback::Pli { media: SSRC + 1 }]);
    stream.hear(key, &other, ms(100), &mut net);
    assert_eq!(request(&mut stream, ms(100)), None);
    // FIR: sender 1, media 0, entry: SSRC 7, command 1.
    let fir = [0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 1, 0, 0, 0];
    stream.hear(key, &fir, ms(100), &mut net);
    assert_eq!(request(&mut stream, ms(100)), Some(SSRC));
}

#[test]
fn a_child_that_finds_no_key_frame_has_one_asked_for() {
    let mut net = Net::default();
    let mut stream = Stream::new(session(1), Limits::default()).unwrap();
    let key = player(&mut stream, &mut net, true);
    // What has begun may be a key frame yet.
    let mut first = frame(0, 0, false, 2).into_iter();
    first.by_ref().take(1).for_each(|packet| stream.ingest(packet));
    stream.fan_out(ms(0), &mut net);
    assert_eq!(request(&mut stream, ms(0)), None);
    first.for_each(|packet| stream.ingest(packet));
    stream.fan_out(ms(1), &mut net);
    assert_eq!(request(&mut stream, ms(1)), Some(SSRC));
    assert!(net.datagrams(1).is_empty());
    feed(&mut stream, &mut net, 2, true);
    assert!(!net.datagrams(1).is_empty());
    assert_eq!(request(&mut stream, ms(1000)), None);
    stream.remove_child(key);
    super::check(&mut stream);
}

#[test]
fn so_has_a_reader_on_another_thread() {
    let mut net = Net::default();
    let mut stream = Stream::new(session(1), Limits::default()).unwrap();
    drop(stream.subscriber());
    feed(&mut stream, &mut net, 0, false);
    assert_eq!(request(&mut stream, ms(0)), Some(SSRC));
    feed(&mut stream, &mut net, 1, true);
    feed(&mut stream, &mut net, 2, false);
    assert_eq!(request(&mut stream, ms(1000)), None);
}

#[test]
fn what_is_lost_for_good_has_a_key_frame_asked_for_until_one_comes() {
    let mut net = Net::default();
    let mut stream = running(&mut net);
    feed(&mut stream, &mut net, 3, false);
    assert_eq!(request(&mut stream, ms(200)), Some(SSRC));
    feed(&mut stream, &mut net, 4, false);
    assert_eq!(request(&mut stream, ms(400)), None);
    assert_eq!(request(&mut stream, ms(700)), Some(SSRC));
    feed(&mut stream, &mut net, 5, true);
    assert_eq!(request(&mut stream, ms(2000)), None);
}

#[test]
fn of_a_track_without_key_frames_none_is_asked_for() {
    let mut net = Net::default();
    let mut described = session(1);
    described.media = vec![crate::media::sdp::Media::aac(96, &[0x11, 0x90], 48_000, 2)];
    let mut stream = Stream::new(described, Limits::default()).unwrap();
    let key = player(&mut stream, &mut net, true);
    feed(&mut stream, &mut net, 0, false);
    feed(&mut stream, &mut net, 5, false);
    let pli = rtcp::feedback(1, "a", &[Feedback::Pli { media: SSRC }]);
    stream.hear(key, &pli, ms(500), &mut net);
    assert_eq!(request(&mut stream, ms(500)), None);
}

#[test]
fn a_wish_that_nobody_can_be_told_of_is_forgotten() {
    let mut net = Net::default();
    let mut stream = running(&mut net);
    feed(&mut stream, &mut net, 3, false);
    stream.forgo_key_frames(ms(200));
    assert_eq!(request(&mut stream, ms(200)), None);
    assert_eq!(stream.track_figures()[0].key_frames_asked, 0);
}
