//! How a parked reader is told that there is something to read.

/// What the producer calls to wake a reader that has [parked](super::Reader::park): an `eventfd`
/// write, a thread's unpark, a task's waker.
///
/// It runs on the producer's thread, inside [`Producer::notify`](super::Producer::notify), so it
/// must be short and must not block. A wake-up may come without need; it never fails to come.
pub trait Wake: Send + Sync {
    /// Wakes the reader.
    fn wake(&self);
}

/// For readers that poll, or that sleep in [`Reader::wait`](super::Reader::wait), and never park.
impl Wake for () {
    fn wake(&self) {}
}

/// How [`Reader::wait`](super::Reader::wait) came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// There are items at or after the position asked for.
    Ready,
    /// The stream has ended and nothing is left to read from there on.
    Ended,
    /// Nothing came in the time given.
    TimedOut,
}
