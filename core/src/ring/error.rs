//! What can be refused.

use std::fmt;

/// The item was not published: the slot it needs still lies in some reader's open
/// [`View`](super::View). The item comes back, to be counted and dropped.
pub struct Full<T>(pub T);

impl<T> fmt::Debug for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Full(..)")
    }
}

impl<T> fmt::Display for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a reader has kept a view of the ring open for a whole lap, the item is dropped",
        )
    }
}

impl<T> std::error::Error for Full<T> {}

/// All seats of the ring are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyReaders {
    /// The number of readers that the ring was made for.
    pub limit: usize,
}

impl fmt::Display for TooManyReaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the ring was made for {} readers and has that many", self.limit)
    }
}

impl std::error::Error for TooManyReaders {}
