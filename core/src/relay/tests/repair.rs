//! Two relays with a network between them that loses packets and puts them out of order.

use std::ops::Range;
use std::time::Duration;

use super::support::{Net, frame, session, tcp_child, udp_child};
use crate::io::simulated::{Link, Way};
use crate::relay::{Kind, Limits, Packet, Start, Stream};
use crate::ring::Span;

const FRAME: u64 = 33;
const RUN: u64 = 20_000;
/// Upstream's child, and downstream's.
const LINK: u16 = 1;
const PLAYER: u16 = 2;

/// A line of one direction: what is on its way, and when it arrives.
struct Line {
    way: Way,
    under_way: Vec<(Duration, Vec<u8>)>,
    /// Everything is lost in this time, in milliseconds.
    outage: Range<u64>,
    /// Whoever listens at its end does not run for so long, of each second; what comes waits for it.
    asleep: Range<u64>,
}

impl Line {
    /// With a loss of so many percent, and such a delay and more in milliseconds.
    fn new(seed: u64, loss: u32, (delay, jitter): (u64, u64)) -> Line {
        let (delay, jitter) = (Duration::from_millis(delay), Duration::from_millis(jitter));
        let link = Link { loss: f64::from(loss) / 100.0, delay, jitter, down: false };
        Line { way: Way::new(link, seed), under_way: Vec::new(), outage: 0..0, asleep: 0..0 }
    }

    fn send(&mut self, bytes: &[u8], now: u64) {
        // Nothing comes before the first packet or behind the last that would show them missing.
        let amid = (FRAME * 10..RUN - FRAME * 10).contains(&now);
        let link = self.way.link();
        let loss = if amid { link.loss } else { 0.0 };
        self.way.set(Link { down: self.outage.contains(&now), loss, ..link });
        if let Some(time) = self.way.carry() {
            self.under_way.push((Duration::from_millis(now) + time, bytes.to_vec()));
        }
        self.way.set(link);
    }

    fn is_heard(&self, now: u64) -> bool {
        !self.asleep.contains(&(now % 1000))
    }

    fn arrived(&mut self, now: u64) -> Vec<Vec<u8>> {
        if !self.is_heard(now) {
            return Vec::new();
        }
        let now = Duration::from_millis(now);
        let mut due: Vec<_> = self.under_way.extract_if(.., |(at, _)| *at <= now).collect();
        due.sort_by_key(|(at, _)| *at);
        due.into_iter().map(|(_, bytes)| bytes).collect()
    }
}

struct Outcome {
    sent: u64,
    /// Sequence numbers at the player, who is served over TCP.
    seen: Vec<u16>,
    lost_on_the_way: u64,
    resent: u64,
    repaired: u64,
}

