//! Engines over a network that delays packets and can be cut, in time that passes only when all is done.

use std::time::{Duration, Instant};

use super::{Audited, PATIENCE, PPS, SPS, check, session, slice, time};
use crate::engine::command::Command;
use crate::engine::{Config, Engine, Event, Source, Sources, Transport, Upstream};
use crate::io::simulated::{Clock, Host, Link, Network};
use crate::media::sdp;
use crate::relay::{Kind, NextPackets, PacketReader, ReaderOptions};

/// How long an engine takes at most to end, whatever its peers do.
const TO_END: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(1);
const LIMIT: Duration = Duration::from_secs(300);
const DELAY: Duration = Duration::from_millis(5);

/// Engines, each with a host of its own.
pub(super) struct Net {
    // It is let go of before the engines end, which takes time.
    pub(super) clock: Clock,
    network: Network,
    hosts: Vec<Host>,
    engines: Vec<Option<Audited>>,
}

impl Net {
    pub(super) fn new(seed: u64) -> Net {
        let network = Network::new(seed);
        Net { clock: network.clock(), network, hosts: Vec::new(), engines: Vec::new() }
    }

    /// Starts an engine, which serves; returns its number.
    pub(super) fn start(&mut self) -> usize {
        let number = self.hosts.len();
        let host = self.network.host([Net::address(number).ip()]);
        let link = Link { delay: DELAY, ..Link::default() };
        self.hosts.iter().for_each(|other| self.network.join(&host, other, &link));
        // Nobody has to wait for a source that does not come back.
        let engine = Audited::start_at(&host, Config { linger: LIMIT, ..Config::default() });
        engine.listen(Net::address(number)).expect("a port");
        self.hosts.push(host);
        self.engines.push(Some(engine));
        number
    }

    /// Starts an engine that has the stream from these, the first of which feeds it.
    pub(super) fn below(&mut self, parents: &[usize], transport: Transport) -> usize {
        let number = self.start();
        self.at(number).pull_from("s", &sources(parents, transport)).expect("begun");
        self.wait_for(number, |event| matches!(event, Event::StreamStarted { .. }));
        number
    }

    /// Where an engine serves.
    fn address(number: usize) -> std::net::SocketAddr {
        ([10, 0, 0, number as u8 + 1], 554).into()
    }

    pub(super) fn at(&self, number: usize) -> &Engine {
        self.engines[number].as_deref().expect("it lives")
    }

    /// Ends an engine, which takes leave of its peers.
    pub(super) fn end(&mut self, number: usize) {
        let engine = self.engines[number].take().expect("it lives");
        assert!(engine.commands.send(Command::Stop).is_ok());
        self.clock.sleep(TO_END);
        let begun = Instant::now();
        while engine.is_running() {
            assert!(begun.elapsed() < PATIENCE, "it needs more than {TO_END:?} to end");
            std::thread::yield_now();
        }
    }

    /// Breaks the connections between two; they may connect anew.
    pub(super) fn cut(&self, one: usize, other: usize) {
        self.network.reset(&self.hosts[one], &self.hosts[other]);
    }

    /// Lets nothing through between two any more, which neither is told.
    pub(super) fn silence(&self, one: usize, other: usize) {
        self.set(one, other, &Link { down: true, ..Link::default() });
    }

    /// Puts another link between two.
    pub(super) fn set(&self, one: usize, other: usize, link: &Link) {
        self.network.join(&self.hosts[one], &self.hosts[other], link);
    }

    pub(super) fn wait_for(&self, number: usize, wanted: impl Fn(&Event) -> bool) -> Event {
        let engine = self.at(number);
        let event = self.clock.until(LIMIT, TICK, || {
            std::iter::from_fn(|| engine.next_event(Some(Duration::ZERO))).find(&wanted)
        });
        event.expect("the event in time")
    }

    /// What engine `number` has of the stream of engine `origin`, from now on.
    pub(super) fn play(&self, origin: usize, number: usize) -> Play {
        let [sent, had] = [origin, number].map(|at| {
            let reader =
                || self.at(at).packet_reader("s", Duration::ZERO, ReaderOptions::default());
            let reader = self.clock.until(LIMIT, TICK, || reader().ok());
            Packets {
                reader: reader.expect("the stream in time"),
                all: Vec::new(),
                arrivals: Vec::new(),
            }
        });
        Play { sent, had }
    }

