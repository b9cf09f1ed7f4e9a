//! How many connections there may be.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rillcast::engine::access::network;

/// Counts connections, in all and by host.
#[derive(Debug)]
pub(super) struct Admission {
    total: usize,
    per_address: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

impl Admission {
    pub(super) fn new(total: usize, per_address: usize) -> Arc<Admission> {
        Arc::new(Admission { total, per_address, open: Mutex::new(HashMap::new()) })
    }

    /// One more, unless there are too many. It counts until the place is dropped.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let host = network(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = open.values().sum();
        let own = open.get(&host).copied().unwrap_or(0);
        if all >= self.total || own >= self.per_address {
            return None;
        }
        open.insert(host, own + 1);
        Some(Place { admission: self.clone(), host })
    }
}

/// The place of a connection.
#[derive(Debug)]
pub(super) struct Place {
    admission: Arc<Admission>,
    host: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.admission.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.host) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                open.remove(&self.host);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_all_and_by_host() {
        let admission = Admission::new(3, 2);
        let host = |n| IpAddr::from([10, 0, 0, n]);
        let first = admission.enter(host(1)).unwrap();
        let _second = admission.enter(host(1)).unwrap();
        assert!(admission.enter(host(1)).is_none(), "two of one host");
        let _third = admission.enter(host(2)).unwrap();
        assert!(admission.enter(host(3)).is_none(), "three in all");
        drop(first);
        assert!(admission.enter(host(1)).is_some());
    }
}