/// Frames through both relays; `answers`: upstream hears what it is asked for.
fn run(mut down: Line, mut up: Line, answers: bool) -> Outcome {
    let limits = Limits::default;
    let (mut upstream, mut above) = (Stream::new(session(1), limits()).unwrap(), Net::default());
    let (mut downstream, mut below) = (Stream::new(session(1), limits()).unwrap(), Net::default());
    let link = upstream.add_child(udp_child(LINK), Duration::ZERO);
    upstream.play(link, Start::Live).unwrap();
    upstream.kick(link, Duration::ZERO, &mut above);
    let player = downstream.add_child(tcp_child(PLAYER), Duration::ZERO);
    downstream.play(player, Start::Live).unwrap();
    downstream.kick(player, Duration::ZERO, &mut below);
    let (mut sent, mut carried, mut source) = (0u64, 0, Vec::new());
    for now in 0..RUN + 1000 {
        let time = Duration::from_millis(now);
        if now < RUN && now % FRAME == 0 {
            let count = 1 + (now / FRAME % 9) as u16;
            let mut packets = frame(sent as u16, (now * 90) as u32, now % 1000 < FRAME, count);
            sent += u64::from(count);
            source.append(&mut packets);
        }
        if up.is_heard(now) && !source.is_empty() {
            for mut packet in source.drain(..) {
                packet.arrival = time;
                upstream.ingest(packet);
            }
            upstream.fan_out(time, &mut above);
        }
        for request in up.arrived(now) {
            if answers {
                upstream.hear(link, &request, time, &mut above);
            }
        }
        above.datagrams(LINK)[carried..].iter().for_each(|datagram| down.send(datagram, now));
        carried = above.datagrams(LINK).len();
        for bytes in down.arrived(now) {
            downstream.ingest_datagram(Packet::new(Span::from_vec(bytes), Kind::Rtp, 0, time));
        }
        if down.is_heard(now) {
            if let Some(request) = downstream.request(0, 99, time) {
                up.send(&request, now);
            }
            downstream.tend(time);
            downstream.fan_out(time, &mut below);
        }
    }
    super::check(&mut upstream);
    super::check(&mut downstream);
    assert!(!downstream.is_holding());
    let frames = below.frames_of(PLAYER, Kind::Rtp);
    Outcome {
        sent,
        seen: frames.iter().map(|data| super::h264::sequence(data)).collect(),
        lost_on_the_way: down.way.lost(),
        resent: upstream.child_figures()[0].ledger.resent,
        repaired: downstream.track_figures()[0].repaired,
    }
}

fn in_order(seen: &[u16]) -> bool {
    seen.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) < 0x8000)
}

#[test]
fn one_packet_in_twenty_lost_is_none_lost() {
    for seed in 1..6 {
        let outcome = run(Line::new(seed, 5, (10, 0)), Line::new(seed + 100, 5, (10, 0)), true);
        assert!(outcome.lost_on_the_way > 100, "{}", outcome.lost_on_the_way);
        assert_eq!(outcome.seen.len() as u64, outcome.sent, "seed {seed}");
        assert!(in_order(&outcome.seen));
        assert!(outcome.repaired > 100 && outcome.resent >= outcome.repaired);
    }
}

/// A machine with more to do than it can takes the processor away from both, for longer than a hole is kept
/// open else.
#[test]
fn nothing_is_lost_where_the_machine_stalls() {
    for seed in 1..6 {
        let down = Line { asleep: 100..550, ..Line::new(seed, 5, (10, 0)) };
        let up = Line { asleep: 400..850, ..Line::new(seed + 100, 5, (10, 0)) };
        let outcome = run(down, up, true);
        assert_eq!(outcome.seen.len() as u64, outcome.sent, "seed {seed}");
        assert!(in_order(&outcome.seen));
    }
}

#[test]
fn repair_goes_on_after_an_outage() {
    let outage = 8_000..9_000;
    let mut links = [Line::new(11, 5, (10, 0)), Line::new(12, 5, (10, 0))];
    links.iter_mut().for_each(|link| link.outage = outage.clone());
    let [down, up] = links;
    let outcome = run(down, up, true);
    assert!(in_order(&outcome.seen));
    let later = &outcome.seen[outcome.seen.len() * 2 / 3..];
    let whole = later.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == 1);
    assert!(whole, "holes long after the outage");
}

#[test]
fn packets_out_of_order_are_put_in_order_and_not_asked_for_in_great_number() {
    let outcome = run(Line::new(7, 0, (10, 2)), Line::new(8, 0, (10, 0)), true);
    assert_eq!(outcome.seen.len() as u64, outcome.sent);
    assert!(in_order(&outcome.seen));
    assert_eq!(outcome.resent, 0);
}

#[test]
fn a_source_that_does_not_answer_costs_the_holes_and_nothing_else() {
    let outcome = run(Line::new(9, 2, (10, 0)), Line::new(10, 0, (10, 0)), false);
    assert_eq!(outcome.seen.len() as u64 + outcome.lost_on_the_way, outcome.sent);
    assert!(in_order(&outcome.seen));
    assert_eq!(outcome.repaired, 0);
}
