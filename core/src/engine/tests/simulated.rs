//! Engines over a network that loses packets, in time that passes only when all is done.

use super::*;
use crate::io::simulated::Link;

use super::net::{Camera, Net, Play, sources};

fn link(loss: f64, jitter: u64) -> Link {
    let (delay, jitter) = (Duration::from_millis(20), Duration::from_millis(jitter));
    Link { loss, delay, jitter, down: false }
}

/// A source and its server, a node that has the stream from there, and a link between them.
struct Line {
    net: Net,
    camera: Camera,
    play: Play,
    origin: usize,
    node: usize,
}

impl Line {
    /// Without loss at first.
    fn new(seed: u64, transport: Transport) -> Line {
        let mut net = Net::new(seed);
        let origin = net.start();
        let mut camera = Camera::at(net.at(origin));
        camera.run(&net.clock, 1);
        let node = net.below(&[origin], transport);
        let play = net.play(origin, node);
        let line = Line { net, camera, play, origin, node };
        line.set(&link(0.0, 0));
        line
    }

    fn set(&self, link: &Link) {
        self.net.set(self.origin, self.node, link);
    }

    fn run(&mut self, frames: u32) {
        for _ in 0..frames {
            self.camera.run(&self.net.clock, 1);
            self.play.read();
        }
    }

    fn has_all(&mut self) {
        self.play.has_all();
        self.net.check();
    }

    fn resent(&self) -> u64 {
        let figures = self.net.at(self.origin).figures().expect("figures");
        figures.streams[0].children.iter().map(|child| child.ledger.resent).sum()
    }
}

/// Ten seconds with losses, and at which times a packet came. Which of two that are sent again at one moment goes
/// first depends on when a thread came to look.
fn course(seed: u64, lossy: &Link) -> Vec<Duration> {
    let mut line = Line::new(seed, Transport::Udp);
    line.run(10);
    line.set(lossy);
    line.run(240);
    line.set(&link(0.0, 0));
    line.run(10);
    line.net.clock.sleep(Duration::from_secs(1));
    line.has_all();
    assert!(line.resent() > 20, "{}", line.resent());
    let mut arrivals = line.play.arrivals();
    arrivals.sort_unstable();
    arrivals
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
    line.run(20);
    line.set(&Link { down: true, ..link(0.0, 0) });
    let down = line.net.clock.now();
    line.run(25);
    line.set(&link(0.0, 0));
    let up = line.net.clock.now();
    line.run(25);
    line.has_all();
    // What was under way when it went down came in time.
    let quiet = down + Duration::from_millis(100)..up;
    assert!(line.play.arrivals().iter().all(|arrival| !quiet.contains(arrival)));
}

#[test]
fn a_player_of_whom_nothing_is_heard_is_left_after_its_session_has_run_out() {
    let mut line = Line::new(6, Transport::Udp);
    line.run(20);
    line.has_all();
    let down = line.net.clock.now();
    line.net.silence(line.origin, line.node);
    line.net.wait_for(line.origin, |event| matches!(event, Event::ChildEnded { .. }));
    let after = line.net.clock.now() - down;
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
