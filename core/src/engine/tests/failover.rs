//! Streams that go over from one server to another: what a reader below gets is whole, in order, and nothing twice.

mod foreign;

use std::time::Duration;

use super::net::{Camera, Net, Play, sources, url};
use crate::engine::{Event, Switched, Transport, Why};

const BOTH: [Transport; 2] = [Transport::Tcp, Transport::Udp];

fn stands_by(net: &Net, node: usize, server: usize) {
    let server = url(server);
    net.wait_for(node, |event| matches!(event, Event::StandbyReady { url, .. } if *url == server));
}

fn switched(net: &Net, node: usize) -> Switched {
    match net.wait_for(node, |event| matches!(event, Event::UpstreamSwitched(_))) {
        Event::UpstreamSwitched(switched) => *switched,
        other => panic!("{other}"),
    }
}

fn is_interrupted(net: &Net, node: usize) {
    net.wait_for(node, |event| matches!(event, Event::StreamInterrupted { .. }));
}

fn is_resumed(net: &Net, node: usize) {
    net.wait_for(node, |event| matches!(event, Event::StreamResumed { .. }));
}

/// A server with a stream that has begun.
fn origin(net: &mut Net) -> (usize, Camera) {
    let origin = net.start();
    let mut camera = Camera::at(net.at(origin));
    camera.run(&net.clock, 1);
    (origin, camera)
}

/// origin → a, b → c → d, where it is looked at what comes.
struct Tree {
    net: Net,
    camera: Camera,
    origin: usize,
    a: usize,
    b: usize,
    c: usize,
    play: Play,
}

impl Tree {
    fn new(transport: Transport) -> Tree {
        let mut net = Net::new(1);
        let (origin, camera) = origin(&mut net);
        let (a, b) = (net.below(&[origin], transport), net.below(&[origin], transport));
        let c = net.below(&[a, b], transport);
        stands_by(&net, c, b);
        let d = net.below(&[c], transport);
        let play = net.play(origin, d);
        let mut tree = Tree { net, camera, origin, a, b, c, play };
        tree.goes_on();
        tree
    }

    fn send(&mut self, frames: u32) {
        self.camera.run(&self.net.clock, frames);
    }

    /// What is sent comes, however late.
    fn goes_on(&mut self) {
        self.send(50);
        self.net.clock.sleep(Duration::from_secs(1));
        self.play.has_all();
        self.net.check();
    }

    fn set_upstreams(&self, parents: &[usize], transport: Transport) {
        let told = self.net.at(self.c).set_upstreams("/s/", &sources(parents, transport));
        told.expect("it is pulled");
    }

    /// It has gone over, and neither lost anything nor begun anew.
    fn has_switched(&self, why: &[Why], to: usize) {
        let switched = switched(&self.net, self.c);
        let whole = (switched.missing, switched.gone) == (0, false);
        assert!(whole && why.contains(&switched.why) && switched.to == url(to), "{switched}");
    }
}

#[test]
pub(super) fn nothing_is_lost_when_the_connection_to_the_parent_breaks() {
    for transport in BOTH {
        let mut tree = Tree::new(transport);
        let (a, b, c) = (tree.a, tree.b, tree.c);
        tree.net.cut(a, c);
        tree.goes_on();
        tree.has_switched(&[Why::Closed], b);
        // Whoever was lost stands by, and takes over in its turn.
        stands_by(&tree.net, c, a);
        tree.net.cut(b, c);
        tree.goes_on();
        tree.has_switched(&[Why::Closed], a);
    }
}

#[test]
fn nothing_is_lost_when_the_parent_leaves() {
    for transport in BOTH {
        let mut tree = Tree::new(transport);
        tree.net.end(tree.a);
        tree.goes_on();
        // Over TCP its BYE and the end of the connection may come together.
        tree.has_switched(&[Why::Left, Why::Closed], tree.b);
    }
}

