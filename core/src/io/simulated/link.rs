//! What happens to datagrams on their way.

use std::time::Duration;

/// How one host is reached from another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// The part of all datagrams that is lost, from 0 to 1.
    pub loss: f64,
    /// How long a datagram takes at least.
    pub delay: Duration,
    /// How much longer it takes at most, each a time of its own: so one overtakes the other.
    pub jitter: Duration,
    /// Nothing comes through.
    pub down: bool,
}

impl Default for Link {
    /// Nothing is lost and nothing takes time.
    fn default() -> Link {
        Link { loss: 0.0, delay: Duration::ZERO, jitter: Duration::ZERO, down: false }
    }
}

/// One way from an address to another: a link, and the chances drawn for it.
///
/// It carries nothing itself: it says what becomes of a datagram, so that tests of protocols that have no
/// sockets can use it too.
#[derive(Debug, Clone)]
pub struct Way {
    link: Link,
    random: u64,
    lost: u64,
}

impl Way {
    /// A way with such a link. Ways of one seed draw the same.
    pub fn new(link: Link, seed: u64) -> Way {
        Way { link, random: seed, lost: 0 }
    }

    /// Changes the link. What is drawn goes on.
    pub fn set(&mut self, link: Link) {
        self.link = link;
    }

    /// The link as it is.
    pub fn link(&self) -> Link {
        self.link
    }

    /// How long the next datagram takes; `None` when it is lost.
    pub fn carry(&mut self) -> Option<Duration> {
        // Both are drawn in any case: a change of one leaves the other as it was.
        let (chance, time) = (self.fraction(), self.fraction());
        if self.link.down || chance < self.link.loss {
            self.lost += 1;
            return None;
        }
        Some(self.link.delay.saturating_add(self.link.jitter.mul_f64(time)))
    }

    /// Datagrams lost so far.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// A number from 0 to less than 1: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), of which the upper
    /// bits that a float can tell apart.
    fn fraction(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1u64 << 53) as f64
    }
}
