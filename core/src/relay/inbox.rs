//! Packets that came over UDP before one that is still missing.
//!
//! All that goes on to the children goes on in order: players over TCP take each hole for a loss. So a
//! packet behind a hole waits: a moment for one that was only overtaken, longer for one that the source
//! was asked to send again (RFC 4585) and that is known to come. Nothing waits while nothing is missing.

use std::collections::VecDeque;
use std::time::Duration;

use super::packet::Packet;

/// Packets that wait at most, holes among them counted.
const MAX_HELD: u16 = 512;
/// How long a hole is kept open for packets that the network has put out of order.
const REORDER: Duration = Duration::from_millis(20);
/// How long it is kept open, at least, when the source sends again what it is asked for; and longer, until it
/// was asked [`QUICKLY`] times and something has come that the source sent after that: one that the machine has
/// no time for, or that it has no time for us to ask, is not deaf.
const REPAIR: Duration = Duration::from_millis(250);
/// And then.
const LONGEST: Duration = Duration::from_secs(1);
/// How long a packet may be overtaken before it is asked for.
const OVERTAKEN: Duration = Duration::from_millis(3);
/// What a round trip is taken for before one was measured, and the shortest that is believed.
const FIRST_ROUND_TRIP: Duration = Duration::from_millis(60);
const MIN_ROUND_TRIP: Duration = Duration::from_millis(5);
/// How often one packet is asked for: some times in quick succession, then with patience, since what loses one
/// packet often loses those of the next moment.
const MAX_ASKED: u8 = 6;
const QUICKLY: u8 = 3;
const PATIENTLY: Duration = Duration::from_millis(40);
/// Sequence numbers in one request.
const MAX_REQUEST: usize = 64;
/// Holes that stay open in vain before the source is held to be deaf.
const TRUST: u8 = 5;
/// Every so many holes a deaf source is asked once more.
const PROBE: u32 = 64;

/// A place in the order: a packet that waits, or a hole.
enum Place {
    Held(Packet),
    Missing {
        /// When the first packet behind it came.
        since: Duration,
        /// How often it was asked for, and when last.
        asked: u8,
        asked_at: Duration,
    },
}

/// What becomes of a packet.
pub(super) enum Entered {
    /// Nothing is missing before it: it goes on at once.
    Passed(Packet),
    /// It waits, or it has closed a hole: look at [`Inbox::leave`].
    Kept,
    /// It waits already.
    Duplicate,
}

/// The packets of one track that wait.
pub(super) struct Inbox {
    source: Option<u32>,
    /// It is known with which packet a source that has not been heard yet begins.
    expects: bool,
    /// Sequence number of the first place, or of the next packet when there is none.
    next: u16,
    places: VecDeque<Place>,
    round_trip: Duration,
    /// When something came last.
    heard: Duration,
    /// Falls with each hole that stays open in vain, rises when the source answers.
    trust: u8,
    holes: u32,
    repaired: u64,
}

impl Default for Inbox {
    fn default() -> Inbox {
        Inbox {
            source: None,
            expects: false,
            next: 0,
            places: VecDeque::new(),
            round_trip: FIRST_ROUND_TRIP,
            heard: Duration::ZERO,
            trust: TRUST,
            holes: 0,
            repaired: 0,
        }
    }
}

impl Inbox {
    /// Takes a packet of the source `ssrc` as it comes.
    pub(super) fn enter(&mut self, packet: Packet, ssrc: u32, sequence: u16) -> Entered {
        self.heard = self.heard.max(packet.arrival);
        let ahead = sequence.wrapping_sub(self.next);
        if self.source == Some(ssrc) && ahead == 0 && self.places.is_empty() {
            self.next = sequence.wrapping_add(1);
            return Entered::Passed(packet);
        }
        let known = self.source == Some(ssrc);
        if known && ahead > u16::MAX - MAX_HELD {
            // Its hole has been given up, or it came twice: whoever counts will see.
            return Entered::Passed(packet);
        }
        if !known || ahead >= MAX_HELD {
            // Another source, or a new start: what waits for the old order waits in vain.
            self.source = Some(ssrc);
            self.give_up_all();
            self.next = sequence.wrapping_sub(self.places.len() as u16);
            self.places.push_back(Place::Held(packet));
            return Entered::Kept;
        }
        let arrival = packet.arrival;
        let index = usize::from(ahead);
        while self.places.len() < index {
            self.places.push_back(Place::Missing { since: arrival, asked: 0, asked_at: arrival });
            self.holes = self.holes.wrapping_add(1);
        }
        let Some(place) = self.places.get_mut(index) else {
            self.places.push_back(Place::Held(packet));
            return Entered::Kept;
        };
        match *place {
            Place::Held(_) => return Entered::Duplicate,
            Place::Missing { asked: 0, .. } => {}
            Place::Missing { asked, asked_at, .. } => {
                self.repaired += 1;
                self.trust = TRUST;
                // Asked twice, nobody knows which of the two requests it answers.
                if asked == 1 {
                    let took = arrival.saturating_sub(asked_at).max(MIN_ROUND_TRIP);
                    self.round_trip = (self.round_trip * 7 + took) / 8;
                }
            }
        }
        *place = Place::Held(packet);
        Entered::Kept
    }