#[test]
pub(super) fn nothing_is_lost_when_the_parent_falls_silent() {
    for transport in BOTH {
        let mut tree = Tree::new(transport);
        tree.net.silence(tree.a, tree.c);
        tree.goes_on();
        // What was sent into the silence came from what the standby had kept.
        tree.has_switched(&[Why::Silent], tree.b);
    }
}

#[test]
fn a_pause_of_the_source_itself_changes_nothing() {
    let mut tree = Tree::new(Transport::Tcp);
    for pause in [0.8, 0.2, 5.0] {
        // Longer than its rhythm explains, and than the standby has to answer.
        tree.net.clock.sleep(Duration::from_secs_f64(pause));
        tree.goes_on();
    }
    let node = tree.net.at(tree.c);
    while let Some(event) = node.next_event(Some(Duration::ZERO)) {
        assert!(!matches!(event, Event::UpstreamSwitched(_)), "{event}");
    }
    // The standby is as good as it was.
    tree.net.cut(tree.a, tree.c);
    tree.goes_on();
    tree.has_switched(&[Why::Closed], tree.b);
}

#[test]
fn a_stream_moves_to_another_parent_without_a_pause() {
    for transport in BOTH {
        let mut tree = Tree::new(transport);
        let (origin, a, b) = (tree.origin, tree.a, tree.b);
        tree.set_upstreams(&[b, a], transport);
        tree.goes_on();
        tree.has_switched(&[Why::Moved], b);
        stands_by(&tree.net, tree.c, a);
        // To one that has not been heard of before; the others are left.
        let e = tree.net.below(&[origin], transport);
        tree.set_upstreams(&[e], transport);
        tree.goes_on();
        tree.has_switched(&[Why::Moved], e);
        tree.net.wait_for(b, |event| matches!(event, Event::ChildEnded { .. }));
        let unknown = tree.net.at(e).set_upstreams("x", &sources(&[a], transport));
        assert!(unknown.is_err());
    }
}

#[test]
fn a_stream_that_has_not_begun_begins_at_another_parent() {
    let mut net = Net::new(2);
    let (origin, mut camera) = origin(&mut net);
    let mute = net.start();
    // With other servers behind it, known and unknown.
    for (before, after) in [(vec![mute], vec![origin]), (vec![mute, origin], vec![origin, mute])] {
        let node = net.start();
        net.silence(mute, node);
        net.at(node).pull_from("s", &sources(&before, Transport::Tcp)).expect("a path");
        net.at(node).set_upstreams("s", &sources(&after, Transport::Tcp)).expect("it is pulled");
        let started = net.wait_for(node, |event| matches!(event, Event::StreamStarted { .. }));
        assert!(started.to_string().contains(&url(origin)), "{started}");
        let mut play = net.play(origin, node);
        camera.run(&net.clock, 20);
        play.has_all();
    }
}

#[test]
fn a_parent_that_plays_and_sends_nothing_is_left_for_a_standby() {
    let mut net = Net::new(3);
    let root = net.start();
    let mut camera = Camera::at(net.at(root));
    let parent = net.below(&[root], Transport::Tcp);
    let node = net.start();
    net.at(node).pull_from("s", &sources(&[parent, root], Transport::Tcp)).expect("a path");
    stands_by(&net, node, root);
    net.silence(root, parent);
    let mut play = net.play(root, node);
    camera.run(&net.clock, 50);
    assert_eq!(switched(&net, node).to, url(root));
    camera.run(&net.clock, 1);
    play.has_all();
}

#[test]
fn a_server_with_other_packets_does_not_stand_by() {
    let mut tree = Tree::new(Transport::Tcp);
    let (other, mut camera) = origin(&mut tree.net);
    let tracks = tree.net.start();
    let _source = tree.net.at(tracks).source("s", super::session()).expect("a path");
    tree.set_upstreams(&[tree.a, other, tracks, tree.b], Transport::Tcp);
    let mut refused =
        [(url(other), "another source"), (url(tracks), "its tracks are others")].to_vec();
    while !refused.is_empty() {
        camera.run(&tree.net.clock, 1);
        let lost = tree.net.wait_for(tree.c, |event| matches!(event, Event::StandbyLost { .. }));
        let Event::StandbyLost { url, reason, .. } = lost else { unreachable!() };
        refused.retain(|(server, why)| *server != url || !reason.contains(why));
    }
    tree.net.cut(tree.a, tree.c);
    tree.goes_on();
    assert_eq!(switched(&tree.net, tree.c).to, url(tree.b));
}

