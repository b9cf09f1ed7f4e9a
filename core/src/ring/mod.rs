//! The frame ring: one producer, many readers, nobody waits for anybody.

mod error;
mod futex;
mod pool;
mod producer;
mod reader;
mod seat;
mod shared;
mod span;
mod view;
mod wake;

pub use error::{Full, TooManyReaders};
pub use pool::{Filling, Pool};
pub use producer::Producer;
pub use reader::{Reader, Subscriber};
pub use span::Span;
pub use view::View;
pub use wake::{Wait, Wake};

use crate::sync::Arc;

/// Makes a ring of `capacity` slots (rounded up to a power of two) for up to `max_readers` readers.
///
/// Readers can look back on at least seven eighths of the capacity: the oldest items are given up
/// an eighth at a time.
pub fn ring<T: Send + Sync>(capacity: usize, max_readers: usize) -> Producer<T> {
    Producer::new(Arc::new(shared::Shared::new(capacity, max_readers)))
}

#[cfg(test)]
mod tests;
