//! How many wrong passwords an address may try.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// Wrong guesses that an address may make in one go.
const BURST: u32 = 10;
/// Time after which one more is granted.
const REFILL: Duration = Duration::from_secs(6);
/// Addresses that are remembered. When there are more, the one that has done least is forgotten.
const MAX_ADDRESSES: usize = 4096;

/// Wrong guesses by address: ten at once, and then one more every six seconds. Hosts of one IPv6
/// network (/64) count as one, since a host can have any address of its network. At most 4,096
/// addresses are remembered.
#[derive(Debug, Default)]
pub struct Guesses {
    /// When the bucket of an address will be full again.
    full_at: HashMap<IpAddr, Duration>,
}

impl Guesses {
    /// Counts a wrong guess, made at `now` on the caller's clock. True when it was the last for now.
    pub fn wrong(&mut self, address: IpAddr, now: Duration) -> bool {
        let key = network(address);
        if !self.full_at.contains_key(&key) && self.full_at.len() >= MAX_ADDRESSES {
            self.forget(now);
        }
        let full_at = self.full_at.entry(key).or_insert(now);
        *full_at = (*full_at).max(now) + REFILL;
        self.blocked(address, now).is_some()
    }

    /// For how long no guess of this address is looked at.
    pub fn blocked(&self, address: IpAddr, now: Duration) -> Option<Duration> {
        let full_at = *self.full_at.get(&network(address))?;
        // One guess is free when the bucket lacks at most BURST - 1.
        let free_at = full_at.saturating_sub(REFILL * (BURST - 1));
        free_at.checked_sub(now).filter(|wait| !wait.is_zero())
    }

    fn forget(&mut self, now: Duration) {
        self.full_at.retain(|_, full_at| *full_at > now);
        if self.full_at.len() < MAX_ADDRESSES {
            return;
        }
        let least = self.full_at.iter().min_by_key(|(_, full_at)| **full_at);
        if let Some(least) = least.map(|(address, _)| *address) {
            self.full_at.remove(&least);
        }
    }
}

/// What counts as one host: an IPv4 address, or the network (/64) of an IPv6 address.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(100);

    #[test]
    fn ten_in_one_go_then_one_every_six_seconds() {
        let mut guesses = Guesses::default();
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        for n in 1..10 {
            assert!(!guesses.wrong(one, START), "guess {n}");
        }
        assert!(guesses.wrong(one, START));
        assert_eq!(guesses.blocked(one, START), Some(REFILL));
        assert_eq!(guesses.blocked(other, START), None);
        let later = START + REFILL;
        assert_eq!(guesses.blocked(one, later), None);
        assert!(guesses.wrong(one, later));
        assert_eq!(guesses.blocked(one, later), Some(REFILL));
        assert_eq!(guesses.blocked(one, START + REFILL * 20), None);
    }

    #[test]
    fn hosts_of_one_network_count_as_one() {
        let mut guesses = Guesses::default();
        let host = |n: u16| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, n]);
        for n in 0..10 {
            guesses.wrong(host(n), START);
        }
        assert!(guesses.blocked(host(99), START).is_some());
        assert!(guesses.blocked(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, 0]), START).is_none());
        // The same host by another name.
        let mapped = IpAddr::from([0, 0, 0, 0, 0, 0xffff, 0x0a00, 1]);
        assert_eq!(network(mapped), IpAddr::from([10, 0, 0, 1]));
    }

    #[test]
    fn the_table_is_bounded_and_keeps_the_worst() {
        let mut guesses = Guesses::default();
        let worst = IpAddr::from([10, 255, 255, 255]);
        for _ in 0..10 {
            guesses.wrong(worst, START);
        }
        for n in 0..5_000u32 {
            guesses.wrong(IpAddr::from((0x0a00_0000 + n).to_be_bytes()), START);
            assert!(guesses.full_at.len() <= MAX_ADDRESSES);
        }
        assert!(guesses.blocked(worst, START).is_some());
    }
}
