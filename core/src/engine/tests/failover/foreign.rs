//! A stream that goes over to a server of another make, with sockets.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::thread;

use crate::engine::tests::{Audited, Client, PATIENCE, next_packet, play, pulls, serve, wait_for};
use crate::engine::{Config, Event, Sources, Transport, Upstream};

fn url(address: SocketAddr) -> String {
    format!("rtsp://{address}/s")
}

/// A server by hand, of another make, that is asked for a stream of this engine's by a connection.
fn foreign(listener: &TcpListener) -> Client {
    let mut server = pulls::accept(listener);
    pulls::converse(&mut server, str::to_owned);
    server
}

fn sends(server: &mut Client, sequence: u8, timestamp: u8, nal: u8) {
    let packet = [0x80, 0x80 | 96, 0, sequence, 0, 0, 0, timestamp, 0, 0, 0, 1, nal, 0x88, 1, 1];
    server.stream.write_all(&[b'$', 0, 0, 16]).expect("written");
    server.stream.write_all(&packet).expect("written");
}

#[test]
fn a_server_of_another_make_goes_on_as_a_source_that_is_back() {
    let listeners = [0; 2].map(|_| TcpListener::bind("127.0.0.1:0").expect("a port"));
    let [at_a, at_b] = listeners.each_ref().map(|one| one.local_addr().expect("an address"));
    let node = Audited::start(Config { linger: PATIENCE, ..Config::default() });
    let address = serve(&node);
    let upstream = |address| Upstream::new(url(address)).over(Transport::Tcp);
    let sources = Sources::new(upstream(at_a)).standby(upstream(at_b));
    node.pull_from("s", &sources).expect("begun");
    let mut a = foreign(&listeners[0]);
    sends(&mut a, 200, 100, 0x65);
    let b = thread::spawn(move || foreign(&listeners[1]));
    wait_for(&node, |event| matches!(event, Event::StandbyReady { .. }));
    let mut player = play(address);
    assert_eq!(next_packet(&mut player), (200, 1, 0x65));
    drop(a);
    let mut b = b.join().expect("no panic");
    // Under the same SSRC, but with numbers of its own.
    sends(&mut b, 7, 1, 0x41);
    sends(&mut b, 8, 2, 0x65);
    sends(&mut b, 9, 3, 0x41);
    assert_eq!(next_packet(&mut player), (201, 1, 0x65));
    assert_eq!(next_packet(&mut player), (202, 1, 0x41));
    let event = wait_for(&node, |event| matches!(event, Event::UpstreamSwitched(_)));
    let Event::UpstreamSwitched(switched) = event else { unreachable!() };
    assert_eq!(switched.to, url(at_b));
}
