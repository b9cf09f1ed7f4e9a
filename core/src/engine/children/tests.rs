//! Packets that a program pushes, to children that it adds.

use std::io::Read;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::{ChildId, ChildOptions, Receiver};
use crate::engine::tests::Audited;
use crate::engine::{Config, Engine, Error, Event, PushError, RtpSource};
use crate::media::sdp;
use crate::relay::{ChildFigures, NextPackets, ReaderOptions, Start};

const PATIENCE: Duration = Duration::from_secs(20);

fn engine() -> (Audited, RtpSource) {
    let engine = Audited::start(Config::default());
    let mut session = sdp::Session::new("test");
    session.media = vec![sdp::Media::h264::<&[u8]>(96, &[])];
    let source = engine.rtp_source("in", session).expect("a source");
    (engine, source)
}

/// The packet of a key frame.
fn packet(sequence: u8) -> Vec<u8> {
    let timestamp = sequence;
    vec![0x80, 0x80 | 96, 0, sequence, 0, 0, 0, timestamp, 0, 0, 0, 9, 0x65, 0x88, 0x80, sequence]
}

fn push(source: &mut RtpSource, sequence: u8) {
    source.push(0, &packet(sequence)).expect("taken");
    source.flush().expect("sent on");
}

fn udp() -> (UdpSocket, Receiver) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let address = socket.local_addr().expect("an address");
    (socket, Receiver::Udp(vec![Some((address, address))]))
}

fn interleaved(socket: impl Into<std::os::fd::OwnedFd>) -> Receiver {
    Receiver::Connection { socket: socket.into(), channels: vec![Some((6, 7))], reading: true }
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut bytes = [0; 64];
    let length = socket.recv(&mut bytes).expect("a packet");
    bytes[..length].to_vec()
}

fn frame(stream: &mut impl Read) -> Vec<u8> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).expect("a frame");
    assert_eq!(head[..3], [b'$', 6, 0]);
    let mut bytes = vec![0; head[3].into()];
    stream.read_exact(&mut bytes).expect("its bytes");
    bytes
}

fn child_figures(engine: &Engine) -> Vec<ChildFigures> {
    let streams = engine.figures().expect("figures").streams;
    assert!(streams.iter().all(|stream| stream.balances()), "{streams:?}");
    streams.into_iter().flat_map(|stream| stream.children).collect()
}

fn ended(engine: &Engine) -> ChildId {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let event = engine.next_event(Some(left)).expect("the event in time");
        if let Event::AddedChildEnded { child, .. } = event {
            return child;
        }
    }
}

#[test]
fn pushed_packets_go_to_every_kind_of_child() {
    let (engine, mut source) = engine();
    push(&mut source, 0);
    let (datagrams, receiver) = udp();
    let add =
        |receiver| engine.add_child("in", receiver, ChildOptions::default()).expect("a child");
    let first = add(receiver);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let theirs = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
    let (mut tcp, _) = listener.accept().expect("accepted");
    add(interleaved(theirs));
    let (mut unix, theirs) = UnixStream::pair().expect("a pair");
    let last = add(interleaved(theirs));

    // Without patience, for the stream is there.
    let options = ReaderOptions::default;
    assert!(engine.packet_reader("out", Duration::ZERO, options()).is_err());
    let mut reader = engine.packet_reader("in", Duration::ZERO, options()).expect("a reader");
    push(&mut source, 1);
    for sequence in [0, 1] {
        assert_eq!(receive(&datagrams), packet(sequence));
        assert_eq!(frame(&mut tcp), packet(sequence));
        assert_eq!(frame(&mut unix), packet(sequence));
        let mut read = Vec::new();
        assert_eq!(reader.next(PATIENCE, 9, &mut read), NextPackets::Packets(1));
        assert_eq!(read[0].data(), packet(sequence));
    }
    let tags: Vec<u64> = child_figures(&engine).iter().map(|child| child.tag).collect();
    assert_eq!(tags, [first.0, first.0 + 1, last.0]);

    // A message of the program's goes between two packets.
    engine.write_to_child(last, b"RTSP/1.0 200 OK\r\n\r\n".to_vec()).expect("written");
    let mut answer = [0; 19];
    unix.read_exact(&mut answer).expect("the answer");
    assert_eq!(&answer, b"RTSP/1.0 200 OK\r\n\r\n");
    assert!(engine.write_to_child(first, Vec::new()).is_err());

    drop(unix);
    assert_eq!(ended(&engine), last);
    assert!(matches!(engine.remove_child(last), Err(Error::NoChild(child)) if child == last));
    drop(source);
    let mut rest = Vec::new();
    tcp.read_to_end(&mut rest).expect("a BYE, and the end");
    assert_eq!(rest[..2], [b'$', 7]);
    let gone = [ended(&engine), ended(&engine)];
    assert!(gone.contains(&first), "{gone:?}");
}

#[test]
fn a_child_is_paused_resumed_and_removed() {
    let (engine, mut source) = engine();
    let (socket, receiver) = udp();
    let paused = ChildOptions { start: Start::Live, limits: None, paused: true };
    let child = engine.add_child("in", receiver, paused).expect("a child");
    push(&mut source, 0);
    assert!(!child_figures(&engine)[0].playing);
    engine.resume_child(child, Start::Live).expect("it goes on");
    push(&mut source, 1);
    assert_eq!(receive(&socket), packet(1));
    engine.pause_child(child).expect("it pauses");
    push(&mut source, 2);
    engine.resume_child(child, Start::KeyFrame).expect("it goes on");
    assert_eq!(receive(&socket), packet(2));
    assert_eq!(child_figures(&engine)[0].ledger.sent, 2);
    engine.remove_child(child).expect("it goes");
    assert!(child_figures(&engine).is_empty());
    assert_eq!(engine.figures().expect("figures").streams[0].former_children.sent, 2);
    for result in [
        engine.remove_child(child),
        engine.pause_child(child),
        engine.resume_child(child, Start::Live),
    ] {
        assert!(matches!(result, Err(Error::NoChild(_))));
    }
}

#[test]
fn what_cannot_be_a_child_or_a_packet_is_refused() {
    let (engine, mut source) = engine();
    let add = |path: &str, receiver| engine.add_child(path, receiver, ChildOptions::default());
    let (_socket, receiver) = udp();
    assert!(matches!(add("out", receiver), Err(Error::NoStream(_))));
    assert!(matches!(add("in", Receiver::Udp(vec![None])), Err(Error::Session(_))));
    let (socket, _) = udp();
    assert!(matches!(add("in", interleaved(socket)), Err(Error::Io { .. })));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    assert!(matches!(add("in", interleaved(listener)), Err(Error::Io { .. })));
    assert!(child_figures(&engine).is_empty());

    assert_eq!(source.push(1, &packet(0)), Err(PushError::NoTrack(1)));
    assert_eq!(source.push(0, &vec![0; 70_000]), Err(PushError::TooLong(70_000)));
    source.push(0, b"no RTP").expect("counted");
    source.flush().expect("handed over");
    let figures = engine.figures().expect("figures");
    assert_eq!(figures.streams[0].ledger.total_dropped(), 1);
    engine.stop();
    assert!(!engine.is_running());
    assert_eq!(source.push(0, &packet(0)), Err(PushError::Stopped));
    assert_eq!(source.flush(), Err(PushError::Stopped));
}
