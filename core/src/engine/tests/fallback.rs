//! Streams that stand in where there is no publisher.

use std::net::{IpAddr, UdpSocket};

use super::{
    Audited, Client, PATIENCE, Publisher, check, engine, next_packet, play, serve, session,
    wait_for,
};
use crate::engine::{Config, Engine, Error, Event};
use crate::media::sdp;
use crate::stats::Cause;

const KEY: u8 = 0x65;
const OTHER: u8 = 0x41;

fn video() -> sdp::Session {
    let mut session = session();
    session.media.truncate(1);
    session
}

fn resumed(engine: &Engine, by_fallback: bool) {
    wait_for(engine, |event| match event {
        Event::StreamResumed { path, from } => {
            path == "s" && from.contains("fallback") == by_fallback
        }
        _ => false,
    });
}

/// The player's next packet is this one, with the stream's own SSRC.
fn comes(player: &mut Client, sequence: u16, nal: u8) {
    assert_eq!(next_packet(player), (sequence, 2, nal));
}

#[test]
pub(super) fn players_go_over_to_the_fallback_and_back_again() {
    let engine = engine();
    let address = serve(&engine);
    engine.set_fallback("s", Some("f")).expect("no circle");
    let mut fallback = Publisher::begin_at(address, "f", &video(), 2);
    fallback.send(0, KEY);
    wait_for(&engine, |event| matches!(event, Event::StreamStarted { path, .. } if path == "s"));
    // It goes on while the publisher has sent no key frame.
    let mut player = play(address);
    comes(&mut player, 0, KEY);
    let mut publisher = Publisher::begin(address, &video(), 1);
    resumed(&engine, false);
    publisher.send(5, OTHER);
    fallback.send(1, OTHER);
    comes(&mut player, 1, OTHER);
    publisher.send(6, KEY);
    comes(&mut player, 2, KEY);
    // Then it is not heard any more.
    fallback.send(2, KEY);
    fallback.send(3, OTHER);
    publisher.send(7, OTHER);
    comes(&mut player, 3, OTHER);

    // The publisher hangs up.
    drop(publisher);
    resumed(&engine, true);
    fallback.send(4, OTHER);
    fallback.send(5, KEY);
    comes(&mut player, 4, KEY);

    // Another comes, under the very SSRC that the stream has.
    let mut publisher = Publisher::begin(address, &video(), 2);
    resumed(&engine, false);
    publisher.send(200, OTHER);
    fallback.send(6, OTHER);
    comes(&mut player, 5, OTHER);
    publisher.send(201, KEY);
    publisher.send(202, OTHER);
    comes(&mut player, 6, KEY);
    comes(&mut player, 7, OTHER);

    // It says that it is over, and the stream is not.
    let url = format!("rtsp://{address}/s");
    let answer = publisher.client.ask(&format!("TEARDOWN {url}"), &publisher.session, "");
    assert!(answer.contains("200 OK"), "{answer}");
    resumed(&engine, true);
    fallback.send(7, KEY);
    comes(&mut player, 8, KEY);

    // One that leaves before its key frame has changed nothing.
    let publisher = Publisher::begin(address, &video(), 9);
    resumed(&engine, false);
    drop(publisher);
    wait_for(&engine, |event| matches!(event, Event::StreamInterrupted { .. }));
    fallback.send(8, OTHER);
    comes(&mut player, 9, OTHER);
    check(&engine);
    let figures = engine.figures().expect("figures");
    let stream = figures.streams.iter().find(|stream| stream.path == "s").expect("s");
    assert_eq!(stream.ledger.dropped(Cause::AwaitingKey), 3);

    // Without its publisher, the fallback is over, and so is all.
    drop(fallback);
    wait_for(&engine, |event| matches!(event, Event::StreamEnded { path, .. } if path == "s"));
}

/// What a source has sent that is not a publisher.
fn packet(sequence: u8, nal: u8) -> [u8; 16] {
    [0x80, 0x80 | 96, 0, sequence, 0, 0, 1, sequence, 0, 0, 0, 9, nal, 0x88, 1, 1]
}

fn stands_in(engine: &Engine) -> bool {
    let figures = engine.figures().expect("figures").fallbacks;
    assert_eq!((figures.len(), &*figures[0].path, &*figures[0].source), (1, "s", "f"));
    figures[0].stands_in
}

