//! Sockets that are lists, and packets to put through them.

use std::collections::HashMap;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::time::Duration;

use crate::io::{Destination, Failure, Run, Token};
use crate::media::sdp;
use crate::relay::{Egress, Kind, Layout, Packet, PairId, Rest, Target, Transport, Written};
use crate::ring::Span;

pub(super) fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn session(tracks: usize) -> sdp::Session {
    let mut session = sdp::Session::new("test");
    session.media = vec![sdp::Media::h264::<&[u8]>(96, &[]); tracks];
    session
}

/// The packets of one frame, all of one size but for a shorter last one.
pub(super) fn frame(first: u16, timestamp: u32, key: bool, count: u16) -> Vec<Packet> {
    let nal = if key { 0x65 } else { 0x41 };
    (0..count)
        .map(|n| {
            let last = n + 1 == count;
            let mut payload = vec![0x80; if last { 60 } else { 100 }];
            payload[0] = nal;
            h264::packet(first.wrapping_add(n), timestamp, last, 96, &payload)
        })
        .collect()
}

pub(super) mod h264 {
    use super::*;
    use crate::media::rtp;

    pub(in super::super) fn packet(
        sequence: u16,
        timestamp: u32,
        marker: bool,
        payload_type: u8,
        payload: &[u8],
    ) -> Packet {
        let mut data = [0; rtp::HEADER_LEN];
        let payload_range = 0..0;
        let header = rtp::Header {
            marker,
            payload_type,
            sequence,
            timestamp,
            ssrc: 7,
            payload: payload_range,
        };
        rtp::write_header(&mut data, &header);
        let span = Span::from_vec([&data[..], payload].concat());
        Packet::new(span, Kind::Rtp, 0, Duration::ZERO)
    }

    pub(in super::super) fn sequence(data: &[u8]) -> u16 {
        rtp::parse(data).expect("RTP").sequence
    }
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn target(port: u16) -> Option<Target> {
    let (rtp, rtcp) = (Destination::new(address(port)), Destination::new(address(port + 1000)));
    Some(Target { pair: 0, rtp, rtcp, retransmission: None })
}

pub(super) fn udp_child(port: u16) -> Transport {
    Transport::Udp { targets: vec![target(port)] }
}

/// A child to which packets are sent again under a payload type of their own.
pub(super) fn udp_retransmitted(port: u16, payload_type: u8) -> Transport {
    let agreed = |target| Target { retransmission: Some(payload_type), ..target };
    Transport::Udp { targets: vec![target(port).map(agreed)] }
}

/// A child of two tracks at one address.
pub(super) fn udp_tracks(port: u16) -> Transport {
    Transport::Udp { targets: vec![target(port), target(port)] }
}

fn token(port: u16) -> Token {
    Token::new(u32::from(port), 1)
}

pub(super) fn tcp_child(port: u16) -> Transport {
    Transport::Tcp { conn: token(port), layout: Layout::new(vec![Some((0, 1))]) }
}

pub(super) fn tcp_tracks(port: u16) -> Transport {
    Transport::Tcp { conn: token(port), layout: Layout::new(vec![Some((0, 1)), Some((2, 3))]) }
}

/// One connection: what is on its wire, what has to be written next, and how much it takes.
struct Wire {
    bytes: Vec<u8>,
    rest: Option<Rest>,
    room: usize,
}

impl Default for Wire {
    fn default() -> Wire {
        Wire { bytes: Vec::new(), rest: None, room: usize::MAX }
    }
}

impl Wire {
    fn take<'a>(&mut self, slices: impl Iterator<Item = &'a [u8]>) -> usize {
        let mut taken = 0;
        for slice in slices {
            let n = slice.len().min(self.room);
            self.bytes.extend_from_slice(&slice[..n]);
            if self.room != usize::MAX {
                self.room -= n;
            }
            taken += n;
        }
        taken
    }
}

/// The world below the relay.
#[derive(Default)]
pub(super) struct Net {
    wires: HashMap<Token, Wire>,
    datagrams: HashMap<u16, Vec<Vec<u8>>>,
    refused: Vec<u16>,
    /// Segments of every run sent to the last destination of a batch.
    pub(super) runs: Vec<usize>,
}

impl Net {
    pub(super) fn datagrams(&self, port: u16) -> &[Vec<u8>] {
        self.datagrams.get(&port).map_or(&[], Vec::as_slice)
    }

    pub(super) fn refuse_datagrams_to(&mut self, port: u16) {
        self.refused.push(port);
    }

    /// How many more bytes a connection takes.
    pub(super) fn room(&mut self, port: u16, bytes: usize) {
        self.wires.entry(token(port)).or_default().room = bytes;
    }

    /// Writes what has to be written next; true when nothing of it is left.
    pub(super) fn drain(&mut self, port: u16) -> bool {
        let wire = self.wires.entry(token(port)).or_default();
        let Some(mut rest) = wire.rest.take() else { return true };
        let taken = wire.take(rest.slices().into_iter());
        if rest.advance(taken) {
            return true;
        }
        wire.rest = Some(rest);
        false
    }

    /// The RTP packets that have arrived whole on a connection.
    pub(super) fn frames(&self, port: u16) -> Vec<Vec<u8>> {
        self.frames_of(port, Kind::Rtp)
    }

    pub(super) fn frames_of(&self, port: u16, kind: Kind) -> Vec<Vec<u8>> {
        let mut rest = self.wires.get(&token(port)).map_or(&[][..], |wire| &wire.bytes);
        let mut frames = Vec::new();
        while let [b'$', channel, high, low, after @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let Some(data) = after.get(..length) else { break };
            if (*channel == 1) == (kind == Kind::Rtcp) {
                frames.push(data.to_vec());
            }
            rest = &after[length..];
        }
        assert!(rest.is_empty() || rest[0] == b'$', "a packet was torn");
        frames
    }
}

impl Egress for Net {
    fn datagrams(
        &mut self,
        _pair: PairId,
        _kind: Kind,
        runs: &[Run<'_>],
        to: &[Destination],
        failed: &mut Vec<Failure>,
    ) {
        self.runs.extend(runs.iter().map(Run::segments));
        for (destination, address) in to.iter().enumerate() {
            let port = address.addr().port();
            for (run, packets) in runs.iter().enumerate() {
                if self.refused.contains(&port) {
                    let (segments, error) =
                        (0..packets.segments(), std::io::ErrorKind::HostUnreachable.into());
                    failed.push(Failure { destination, run, segments, error });
                    continue;
                }
                let bytes: Vec<u8> =
                    packets.slices().iter().flat_map(|slice| slice.to_vec()).collect();
                let sent = self.datagrams.entry(port).or_default();
                sent.extend(bytes.chunks(packets.segment()).map(<[u8]>::to_vec));
            }
        }
    }

    fn interleaved(&mut self, conn: Token, slices: &[IoSlice<'_>]) -> Written {
        let wire = self.wires.entry(conn).or_default();
        if wire.rest.is_some() || wire.room == 0 {
            return Written::Blocked;
        }
        Written::Bytes(wire.take(slices.iter().map(|slice| &**slice)))
    }

    fn keep(&mut self, conn: Token, rest: Rest) {
        let wire = self.wires.entry(conn).or_default();
        assert!(wire.rest.is_none() && rest.slices()[1].len() + rest.slices()[0].len() > 0);
        wire.rest = Some(rest);
    }
}
