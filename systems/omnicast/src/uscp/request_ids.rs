//! The order of requests.

use super::Error;

/// Watches that the ids of one connection's requests grow, so that a copied request is noticed.
#[derive(Clone, Debug, Default)]
pub struct RequestIds {
    last: u64,
}

impl RequestIds {
    /// Takes note of a request.
    ///
    /// # Errors
    /// [`Error::Replayed`] when its id is not larger than the one before; 0 never is.
    pub fn accept(&mut self, id: u64) -> Result<(), Error> {
        if id <= self.last {
            return Err(Error::Replayed(id));
        }
        self.last = id;
        Ok(())
    }

    /// The id for a request of one's own.
    pub fn next_id(&mut self) -> u64 {
        // A connection does not live long enough to count to the end.
        self.last = self.last.saturating_add(1);
        self.last
    }
}
