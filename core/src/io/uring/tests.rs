//! What this backend does beyond the suite that all fulfil.

use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr, UdpSocket as StdSocket};

use super::*;
use crate::io::{Io, UdpOptions};

const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const SEGMENT: usize = 1000;

/// None where the kernel does not have what it takes, or does not allow it.
fn backend() -> Option<Uring> {
    Uring::new().inspect_err(|error| eprintln!("skipped: {error}")).ok()
}

fn plain(io: &mut Uring) -> crate::io::UdpSocket {
    io.bind_udp(LOOPBACK, &UdpOptions { gro: false, ..UdpOptions::default() }).unwrap()
}

fn wait(io: &mut Uring) {
    io.wait(Some(Duration::ZERO), &mut Vec::new()).unwrap();
}

fn receivers(count: usize) -> (Vec<StdSocket>, Vec<Destination>) {
    let bind = |_| {
        let socket = StdSocket::bind(LOOPBACK).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let addr = socket.local_addr().unwrap();
        (socket, Destination::new(addr))
    };
    (0..count).map(bind).unzip()
}

#[track_caller]
fn expect(socket: &StdSocket, packets: &[[u8; SEGMENT]]) {
    let mut buffer = [0; 2 * SEGMENT];
    for packet in packets {
        let length = socket.recv(&mut buffer).expect("a packet");
        assert!(buffer[..length] == packet[..]);
    }
}

#[test]
fn a_batch_is_one_call() {
    let Some(mut io) = backend() else { return };
    let token = plain(&mut io).token;
    wait(&mut io);
    let packets: [_; 5] = std::array::from_fn(|n| [n as u8; SEGMENT]);
    let slices = packets.each_ref().map(|packet| IoSlice::new(packet));
    for (count, calls) in [(1, 1), (256, 1), (257, 2)] {
        let (sockets, to) = receivers(count);
        let runs = [Run::new(&slices, SEGMENT)];
        let done = io.fan_out(token, &runs, &to, &mut Vec::new()).unwrap();
        assert_eq!((done.messages, done.calls), (count as u64, calls));
        sockets.iter().for_each(|socket| expect(socket, &packets));
    }
}

#[test]
fn who_is_refused_segmentation_gets_single_packets_in_order() {
    let Some(mut io) = backend() else { return };
    let token = plain(&mut io).token;
    // Without a checksum the kernel refuses to segment, as on a route without checksum offload.
    let socket = &io.table.get(token).unwrap().socket;
    options::set_int(socket.as_fd(), libc::SOL_SOCKET, libc::SO_NO_CHECK, 1).unwrap();
    let (sockets, to) = receivers(3);
    let packets: [_; 6] = std::array::from_fn(|n| [n as u8; SEGMENT]);
    let (first, second) = packets.split_at(4);
    let slices = packets.each_ref().map(|packet| IoSlice::new(packet));
    let (a, b) = slices.split_at(4);
    for _ in 0..3 {
        let mut failed = Vec::new();
        let runs = [Run::new(a, SEGMENT), Run::new(b, SEGMENT)];
        let done = io.fan_out(token, &runs, &to, &mut failed).unwrap();
        assert_eq!((done.sent, done.failed), (3 * 6, 0), "{failed:?}");
        for socket in &sockets {
            expect(socket, first);
            expect(socket, second);
        }
        assert!(to.iter().all(Destination::is_plain));
    }
    assert!(io.gso().to_string().contains("127.0.0.1 refuses UDP_SEGMENT"), "{}", io.gso());
}

#[test]
fn who_holds_all_buffers_does_not_stop_the_others() {
    let Some(mut io) = backend() else { return };
    let (held, other) = (plain(&mut io), plain(&mut io));
    let peer = StdSocket::bind(LOOPBACK).unwrap();
    wait(&mut io);
    for number in 0..40_u8 {
        peer.send_to(&[number], held.local_addr).unwrap();
    }
    wait(&mut io);
    io.set_reading(held.token, false).unwrap();
    wait(&mut io);
    assert!(!io.driver.watch.buffers.any_given(), "all are held");
    for number in 0..40_u8 {
        peer.send_to(&[number], other.local_addr).unwrap();
    }
    let (mut got, mut events) = (Vec::new(), Vec::new());
    while got.len() < 40 {
        io.wait(None, &mut events).unwrap();
        assert!(events.iter().all(|event| event.token == other.token));
        io.receive_small(other.token, &mut |bytes, _| got.push(bytes[0])).unwrap();
    }
    assert!(got.iter().copied().eq(0..40));
    // And nothing of the first is lost.
    io.set_reading(held.token, true).unwrap();
    got.clear();
    while got.len() < 40 {
        io.wait(None, &mut events).unwrap();
        io.receive_small(held.token, &mut |bytes, _| got.push(bytes[0])).unwrap();
    }
    assert!(got.into_iter().eq(0..40));
}

#[test]
fn closing_gives_buffers_back() {
    let Some(mut io) = backend() else { return };
    let peer = StdSocket::bind(LOOPBACK).unwrap();
    for _ in 0..5 {
        let socket = plain(&mut io);
        wait(&mut io);
        for _ in 0..40 {
            peer.send_to(b"unread", socket.local_addr).unwrap();
        }
        wait(&mut io);
        io.close(socket.token);
        wait(&mut io);
        assert!(io.driver.watch.buffers.all_given());
    }
}

#[test]
fn a_ring_belongs_to_the_thread_that_uses_it_first() {
    let Some(mut io) = backend() else { return };
    let socket = plain(&mut io);
    let io = std::thread::spawn(move || {
        wait(&mut io);
        let peer = StdSocket::bind(LOOPBACK).unwrap();
        peer.send_to(b"here", socket.local_addr).unwrap();
        let mut got = 0;
        io.receive_small(socket.token, &mut |_, _| got += 1).unwrap();
        assert_eq!(got, 1);
        io
    });
    let mut io = io.join().unwrap();
    assert!(io.wait(Some(Duration::ZERO), &mut Vec::new()).is_err(), "and to no other");
}
