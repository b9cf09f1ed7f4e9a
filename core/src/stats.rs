//! What is counted: the ledger in which every packet in is a packet out or a drop with a name.

use std::fmt;

mod histogram;

pub use histogram::Histogram;

/// Why a packet that reached the stream did not enter its ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The kernel's receive buffer was full (`SO_RXQ_OVFL`): the packet never reached the process.
    KernelBuffer,
    /// A datagram longer than the room offered for it was cut off by the kernel.
    Truncated,
    /// Not RTP or RTCP by its own header.
    Malformed,
    /// A payload type that the session description does not name.
    PayloadType,
    /// Came from an address that is not the publisher's.
    Stranger,
    /// An interleaved channel that no track has.
    Channel,
    /// The same sequence number was already here.
    Duplicate,
    /// A publisher has come back, and no key frame of it has come yet.
    AwaitingKey,
    /// Every buffer is held by readers.
    PoolSpent,
    /// The ring's next place is still being read.
    RingFull,
}

impl Cause {
    /// All causes, in the order in which they are shown.
    pub const ALL: [Cause; 10] = [
        Cause::KernelBuffer,
        Cause::Truncated,
        Cause::Malformed,
        Cause::PayloadType,
        Cause::Stranger,
        Cause::Channel,
        Cause::Duplicate,
        Cause::AwaitingKey,
        Cause::PoolSpent,
        Cause::RingFull,
    ];

    /// The name in figures and logs.
    pub fn name(self) -> &'static str {
        match self {
            Cause::KernelBuffer => "kernel_buffer",
            Cause::Truncated => "truncated",
            Cause::Malformed => "malformed",
            Cause::PayloadType => "payload_type",
            Cause::Stranger => "stranger",
            Cause::Channel => "channel",
            Cause::Duplicate => "duplicate",
            Cause::AwaitingKey => "awaiting_key",
            Cause::PoolSpent => "pool_spent",
            Cause::RingFull => "ring_full",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A stream's side of the ledger, in packets (RTP and RTCP alike).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Packets that came in, those that the kernel dropped included.
    pub received: u64,
    /// Packets that entered the ring.
    pub published: u64,
    /// RTCP packets that ended here as they should: receiver reports, feedback.
    pub consumed: u64,
    dropped: [u64; Cause::ALL.len()],
}

impl Ledger {
    /// Counts `packets` as come in and dropped for `cause`.
    pub fn drop(&mut self, cause: Cause, packets: u64) {
        self.received += packets;
        if let Some(count) = self.dropped.get_mut(cause as usize) {
            *count += packets;
        }
    }

    /// Counts one packet as come in and passed on.
    pub fn publish(&mut self) {
        self.received += 1;
        self.published += 1;
    }

    /// Counts one packet as come in and ended here.
    pub fn consume(&mut self) {
        self.received += 1;
        self.consumed += 1;
    }

    /// Packets dropped for `cause`.
    pub fn dropped(&self, cause: Cause) -> u64 {
        self.dropped.get(cause as usize).copied().unwrap_or(0)
    }

    /// Packets dropped for any cause.
    pub fn total_dropped(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// Whether every packet in is accounted for. Always true between two calls of the engine.
    pub fn balances(&self) -> bool {
        self.received == self.published + self.consumed + self.total_dropped()
    }
}

/// A child's side of the ledger, in packets of the stream from the position at which it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChildLedger {
    /// Packets of the stream since the child began.
    pub offered: u64,
    /// Handed to the kernel for this child.
    pub sent: u64,
    /// Of tracks that the child did not set up, or while it was paused.
    pub unwanted: u64,
    /// Skipped because the child could not take them in time.
    pub too_slow: u64,
    /// Refused by the kernel (unreachable address, send buffer full).
    pub refused: u64,
    /// Not yet sent: what the child lags behind the stream.
    pub waiting: u64,
    /// Of those sent: sent again because the child asked. They are offered a second time, too.
    pub resent: u64,
}

impl ChildLedger {
    /// Whether every packet offered is accounted for.
    pub fn balances(&self) -> bool {
        self.offered == self.sent + self.unwanted + self.too_slow + self.refused + self.waiting
    }

    /// Packets that the child wanted and did not get.
    pub fn lost(&self) -> u64 {
        self.too_slow + self.refused
    }

    /// Adds the account of another child of the same stream.
    pub fn add(&mut self, other: &ChildLedger) {
        self.offered += other.offered;
        self.sent += other.sent;
        self.unwanted += other.unwanted;
        self.too_slow += other.too_slow;
        self.refused += other.refused;
        self.waiting += other.waiting;
        self.resent += other.resent;
    }
}