    /// The books of all engines balance.
    pub(super) fn check(&self) {
        self.engines.iter().flatten().for_each(|engine| check(engine));
    }
}

/// The URL of the stream at an engine.
pub(super) fn url(number: usize) -> String {
    format!("rtsp://{}/s", Net::address(number))
}

/// The first feeds, the others stand by.
pub(super) fn sources(parents: &[usize], transport: Transport) -> Sources {
    let upstream = |number: &usize| Upstream::new(url(*number)).over(transport);
    let parent = Sources::new(upstream(&parents[0]));
    parents[1..].iter().map(upstream).fold(parent, Sources::standby)
}

pub(super) fn video() -> sdp::Session {
    let mut session = session();
    session.media.truncate(1);
    session
}

/// A source of pictures, 25 a second.
pub(super) struct Camera {
    source: Source,
    written: u32,
}

impl Camera {
    /// Makes the stream at an engine. It has not begun yet.
    pub(super) fn at(engine: &Engine) -> Camera {
        Camera { source: engine.source("s", video()).expect("a path"), written: 0 }
    }

    /// Goes on with so many frames, the first at once.
    pub(super) fn run(&mut self, clock: &Clock, frames: u32) {
        for _ in 0..frames {
            let slice = slice(self.written);
            let sets = self.written.is_multiple_of(10);
            let nals: &[&[u8]] = if sets { &[SPS, PPS, &slice] } else { &[&slice] };
            self.source.write_h264(0, nals, time(self.written)).expect("the stream is there");
            self.written += 1;
            clock.sleep(time(1));
        }
    }
}

/// What was sent at one place, and what came of it at another.
pub(super) struct Play {
    sent: Packets,
    had: Packets,
}

struct Packets {
    reader: PacketReader,
    all: Vec<Vec<u8>>,
    arrivals: Vec<Duration>,
}

impl Packets {
    /// Takes what is there. True when nothing will come after it.
    fn take(&mut self) -> bool {
        let mut packets = Vec::new();
        loop {
            match self.reader.next(Duration::ZERO, usize::MAX, &mut packets) {
                NextPackets::Packets(_) => {}
                NextPackets::TimedOut | NextPackets::Ended => {
                    for packet in packets.iter().filter(|packet| packet.kind == Kind::Rtp) {
                        self.all.push(packet.data().to_vec());
                        self.arrivals.push(packet.arrival);
                    }
                    return self.reader.next(Duration::ZERO, 1, &mut packets) == NextPackets::Ended;
                }
                NextPackets::Lagged(lost) => panic!("{lost} packets were gone"),
            }
        }
    }
}

impl Play {
    /// Takes what is there, as has to be done before the rings have no room for it.
    pub(super) fn read(&mut self) {
        self.sent.take();
        self.had.take();
    }

    /// From the first packet that was had on, all was had that was sent: the same bytes, in order,
    /// nothing twice.
    pub(super) fn has_all(&mut self) {
        self.read();
        let first = self.had.all.first().expect("it has begun");
        let begin = self.sent.all.iter().position(|sent| sent == first).expect("it was sent");
        let (sent, had) = (&self.sent.all[begin..], &self.had.all);
        let differs = sent.iter().zip(had).position(|(sent, had)| sent != had);
        assert_eq!((had.len(), differs), (sent.len(), None));
    }

    /// What was had first are the parameter sets before a key frame, in one packet.
    pub(super) fn begins_with_a_key_frame(&mut self) {
        self.had.take();
        let first = self.had.all.first().expect("it has begun");
        let nal = crate::media::rtp::parse(first).expect("RTP").payload.start;
        assert_eq!(first[nal] & 31, 24);
    }

    /// When each packet came.
    pub(super) fn arrivals(&mut self) -> Vec<Duration> {
        self.had.take();
        self.had.arrivals.clone()
    }

    pub(super) fn has_ended(&mut self) -> bool {
        self.had.take()
    }
}