/// An engine whose fallback stands in at `s`, and a player there that has had its first packet.
fn stood_in() -> (Audited, Publisher, Client) {
    let engine = engine();
    let address = serve(&engine);
    engine.set_fallback("s", Some("f")).expect("no circle");
    assert!(!stands_in(&engine));
    let mut fallback = Publisher::begin_at(address, "f", &video(), 2);
    fallback.send(0, KEY);
    wait_for(&engine, |event| matches!(event, Event::StreamStarted { path, .. } if path == "s"));
    let mut player = play(address);
    comes(&mut player, 0, KEY);
    assert!(stands_in(&engine));
    (engine, fallback, player)
}

#[test]
fn a_source_in_this_process_takes_over_and_gives_back() {
    let (engine, mut fallback, mut player) = stood_in();
    let mut source = engine.rtp_source("s", video()).expect("nobody else feeds it");
    resumed(&engine, false);
    let mut send = |sequence, nal| {
        source.push(0, &packet(sequence, nal)).expect("a packet");
        source.flush().expect("the engine runs");
    };
    send(50, OTHER);
    fallback.send(1, OTHER);
    comes(&mut player, 1, OTHER);
    send(51, KEY);
    comes(&mut player, 2, KEY);
    fallback.send(2, KEY);
    send(52, OTHER);
    comes(&mut player, 3, OTHER);
    assert!(engine.rtp_source("s", video()).is_err(), "it has a source");
    drop(source);
    resumed(&engine, true);
    fallback.send(3, KEY);
    comes(&mut player, 4, KEY);
    check(&engine);
}

#[test]
fn plain_rtp_takes_over() {
    let (engine, mut fallback, mut player) = stood_in();
    let mut plain = video();
    plain.connection = Some(IpAddr::from([127, 0, 0, 1]).into());
    let bound = (0..100).any(|_| {
        let free = UdpSocket::bind("127.0.0.1:0").expect("a port");
        plain.media[0].port = free.local_addr().expect("an address").port() & !1;
        drop(free);
        engine.ingest_rtp("s", plain.clone()).is_ok()
    });
    assert!(bound, "no free pair of ports");
    resumed(&engine, false);
    let sender = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let to = ("127.0.0.1", plain.media[0].port);
    let send = |sequence, nal| sender.send_to(&packet(sequence, nal), to).expect("sent");
    send(50, OTHER);
    fallback.send(1, OTHER);
    comes(&mut player, 1, OTHER);
    send(51, KEY);
    comes(&mut player, 2, KEY);
    fallback.send(2, KEY);
    send(52, OTHER);
    comes(&mut player, 3, OTHER);
    assert!(!stands_in(&engine));
    check(&engine);
}

#[test]
fn a_fallback_with_other_tracks_begins_a_stream_of_its_own() {
    let config = Config { linger: PATIENCE, ..Config::default() };
    let engine = Engine::start(config).expect("an engine");
    let address = serve(&engine);
    let mut publisher = Publisher::begin(address, &video(), 1);
    publisher.send(0, KEY);
    let mut fallback = Publisher::begin_at(address, "f", &session(), 2);
    fallback.send(0, KEY);
    engine.set_fallback("s", Some("f")).expect("no circle");
    drop(publisher);
    wait_for(
        &engine,
        |event| matches!(event, Event::StreamInterrupted { path, .. } if path == "s"),
    );
    // The stream waits for its publisher, as without a fallback; when it is over, the other begins.
    engine.end("s").expect("it is there");
    let started = wait_for(&engine, |event| matches!(event, Event::StreamStarted { .. }));
    assert!(started.to_string().contains("its fallback f"), "{started}");
    comes(&mut play(address), 0, KEY);
    check(&engine);
}

#[test]
fn nothing_stands_in_for_itself() {
    let engine = engine();
    engine.set_fallback("a", Some("b")).expect("no circle");
    engine.set_fallback("b", Some("/c/")).expect("no circle");
    assert!(matches!(engine.set_fallback("c", Some("a")), Err(Error::Circle(_))));
    assert!(matches!(engine.set_fallback("c", Some("c")), Err(Error::Circle(_))));
    engine.set_fallback("b", None).expect("it is there");
    engine.set_fallback("c", Some("a")).expect("no circle");
}
