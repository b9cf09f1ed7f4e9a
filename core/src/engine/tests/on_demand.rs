//! Streams that are fetched while somebody wants them.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::{
    Client, PATIENCE, Publisher, check, engine, play, serve, session, session_of, wait_for,
};
use crate::engine::{Config, Engine, Event, OnDemandState, Transport};

const GRACE: Duration = Duration::from_millis(300);

/// An engine that fetches `s` on demand, and where it is served.
fn fetching(url: &str, config: Config) -> (Engine, std::net::SocketAddr) {
    let engine = Engine::start(config).expect("an engine");
    engine.pull_on_demand("s", url, Transport::Tcp, GRACE).expect("a URL");
    let address = serve(&engine);
    (engine, address)
}

fn state(engine: &Engine) -> OnDemandState {
    let figures = engine.figures().expect("figures").on_demand;
    assert_eq!((figures.len(), &*figures[0].path), (1, "s"));
    figures[0].state
}

fn describe(client: &mut Client, address: std::net::SocketAddr) -> String {
    client.ask(&format!("DESCRIBE rtsp://{address}/s"), "", "")
}

#[test]
fn all_who_want_a_stream_wait_for_one_pull_which_ends_after_the_last() {
    let source = engine();
    let origin = serve(&source);
    let mut publisher = Publisher::begin(origin, &session(), 7);
    publisher.send(0, 0x65);
    let (relay, address) = fetching(&format!("rtsp://{origin}/s"), Config::default());
    assert!(relay.figures().expect("figures").streams.is_empty());
    assert_eq!(state(&relay), OnDemandState::Idle);

    let mut clients: Vec<Client> = (0..5).map(|_| Client::connect(address)).collect();
    for client in &mut clients {
        client.send(&format!("DESCRIBE rtsp://{address}/s"), "", "");
    }
    for client in &mut clients {
        let answer = client.receive();
        assert!(answer.starts_with("RTSP/1.0 200") && answer.contains("H264"), "{answer}");
    }
    assert_eq!(source.figures().expect("figures").streams[0].children.len(), 1);
    let mut player = play(address);
    publisher.send(1, 0x65);
    player.frame();
    assert_eq!(state(&relay), OnDemandState::Up);
    // It lasts as long as somebody plays.
    let begun = Instant::now();
    while begun.elapsed() < GRACE * 2 {
        assert!(relay.next_event(Some(GRACE / 4)).is_none_or(|event| {
            !matches!(event, Event::StreamEnded { .. } | Event::StreamInterrupted { .. })
        }));
    }
    drop((clients, player));
    let ended = wait_for(&relay, |event| matches!(event, Event::StreamEnded { .. }));
    assert!(ended.to_string().contains("nobody plays it"), "{ended}");
    wait_for(&source, |event| matches!(event, Event::ChildEnded { .. }));
    check(&source);

    // And it comes back for who comes later, by SETUP alone too.
    let mut later = Client::connect(address);
    let set_up = later.ask(
        &format!("SETUP rtsp://{address}/s/trackID=0"),
        "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n",
        "",
    );
    assert!(set_up.starts_with("RTSP/1.0 200"), "{set_up}");
    let played = later.ask(&format!("PLAY rtsp://{address}/s"), &session_of(&set_up), "");
    assert!(played.starts_with("RTSP/1.0 200"), "{played}");
}

#[test]
fn a_stream_that_its_server_does_not_have_is_not_found_here_either() {
    let source = engine();
    let origin = serve(&source);
    let (relay, address) = fetching(&format!("rtsp://{origin}/s"), Config::default());
    let mut client = Client::connect(address);
    let answer = describe(&mut client, address);
    assert!(answer.starts_with("RTSP/1.0 404 ") && answer.contains("no such stream"), "{answer}");
    wait_for(&relay, |event| matches!(event, Event::PullFailed { .. }));
    assert!(matches!(state(&relay), OnDemandState::Failed { .. }));
    // It is not asked again at once, even when it could say yes by now.
    let _publisher = Publisher::begin(origin, &session(), 7);
    let answer = describe(&mut client, address);
    assert!(answer.starts_with("RTSP/1.0 404 ") && answer.contains("Retry-After: 1"), "{answer}");
    let begun = Instant::now();
    while !describe(&mut client, address).starts_with("RTSP/1.0 200") {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(50));
    }
    // Requests that came behind are answered in their order.
    for number in 0..3 {
        client.send(&format!("OPTIONS rtsp://{address}/s{number}"), "", "");
    }
    (0..3).for_each(|_| assert!(client.receive().starts_with("RTSP/1.0 200")));
}

#[test]
fn a_server_that_is_away_or_silent_is_told_as_such() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("rtsp://{}/s", closed.local_addr().expect("an address"));
    drop(closed);
    let (_relay, address) = fetching(&url, Config::default());
    let answer = describe(&mut Client::connect(address), address);
    assert!(answer.starts_with("RTSP/1.0 503 "), "{answer}");

    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("rtsp://{}/s", silent.local_addr().expect("an address"));
    let connect_timeout = Duration::from_millis(300);
    let (relay, address) = fetching(&url, Config { connect_timeout, ..Config::default() });
    let mut patient = Client::connect(address);
    patient.send(&format!("DESCRIBE rtsp://{address}/s"), "", "");
    // One that hangs up while it waits harms nobody.
    let mut gone = Client::connect(address);
    gone.send(&format!("DESCRIBE rtsp://{address}/s"), "", "");
    drop(gone);
    let answer = patient.receive();
    assert!(answer.starts_with("RTSP/1.0 504 "), "{answer}");
    relay.forget_on_demand("s").expect("it runs");
    let answer = describe(&mut patient, address);
    assert!(answer.starts_with("RTSP/1.0 404 ") && !answer.contains("Retry-After"), "{answer}");
}

#[test]
fn a_stream_that_breaks_off_is_fetched_again_for_those_who_play_it() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("rtsp://{}/s", listener.local_addr().expect("an address"));
    let linger = Duration::from_secs(5);
    let (relay, address) = fetching(&url, Config { linger, ..Config::default() });
    let mut player = Client::connect(address);
    player.send(&format!("DESCRIBE rtsp://{address}/s"), "", "");
    let mut server = super::pulls::accept(&listener);
    super::pulls::converse(&mut server, str::to_owned);
    assert!(player.receive().starts_with("RTSP/1.0 200"));
    let _player = play(address);
    drop(server);
    wait_for(&relay, |event| matches!(event, Event::StreamInterrupted { .. }));
    let mut server = super::pulls::accept(&listener);
    super::pulls::converse(&mut server, str::to_owned);
    wait_for(&relay, |event| matches!(event, Event::StreamResumed { .. }));
}
