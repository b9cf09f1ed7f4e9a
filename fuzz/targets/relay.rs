//! A whole stream: any packets, children that come, pause, stall and go, sources that follow each other,
//! feedback. The books have to balance after every step.
#![no_main]

use std::io::IoSlice;
use std::net::SocketAddr;
use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rillcast::io::{Destination, Failure, Run, Token};
use rillcast::media::sdp::{Media, Session};
use rillcast::relay::{
    ChildKey, ConnId, Egress, Kind, Layout, Limits, MAX_BACKLOG, Packet, PairId, Rest, Start,
    Stream, Target, Transport, Written,
};
use rillcast::ring::Span;

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    /// A packet of a well-formed header, mostly in order.
    Media {
        track: u8,
        step: i8,
        frame: bool,
        marker: bool,
        datagram: bool,
        payload: &'a [u8],
    },
    /// Any bytes.
    Raw {
        track: u8,
        rtcp: bool,
        bytes: &'a [u8],
    },
    FanOut,
    Time {
        milliseconds: u16,
    },
    Join {
        tcp: bool,
        live: bool,
    },
    Pause {
        child: u8,
    },
    Leave {
        child: u8,
    },
    Hear {
        child: u8,
        report: &'a [u8],
    },
    /// What connections take from now on.
    Room {
        bytes: u16,
    },
    Resume {
        ssrc: u8,
    },
    MakeRoom,
    Finish,
}

/// Sockets that take as much as they are told to.
struct Net {
    room: usize,
    rest: Vec<(ConnId, Rest)>,
}

impl Egress for Net {
    fn datagrams(
        &mut self,
        _: PairId,
        _: Kind,
        runs: &[Run<'_>],
        to: &[Destination],
        failed: &mut Vec<Failure>,
    ) {
        if self.room == 0 {
            for destination in 0..to.len() {
                failed.extend(runs.iter().enumerate().map(|(run, packets)| Failure {
                    destination,
                    run,
                    segments: 0..packets.segments(),
                    error: std::io::ErrorKind::WouldBlock.into(),
                }));
            }
        }
    }

    fn interleaved(&mut self, conn: ConnId, slices: &[IoSlice<'_>]) -> Written {
        assert!(!slices.is_empty(), "a write of nothing");
        if self.room == 0 || self.rest.iter().any(|(other, _)| *other == conn) {
            return Written::Blocked;
        }
        let bytes = slices.iter().map(|slice| slice.len()).sum::<usize>().min(self.room);
        self.room -= bytes;
        Written::Bytes(bytes)
    }

    fn keep(&mut self, conn: ConnId, rest: Rest) {
        assert!(self.rest.iter().all(|(other, _)| *other != conn), "two packets torn at once");
        self.rest.push((conn, rest));
    }
}

fn target(port: u16) -> Option<Target> {
    let to = |port| Destination::new(SocketAddr::from(([127, 0, 0, 1], port)));
    Some(Target { pair: 0, rtp: to(port), rtcp: to(port + 1), retransmission: Some(99) })
}

fn transport(number: u16, tcp: bool) -> Transport {
    let port = 5000 + 2 * (number % 1000);
    if tcp {
        let layout = Layout::new(vec![Some((0, 1)), Some((2, 3))]);
        Transport::Tcp { conn: Token::new(number.into(), 1), layout }
    } else {
        Transport::Udp { targets: vec![target(port), target(port)] }
    }
}

fn balances(stream: &mut Stream) {
    assert!(stream.is_holding() || stream.ledger().balances(), "{:?}", stream.ledger());
    for child in stream.child_figures() {
        assert!(child.ledger.balances(), "{child:?}");
    }
}

fuzz_target!(|steps: Vec<Step<'_>>| {
    let mut session = Session::new("fuzzed");
    session.media = vec![Media::h264::<&[u8]>(96, &[]), Media::aac(97, &[0x11, 0x90], 48_000, 2)];
    let limits = Limits { ring_packets: 64, ..Limits::default() };
    let mut stream = Stream::new(session.clone(), limits).expect("a session of two tracks");
    let mut net = Net { room: usize::MAX, rest: Vec::new() };
    let mut children: Vec<(ChildKey, ConnId)> = Vec::new();
    let (mut now, mut sequence, mut timestamp, mut ssrc) = (Duration::ZERO, 0u16, 0u32, 7u32);
    for (number, step) in steps.into_iter().enumerate().take(2_000) {
        let child_of = |child: u8| children.get(usize::from(child)).copied();
        match step {
            Step::Media { track, step, frame, marker, datagram, payload } => {
                sequence = sequence.wrapping_add_signed(step.into());
                timestamp = timestamp.wrapping_add(if frame { 3000 } else { 0 });
                let track = track & 1;
                let mut bytes = vec![0x80, (96 + track) | (u8::from(marker) << 7)];
                bytes.extend(sequence.to_be_bytes());
                bytes.extend(timestamp.to_be_bytes());
                bytes.extend(ssrc.to_be_bytes());
                bytes.extend(payload);
                stream.splice(track, &mut bytes, true, now);
                let packet = Packet::new(Span::from_vec(bytes), Kind::Rtp, track, now);
                if datagram { stream.ingest_datagram(packet) } else { stream.ingest(packet) }
            }
            Step::Raw { track, rtcp, bytes } => {
                let mut bytes = bytes.to_vec();
                let kind = if rtcp { Kind::Rtcp } else { Kind::Rtp };
                if !rtcp {
                    stream.splice(track, &mut bytes, track & 4 != 0, now);
                }
                stream.ingest(Packet::new(Span::from_vec(bytes), kind, track, now));
            }
            Step::FanOut => {
                stream.fan_out(now, &mut net);
            }
            Step::Time { milliseconds } => {
                now += Duration::from_millis(milliseconds.into());
                stream.tend(now);
                stream.fan_out(now, &mut net);
                stream.pace(now, &mut net);
                let _ = (stream.request(0, 9, now), stream.receiver_report(1, 9, now));
            }
            Step::Join { tcp, live } if children.len() < 32 => {
                let key = stream.add_child(transport(number as u16, tcp), now);
                children.push((key, Token::new(number as u32 & 0xffff, 1)));
                stream.play(key, if live { Start::Live } else { Start::KeyFrame });
                stream.kick(key, now, &mut net);
            }
            Step::Join { .. } => {}
            Step::Pause { child } => {
                if let Some((key, _)) = child_of(child) {
                    stream.pause(key);
                    stream.play(key, Start::KeyFrame);
                    stream.kick(key, now, &mut net);
                }
            }
            Step::Leave { child } => {
                if let Some((key, conn)) = child_of(child) {
                    children.retain(|(other, _)| *other != key);
                    net.rest.retain(|(other, _)| *other != conn);
                    let ledger = stream.remove_child(key).expect("it was there");
                    assert!(ledger.balances(), "{ledger:?}");
                }
            }
            Step::Hear { child, report } => {
                if let Some((key, _)) = child_of(child) {
                    stream.hear(key, report, now, &mut net);
                }
            }
            Step::Room { bytes } => {
                net.room = bytes.into();
                // Those who wait for the rest of a packet get it.
                net.rest.clear();
                for (key, _) in &children {
                    stream.writable(*key, now, &mut net);
                }
            }
            Step::Resume { ssrc: other } => {
                ssrc = other.into();
                stream.resume(&session).expect("the same tracks");
            }
            Step::MakeRoom => stream.make_room(),
            Step::Finish => stream.finish(now),
        }
        if stream.backlog() >= MAX_BACKLOG {
            stream.fan_out(now, &mut net);
        }
        balances(&mut stream);
    }
});
