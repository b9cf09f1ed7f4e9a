//! Packets sent again to a child that asks for them (RFC 4585 §6.2.1).

use std::time::Duration;

/// Packets sent again to one child in [`PERIOD`] at most: enough for one in twenty of a fast stream,
/// and too little to harm anybody with.
const ALLOWANCE: u32 = 250;
const PERIOD: Duration = Duration::from_millis(500);

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