#[test]
fn a_server_that_has_the_stream_from_here_cannot_feed_it() {
    let mut net = Net::new(4);
    let (root, mut camera) = origin(&mut net);
    let upper = net.below(&[root], Transport::Tcp);
    let lower = net.below(&[upper], Transport::Tcp);
    let lowest = net.below(&[lower], Transport::Tcp);
    let both = sources(&[root, lowest], Transport::Tcp);
    net.at(upper).set_upstreams("s", &both).expect("it is pulled");
    stands_by(&net, upper, lowest);
    let mut play = net.play(root, lower);
    net.cut(root, upper);
    let lost = net.wait_for(upper, |event| matches!(event, Event::StandbyLost { .. }));
    assert!(lost.to_string().contains("from here itself"), "{lost}");
    // It waits, and goes on when its parent is back: exactly where it was.
    is_interrupted(&net, upper);
    camera.run(&net.clock, 3);
    is_resumed(&net, upper);
    camera.run(&net.clock, 3);
    play.has_all();
    net.check();
}

#[test]
fn two_that_stand_by_for_each_other_see_that_neither_has_anything() {
    let mut net = Net::new(5);
    let (root, mut camera) = origin(&mut net);
    let [a, b] = [0; 2].map(|_| net.below(&[root], Transport::Tcp));
    for (one, other) in [(a, b), (b, a)] {
        let both = sources(&[root, other], Transport::Tcp);
        net.at(one).set_upstreams("s", &both).expect("taken note of");
        stands_by(&net, one, other);
    }
    let mut plays = [a, b].map(|node| net.play(root, node));
    camera.run(&net.clock, 10);
    plays.iter_mut().for_each(Play::has_all);
    // Nobody comes through to the origin any more.
    for node in [a, b] {
        net.silence(root, node);
        net.cut(root, node);
    }
    is_interrupted(&net, a);
    is_interrupted(&net, b);
}

#[test]
fn that_a_standby_had_kept_something_does_not_show_that_it_is_fed() {
    let mut net = Net::new(6);
    let (root, mut camera) = origin(&mut net);
    let b = net.below(&[root], Transport::Tcp);
    let a = net.below(&[root, b], Transport::Tcp);
    stands_by(&net, a, b);
    let mut play = net.play(root, a);
    // The next picture comes to one only, and then nothing to anybody.
    net.silence(root, a);
    camera.run(&net.clock, 1);
    net.silence(root, b);
    net.cut(root, a);
    is_interrupted(&net, a);
    play.has_all();
    net.check();
}

#[test]
fn a_stream_that_has_lost_all_its_servers_goes_on_with_the_next_that_it_is_told() {
    let mut tree = Tree::new(Transport::Tcp);
    let e = tree.net.below(&[tree.origin], Transport::Tcp);
    tree.net.end(tree.b);
    tree.net.silence(tree.a, tree.c);
    tree.net.cut(tree.a, tree.c);
    is_interrupted(&tree.net, tree.c);
    tree.send(10);
    tree.set_upstreams(&[e], Transport::Tcp);
    is_resumed(&tree.net, tree.c);
    tree.goes_on();
    tree.has_switched(&[Why::Returned], e);
}

#[test]
pub(super) fn a_stream_whose_source_has_ended_ends_everywhere() {
    let mut tree = Tree::new(Transport::Tcp);
    tree.net.at(tree.origin).end("s").expect("it is there");
    tree.net.wait_for(tree.c, |event| matches!(event, Event::StreamEnded { .. }));
    tree.net.clock.sleep(Duration::from_secs(1));
    assert!(tree.play.has_ended());
    assert!(tree.net.at(tree.c).reader("s", Duration::ZERO).is_err());
}
