//! Connections.

use std::io::{IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};

use super::peers::Stream;
use super::*;

/// A connection of the backend and its other end.
fn connected(io: &mut dyn Io, peers: &dyn Peers) -> (Token, Box<dyn Stream>) {
    let (listener, addr) = io.listen(LOOPBACK).unwrap();
    let stream = peers.connect(addr).unwrap();
    assert!(event(io, |event| event.token == listener).readable);
    let (token, peer) = io.accept(listener).unwrap().unwrap();
    assert_eq!(peer, stream.local_addr());
    assert_eq!(io.peer_addr(token).unwrap(), peer);
    assert_eq!(io.local_addr(token).unwrap(), addr);
    assert!(io.accept(listener).unwrap().is_none());
    io.close(listener);
    (token, stream)
}

pub(super) fn bytes_go_both_ways(io: &mut dyn Io, peers: &dyn Peers) {
    let (token, mut stream) = connected(io, peers);
    stream.write_all(b"DESCRIBE").unwrap();
    assert!(event(io, |event| event.token == token).readable);
    let mut buffer = [0; 100];
    assert_eq!(io.read(token, &mut buffer[..4]).unwrap(), 4);
    assert!(event(io, |event| event.token == token).readable, "level-triggered");
    assert_eq!(io.read(token, &mut buffer).unwrap(), 4);
    assert_eq!(io.read(token, &mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    let slices = [IoSlice::new(b"200 "), IoSlice::new(b""), IoSlice::new(b"OK")];
    assert_eq!(io.write(token, &slices).unwrap(), 6);
    stream.read_exact(&mut buffer[..6]).unwrap();
    assert_eq!(&buffer[..6], b"200 OK");
}

pub(super) fn the_end_of_the_stream_is_reported_and_bytes_before_it_are_read(
    io: &mut dyn Io,
    peers: &dyn Peers,
) {
    let (token, mut stream) = connected(io, peers);
    stream.write_all(b"bye").unwrap();
    drop(stream);
    let last = event(io, |event| event.token == token && event.closed);
    assert!(last.readable && !last.writable);
    let mut buffer = [0; 10];
    assert_eq!(io.read(token, &mut buffer).unwrap(), 3);
    assert_eq!(io.read(token, &mut buffer).unwrap(), 0);
    io.close(token);
    assert_eq!(events_now(io), []);
}

pub(super) fn a_half_closed_peer_still_gets_its_answer(io: &mut dyn Io, peers: &dyn Peers) {
    let (token, mut stream) = connected(io, peers);
    stream.end();
    event(io, |event| event.token == token && event.closed);
    // Without reading, the loop does not hear of it again.
    io.set_reading(token, false).unwrap();
    assert_eq!(events_now(io), []);
    io.write(token, &[IoSlice::new(b"answer")]).unwrap();
    io.close(token);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "answer");
}

pub(super) fn a_reset_is_reported(io: &mut dyn Io, peers: &dyn Peers) {
    let (token, stream) = connected(io, peers);
    stream.reset();
    assert!(event(io, |event| event.token == token).closed);
    let error = io.read(token, &mut [0]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    let error = io.write(token, &[IoSlice::new(b"x")]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "an error, not a signal");
}

pub(super) fn closing_with_unread_bytes_does_not_reset(io: &mut dyn Io, peers: &dyn Peers) {
    let (token, mut stream) = connected(io, peers);
    stream.write_all(&[0; 50_000]).unwrap();
    event(io, |event| event.token == token && event.readable);
    io.write(token, &[IoSlice::new(b"last answer")]).unwrap();
    io.close(token);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "last answer");
}

pub(super) fn a_full_connection_refuses_and_is_reported_once_it_drains(
    io: &mut dyn Io,
    peers: &dyn Peers,
) {
    let (token, mut stream) = connected(io, peers);
    let block = vec![7; 100_000];
    let slices = [IoSlice::new(&block)];
    let mut written = 0;
    let mut events = Vec::new();
    loop {
        match io.write(token, &slices) {
            Ok(taken) => written += taken,
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                break;
            }
        }
    }
    io.wait(Some(Duration::ZERO), &mut events).unwrap();
    assert!(events.is_empty(), "not writable yet: {events:?}");
    let mut read = 0;
    let mut buffer = vec![0; 1 << 20];
    let mut writable = 0;
    while read < written {
        match stream.try_read(&mut buffer) {
            Ok(count) => read += count,
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
        io.wait(Some(Duration::ZERO), &mut events).unwrap();
        writable += events.iter().filter(|event| event.writable).count();
    }
    assert_eq!((read, writable), (written, 1), "reported once");
    assert_eq!(io.write(token, &[IoSlice::new(b"x")]).unwrap(), 1);
}

pub(super) fn more_slices_than_the_kernel_takes_are_a_partial_write(
    io: &mut dyn Io,
    peers: &dyn Peers,
) {
    let (token, mut stream) = connected(io, peers);
    let bytes: Vec<u8> = (0..3000).map(|i| (i % 256) as u8).collect();
    let slices: Vec<_> = bytes.chunks(1).map(IoSlice::new).collect();
    let mut written = 0;
    let mut calls = 0;
    while written < slices.len() {
        written += io.write(token, &slices[written..]).unwrap();
        calls += 1;
    }
    assert_eq!(calls, 3);
    let mut got = vec![0; 3000];
    stream.read_exact(&mut got).unwrap();
    assert_eq!(got, bytes);
}

pub(super) fn connecting_succeeds_or_says_why_not(io: &mut dyn Io, peers: &dyn Peers) {
    let mut listener = peers.listen(LOOPBACK);
    let addr = listener.local_addr();
    let token = io.connect(addr).unwrap();
    assert!(event(io, |event| event.token == token).writable);
    io.connect_result(token).unwrap();
    let mut stream = listener.accept();
    io.write(token, &[IoSlice::new(b"hello")]).unwrap();
    let mut buffer = [0; 5];
    stream.read_exact(&mut buffer).unwrap();
    io.close(token);

    drop((listener, stream));
    let token = io.connect(addr).unwrap();
    let event = event(io, |event| event.token == token);
    assert!(event.writable && event.closed);
    assert_eq!(io.connect_result(token).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
}

pub(super) fn an_attempt_to_connect_that_goes_on_would_block(io: &mut dyn Io, peers: &dyn Peers) {
    let (addr, _silence) = peers.silent();
    let token = io.connect(addr).unwrap();
    let error = io.connect_result(token).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    assert_eq!(
        io.write(token, &[IoSlice::new(b"early")]).unwrap_err().kind(),
        io::ErrorKind::WouldBlock
    );
}

pub(super) fn a_listener_on_any_ipv6_address_serves_ipv4(io: &mut dyn Io, peers: &dyn Peers) {
    let (listener, addr) = io.listen("[::]:0".parse().unwrap()).unwrap();
    let v4 = peers.connect((Ipv4Addr::LOCALHOST, addr.port()).into()).unwrap();
    event(io, |event| event.token == listener);
    let (token, peer) = io.accept(listener).unwrap().unwrap();
    assert_eq!(peer, v4.local_addr(), "as IPv4");
    assert_eq!(io.local_addr(token).unwrap(), v4.peer_addr());
    let v6 = peers.connect((Ipv6Addr::LOCALHOST, addr.port()).into()).unwrap();
    event(io, |event| event.token == listener);
    assert_eq!(io.accept(listener).unwrap().unwrap().1, v6.local_addr());
}

pub(super) fn an_address_in_use_is_an_error(io: &mut dyn Io, _: &dyn Peers) {
    let (_listener, addr) = io.listen(LOOPBACK).unwrap();
    assert_eq!(io.listen(addr).unwrap_err().kind(), io::ErrorKind::AddrInUse);
}

pub(super) fn a_listener_is_reported_until_its_queue_is_empty(io: &mut dyn Io, peers: &dyn Peers) {
    let (listener, addr) = io.listen(LOOPBACK).unwrap();
    let callers = [peers.connect(addr).unwrap(), peers.connect(addr).unwrap()];
    let mut accepted = Vec::new();
    for _ in &callers {
        assert!(event(io, |event| event.token == listener).readable);
        let (token, peer) = io.accept(listener).unwrap().unwrap();
        assert_eq!(io.peer_addr(token).unwrap(), peer);
        accepted.push(peer);
    }
    assert_eq!(accepted, callers.each_ref().map(|caller| caller.local_addr()));
    assert!(io.accept(listener).unwrap().is_none());
    assert_eq!(events_now(io), []);
}

pub(super) fn who_does_not_want_to_read_is_not_told(io: &mut dyn Io, peers: &dyn Peers) {
    let (token, mut stream) = connected(io, peers);
    io.set_reading(token, false).unwrap();
    stream.write_all(b"one").unwrap();
    assert_eq!(events_now(io), []);
    io.set_reading(token, true).unwrap();
    assert!(event(io, |event| event.token == token).readable);
    io.set_reading(token, false).unwrap();
    assert_eq!(events_now(io), []);
    // Writing is another matter.
    assert_eq!(io.write(token, &[IoSlice::new(b"x")]).unwrap(), 1);
    io.set_reading(token, true).unwrap();
    assert!(event(io, |event| event.token == token).readable);
    assert_eq!(io.read(token, &mut [0; 10]).unwrap(), 3);
}

pub(super) fn a_connected_stream_is_adopted_and_nothing_else(io: &mut dyn Io, _: &dyn Peers) {
    let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let token = io.adopt(ours.into()).unwrap();
    theirs.write_all(b"in").unwrap();
    assert!(event(io, |event| event.token == token).readable);
    let mut buffer = [0; 10];
    assert_eq!(io.read(token, &mut buffer).unwrap(), 2);
    // It was blocking, and operations on it are not.
    assert_eq!(io.read(token, &mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(io.write(token, &[IoSlice::new(b"out")]).unwrap(), 3);
    theirs.read_exact(&mut buffer[..3]).unwrap();
    io.close(token);
    assert_eq!(theirs.read(&mut buffer).unwrap(), 0, "closed with its token");

    let datagrams = std::net::UdpSocket::bind(LOOPBACK).unwrap();
    assert_eq!(io.adopt(datagrams.into()).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    assert_eq!(io.adopt(listener.into()).unwrap_err().kind(), io::ErrorKind::NotConnected);
}

pub(super) fn a_duplicate_is_closed_by_itself(io: &mut dyn Io, peers: &dyn Peers) {
    let (token, mut stream) = connected(io, peers);
    let duplicate = io.duplicate(token).unwrap();
    let other = io.adopt(duplicate).unwrap();
    assert_eq!(io.write(other, &[IoSlice::new(b"x")]).unwrap(), 1);
    stream.read_exact(&mut [0]).unwrap();
    io.close(other);
    stream.write_all(b"y").unwrap();
    assert_eq!(event(io, |_| true).token, token);
    assert_eq!(io.read(token, &mut [0; 10]).unwrap(), 1);
    assert_eq!(io.read(token, &mut [0; 10]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(events_now(io), [], "of the closed one nothing is told any more");
    let datagrams = io.bind_udp(LOOPBACK, &UdpOptions::default()).unwrap().token;
    assert_eq!(io.duplicate(datagrams).unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

pub(super) fn without_descriptors(test: &str) {
    let Some(output) = child(&["sh", "-c", "ulimit -n 40 && exec \"$@\"", "sh"], test) else {
        return;
    };
    assert!(output.contains("1 passed"), "{output}");
}

pub(super) fn with_few_descriptors(io: &mut dyn Io) {
    let (listener, addr) = io.listen(LOOPBACK).unwrap();
    let client = TcpStream::connect(addr).unwrap();
    let mut spare = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        spare.push(file);
    }
    event(io, |event| event.token == listener);
    let error = io.accept(listener).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
    let mut events = Vec::new();
    let start = Instant::now();
    io.wait(Some(Duration::from_millis(30)), &mut events).unwrap();
    assert!(events.is_empty() && start.elapsed() >= Duration::from_millis(30), "{events:?}");
    spare.clear();
    // The connection waited.
    event(io, |event| event.token == listener);
    let (_, peer) = io.accept(listener).unwrap().unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
}
