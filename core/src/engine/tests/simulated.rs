//! Engines over a network that loses packets, in time that passes only when all is done.

use super::net::{Camera, Net, sources};
use super::*;
use crate::io::simulated::{Clock, Host, Link, Network};
use crate::relay::FrameReader;

const TICK: Duration = Duration::from_millis(1);
const LIMIT: Duration = Duration::from_secs(20);

/// A source, and who reads at the other end what it sends.
struct Course {
    clock: Clock,
    source: Source,
    reader: FrameReader,
    written: u32,
    /// Video frames that the reader has, and when each came.
    seen: Vec<(u32, Duration)>,
}

impl Course {
    /// Reads at `node`, which is about to have the stream.
    fn new(clock: Clock, source: Source, node: &Engine) -> Course {
        let reader = clock.until(LIMIT, TICK, || node.reader("s", Duration::ZERO).ok());
        let reader = reader.expect("the stream in time");
        Course { clock, source, reader, written: 0, seen: Vec::new() }
    }

    /// Lets the source go on with so many frames.
    fn run(&mut self, frames: u32) {
        for _ in 0..frames {
            self.written += 1;
            write(&mut self.source, self.written);
            self.pass(time(1));
        }
    }

    /// Lets time pass, and takes what is there.
    fn pass(&mut self, time: Duration) {
        self.clock.sleep(time);
        loop {
            match self.reader.next(Duration::ZERO) {
                Next::Frame(frame) => {
                    let Payload::H264(unit) = frame.data.payload else { continue };
                    assert!(!frame.data.damaged);
                    let bytes = unit.nals().next_back().expect("a slice").to_vec();
                    let next = self.seen.last().map_or(0, |(last, _)| last + 1);
                    assert_eq!(bytes, slice(next), "frame {next}");
                    self.seen.push((next, self.clock.now()));
                }
                Next::TimedOut => return,
                other => panic!("{other:?} after {:?}", self.seen.last()),
            }
        }
    }

    fn has_all(&self) {
        assert_eq!(self.seen.last().map(|(last, _)| *last), Some(self.written));
    }
}

/// origin → node, with a link between them.
struct Line {
    // Its clock is let go of before the engines end, which takes time.
    course: Course,
    network: Network,
    hosts: [Host; 2],
    origin: Audited,
    node: Audited,
}

fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, host], 554))
}

fn link(loss: f64, jitter: u64) -> Link {
    let (delay, jitter) = (Duration::from_millis(20), Duration::from_millis(jitter));
    Link { loss, delay, jitter, down: false }
}

impl Line {
    /// Without loss at first.
    fn new(seed: u64, transport: Transport) -> Line {
        let network = Network::new(seed);
        let hosts = [[10, 0, 0, 1], [10, 0, 0, 2]].map(|ip: [u8; 4]| network.host([ip.into()]));
        network.join(&hosts[0], &hosts[1], &link(0.0, 0));
        let clock = network.clock();
        let origin = Audited::start_at(&hosts[0], Config::default());
        origin.listen(address(1)).expect("a port");
        let mut source = origin.source("s", session()).expect("a source");
        write(&mut source, 0);
        let node = Audited::start_at(&hosts[1], Config::default());
        node.pull("s", &format!("rtsp://{}/s", address(1)), transport).expect("a pull");
        Line { course: Course::new(clock, source, &node), network, hosts, origin, node }
    }

    fn set(&self, link: &Link) {
        self.network.join(&self.hosts[0], &self.hosts[1], link);
    }

    fn has_all(&self) {
        self.course.has_all();
        check(&self.origin);
        check(&self.node);
    }

    fn resent(&self) -> u64 {
        let figures = self.origin.figures().expect("figures");
        figures.streams[0].children.iter().map(|child| child.ledger.resent).sum()
    }
}

/// Ten seconds with losses, and when each frame came.
fn course(seed: u64, lossy: &Link) -> Vec<(u32, Duration)> {
    let mut line = Line::new(seed, Transport::Udp);
    line.course.run(10);
    line.set(lossy);
    line.course.run(240);
    line.set(&link(0.0, 0));
    line.course.run(10);
    line.course.pass(Duration::from_secs(1));
    line.has_all();
    assert!(line.resent() > 20, "{}", line.resent());
    line.course.seen
}

#[test]
fn packets_lost_between_engines_are_sent_again_and_none_is_missing() {
    course(1, &link(0.05, 0));
    course(2, &link(0.05, 5));
}

#[test]
fn one_seed_is_one_course() {
    let lossy = link(0.1, 3);
    let first = course(3, &lossy);
    assert_eq!(course(3, &lossy), first);
    assert_ne!(course(4, &lossy), first);
}

#[test]
fn what_a_line_that_was_down_has_kept_comes_late_and_whole() {
    let mut line = Line::new(5, Transport::Tcp);
    line.course.run(20);
    line.set(&Link { down: true, ..link(0.0, 0) });
    line.course.run(25);
    assert!(line.course.seen.len() < 25, "{} frames", line.course.seen.len());
    line.set(&link(0.0, 0));
    line.course.run(25);
    line.has_all();
}

#[test]
fn a_player_of_whom_nothing_is_heard_is_left_after_its_session_has_run_out() {
    let mut line = Line::new(6, Transport::Udp);
    line.course.run(20);
    line.has_all();
    let down = line.course.clock.now();
    line.set(&Link { down: true, ..link(0.0, 0) });
    let left = line.course.clock.until(Duration::from_secs(300), Duration::from_secs(1), || {
        let event = line.origin.next_event(Some(Duration::ZERO))?;
        matches!(event, Event::ChildEnded { .. }).then_some(())
    });
    assert!(left.is_some(), "it is never left");
    let after = line.course.clock.now() - down;
    assert!(after >= Duration::from_secs(30), "after {after:?}");
}

#[test]
fn the_first_packets_of_a_stream_are_sent_again_too() {
    for seed in 0..20 {
        let mut net = Net::new(seed);
        let origin = net.start();
        let mut camera = Camera::at(net.at(origin));
        camera.run(&net.clock, 5);
        let node = net.start();
        net.set(origin, node, &link(0.3, 5));
        net.at(node).pull_from("s", &sources(&[origin], Transport::Udp)).expect("begun");
        while net.at(node).reader("s", Duration::ZERO).is_err() {
            camera.run(&net.clock, 1);
        }
        let mut play = net.play(origin, node);
        camera.run(&net.clock, 25);
        net.set(origin, node, &link(0.0, 0));
        camera.run(&net.clock, 10);
        net.clock.sleep(Duration::from_secs(2));
        play.begins_with_a_key_frame();
        net.check();
    }
}

#[test]
fn an_engine_whose_peers_hear_nothing_ends_all_the_same() {
    for transport in [Transport::Tcp, Transport::Udp] {
        let mut net = Net::new(9);
        let origin = net.start();
        let mut camera = Camera::at(net.at(origin));
        let (relay, node) = (net.below(&[origin], transport), net.start());
        net.at(node).pull_from("s", &sources(&[relay], transport)).expect("begun");
        camera.run(&net.clock, 50);
        net.silence(origin, relay);
        net.silence(relay, node);
        camera.run(&net.clock, 50);
        net.end(relay);
    }
}
