//! What this backend does beyond the suite that all fulfil: its system calls, and doing without
//! what the kernel refuses.

use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr, UdpSocket as StdSocket};

use super::*;
use crate::io::tests::load::{SEGMENT, expect, packets, receivers, slices};
use crate::io::tests::peers::Kernel;
use crate::io::{Io, UdpOptions};

const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn backend() -> Mmsg {
    Mmsg::new().expect("a backend")
}

#[test]
fn a_call_carries_256_messages() {
    let mut io = backend();
    let token = io.bind_udp(LOOPBACK, &UdpOptions::default()).unwrap().token;
    let packets = packets(2);
    let slices = slices(&packets);
    for (count, calls) in [(1, 1), (50, 1), (256, 1), (257, 2), (600, 3)] {
        let (mut sockets, to) = receivers(&Kernel, count, "127.0.0.1:0");
        let done = io.fan_out(token, &[Run::new(&slices, SEGMENT)], &to, &mut Vec::new()).unwrap();
        assert_eq!((done.messages, done.calls), (count as u64, calls));
        sockets.iter_mut().for_each(|socket| expect(&mut **socket, &packets));
    }
}

#[test]
fn without_gso_the_same_arrives() {
    let mut io = backend();
    io.disable_gso("to see what happens");
    let token = io.bind_udp(LOOPBACK, &UdpOptions::default()).unwrap().token;
    let (mut sockets, to) = receivers(&Kernel, 50, "127.0.0.1:0");
    let packets = packets(20);
    let slices = slices(&packets);
    let done = io.fan_out(token, &[Run::new(&slices, SEGMENT)], &to, &mut Vec::new()).unwrap();
    assert_eq!((done.sent, done.messages), (1000, 1000));
    assert_eq!(io.gso().to_string(), "off: to see what happens");
    sockets.iter_mut().for_each(|socket| expect(&mut **socket, &packets));
}

#[test]
fn who_is_refused_segmentation_gets_single_packets_in_order() {
    const HUGE: usize = 30_000;
    let mut io = backend();
    let token = io.bind_udp(LOOPBACK, &UdpOptions::default()).unwrap().token;
    let socket = &io.table.get(token).unwrap().socket;
    // Without a checksum the kernel refuses to segment, as on a route without checksum offload.
    options::set_int(socket.as_fd(), libc::SOL_SOCKET, libc::SO_NO_CHECK, 1).unwrap();
    let (mut sockets, to) = receivers(&Kernel, 3, "127.0.0.1:0");
    let large = vec![vec![1; HUGE], vec![2; HUGE]];
    let small = packets(5);
    let (large_slices, small_slices) = (slices(&large), slices(&small));
    let runs = [Run::new(&small_slices, SEGMENT), Run::new(&large_slices, HUGE)];
    for round in 0..3 {
        let mut failed = Vec::new();
        let done = io.fan_out(token, &runs, &to, &mut failed).unwrap();
        assert_eq!((done.sent, done.failed), (3 * 7, 0), "{failed:?}");
        for socket in &mut sockets {
            expect(&mut **socket, &small);
            expect(&mut **socket, &large);
        }
        assert!(to.iter().all(Destination::is_plain));
        assert_eq!(done.messages, 3 * 7);
        assert_eq!(round == 0, done.calls > 1, "learnt in the first round: {done:?}");
        assert!(io.gso().to_string().contains("127.0.0.1 refuses UDP_SEGMENT"), "{}", io.gso());
    }
}

#[test]
fn segmentation_refused_by_all_is_given_up() {
    let mut io = backend();
    let token = io.bind_udp(LOOPBACK, &UdpOptions::default()).unwrap().token;
    let socket = &io.table.get(token).unwrap().socket;
    options::set_int(socket.as_fd(), libc::SOL_SOCKET, libc::SO_NO_CHECK, 1).unwrap();
    let (mut sockets, to) = receivers(&Kernel, 20, "127.0.0.1:0");
    let packets = packets(4);
    let slices = slices(&packets);
    let runs = [Run::new(&slices, SEGMENT)];
    io.fan_out(token, &runs, &to, &mut Vec::new()).unwrap();
    // A destination that has learnt nothing yet costs no failed call any more.
    let fresh: Vec<_> = to.iter().map(|to| Destination::new(to.addr())).collect();
    let done = io.fan_out(token, &runs, &fresh, &mut Vec::new()).unwrap();
    assert_eq!((done.sent, done.calls), (80, 1));
    assert!(matches!(io.gso(), Gso::Off(_)));
    for socket in &mut sockets {
        expect(&mut **socket, &packets);
        expect(&mut **socket, &packets);
    }
}

#[test]
fn an_icmp_error_does_not_stop_a_connected_socket() {
    let mut io = backend();
    let socket = io.bind_udp(LOOPBACK, &UdpOptions::default()).unwrap();
    // Nobody is there: the answer is an ICMP port unreachable, which a connected socket is told.
    let nobody = StdSocket::bind(LOOPBACK).unwrap().local_addr().unwrap();
    io.table.get(socket.token).unwrap().socket.connect(&nobody.into()).unwrap();
    let packet = [IoSlice::new(b"hello")];
    let runs = [Run::new(&packet, 5)];
    let to = [Destination::new(nobody)];
    let mut failed = Vec::new();
    for _ in 0..3 {
        let done = io.fan_out(socket.token, &runs, &to, &mut failed).unwrap();
        assert_eq!(done.sent + done.failed, 1);
        let got = io.receive_small(socket.token, &mut |_, _| ()).unwrap();
        assert_eq!(got, Received::default());
    }
    assert!(failed.iter().all(|f| f.error.kind() == io::ErrorKind::ConnectionRefused));
}
