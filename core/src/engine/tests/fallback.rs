//! Streams that stand in where there is no publisher.

use super::{
    Client, PATIENCE, Publisher, check, engine, next_packet, play, serve, session, wait_for,
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
fn players_go_over_to_the_fallback_and_back_again() {
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
