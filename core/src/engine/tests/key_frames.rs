//! Key frames asked for through several engines.

use std::time::{Duration, Instant};

use super::{Client, PATIENCE, Publisher, engine, play, serve, session, wait_for, write};
use crate::engine::{Event, Transport};
use crate::media::rtcp::{self, Feedback};

/// A PLI for the source 7, as a player sends it in its RTSP connection.
fn ask(player: &mut Client) {
    use std::io::Write as _;
    let pli = rtcp::feedback(1, "player", &[Feedback::Pli { media: 7 }]);
    let head = [b'$', 1, 0, pli.len() as u8];
    player.stream.write_all(&[&head[..], &pli].concat()).expect("written");
}

/// Whether the next interleaved frame is RTCP that asks the source 7 for a key frame.
fn is_asked(publisher: &mut Publisher) -> bool {
    let (channel, report) = publisher.client.frame();
    assert_eq!(channel, 1);
    let compound = rtcp::parse(&report).expect("RTCP");
    let mut packets = compound.packets();
    packets.any(|packet| matches!(packet, rtcp::Packet::PictureLoss { media: 7, .. }))
}

fn video() -> crate::media::sdp::Session {
    let mut session = session();
    session.media.truncate(1);
    session
}

#[test]
pub(super) fn a_publisher_is_asked_through_two_engines_at_most_twice_a_second() {
    for transport in [Transport::Tcp, Transport::Udp] {
        let (upper, lower) = (engine(), engine());
        let address = serve(&upper);
        let mut publisher = Publisher::begin(address, &video(), 7);
        publisher.send(0, 0x65);
        lower.pull("s", &format!("rtsp://{address}/s"), transport).expect("begun");
        wait_for(&lower, |event| matches!(event, Event::StreamStarted { .. }));
        let mut player = play(serve(&lower));
        publisher.send(1, 0x41);
        // What it is sent, it has; so the engines know its source.
        player.frame();
        let begun = Instant::now();
        let mut requests = 0;
        while requests < 3 {
            ask(&mut player);
            publisher.client.stream.set_read_timeout(Some(Duration::from_millis(20))).expect("set");
            let mut there = [0];
            if publisher.client.stream.peek(&mut there).is_ok() {
                publisher.client.stream.set_read_timeout(Some(PATIENCE)).expect("set");
                assert!(is_asked(&mut publisher));
                requests += 1;
            }
            assert!(begun.elapsed() < PATIENCE, "{requests} requests, {transport:?}");
        }
        assert!(begun.elapsed() >= Duration::from_millis(1000), "too often");
        super::check(&upper);
        super::check(&lower);
    }
}

#[test]
fn a_source_in_the_process_is_told() {
    let engine = engine();
    let mut source = engine.source("s", session()).expect("a source");
    write(&mut source, 1);
    assert!(!source.key_frame_wanted(0));
    // It waits for a key frame, and none has been there.
    let reader = engine.reader("s", PATIENCE).expect("a reader");
    let begun = Instant::now();
    let mut frame = 2;
    while !source.key_frame_wanted(0) {
        assert!(begun.elapsed() < PATIENCE);
        write(&mut source, frame % 9 + 1);
        frame += 1;
    }
    assert!(!source.key_frame_wanted(0) && !source.key_frame_wanted(1));
    drop(reader);
}
