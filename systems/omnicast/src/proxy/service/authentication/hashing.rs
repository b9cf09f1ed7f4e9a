//! Whose turn it is to have a password hashed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rillcast::engine::access::network;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Error;

/// So many passwords are hashed at once; each takes 19 MiB.
const HASHERS: usize = 4;
/// So many may wait to be hashed, or be.
const WAITING: usize = 256;
/// So many of those may be of one address, or of one IPv6 network (/64): the others have room.
const WAITING_OF_ONE: usize = 64;

/// The queue of those that want a password hashed.
#[derive(Debug)]
pub(super) struct Hashers {
    permits: Arc<Semaphore>,
    waiting: Arc<Mutex<Waiting>>,
}

/// How many there are, in all and by address.
#[derive(Debug, Default)]
struct Waiting {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place in the queue; given up when it is dropped.
#[derive(Debug)]
struct Place {
    waiting: Arc<Mutex<Waiting>>,
    address: Option<IpAddr>,
}

/// Whose password may be hashed now; the next one's turn comes when it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _permit: OwnedSemaphorePermit,
    _place: Place,
}

impl Default for Hashers {
    fn default() -> Hashers {
        Hashers { permits: Arc::new(Semaphore::new(HASHERS)), waiting: Arc::default() }
    }
}

impl Hashers {
    /// Waits for a turn; `None`: the operator, who need not share with anybody.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait, in all or of this address.
    pub(super) async fn turn(&self, peer: Option<IpAddr>) -> Result<Turn, Error> {
        let place = self.place(peer.map(network)).ok_or(Error::Busy)?;
        // It is never closed.
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| Error::Busy)?;
        Ok(Turn { _permit: permit, _place: place })
    }

    fn place(&self, address: Option<IpAddr>) -> Option<Place> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let own = address.and_then(|address| waiting.by_address.get(&address).copied());
        let own = own.unwrap_or(0);
        if waiting.all >= WAITING || own >= WAITING_OF_ONE {
            return None;
        }
        waiting.all += 1;
        if let Some(address) = address {
            waiting.by_address.insert(address, own + 1);
        }
        Some(Place { waiting: self.waiting.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.all = waiting.all.saturating_sub(1);
        let Some(address) = self.address else { return };
        if let Some(own) = waiting.by_address.get_mut(&address) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                waiting.by_address.remove(&address);
            }
        }
    }
}

impl Turn {
    /// Does what takes its time on a thread where it holds up nobody. The turn is not over with that.
    ///
    /// # Errors
    /// [`Error::Busy`] when the work is broken off.
    pub(super) async fn work<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(T, Turn), Error> {
        // The thread has the turn: nobody who hangs up meanwhile makes room for one more.
        let worker = tokio::task::spawn_blocking(move || (work(), self));
        worker.await.map_err(|_| Error::Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_has_all_of_the_queue() {
        let hashers = Hashers::default();
        let address = |n| Some(IpAddr::from([10, 0, 0, n]));
        let places: Vec<Place> = std::iter::from_fn(|| hashers.place(address(1))).collect();
        assert_eq!(places.len(), WAITING_OF_ONE);
        let turn = hashers.turn(address(2)).await.unwrap();
        let (result, turn) = turn.work(|| 7).await.unwrap();
        assert_eq!((result, hashers.permits.available_permits()), (7, HASHERS - 1));
        drop((places, turn));
        let waiting = hashers.waiting.lock().unwrap();
        assert_eq!((waiting.all, waiting.by_address.len()), (0, 0));
    }
}
