//! Sequence numbers: extended to 64 bits, and each packet put into a class.

/// How many packets back of the newest one duplicates are told from late packets.
pub const HISTORY: u64 = 1024;

/// A step forward of more than this is not loss but a new start (RFC 3550 A.1).
pub const MAX_DROPOUT: u16 = 3000;

const WORDS: usize = HISTORY as usize / 64;

/// What a packet is in its sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The first of all, or the one that was awaited.
    InOrder,
    /// Newer than the one awaited: this many packets are missing before it.
    Gap(u64),
    /// Older than the newest, and not seen before: it fills a gap.
    Late,
    /// Seen before.
    Duplicate,
    /// Far from all before it. It may be a stray packet or the first after a restart of the
    /// source; the next packet decides (RFC 3550 A.1).
    Suspect,
    /// The second of two consecutive packets far from all before: the source started anew.
    /// Statistics start anew with it.
    Restart,
}

/// A packet's place in its sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The sequence number extended to 64 bits: it grows by one per packet sent, also across
    /// wraps, and jumps upwards at a restart. Its low 16 bits are the packet's own.
    /// For [`Class::Suspect`] it is the number that a restart at this packet would give.
    pub extended: u64,
    /// What the packet is.
    pub class: Class,
}

/// Follows the sequence numbers of one source.
#[derive(Clone, Debug, Default)]
pub struct Sequence {
    state: Option<State>,
    /// The number that would confirm a restart.
    awaited_restart: Option<u16>,
}

#[derive(Clone, Debug)]
struct State {
    highest: u64,
    /// Bit `n % HISTORY` tells whether `n` was seen, for the last `HISTORY` numbers.
    seen: [u64; WORDS],
}

impl Sequence {
    /// Takes the number of the packet that has just arrived.
    pub fn receive(&mut self, sequence: u16) -> Place {
        let Some(state) = &mut self.state else {
            // One cycle up, so that packets older than the first do not go below zero.
            let extended = (1 << 16) | u64::from(sequence);
            self.state = Some(State::starting_at(extended));
            return Place { extended, class: Class::InOrder };
        };

        let ahead = sequence.wrapping_sub(state.highest as u16);
        if (1..=MAX_DROPOUT).contains(&ahead) {
            self.awaited_restart = None;
            let missing = u64::from(ahead) - 1;
            let extended = state.advance(u64::from(ahead));
            let class = if missing == 0 { Class::InOrder } else { Class::Gap(missing) };
            return Place { extended, class };
        }
        let behind = u64::from(0u16.wrapping_sub(ahead));
        if behind < HISTORY {
            let extended = state.highest.saturating_sub(behind);
            let class = if state.mark(extended) { Class::Late } else { Class::Duplicate };
            return Place { extended, class };
        }
        let restarted = next_epoch(state.highest, sequence);
        if self.awaited_restart == Some(sequence) {
            self.state = Some(State::starting_at(restarted));
            self.awaited_restart = None;
            Place { extended: restarted, class: Class::Restart }
        } else {
            self.awaited_restart = Some(sequence.wrapping_add(1));
            Place { extended: restarted, class: Class::Suspect }
        }
    }

    /// Makes the next packet a first one, as when the source has changed its SSRC. Extended
    /// numbers go on upwards.
    pub fn restart_at(&mut self, sequence: u16) -> Place {
        let extended = match &self.state {
            Some(state) => next_epoch(state.highest, sequence),
            None => (1 << 16) | u64::from(sequence),
        };
        self.state = Some(State::starting_at(extended));
        self.awaited_restart = None;
        Place { extended, class: Class::Restart }
    }

    /// The highest extended number so far. `None` before the first packet.
    pub fn highest(&self) -> Option<u64> {
        self.state.as_ref().map(|state| state.highest)
    }

    /// Whether the packet of this extended number was received. Only of the last [`HISTORY`]
    /// numbers is it known; for older ones the answer is `true`: there is no sense in asking for
    /// them again.
    pub fn is_received(&self, extended: u64) -> bool {
        let Some(state) = &self.state else { return false };
        match state.highest.checked_sub(extended) {
            None => false,
            Some(behind) if behind >= HISTORY => true,
            Some(_) => state.is_marked(extended),
        }
    }
}

/// `sequence` extended into the cycle after the next one, so that no earlier number is met again.
pub(crate) fn next_epoch(highest: u64, sequence: u16) -> u64 {
    ((highest >> 16).saturating_add(2) << 16) | u64::from(sequence)
}

impl State {
    fn starting_at(extended: u64) -> State {
        let mut state = State { highest: extended, seen: [0; WORDS] };
        state.mark(extended);
        state
    }

    /// Moves the highest number up by `step` (at most [`MAX_DROPOUT`]) and marks it.
    fn advance(&mut self, step: u64) -> u64 {
        if step >= HISTORY {
            self.seen = [0; WORDS];
        } else {
            for n in 1..=step {
                self.clear(self.highest + n);
            }
        }
        self.highest += step;
        self.mark(self.highest);
        self.highest
    }

    fn bit(extended: u64) -> (usize, u64) {
        let place = extended % HISTORY;
        ((place / 64) as usize, 1 << (place % 64))
    }

    /// Marks a number as seen; `false` when it was already.
    fn mark(&mut self, extended: u64) -> bool {
        let (word, bit) = Self::bit(extended);
        let Some(word) = self.seen.get_mut(word) else { return false };
        let fresh = *word & bit == 0;
        *word |= bit;
        fresh
    }

    fn clear(&mut self, extended: u64) {
        let (word, bit) = Self::bit(extended);
        if let Some(word) = self.seen.get_mut(word) {
            *word &= !bit;
        }
    }

    fn is_marked(&self, extended: u64) -> bool {
        let (word, bit) = Self::bit(extended);
        self.seen.get(word).is_some_and(|word| word & bit != 0)
    }
}

#[cfg(test)]
mod tests;
