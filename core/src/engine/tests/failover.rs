//! Streams that go over from one server to another: what a player below gets is whole, in order, and nothing twice.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::{
    Audited, Client, PATIENCE, Publisher, check, engine, next_packet, play, serve, session,
    wait_for,
};
use crate::engine::{Config, Event, Sources, Switched, Transport, Upstream, Why};
use crate::media::sdp;
use crate::sync::{AtomicBool, Ordering};

const PACE: Duration = Duration::from_millis(5);

/// A way to a server that can be cut, or fall silent.
struct Wire {
    address: SocketAddr,
    frozen: Arc<AtomicBool>,
    ends: Arc<Mutex<Vec<TcpStream>>>,
}

impl Wire {
    fn to(server: SocketAddr) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (frozen, ends) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let wire = Wire { address, frozen, ends };
        let (frozen, ends) = (wire.frozen.clone(), wire.ends.clone());
        thread::spawn(move || {
            while let Ok((near, _)) = listener.accept() {
                let Ok(far) = TcpStream::connect(server) else { continue };
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let clone = |stream: &TcpStream| stream.try_clone().expect("a handle");
                    let (from, to, frozen) = (clone(from), clone(to), frozen.clone());
                    thread::spawn(move || carry(from, to, &frozen));
                }
                ends.lock().expect("no panic").extend([near, far]);
            }
        });
        wire
    }

    fn cut(&self) {
        for end in self.ends.lock().expect("no panic").drain(..) {
            // It may be closed already.
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    fn freeze(&self) {
        self.frozen.store(true, Ordering::SeqCst);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, frozen: &AtomicBool) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if !frozen.load(Ordering::SeqCst) && to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

fn video() -> sdp::Session {
    let mut session = session();
    session.media.truncate(1);
    session
}

fn url(address: SocketAddr) -> String {
    format!("rtsp://{address}/s")
}

/// An engine that has the stream from these, the first of which feeds it.
fn below(sources: &[SocketAddr], transport: Transport) -> (Audited, SocketAddr) {
    let config = Config { linger: PATIENCE, ..Config::default() };
    let engine = Audited::start(config);
    let address = serve(&engine);
    engine.pull_from("s", &from(sources, transport)).expect("begun");
    wait_for(&engine, |event| matches!(event, Event::StreamStarted { .. }));
    (engine, address)
}

fn from(sources: &[SocketAddr], transport: Transport) -> Sources {
    let upstream = |address: &SocketAddr| Upstream::new(url(*address)).over(transport);
    let parent = Sources::new(upstream(&sources[0]));
    sources[1..].iter().map(upstream).fold(parent, Sources::standby)
}

fn stands_by(engine: &Audited, server: SocketAddr) {
    let server = url(server);
    wait_for(engine, |event| matches!(event, Event::StandbyReady { url, .. } if *url == server));
}

fn switched(engine: &Audited) -> Switched {
    match wait_for(engine, |event| matches!(event, Event::UpstreamSwitched(_))) {
        Event::UpstreamSwitched(switched) => *switched,
        other => panic!("{other}"),
    }
}

/// origin → a, b → c → d → player.
struct Tree {
    origin: Audited,
    publisher: Publisher,
    a: Option<(Audited, SocketAddr)>,
    b: Option<(Audited, SocketAddr)>,
    /// Between `a` and `c`.
    wire: Wire,
    c: Audited,
    at_c: SocketAddr,
    /// Below `c`, with no choice.
    _d: Audited,
    player: Client,
    sent: u8,
    seen: u16,
}

impl Tree {
    fn new(transport: Transport) -> Tree {
        let origin = engine();
        let root = serve(&origin);
        let mut publisher = Publisher::begin(root, &video(), 7);
        publisher.send(0, 0x65);
        let (a, b) = (below(&[root], transport), below(&[root], transport));
        let wire = Wire::to(a.1);
        let (c, at_c) = below(&[wire.address, b.1], transport);
        stands_by(&c, b.1);
        let (d, at_d) = below(&[at_c], transport);
        let player = play(at_d);
        let (a, b) = (Some(a), Some(b));
        let mut tree =
            Tree { origin, publisher, a, b, wire, c, at_c, _d: d, player, sent: 0, seen: 0 };
        let first = next_packet(&mut tree.player);
        assert_eq!(first.0, 0);
        tree.send(30);
        tree.sees_all();
        tree
    }

    fn send(&mut self, packets: u8) {
        for _ in 0..packets {
            self.sent += 1;
            self.publisher.send(self.sent, if self.sent.is_multiple_of(10) { 0x65 } else { 0x41 });
            // The source has a rhythm.
            thread::sleep(PACE);
        }
    }

    /// The player gets everything that was sent, in order.
    fn sees_all(&mut self) {
        while self.seen < u16::from(self.sent) {
            let (sequence, ssrc, _) = next_packet(&mut self.player);
            self.seen += 1;
            assert_eq!((sequence, ssrc), (self.seen, 7));
        }
    }

    fn goes_on(&mut self) {
        self.send(20);
        self.sees_all();
        check(&self.c);
        check(&self.origin);
    }

    fn at_b(&self) -> SocketAddr {
        self.b.as_ref().expect("it lives").1
    }
}

fn is_whole(switched: &Switched, why: Why) {
    assert_eq!((switched.why, switched.missing, switched.gone), (why, 0, false), "{switched}");
}

#[test]
pub(super) fn nothing_is_lost_when_the_connection_to_the_parent_breaks() {
    for transport in [Transport::Tcp, Transport::Udp] {
        let mut tree = Tree::new(transport);
        tree.wire.cut();
        tree.goes_on();
        let switch = switched(&tree.c);
        is_whole(&switch, Why::Closed);
        assert_eq!(switch.to, url(tree.at_b()));
        // The way is open again: whoever was lost stands by, and takes over in its turn.
        stands_by(&tree.c, tree.wire.address);
        drop(tree.b.take());
        tree.goes_on();
        let switch = switched(&tree.c);
        assert_eq!((switch.missing, switch.to), (0, url(tree.wire.address)));
    }
}

#[test]
fn nothing_is_lost_when_the_parent_leaves() {
    for transport in [Transport::Tcp, Transport::Udp] {
        let mut tree = Tree::new(transport);
        drop(tree.a.take());
        tree.goes_on();
        let switch = switched(&tree.c);
        assert!(matches!(switch.why, Why::Left | Why::Closed), "{switch}");
        is_whole(&switch, switch.why);
    }
}

#[test]
pub(super) fn nothing_is_lost_when_the_parent_falls_silent() {
    let mut tree = Tree::new(Transport::Tcp);
    tree.wire.freeze();
    tree.goes_on();
    // What was sent into the silence came from what the standby had kept: the player has it all. How much that is depends
    // on when the change was begun.
    is_whole(&switched(&tree.c), Why::Silent);
}

#[test]
fn a_pause_of_the_source_itself_changes_nothing() {
    let mut tree = Tree::new(Transport::Tcp);
    // Longer than its rhythm explains, and than the standby has to answer.
    while tree.c.next_event(Some(Duration::from_millis(800))).is_some() {}
    tree.goes_on();
    thread::sleep(Duration::from_millis(200));
    tree.goes_on();
    while let Some(event) = tree.c.next_event(Some(Duration::from_millis(200))) {
        assert!(!matches!(event, Event::UpstreamSwitched(_)), "{event}");
    }
    // The standby is as good as it was.
    tree.wire.cut();
    tree.goes_on();
    is_whole(&switched(&tree.c), Why::Closed);
}

#[test]
fn a_stream_moves_to_another_parent_without_a_pause() {
    for transport in [Transport::Tcp, Transport::Udp] {
        let mut tree = Tree::new(transport);
        let (at_a, at_b) = (tree.wire.address, tree.at_b());
        tree.c.set_upstreams("/s/", &from(&[at_b, at_a], transport)).expect("it is pulled");
        tree.goes_on();
        let switch = switched(&tree.c);
        is_whole(&switch, Why::Moved);
        assert_eq!((&switch.from, &switch.to), (&url(at_a), &url(at_b)));
        stands_by(&tree.c, at_a);
        // To one that has not been heard of before; the others are left.
        let (_e, at_e) = below(&[serve(&tree.origin)], transport);
        tree.c.set_upstreams("s", &from(&[at_e], transport)).expect("it is pulled");
        tree.goes_on();
        let switch = switched(&tree.c);
        is_whole(&switch, Why::Moved);
        assert_eq!(switch.to, url(at_e));
        let b = &tree.b.as_ref().expect("it lives").0;
        wait_for(b, |event| matches!(event, Event::ChildEnded { .. }));
    }
    let nothing =
        engine().set_upstreams("x", &from(&["127.0.0.1:9".parse().unwrap()], Transport::Tcp));
    assert!(nothing.is_err());
}

#[test]
fn a_stream_that_has_not_begun_begins_at_another_parent() {
    let origin = engine();
    let root = serve(&origin);
    let mut publisher = Publisher::begin(root, &video(), 7);
    publisher.send(0, 0x65);
    // It is called, and never answers.
    let mute = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at_mute = mute.local_addr().expect("an address");
    // With other servers behind it, known and unknown.
    for (before, after) in [(vec![at_mute], vec![root]), (vec![at_mute, root], vec![root, at_mute])]
    {
        let child = engine();
        child.pull_from("s", &from(&before, Transport::Tcp)).expect("a path");
        child.set_upstreams("s", &from(&after, Transport::Tcp)).expect("it is pulled");
        let started = wait_for(&child, |event| matches!(event, Event::StreamStarted { .. }));
        assert!(started.to_string().contains(&url(root)), "{started}");
        assert_eq!(next_packet(&mut play(serve(&child))).0, 0);
    }
}

#[test]
fn a_parent_that_plays_and_sends_nothing_is_left_for_a_standby() {
    let origin = engine();
    let root = serve(&origin);
    let mut publisher = Publisher::begin(root, &video(), 7);
    let wire = Wire::to(root);
    let child = engine();
    child.pull_from("s", &from(&[wire.address, root], Transport::Tcp)).expect("a path");
    stands_by(&child, root);
    wire.freeze();
    publisher.send(0, 0x65);
    let mut player = play(serve(&child));
    assert_eq!(next_packet(&mut player).0, 0);
    assert_eq!(switched(&child).to, url(root));
}

#[test]
fn a_server_with_other_packets_does_not_stand_by() {
    let mut tree = Tree::new(Transport::Tcp);
    let other = engine();
    let at_other = serve(&other);
    let mut publisher = Publisher::begin(at_other, &video(), 8);
    publisher.send(0, 0x65);
    let tracks = engine();
    let at_tracks = serve(&tracks);
    let _publisher = Publisher::begin(at_tracks, &session(), 7);
    let sources = [tree.wire.address, at_other, at_tracks, tree.at_b()];
    tree.c.set_upstreams("s", &from(&sources, Transport::Tcp)).expect("it is pulled");
    let mut refused =
        [(url(at_other), "another source"), (url(at_tracks), "its tracks are others")].to_vec();
    while !refused.is_empty() {
        let lost = wait_for(&tree.c, |event| matches!(event, Event::StandbyLost { .. }));
        let Event::StandbyLost { url, reason, .. } = lost else { unreachable!() };
        refused.retain(|(server, why)| *server != url || !reason.contains(why));
    }
    tree.wire.cut();
    tree.goes_on();
    assert_eq!(switched(&tree.c).to, url(tree.at_b()));
}

#[test]
fn a_server_that_has_the_stream_from_here_cannot_feed_it() {
    let origin = engine();
    let root = serve(&origin);
    let mut publisher = Publisher::begin(root, &video(), 7);
    publisher.send(0, 0x65);
    let wire = Wire::to(root);
    let (upper, at_upper) = below(&[wire.address], Transport::Tcp);
    let (lower, at_lower) = below(&[at_upper], Transport::Tcp);
    let (_lowest, at_lowest) = below(&[at_lower], Transport::Tcp);
    let sources = from(&[wire.address, at_lowest], Transport::Tcp);
    upper.set_upstreams("s", &sources).expect("it is pulled");
    stands_by(&upper, at_lowest);
    let mut player = play(at_lower);
    assert_eq!(next_packet(&mut player).0, 0);
    wire.cut();
    let lost = wait_for(&upper, |event| matches!(event, Event::StandbyLost { .. }));
    assert!(lost.to_string().contains("from here itself"), "{lost}");
    // It waits, and goes on when its parent is back: exactly where it was.
    wait_for(&upper, |event| matches!(event, Event::StreamInterrupted { .. }));
    for sequence in 1..4 {
        publisher.send(sequence, 0x41);
    }
    wait_for(&upper, |event| matches!(event, Event::StreamResumed { .. }));
    for sequence in 1..4 {
        assert_eq!(next_packet(&mut player).0, sequence);
    }
    check(&lower);
}

#[test]
fn two_that_stand_by_for_each_other_see_that_neither_has_anything() {
    let origin = engine();
    let root = serve(&origin);
    let mut publisher = Publisher::begin(root, &video(), 7);
    publisher.send(0, 0x65);
    let wire = Wire::to(root);
    let (a, b) = (below(&[wire.address], Transport::Tcp), below(&[wire.address], Transport::Tcp));
    for (one, other) in [(&a, &b), (&b, &a)] {
        let sources = from(&[wire.address, other.1], Transport::Tcp);
        one.0.set_upstreams("s", &sources).expect("taken note of");
        stands_by(&one.0, other.1);
        // Neither has anything to wait for from the other.
        assert_eq!(next_packet(&mut play(one.1)).0, 0);
    }
    // Nobody comes through to the origin any more either.
    wire.freeze();
    wire.cut();
    for (engine, _) in [&a, &b] {
        wait_for(engine, |event| matches!(event, Event::StreamInterrupted { .. }));
    }
}

#[test]
fn that_a_standby_had_kept_something_does_not_show_that_it_is_fed() {
    let origin = engine();
    let root = serve(&origin);
    let mut publisher = Publisher::begin(root, &video(), 7);
    publisher.send(0, 0x65);
    let (to_a, to_b) = (Wire::to(root), Wire::to(root));
    let (b, at_b) = below(&[to_b.address], Transport::Tcp);
    let (a, at_a) = below(&[to_a.address, at_b], Transport::Tcp);
    stands_by(&a, at_b);
    let (mut above, mut player) = (play(at_b), play(at_a));
    assert_eq!(next_packet(&mut above).0, 0);
    assert_eq!(next_packet(&mut player).0, 0);
    // The next packet comes to one only, and then nothing to anybody.
    to_a.freeze();
    publisher.send(1, 0x41);
    assert_eq!(next_packet(&mut above).0, 1);
    to_b.freeze();
    to_a.cut();
    assert_eq!(next_packet(&mut player).0, 1);
    wait_for(&a, |event| matches!(event, Event::StreamInterrupted { .. }));
    check(&b);
}

#[test]
fn a_stream_that_has_lost_all_its_servers_goes_on_with_the_next_that_it_is_told() {
    let mut tree = Tree::new(Transport::Tcp);
    let (_e, at_e) = below(&[serve(&tree.origin)], Transport::Tcp);
    drop(tree.b.take());
    tree.wire.freeze();
    tree.wire.cut();
    wait_for(&tree.c, |event| matches!(event, Event::StreamInterrupted { .. }));
    tree.send(10);
    tree.c.set_upstreams("s", &from(&[at_e], Transport::Tcp)).expect("it is pulled");
    wait_for(&tree.c, |event| matches!(event, Event::StreamResumed { .. }));
    tree.goes_on();
    is_whole(&switched(&tree.c), Why::Returned);
}

#[test]
pub(super) fn a_stream_whose_source_has_ended_ends_everywhere() {
    let mut tree = Tree::new(Transport::Tcp);
    tree.goes_on();
    tree.origin.end("s").expect("it is there");
    wait_for(&tree.c, |event| matches!(event, Event::StreamEnded { .. }));
    let answer = Client::connect(tree.at_c).ask(&format!("DESCRIBE {}", url(tree.at_c)), "", "");
    assert!(answer.starts_with("RTSP/1.0 404"), "{answer}");
}

/// A server by hand, of another make, that is asked for a stream of this engine's by a connection.
fn foreign(listener: &TcpListener) -> Client {
    let mut server = super::pulls::accept(listener);
    super::pulls::converse(&mut server, str::to_owned);
    server
}

fn sends(server: &mut Client, sequence: u8, timestamp: u8, nal: u8) {
    let packet = [0x80, 0x80 | 96, 0, sequence, 0, 0, 0, timestamp, 0, 0, 0, 1, nal, 0x88, 1, 1];
    server.stream.write_all(&[b'$', 0, 0, 16]).expect("written");
    server.stream.write_all(&packet).expect("written");
}

#[test]
fn a_server_of_another_make_goes_on_as_a_source_that_is_back() {
    let listeners = [0; 2].map(|_| TcpListener::bind("127.0.0.1:0").expect("a port"));
    let [at_a, at_b] = listeners.each_ref().map(|one| one.local_addr().expect("an address"));
    let node = Audited::start(Config { linger: PATIENCE, ..Config::default() });
    let address = serve(&node);
    node.pull_from("s", &from(&[at_a, at_b], Transport::Tcp)).expect("begun");
    let mut a = foreign(&listeners[0]);
    sends(&mut a, 200, 100, 0x65);
    let b = thread::spawn(move || foreign(&listeners[1]));
    stands_by(&node, at_b);
    let mut player = play(address);
    assert_eq!(next_packet(&mut player), (200, 1, 0x65));
    drop(a);
    let mut b = b.join().expect("no panic");
    // Under the same SSRC, but with numbers of its own.
    sends(&mut b, 7, 1, 0x41);
    sends(&mut b, 8, 2, 0x65);
    sends(&mut b, 9, 3, 0x41);
    assert_eq!(next_packet(&mut player), (201, 1, 0x65));
    assert_eq!(next_packet(&mut player), (202, 1, 0x41));
    assert_eq!(switched(&node).to, url(at_b));
}
