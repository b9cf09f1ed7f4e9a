//! Packets sent again to a child that asks for them (RFC 4585 §6.2.1).

use std::time::Duration;

/// Packets of a track that can be found again.
const REMEMBERED: usize = 1024;
/// Packets sent again to one child in [`PERIOD`] at most: enough for one in twenty of a fast stream,
/// and too little to harm anybody with.
const ALLOWANCE: u32 = 250;
const PERIOD: Duration = Duration::from_millis(500);

/// Where in the ring the newest packets of a track stand, by sequence number.
pub(super) struct History {
    positions: Box<[u64; REMEMBERED]>,
}

impl Default for History {
    fn default() -> History {
        History { positions: Box::new([u64::MAX; REMEMBERED]) }
    }
}

impl History {
    pub(super) fn note(&mut self, sequence: u16, position: u64) {
        if let Some(place) = self.positions.get_mut(usize::from(sequence) % REMEMBERED) {
            *place = position;
        }
    }

    /// Where the packet may stand; what is there tells whether it does.
    pub(super) fn position(&self, sequence: u16) -> Option<u64> {
        self.positions.get(usize::from(sequence) % REMEMBERED).copied()
    }
}

/// How much a child may still ask for.
#[derive(Clone, Debug, Default)]
pub(super) struct Allowance {
    since: Duration,
    used: u32,
}

impl Allowance {
    /// Takes one packet; false when there is none left in this period.
    pub(super) fn take(&mut self, now: Duration) -> bool {
        if now.saturating_sub(self.since) >= PERIOD {
            *self = Allowance { since: now, used: 0 };
        }
        self.used = self.used.saturating_add(1);
        self.used <= ALLOWANCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_child_may_ask_for_is_limited() {
        let mut allowance = Allowance::default();
        let granted = (0..1000).filter(|_| allowance.take(Duration::ZERO)).count();
        assert_eq!(granted, ALLOWANCE as usize);
        assert!(allowance.take(PERIOD));
    }
}
