//! Puts packets in order within a bounded window and tells the gaps.
//!
//! Used by every depacketizer: packets go in as they arrive, and come out as a sequence that
//! only ever grows, in which each hole is told as a number. A packet waits only while one before
//! it is missing, and at most until `window` later ones have come.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use super::rtp::Header;
use super::rtp::sequence::{MAX_DROPOUT, next_epoch};

/// The window that fits most networks: how many packets may overtake one.
pub const DEFAULT_WINDOW: usize = 32;

/// The largest window.
pub const MAX_WINDOW: usize = 512;

/// How far behind the awaited packet one may be to be taken for late and not for a restart.
const MAX_LATE: u16 = 3000;

/// What comes out, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<P> {
    /// The next packet.
    Packet {
        /// Its sequence number extended to 64 bits.
        extended: u64,
        /// Its header.
        header: Header,
        /// The packet.
        packet: P,
    },
    /// This many packets are missing before the next one.
    Gap(u64),
    /// The source started anew: what follows has no connection with what came before.
    Restart,
}

/// What became of a packet that was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It will come out in its place.
    Accepted,
    /// A packet of the same number waits already: this one is dropped.
    Duplicate,
    /// Its place has gone by (it was given out before, or told as missing): dropped.
    Late,
    /// It is far from all others and kept aside; the next packet decides whether the source has
    /// restarted.
    Suspect,
}

/// Reorder buffer over packets held by `P`.
///
/// After each [`push`](Self::push) call [`pop`](Self::pop) until it gives `None`.
#[derive(Debug)]
pub struct Reorder<P> {
    window: u64,
    source: Option<Source>,
    /// Packets that have overtaken the next one. Empty while all is in order, so that nothing is
    /// allocated then.
    waiting: BTreeMap<u64, (Header, P)>,
    ready: VecDeque<Item<P>>,
    suspect: Option<(Header, P)>,
}

#[derive(Clone, Copy, Debug)]
struct Source {
    ssrc: u32,
    /// The extended number that is to come out next.
    next: u64,
}

impl<P> Default for Reorder<P> {
    fn default() -> Self {
        Self::new(DEFAULT_WINDOW)
    }
}

impl<P> Reorder<P> {
    /// A buffer in which at most `window` packets wait for a missing one (at most
    /// [`MAX_WINDOW`]). 0 is for streams that cannot be out of order, as over TCP: each hole is
    /// told at once.
    pub fn new(window: usize) -> Self {
        Reorder {
            window: window.min(MAX_WINDOW) as u64,
            source: None,
            waiting: BTreeMap::new(),
            ready: VecDeque::new(),
            suspect: None,
        }
    }

    /// Takes a packet as it arrives.
    pub fn push(&mut self, header: Header, packet: P) -> Pushed {
        let Some(source) = self.source else {
            // One cycle up: the same numbers as `rtp::sequence` gives.
            self.release((1 << 16) | u64::from(header.sequence), header, packet);
            return Pushed::Accepted;
        };
        if header.ssrc != source.ssrc {
            return self.suspect(source, header, packet);
        }
        let ahead = header.sequence.wrapping_sub(source.next as u16);
        if ahead <= MAX_DROPOUT {
            self.suspect = None;
            self.accept(source, ahead, header, packet)
        } else if 0u16.wrapping_sub(ahead) <= MAX_LATE {
            Pushed::Late
        } else {
            self.suspect(source, header, packet)
        }
    }

    /// The next packet or hole. `None` when the next packet is still awaited.
    pub fn pop(&mut self) -> Option<Item<P>> {
        self.ready.pop_front()
    }

    /// Gives up waiting: what is in the buffer comes out, with its gaps.
    pub fn flush(&mut self) {
        self.give_up(0);
    }

    /// How many packets wait for a missing one.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn accept(&mut self, source: Source, ahead: u16, header: Header, packet: P) -> Pushed {
        if ahead == 0 {
            self.release(source.next, header, packet);
            self.release_waiting();
            return Pushed::Accepted;
        }
        match self.waiting.entry(source.next + u64::from(ahead)) {
            Entry::Occupied(_) => return Pushed::Duplicate,
            Entry::Vacant(place) => place.insert((header, packet)),
        };
        self.give_up(self.window);
        Pushed::Accepted
    }

    /// Gives up on missing packets that are overtaken by one more than `window` places ahead.
    fn give_up(&mut self, window: u64) {
        while let (Some(source), Some((&oldest, _)), Some((&newest, _))) =
            (self.source, self.waiting.first_key_value(), self.waiting.last_key_value())
        {
            if newest - source.next <= window {
                break;
            }
            self.ready.push_back(Item::Gap(oldest - source.next));
            self.source = Some(Source { next: oldest, ..source });
            self.release_waiting();
        }
    }

    /// Gives out the waiting packets that are next.
    fn release_waiting(&mut self) {
        while let (Some(source), Some(first)) = (self.source, self.waiting.first_entry()) {
            if *first.key() != source.next {
                break;
            }
            let (header, packet) = first.remove();
            self.release(source.next, header, packet);
        }
    }

    fn release(&mut self, extended: u64, header: Header, packet: P) {
        self.source = Some(Source { ssrc: header.ssrc, next: extended + 1 });
        self.ready.push_back(Item::Packet { extended, header, packet });
    }

    /// A packet far from the others: the second of two in a row is a restart.
    fn suspect(&mut self, source: Source, header: Header, packet: P) -> Pushed {
        let follows = self.suspect.as_ref().is_some_and(|(first, _)| {
            first.ssrc == header.ssrc && first.sequence.wrapping_add(1) == header.sequence
        });
        if follows && let Some((first, first_packet)) = self.suspect.take() {
            self.flush();
            let extended = next_epoch(source.next, first.sequence);
            self.ready.push_back(Item::Restart);
            self.release(extended, first, first_packet);
            self.release(extended + 1, header, packet);
            Pushed::Accepted
        } else {
            self.suspect = Some((header, packet));
            Pushed::Suspect
        }
    }
}

#[cfg(test)]
mod tests;
