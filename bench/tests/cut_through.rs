//! Cut-through: a picture's first packet reaches a player before the publisher has sent its last.

use std::net::Ipv4Addr;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use rillcast::engine::{Config, Engine};
use rillcast_bench::peers::{PARTS, Player, Publisher, Transport, packet, picture_of};

/// Time between two packets of a picture, so that a picture takes 20 ms.
const PAUSE: Duration = Duration::from_millis(5);
const PICTURES: u32 = 40;

#[test]
fn the_first_packet_arrives_before_the_last_is_sent() {
    for ingest in [Transport::Udp, Transport::Tcp] {
        for egress in [Transport::Udp, Transport::Tcp] {
            check(ingest, egress);
        }
    }
}

fn check(ingest: Transport, egress: Transport) {
    let engine = Engine::start(Config::default()).expect("the engine starts");
    let address = engine.listen((Ipv4Addr::LOCALHOST, 0).into()).expect("a port is free");
    let mut publisher = Publisher::connect(address, ingest);
    // A key frame to begin with.
    (0..PARTS).for_each(|part| publisher.send(&packet(0, part)));
    let (tell, arrivals) = channel();
    let player = Player::start(address, egress, move |packet| {
        tell.send((picture_of(packet), Instant::now())).expect("the test listens");
    });

    let mut sent = Vec::new();
    for picture in 1..=PICTURES {
        let mut times = Vec::new();
        for part in 0..PARTS {
            thread::sleep(PAUSE);
            times.push(Instant::now());
            publisher.send(&packet(picture, part));
        }
        sent.push((picture, times));
    }
    thread::sleep(Duration::from_millis(100));
    // The player leaves before the publisher does.
    drop(player);
    let arrivals: Vec<_> = arrivals.try_iter().collect();

    let mut delays = Vec::new();
    for (picture, times) in &sent {
        let first = arrivals.iter().find(|(number, _)| *number == Some(*picture));
        let (_, arrival) = first.expect("every picture arrives");
        let [begun, .., ended] = times[..] else { unreachable!("a picture has five packets") };
        delays.push((arrival.duration_since(begun), *arrival < ended));
    }
    delays.sort_unstable();
    let early = delays.iter().filter(|(_, early)| *early).count();
    let (median, _) = delays[delays.len() / 2];
    println!(
        "{ingest:?} in, {egress:?} out: first packet after {median:?} (median) of a picture that \
         takes 20 ms; {early} of {PICTURES} before the last was sent"
    );
    // A busy machine may hold a thread up for longer than a picture takes.
    assert!(early >= PICTURES as usize * 3 / 4, "{ingest:?} in, {egress:?} out: {delays:?}");
}
