//! Small datagrams, and which sockets are reported to have some.

use super::receive::{receiver, sender};
use super::*;

pub(super) fn a_socket_is_reported_until_it_is_empty(io: &mut dyn Io, peers: &dyn Peers) {
    let socket = receiver(io, &UdpOptions { gro: false, ..UdpOptions::default() });
    let mut peer = sender(peers);
    for number in 0..100_u8 {
        peer.send_to(&[number; 60], socket.local_addr);
    }
    let mut got = Vec::new();
    while got.len() < 100 {
        assert!(event(io, |event| event.token == socket.token).readable);
        let more = io.receive_small(socket.token, &mut |bytes, _| got.push(bytes[0])).unwrap().more;
        assert!(more || got.len() == 100);
    }
    assert!(got.into_iter().eq(0..100));
    // A batch that was full may be followed by one report too many, and by no more.
    if !events_now(io).is_empty() {
        io.receive_small(socket.token, &mut |_, _| panic!("nothing is there")).unwrap();
    }
    assert_eq!(events_now(io), []);
}

pub(super) fn who_does_not_want_to_receive_is_not_told(io: &mut dyn Io, peers: &dyn Peers) {
    let socket = receiver(io, &UdpOptions { gro: false, ..UdpOptions::default() });
    let mut peer = sender(peers);
    let mut got = 0;
    for _ in 0..3 {
        io.set_reading(socket.token, false).unwrap();
        assert_eq!(events_now(io), []);
        for _ in 0..50 {
            peer.send_to(b"early", socket.local_addr);
        }
        assert_eq!(events_now(io), []);
        io.set_reading(socket.token, true).unwrap();
        assert!(event(io, |event| event.token == socket.token).readable);
        // Turned off between two batches.
        io.receive_small(socket.token, &mut |_, _| got += 1).unwrap();
        io.set_reading(socket.token, false).unwrap();
        assert_eq!(events_now(io), []);
        io.set_reading(socket.token, true).unwrap();
        while got % 50 != 0 {
            event(io, |event| event.token == socket.token);
            io.receive_small(socket.token, &mut |_, _| got += 1).unwrap();
        }
    }
    assert_eq!(got, 150, "nothing was lost meanwhile");
}

pub(super) fn many_sockets_are_received_from_in_turn(io: &mut dyn Io, peers: &dyn Peers) {
    const SOCKETS: usize = 60;
    let options = UdpOptions { recv_buffer: 0, send_buffer: 0, gro: false, multicast: None };
    let sockets: Vec<_> = (0..SOCKETS).map(|_| receiver(io, &options)).collect();
    let mut peer = sender(peers);
    let mut got = [0; SOCKETS];
    for round in 1..=4 {
        for _ in 0..10 {
            for socket in &sockets {
                peer.send_to(&[1; 1200], socket.local_addr);
            }
        }
        while got.iter().any(|&got| got < round * 10) {
            let mut ready = Vec::new();
            io.wait(Some(Duration::from_secs(30)), &mut ready).unwrap();
            assert!(!ready.is_empty(), "still missing: {got:?}");
            for event in ready {
                let index = sockets.iter().position(|socket| socket.token == event.token).unwrap();
                io.receive_small(event.token, &mut |_, _| got[index] += 1).unwrap();
            }
        }
    }
    assert_eq!(got, [40; SOCKETS]);
}

pub(super) fn small_datagrams_are_handed_over_in_bounded_batches(
    io: &mut dyn Io,
    peers: &dyn Peers,
) {
    let socket = receiver(io, &UdpOptions { gro: false, ..UdpOptions::default() });
    let mut peer = sender(peers);
    for number in 0..40_u8 {
        peer.send_to(&[number; 60], socket.local_addr);
    }
    peer.send_to(&[0; 3000], socket.local_addr);
    peer.send_to(&[], socket.local_addr);
    let (mut got, mut truncated, mut batches) = (Vec::new(), 0, 0);
    loop {
        let from = peer.local_addr();
        let part = io
            .receive_small(socket.token, &mut |bytes, addr| {
                assert_eq!(addr, from);
                got.push(bytes.to_vec());
            })
            .unwrap();
        truncated += part.truncated;
        batches += 1;
        if !part.more {
            break;
        }
    }
    assert_eq!((got.len(), truncated), (41, 1));
    assert!(batches > 1, "a batch is bounded");
    assert!(got.iter().take(40).enumerate().all(|(n, bytes)| *bytes == [n as u8; 60]));
    assert!(got[40].is_empty());
}
