//! Several fans of one stream, as threads have them.

use std::sync::Arc;

use super::*;
use crate::media::rtcp::{self, Feedback};
use crate::relay::{ChildKey, Fan, Limits};

/// A stream with a branch, in which a child of each kind plays, and the world below it.
fn branched() -> (Stream, Fan, Net, [ChildKey; 2]) {
    let limits = Limits { ring_packets: 4096, ..Limits::default() };
    let mut stream = Stream::with_branches(session(1), limits, 1).unwrap();
    let mut branch = stream.branch(Arc::new(())).unwrap();
    let mut net = Net::default();
    feed(&mut stream, &mut net, frame(0, 0, true, 2));
    let children = [udp_child(1), tcp_child(2)].map(|transport| {
        let key = stream.new_key();
        branch.add_child(key, transport, Limits::default().of_child(), 0, at(0));
        let (begin, point) = stream.start(Start::KeyFrame);
        assert_eq!(point, [Some((0, 0))]);
        branch.play(key, begin);
        branch.kick(key, at(0), &mut net);
        key
    });
    (stream, branch, net, children)
}

fn balances(branch: &mut Fan) {
    for child in branch.child_figures() {
        assert!(child.ledger.balances(), "{child:?}");
    }
}

fn sequences(packets: &[Vec<u8>]) -> Vec<u16> {
    packets.iter().map(|data| h264::sequence(data)).collect()
}

#[test]
fn each_has_children_of_its_own() {
    let (mut stream, mut branch, mut net, [udp, tcp]) = branched();
    let own = stream.add_child(tcp_child(3), at(0));
    assert!(own != udp && own != tcp);
    begin(&mut stream, &mut net, own, at(0));
    feed(&mut stream, &mut net, frame(2, 3000, false, 3));
    assert_eq!((net.frames(3).len(), net.frames(2).len()), (5, 2), "the other's turn comes");
    branch.fan_out(at(0), &mut net);
    assert_eq!(sequences(net.datagrams(1)), [0, 1, 2, 3, 4]);
    assert_eq!(net.frames(2), net.frames(3));
    assert_eq!((stream.child_figures().len(), branch.child_figures().len()), (1, 2));
    balances(&mut branch);
    check(&mut stream);
    let ledger = branch.remove_child(udp).unwrap();
    assert!(ledger.balances() && ledger.sent == 5, "{ledger:?}");
}

/// What is decided on one thread is done on another a little later.
#[test]
fn a_child_that_is_to_wait_for_the_key_frame_that_has_just_come_does_not_wait() {
    let mut stream = Stream::with_branches(session(1), Limits::default(), 1).unwrap();
    let mut branch = stream.branch(Arc::new(())).unwrap();
    let mut net = Net::default();
    let key = stream.new_key();
    branch.add_child(key, udp_child(1), Limits::default().of_child(), 0, at(0));
    let (begin, _) = stream.start(Start::KeyFrame);
    assert_eq!(begin, None);
    feed(&mut stream, &mut net, frame(0, 0, true, 2));
    branch.fan_out(at(0), &mut net);
    branch.play(key, begin);
    branch.kick(key, at(0), &mut net);
    assert_eq!(sequences(net.datagrams(1)), [0, 1]);
    balances(&mut branch);
}

#[test]
fn one_that_is_lapped_goes_on_at_the_newest_key_frame() {
    let (mut stream, mut branch, mut net, _) = branched();
    for n in 0..50u16 {
        feed(&mut stream, &mut net, frame(2 + n * 100, u32::from(n) * 3000, n == 48, 100));
    }
    branch.fan_out(at(0), &mut net);
    let arrived = sequences(net.datagrams(1));
    assert_eq!(arrived[..3], [0, 1, 4802]);
    assert_eq!((arrived.len(), arrived.last()), (202, Some(&5001)));
    for child in branch.child_figures() {
        assert_eq!((child.ledger.too_slow, child.ledger.sent), (4800, 202), "{child:?}");
    }
    balances(&mut branch);
    feed(&mut stream, &mut net, frame(5002, 300_000, false, 2));
    branch.fan_out(at(0), &mut net);
    assert_eq!((net.datagrams(1).len(), net.frames(2).len()), (204, 204));
    balances(&mut branch);
}

#[test]
fn what_its_children_ask_for_is_done_there_or_told_to_the_stream() {
    let (mut stream, mut branch, mut net, [udp, _]) = branched();
    let nack = rtcp::feedback(1, "x", &[Feedback::Nack { media: 7, lost: &[1] }]);
    branch.hear(udp, &nack, at(0), &mut net);
    assert_eq!(sequences(net.datagrams(1)), [0, 1, 1]);
    let pli = rtcp::feedback(1, "x", &[Feedback::Pli { media: 7 }]);
    branch.hear(udp, &pli, at(0), &mut net);
    assert!(!stream.wants_key_frame(at(0)));
    stream.hear_wishes();
    assert!(stream.wants_key_frame(at(0)));
    balances(&mut branch);
}

#[test]
fn the_end_comes_to_all_of_them() {
    let (mut stream, mut branch, mut net, [udp, tcp]) = branched();
    assert!(!branch.is_over());
    stream.finish(at(1));
    stream.fan_out(at(1), &mut net);
    branch.fan_out(at(1), &mut net);
    assert!(branch.is_over() && branch.park() && branch.is_drained(udp) && branch.is_drained(tcp));
    let frames = net.frames_of(2, Kind::Rtcp);
    assert!(rtcp::parse(frames.last().unwrap()).unwrap().has_bye());
    balances(&mut branch);
}
