//! What must hold of any algorithm at any time.

use std::collections::BTreeMap;

use super::super::NodeId;
use super::world::{ROOT, World};

impl World {
    /// Panics when something does not hold that must.
    pub(super) fn check(&self) {
        let hops = self.check_servers();
        self.check_standbys(&hops);
        let totals = self.topology.totals();
        let fed = hops.values().flatten();
        assert_eq!(totals.nodes, self.capacity.len());
        assert_eq!(totals.unfed, totals.nodes - fed.clone().count());
        assert_eq!(totals.depth, fed.clone().max().copied().unwrap_or(0));
        for (hops, &nodes) in self.topology.hops().iter().enumerate() {
            assert_eq!(fed.clone().filter(|&&of| usize::from(of) == hops).count(), nodes);
        }
        assert_eq!(totals.hops, fed.map(|&hops| u64::from(hops)).sum::<u64>());
    }

    /// No circle, hops that are right and within the bound, no capacity exceeded, each change told. Returns
    /// everybody's hops; `None` for who is below a node that waits for a server.
    fn check_servers(&self) -> BTreeMap<NodeId, Option<u16>> {
        let mut children: BTreeMap<NodeId, u32> = BTreeMap::new();
        for (&id, told) in &self.told {
            *children.entry(told.server).or_default() += 1;
            let placement =
                self.topology.placement(id).unwrap_or_else(|| panic!("{id} was told of {told:?}"));
            assert_eq!(placement.server, told.server, "{id} was not told of its new server");
            assert_eq!(placement.standbys, told.standbys, "{id} was not told of its new standbys");
        }
        for (&id, &capacity) in &self.capacity {
            let own = children.get(&id).copied().unwrap_or(0);
            assert_eq!(self.topology.children(id), Some(own));
            assert!(own <= capacity, "{id} has {own} children and a capacity of {capacity}");
        }
        let mut hops = BTreeMap::from([(ROOT, Some(0))]);
        for &id in self.capacity.keys() {
            let mut path = vec![id];
            let mut at = id;
            // Up to somebody whose hops are known, or who waits.
            let mut above = loop {
                if let Some(known) = hops.get(&at) {
                    path.pop();
                    break *known;
                }
                let Some(told) = self.told.get(&at) else {
                    assert_eq!(self.topology.placement(at), None, "{at} waits");
                    break None;
                };
                at = told.server;
                assert!(self.capacity.contains_key(&at), "{id} is below {at}, who has left");
                path.push(at);
                assert!(path.len() <= self.capacity.len() + 1, "{id} is in a circle");
            };
            for &node in path.iter().rev() {
                above = above.map(|above| above + 1);
                if let Some(hops) = above {
                    assert!(hops <= self.topology.config().max_hops, "{node} is {hops} hops away");
                    assert_eq!(self.topology.placement(node).unwrap().hops, hops, "{node}");
                }
                hops.insert(node, above);
            }
        }
        hops
    }

    /// Standbys are others, fed, and never lead to a circle, whoever turns to them.
    fn check_standbys(&self, hops: &BTreeMap<NodeId, Option<u16>>) {
        let most = self.topology.config().standbys;
        for (&id, told) in &self.told {
            assert!(told.standbys.len() <= most);
            for (n, &standby) in told.standbys.iter().enumerate() {
                assert_ne!(standby, id);
                assert_ne!(standby, told.server, "{id}'s server is its standby");
                assert!(!told.standbys[..n].contains(&standby), "{id} has {standby} twice");
                assert!(hops.contains_key(&standby), "{id}'s standby {standby} has left");
                assert!(hops[&standby].is_some(), "{id}'s standby {standby} gets nothing");
            }
        }
        self.check_no_circle();
    }

    /// The links to servers and to standbys together have no circle.
    fn check_no_circle(&self) {
        let mut ups: BTreeMap<NodeId, usize> = BTreeMap::new();
        let mut downs: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::new();
        for (&id, told) in &self.told {
            let above = std::iter::once(&told.server).chain(&told.standbys);
            for &one in above {
                *ups.entry(id).or_default() += 1;
                downs.entry(one).or_default().push(id);
            }
        }
        let mut free: Vec<NodeId> =
            self.capacity.keys().filter(|id| !ups.contains_key(id)).copied().collect();
        let mut seen = 0;
        while let Some(id) = free.pop() {
            seen += 1;
            for &down in downs.get(&id).into_iter().flatten() {
                let left = ups.get_mut(&down).unwrap();
                *left -= 1;
                if *left == 0 {
                    free.push(down);
                }
            }
        }
        assert_eq!(seen, self.capacity.len(), "servers and standbys form a circle");
    }
}
