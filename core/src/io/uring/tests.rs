//! What this backend does beyond the suite that all fulfil.

use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr, UdpSocket as StdSocket};

use super::*;
use crate::io::sockets::options;
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
fn who_does_not_read_for_now_holds_no_buffers() {
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
    assert!(io.driver.watch.buffers.all_given(), "none is held");
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
    assert_eq!(io.name(), "uring");
    wait(&mut io);
    assert_eq!(io.name(), "mmsg", "to another it is as good as broken");
}

/// Breaks the ring while it is in use: its descriptor is another file's from now on, so that every call into
/// it fails, while its other half, in the kernel, lives on.
fn break_ring(io: &Uring) {
    let ring = io.driver.ring.as_ref().expect("a ring").as_raw_fd();
    let other = std::fs::File::open("/dev/null").unwrap();
    // SAFETY: dup2(2) takes two descriptors, both of which are open, and no pointer.
    assert_eq!(unsafe { libc::dup2(other.as_raw_fd(), ring) }, ring);
}

#[test]
fn a_ring_that_fails_is_done_without_and_nothing_is_lost() {
    let Some(mut io) = backend() else { return };
    let (read, rests) = (plain(&mut io), plain(&mut io));
    let (listener, address) = io.listen(LOOPBACK).unwrap();
    let waker = io.waker();
    let peer = StdSocket::bind(LOOPBACK).unwrap();
    wait(&mut io);
    io.set_reading(rests.token, false).unwrap();
    let send = |numbers: std::ops::Range<u8>| {
        for number in numbers {
            peer.send_to(&[number], read.local_addr).unwrap();
            peer.send_to(&[number], rests.local_addr).unwrap();
        }
    };
    // Some is in the ring's buffers when it fails, and some in the sockets.
    send(0..10);
    wait(&mut io);
    send(10..20);
    break_ring(&io);
    send(20..30);
    waker.wake();
    let _client = std::net::TcpStream::connect(address).unwrap();

    // It is noticed while something is sent: everybody gets it all the same.
    let packets = [[1; SEGMENT], [2; SEGMENT]];
    let slices = packets.each_ref().map(|packet| IoSlice::new(packet));
    let (sockets, to) = receivers(3);
    let mut failed = Vec::new();
    let done = io.fan_out(read.token, &[Run::new(&slices, SEGMENT)], &to, &mut failed).unwrap();
    assert_eq!((done.sent, done.failed), (6, 0), "{failed:?}");
    sockets.iter().for_each(|socket| expect(socket, &packets));

    let (mut got, mut events, mut accepted) = (Vec::new(), Vec::new(), false);
    while got.len() < 30 || !accepted {
        io.wait(None, &mut events).unwrap();
        for event in &events {
            if event.token == listener {
                accepted |= io.accept(listener).unwrap().is_some();
            } else {
                assert_eq!(event.token, read.token);
                io.receive_small(read.token, &mut |bytes, _| got.push(bytes[0])).unwrap();
            }
        }
    }
    assert!(got.iter().copied().eq(0..30), "{got:?}");
    assert_eq!(io.name(), "mmsg");
    assert!(io.warnings().iter().any(|warning| warning.contains("io_uring has failed")));

    io.set_reading(rests.token, true).unwrap();
    got.clear();
    while got.len() < 30 {
        io.wait(None, &mut events).unwrap();
        io.receive_small(rests.token, &mut |bytes, _| got.push(bytes[0])).unwrap();
    }
    assert!(got.into_iter().eq(0..30));
    // Wakes, new sockets and closing work as ever.
    waker.wake();
    io.wait(None, &mut events).unwrap();
    let new = plain(&mut io);
    peer.send_to(b"here", new.local_addr).unwrap();
    io.wait(None, &mut events).unwrap();
    assert!(events.iter().any(|event| event.token == new.token && event.readable));
    io.close(new.token);
}