    /// The next packet that waits for nothing any more.
    pub(super) fn leave(&mut self) -> Option<Packet> {
        match self.places.front() {
            Some(Place::Held(_)) => {}
            Some(Place::Missing { .. }) | None => return None,
        }
        self.next = self.next.wrapping_add(1);
        match self.places.pop_front() {
            Some(Place::Held(packet)) => Some(packet),
            Some(Place::Missing { .. }) | None => None,
        }
    }

    /// Closes the holes for which the time is over. To be called when what can be asked for has been: see
    /// [`requests`](Inbox::requests).
    pub(super) fn expire(&mut self, now: Duration) {
        while let Some(Place::Missing { since, asked, asked_at }) = self.places.front() {
            let open = now.saturating_sub(*since);
            let could_answer = self.heard >= *asked_at + self.round_trip;
            let over = match asked {
                0 => open >= REORDER,
                1..QUICKLY => open >= LONGEST,
                _ => open >= LONGEST || open >= REPAIR && could_answer,
            };
            if !over {
                return;
            }
            if *asked > 0 {
                self.trust = self.trust.saturating_sub(1);
            }
            self.places.pop_front();
            self.next = self.next.wrapping_add(1);
            if let Some(Place::Held(_)) = self.places.front() {
                return;
            }
        }
    }

    /// The sequence numbers that are to be asked for now.
    pub(super) fn requests(&mut self, now: Duration) -> Vec<u16> {
        let quickly = self.round_trip.saturating_mul(3) / 2;
        let asks = self.trust > 0 || self.holes.is_multiple_of(PROBE);
        let mut wanted = Vec::new();
        if !asks {
            return wanted;
        }
        for (offset, place) in (0u16..).zip(&mut self.places) {
            let Place::Missing { since, asked, asked_at } = place else { continue };
            let due = match asked {
                0 => now.saturating_sub(*since) >= OVERTAKEN,
                1..QUICKLY => now.saturating_sub(*asked_at) >= quickly,
                QUICKLY..MAX_ASKED if now.saturating_sub(*since) < REPAIR => {
                    now.saturating_sub(*asked_at) >= quickly.max(PATIENTLY)
                }
                _ => false,
            };
            if due && wanted.len() < MAX_REQUEST {
                *asked += 1;
                *asked_at = now;
                wanted.push(self.next.wrapping_add(offset));
            }
        }
        wanted
    }

    /// Whether packets wait.
    pub(super) fn is_holding(&self) -> bool {
        !self.places.is_empty()
    }

    /// Packets that came only when they were asked for.
    pub(super) fn repaired(&self) -> u64 {
        self.repaired
    }

    /// The source that waits for others' packets, or whose came last.
    pub(super) fn source(&self) -> Option<u32> {
        self.source
    }

    /// The source, of which nothing has come yet, begins with this packet.
    pub(super) fn expect(&mut self, sequence: u16) {
        if self.source.is_none() {
            self.next = sequence;
            self.expects = true;
        }
    }

    /// What comes next is this packet of this source, unless it was [told](Inbox::expect) otherwise.
    pub(super) fn begin(&mut self, ssrc: u32, sequence: u16) {
        self.source = Some(ssrc);
        if !std::mem::take(&mut self.expects) {
            self.next = sequence;
        }
        self.places.clear();
    }

    /// Nothing more is waited for.
    pub(super) fn give_up_all(&mut self) {
        self.places.retain(|place| matches!(place, Place::Held(_)));
    }
}
