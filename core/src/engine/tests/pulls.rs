//! Servers from which a pull comes only at the second attempt.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::{Audited, Client, PATIENCE, engine, serve, session, wait_for};
use crate::engine::command::{Command, Remote};
use crate::engine::{Config, Event, Transport};

/// A listener that answers no more attempts to connect, as a host behind a silent firewall: its queue
/// is full. What fills it has to be kept.
fn silent() -> (Socket, Vec<Socket>) {
    let tcp = || Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let listener = tcp();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
    listener.listen(0).expect("a listener");
    let address = listener.local_addr().expect("an address");
    let fill = || {
        let filler = tcp();
        filler.connect_timeout(&address, Duration::from_millis(100)).is_ok().then_some(filler)
    };
    let fillers = std::iter::from_fn(fill).collect();
    (listener, fillers)
}

#[test]
fn the_next_address_is_tried_when_one_does_not_answer_or_refuses() {
    let server = engine();
    let live = serve(&server);
    let _source = server.source("s", session()).expect("a source");
    let (silent, _fillers) = silent();
    let silent = silent.local_addr().expect("an address").as_socket().expect("of TCP");
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    let refusing = closed.local_addr().expect("an address");
    drop(closed);

    let connect_timeout = Duration::from_secs(2);
    let player = Audited::start(Config { connect_timeout, ..Config::default() });
    let remote = Remote {
        path: "copy".into(),
        url: format!("rtsp://{live}/s"),
        addresses: vec![silent, refusing, live],
        transport: Transport::Tcp,
    };
    let (path, remotes) = ("copy".into(), vec![remote]);
    player.commands.ask(|reply| Command::Pull { path, remotes, reply }).expect("begun");
    let event = wait_for(&player, |_| true);
    assert!(matches!(event, Event::StreamStarted { .. }), "{event}");
}

#[test]
fn a_server_that_hangs_up_over_the_fall_back_is_asked_for_tcp_anew() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("rtsp://{}/s", listener.local_addr().expect("an address"));
    let player = engine();
    player.pull("copy", &url, Transport::Auto).expect("begun");

    // Over UDP nothing comes.
    let mut server = accept(&listener);
    converse(&mut server, |transport| {
        assert!(transport.contains("client_port="), "{transport}");
        format!("{transport};server_port=9-10")
    });
    wait_for(&player, |event| matches!(event, Event::StreamStarted { .. }));
    assert!(server.receive().starts_with("TEARDOWN "));
    drop(server);

    let mut server = accept(&listener);
    converse(&mut server, |transport| {
        assert!(transport.contains("interleaved=0-1"), "{transport}");
        transport.to_owned()
    });
    let mut reader = player.reader("copy", PATIENCE).expect("a reader");
    let packet =
        |sequence, nal| [0x80, 0x80 | 96, 0, sequence, 0, 0, 0, 9, 0, 0, 0, 1, nal, 0x88, 1, 1];
    for (sequence, nal) in [(0, 0x65), (1, 0x41)] {
        server.stream.write_all(&[b'$', 0, 0, 16]).expect("written");
        server.stream.write_all(&packet(sequence, nal)).expect("written");
    }
    assert!(matches!(reader.next(PATIENCE), crate::relay::Next::Frame(_)));
    super::check(&player);
}

pub(super) fn accept(listener: &TcpListener) -> Client {
    let (stream, _) = listener.accept().expect("a client");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    Client { stream, sequence: 0 }
}

/// Answers requests up to PLAY; `agree` gives the transport that is agreed to for the one asked for.
pub(super) fn converse(client: &mut Client, agree: impl Fn(&str) -> String) {
    loop {
        let request = client.receive();
        let header = |name: &str| {
            let line = request.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {request}")).to_owned()
        };
        let (mut headers, mut body) = (String::new(), String::new());
        if request.starts_with("DESCRIBE ") {
            let mut described = session();
            described.media.truncate(1);
            body = described.for_players([127, 0, 0, 1].into()).to_string();
            headers =
                format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n", body.len());
        } else if request.starts_with("SETUP ") {
            let transport = agree(&header("Transport: "));
            headers = format!("Session: 1\r\nTransport: {transport}\r\n");
        } else if request.starts_with("PLAY ") {
            headers = "Session: 1\r\n".into();
        }
        let answer =
            format!("RTSP/1.0 200 OK\r\nCSeq: {}\r\n{headers}\r\n{body}", header("CSeq: "));
        client.stream.write_all(answer.as_bytes()).expect("written");
        if request.starts_with("PLAY ") {
            return;
        }
    }
}
