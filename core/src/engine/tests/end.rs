//! What the program ends itself.

use std::io::Read;
use std::net::TcpListener;

use super::{Publisher, check, engine, play, serve, session, wait_for};
use crate::engine::{Error, Event, Transport};

#[test]
pub(super) fn a_publisher_is_hung_up_on_and_the_path_is_free() {
    let engine = engine();
    let address = serve(&engine);
    let mut publisher = Publisher::begin(address, &session(), 1);
    publisher.send(0, 0x65);
    let mut player = play(address);
    player.frame();
    engine.end("/s/").expect("there is a stream");
    let ended = wait_for(&engine, |event| matches!(event, Event::StreamEnded { .. }));
    assert_eq!(ended.to_string(), "stream s ended: the program has ended it");
    let mut rest = Vec::new();
    publisher.client.stream.read_to_end(&mut rest).expect("the end of the connection");
    assert_eq!(player.frame().0, 1, "a BYE");
    check(&engine);
    assert!(matches!(engine.end("s"), Err(Error::NoStream(_))));
    Publisher::begin(address, &session(), 2).send(0, 0x65);
    wait_for(&engine, |event| matches!(event, Event::StreamStarted { .. }));
}

#[test]
fn a_pull_is_ended_while_it_runs_and_before_it_has_come_about() {
    let (server, player) = (engine(), engine());
    let url = format!("rtsp://{}/s", serve(&server));
    let _source = server.source("s", session()).expect("a source");
    player.pull("copy", &url, Transport::Tcp).expect("begun");
    wait_for(&player, |event| matches!(event, Event::StreamStarted { .. }));
    player.end("copy").expect("there is a stream");
    wait_for(&player, |event| matches!(event, Event::StreamEnded { .. }));
    wait_for(&server, |event| matches!(event, Event::ChildEnded { .. }));

    // Somebody who takes the connection and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("rtsp://{}/s", silent.local_addr().expect("an address"));
    player.pull("copy", &url, Transport::Tcp).expect("begun");
    player.end("copy").expect("there is a pull");
    let failed = wait_for(&player, |event| matches!(event, Event::PullFailed { .. }));
    assert!(failed.to_string().ends_with("the program has ended it"), "{failed}");
}

#[test]
fn a_push_that_waits_is_cancelled() {
    let engine = engine();
    let url = format!("rtsp://{}/copy", serve(&engine));
    engine.push("s", &url, Transport::Tcp).expect("noted");
    engine.end("s").expect("there is a push");
    wait_for(&engine, |event| matches!(event, Event::PushEnded { .. }));
    let _source = engine.source("s", session()).expect("a source");
    assert!(matches!(engine.end("copy"), Err(Error::NoStream(_))), "nothing is pushed");
}
