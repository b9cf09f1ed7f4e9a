//! What tests send, and to whom.

use std::io::IoSlice;

use super::peers::{Datagrams, Peers};
use crate::io::Destination;

pub(in crate::io) const SEGMENT: usize = 1200;

/// Plain receivers, and their addresses.
pub(in crate::io) fn receivers(
    peers: &dyn Peers,
    count: usize,
    addr: &str,
) -> (Vec<Box<dyn Datagrams>>, Vec<Destination>) {
    let addr = addr.parse().unwrap();
    (0..count)
        .map(|_| {
            let socket = peers.datagrams(addr, 1 << 20);
            let addr = socket.local_addr();
            (socket, Destination::new(addr))
        })
        .unzip()
}

/// Packets that tell their number, the last one short.
pub(in crate::io) fn packets(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|number| {
            let length = if number + 1 == count { SEGMENT / 3 } else { SEGMENT };
            let mut packet = vec![number as u8; length];
            packet[..8].copy_from_slice(&(number as u64).to_be_bytes());
            packet
        })
        .collect()
}

pub(in crate::io) fn slices(packets: &[Vec<u8>]) -> Vec<IoSlice<'_>> {
    packets.iter().map(|packet| IoSlice::new(packet)).collect()
}

#[track_caller]
pub(in crate::io) fn expect(socket: &mut dyn Datagrams, packets: &[Vec<u8>]) {
    let mut buffer = [0; 65_536];
    for (number, packet) in packets.iter().enumerate() {
        let (length, _) = socket.recv_from(&mut buffer);
        assert_eq!(length, packet.len(), "length of packet {number}");
        assert!(buffer[..length] == packet[..], "content of packet {number}");
    }
}
