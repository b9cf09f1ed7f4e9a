//! What a socket receives lies in the pool's chunks, or is counted under the cause of its loss.

use std::io::IoSlice;

use super::peers::Datagrams;
use super::*;

const CHUNK: usize = 256 * 1024;

pub(super) fn receiver(io: &mut dyn Io, options: &UdpOptions) -> UdpSocket {
    io.bind_udp(LOOPBACK, options).unwrap()
}

pub(super) fn sender(peers: &dyn Peers) -> Box<dyn Datagrams> {
    peers.datagrams(LOOPBACK, 0)
}

/// Receives until the socket is empty, and adds the accounts up.
fn drain(
    io: &mut dyn Io,
    token: Token,
    lanes: &mut Lanes,
    pool: &mut Pool,
    out: &mut Vec<Datagram>,
) -> Received {
    let mut sum = Received::default();
    loop {
        let one = io.receive(token, lanes, pool, out).unwrap();
        sum.packets += one.packets;
        sum.bytes += one.bytes;
        sum.no_buffer += one.no_buffer;
        sum.truncated += one.truncated;
        sum.overflow += one.overflow;
        if one.packets + one.no_buffer + one.truncated + one.refused == 0 {
            return sum;
        }
    }
}

pub(super) fn single_datagrams_lie_one_behind_the_other(io: &mut dyn Io, peers: &dyn Peers) {
    let socket = receiver(io, &UdpOptions::default());
    let (mut lanes, mut pool, mut out) = (Lanes::new(1), Pool::new(CHUNK, 4), Vec::new());
    let mut peer = sender(peers);
    for number in 0..100_u8 {
        peer.send_to(&[number; 700], socket.local_addr);
    }
    assert!(event(io, |event| event.token == socket.token).readable);
    let received = drain(io, socket.token, &mut lanes, &mut pool, &mut out);
    assert_eq!((received.packets, received.bytes), (100, 70_000));
    for (number, datagram) in out.iter().enumerate() {
        assert_eq!(&datagram.span[..], [number as u8; 700]);
        assert_eq!(datagram.segment, 700);
        assert_eq!(datagram.from, peer.local_addr());
    }
    assert_eq!(pool.allocated(), 1, "one lane, one chunk");
}

pub(super) fn an_aggregate_comes_with_the_size_of_its_segments(io: &mut dyn Io, _: &dyn Peers) {
    let socket = receiver(io, &UdpOptions::default());
    let from = receiver(io, &UdpOptions::default());
    let (mut lanes, mut pool, mut out) = (Lanes::default(), Pool::new(CHUNK, 16), Vec::new());
    let packets: Vec<Vec<u8>> =
        (0..40_u8).map(|n| vec![n; if n == 39 { 100 } else { 1000 }]).collect();
    let slices: Vec<_> = packets.iter().map(|packet| IoSlice::new(packet)).collect();
    let to = [Destination::new(socket.local_addr)];
    for _ in 0..5 {
        let runs = [Run::new(&slices, 1000)];
        io.fan_out(from.token, &runs, &to, &mut Vec::new()).unwrap();
        let received = drain(io, socket.token, &mut lanes, &mut pool, &mut out);
        assert_eq!((received.packets, received.bytes), (40, 39_100));
        assert!(out.iter().all(|datagram| datagram.from == from.local_addr));
        if socket.gro && io.gso() == Gso::On {
            assert_eq!((out.len(), out[0].segment), (1, 1000), "an aggregate");
        }
        let got: Vec<_> = out.iter().flat_map(Datagram::segments).map(|s| s.to_vec()).collect();
        assert_eq!(got, packets);
        out.clear();
    }
}

