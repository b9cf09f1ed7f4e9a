//! Lists of frames that are not needed any more, for the frames that come next.

/// As many as are kept: a reader that has fallen behind puts so many frames together at once.
const MOST: usize = 256;
/// Longer lists are given back to the system.
const LONGEST: usize = 4096;

/// Empty lists that have memory.
#[derive(Debug)]
pub(super) struct Spare<T>(Vec<Vec<T>>);

impl<T> Spare<T> {
    pub(super) fn new() -> Spare<T> {
        Spare(Vec::new())
    }

    /// An empty list, with memory if there is one to spare.
    pub(super) fn take(&mut self) -> Vec<T> {
        self.0.pop().unwrap_or_default()
    }

    /// Empties a list, and keeps its memory.
    pub(super) fn keep(&mut self, mut list: Vec<T>) {
        list.clear();
        if self.0.len() < MOST && (1..=LONGEST).contains(&list.capacity()) {
            self.0.push(list);
        }
    }
}