pub(super) fn lanes_open_as_needed_and_move_on_to_new_chunks(io: &mut dyn Io, peers: &dyn Peers) {
    let socket = receiver(io, &UdpOptions::default());
    let (mut lanes, mut pool, mut out) = (Lanes::default(), Pool::new(CHUNK, 64), Vec::new());
    let mut peer = sender(peers);
    let mut sent = 0_u32;
    let mut seen = 0_u32;
    for _ in 0..200 {
        for _ in 0..20 {
            let mut packet = [7; 1400];
            packet[..4].copy_from_slice(&sent.to_be_bytes());
            peer.send_to(&packet, socket.local_addr);
            sent += 1;
        }
        drain(io, socket.token, &mut lanes, &mut pool, &mut out);
        for datagram in out.drain(..) {
            for packet in datagram.segments() {
                assert_eq!(packet[..4], seen.to_be_bytes(), "in the order of arrival");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, sent);
    assert!(pool.allocated() <= 16, "chunks are used again: {}", pool.allocated());
}

pub(super) fn overflow_of_the_socket_is_counted(io: &mut dyn Io, peers: &dyn Peers) {
    let tiny = UdpOptions { recv_buffer: 4096, send_buffer: 0, gro: false, multicast: None };
    let socket = receiver(io, &tiny);
    let (mut lanes, mut pool, mut out) = (Lanes::default(), Pool::new(CHUNK, 16), Vec::new());
    let mut peer = sender(peers);
    let mut sum = Received::default();
    let mut sent = 0;
    for _ in 0..10 {
        for _ in 0..100 {
            peer.send_to(&[1; 500], socket.local_addr);
            sent += 1;
        }
        let part = drain(io, socket.token, &mut lanes, &mut pool, &mut out);
        sum.packets += part.packets;
        sum.overflow += part.overflow;
    }
    // The last loss comes with no datagram.
    let rest = io.overflow(socket.token).unwrap();
    assert!(rest > 0 && sum.packets > 0, "{rest}, {sum:?}");
    assert_eq!(sum.packets + sum.overflow + rest, sent);
    assert_eq!(io.overflow(socket.token).unwrap(), 0, "told once");
    peer.send_to(&[1; 500], socket.local_addr);
    let part = drain(io, socket.token, &mut lanes, &mut pool, &mut out);
    assert_eq!((part.packets, part.overflow), (1, 0), "told once");
}

pub(super) fn a_spent_pool_empties_the_socket_and_counts(io: &mut dyn Io, peers: &dyn Peers) {
    let socket = receiver(io, &UdpOptions::default());
    let (mut lanes, mut pool, mut held) = (Lanes::new(1), Pool::new(CHUNK, 2), Vec::new());
    let mut peer = sender(peers);
    let mut sum = Received::default();
    for _ in 0..40 {
        for _ in 0..20 {
            peer.send_to(&[9; 1000], socket.local_addr);
        }
        let part = drain(io, socket.token, &mut lanes, &mut pool, &mut held);
        sum.packets += part.packets;
        sum.no_buffer += part.no_buffer;
    }
    assert_eq!(sum.packets + sum.no_buffer, 800);
    assert!(sum.no_buffer > 0 && sum.packets > 300, "{sum:?}");
    assert_eq!(events_now(io), [], "nothing is left that would make the loop spin");
    // What is given back is used again.
    held.clear();
    peer.send_to(&[9; 1000], socket.local_addr);
    let part = drain(io, socket.token, &mut lanes, &mut pool, &mut held);
    assert_eq!((part.packets, part.no_buffer), (1, 0));
}

pub(super) fn inspection_changes_in_place_and_refuses(io: &mut dyn Io, peers: &dyn Peers) {
    let socket = receiver(io, &UdpOptions::default());
    let (mut lanes, mut pool, mut out) = (Lanes::default(), Pool::new(CHUNK, 4), Vec::new());
    let (mut peer, mut stranger) = (sender(peers), sender(peers));
    let known = peer.local_addr();
    for _ in 0..4 {
        stranger.send_to(&[0; 100], socket.local_addr);
        peer.send_to(&[1; 100], socket.local_addr);
    }
    peer.send_to(&[], socket.local_addr);
    let mut refused = 0;
    let mut inspect = |bytes: &mut [u8], segment: usize, from: SocketAddr| {
        assert_eq!(segment, 100);
        bytes[0] = 42;
        from == known
    };
    while out.len() < 4 || refused < 5 {
        let part =
            io.receive_with(socket.token, &mut lanes, &mut pool, &mut inspect, &mut out).unwrap();
        refused += part.refused;
    }
    assert_eq!((out.len(), refused), (4, 5), "the empty one is refused as well");
    for datagram in out {
        assert_eq!((datagram.span[0], datagram.span[99]), (42, 1));
        assert_eq!(datagram.from, known);
    }
}

pub(super) fn a_chunk_smaller_than_a_datagram_truncates_and_counts(
    io: &mut dyn Io,
    peers: &dyn Peers,
) {
    let socket = receiver(io, &UdpOptions::default());
    let (mut lanes, mut pool, mut out) = (Lanes::default(), Pool::new(2000, 8), Vec::new());
    let mut peer = sender(peers);
    peer.send_to(&[1; 1000], socket.local_addr);
    peer.send_to(&[2; 3000], socket.local_addr);
    peer.send_to(&[3; 1000], socket.local_addr);
    let received = drain(io, socket.token, &mut lanes, &mut pool, &mut out);
    assert_eq!((received.packets, received.truncated), (2, 1));
    assert_eq!((out[0].span[0], out[1].span[0]), (1, 3));
}

pub(super) fn an_ipv4_sender_is_ipv4_on_an_ipv6_socket(io: &mut dyn Io, peers: &dyn Peers) {
    let socket = io.bind_udp("[::]:0".parse().unwrap(), &UdpOptions::default()).unwrap();
    let port = socket.local_addr.port();
    let (mut lanes, mut pool, mut out) = (Lanes::default(), Pool::new(CHUNK, 4), Vec::new());
    let mut v4 = sender(peers);
    let mut v6 = peers.datagrams((Ipv6Addr::LOCALHOST, 0).into(), 0);
    v4.send_to(b"four", (Ipv4Addr::LOCALHOST, port).into());
    v6.send_to(b"six", (Ipv6Addr::LOCALHOST, port).into());
    drain(io, socket.token, &mut lanes, &mut pool, &mut out);
    assert_eq!(out[0].from, v4.local_addr());
    assert_eq!(out[1].from, v6.local_addr());
}

pub(super) fn an_empty_socket_is_no_error(io: &mut dyn Io, _: &dyn Peers) {
    let socket = receiver(io, &UdpOptions::default());
    let (mut lanes, mut pool, mut out) = (Lanes::default(), Pool::new(CHUNK, 4), Vec::new());
    let received = io.receive(socket.token, &mut lanes, &mut pool, &mut out).unwrap();
    assert_eq!(received, Received::default());
    let received = io.receive_small(socket.token, &mut |_, _| panic!("nothing is there")).unwrap();
    assert_eq!(received, Received::default());
}
