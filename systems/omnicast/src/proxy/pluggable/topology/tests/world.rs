//! A topology with its proxy server and nodes around it, all in one: does what is asked step by step, and
//! believes what it was told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::{Config, Error, Kind, NodeFacts, NodeId, Placement, TopologyAlgorithm};

/// One thing that happens. Numbers called `who` choose one of those that are there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Join {
        capacity: u32,
    },
    /// Leaves or dies: the topology cannot tell.
    Leave {
        who: usize,
    },
    Capacity {
        who: usize,
        capacity: u32,
    },
    /// Says that its server is gone or starves it.
    Report {
        who: usize,
    },
    /// Has gone to its first standby by itself.
    Adopt {
        who: usize,
    },
    /// Has gone where it should not have.
    AdoptAny {
        who: usize,
        server: usize,
    },
    /// Its connection to the proxy server is lost, or is there again.
    Connection {
        who: usize,
        connected: bool,
    },
    /// Time passes.
    Time {
        seconds: u64,
    },
    /// The streaming server ends and comes back.
    Restart {
        capacity: u32,
    },
}

pub(super) const ROOT: NodeId = NodeId(0);

pub(super) struct World {
    pub(super) topology: Box<dyn TopologyAlgorithm>,
    /// Everybody's capacity.
    pub(super) capacity: BTreeMap<NodeId, u32>,
    /// The nodes in the order of their coming; removal swaps.
    nodes: Vec<NodeId>,
    /// What each that has a server was last told.
    pub(super) told: BTreeMap<NodeId, Placement>,
    /// Those that are not connected to the proxy server.
    pub(super) away: BTreeSet<NodeId>,
    last: u64,
    now: Duration,
    /// How many nodes were told of a new server without having asked.
    pub(super) moves: u64,
}

impl World {
    pub(super) fn new(kind: Kind, config: Config, root_capacity: u32) -> World {
        let mut topology = kind.build(config);
        topology.add_root(ROOT, root_capacity).unwrap();
        World {
            topology,
            capacity: [(ROOT, root_capacity)].into(),
            nodes: Vec::new(),
            told: BTreeMap::new(),
            away: BTreeSet::new(),
            last: 0,
            now: Duration::ZERO,
            moves: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Does a step and tells all that follows from it.
    pub(super) fn step(&mut self, step: Step) {
        match step {
            Step::Join { capacity } => self.join(capacity),
            Step::Leave { who } => {
                if !self.nodes.is_empty() {
                    let id = self.nodes.swap_remove(who % self.nodes.len());
                    self.topology.remove(id).unwrap();
                    self.capacity.remove(&id);
                    self.told.remove(&id);
                    self.away.remove(&id);
                }
            }
            Step::Capacity { who, capacity } => {
                let Some(id) = self.pick(who) else { return };
                self.topology.set_capacity(id, capacity).unwrap();
                self.capacity.insert(id, capacity);
            }
            Step::Report { who } => {
                let Some(id) = self.pick(who) else { return };
                let result = self.topology.report_server(id);
                self.answer(id, result);
            }
            Step::Adopt { who } => {
                let Some(id) = self.pick(who) else { return };
                let standby = self.told.get(&id).and_then(|told| told.standbys.first().copied());
                if let Some(standby) = standby {
                    self.adopt(id, standby);
                }
            }
            Step::AdoptAny { who, server } => {
                let (Some(id), Some(server)) = (self.pick(who), self.pick(server)) else { return };
                self.adopt(id, server);
            }
            Step::Connection { who, connected } => {
                let Some(id) = self.pick(who) else { return };
                let before = self.topology.placement(id);
                self.topology.set_connected(id, connected).unwrap();
                assert_eq!(self.topology.placement(id), before, "it keeps its place");
                match connected {
                    true => self.away.remove(&id),
                    false => self.away.insert(id),
                };
            }
            Step::Time { seconds } => {
                self.now += Duration::from_secs(seconds);
                self.topology.pass_time(self.now);
            }
            Step::Restart { capacity } => {
                self.topology.remove(ROOT).unwrap();
                self.settle();
                self.topology.add_root(ROOT, capacity).unwrap();
                self.capacity.insert(ROOT, capacity);
            }
        }
        self.settle();
    }

    pub(super) fn join(&mut self, capacity: u32) {
        self.last += 1;
        let id = NodeId(self.last);
        let facts = NodeFacts {
            capacity,
            joined_at: Duration::from_secs(self.last),
            ..NodeFacts::default()
        };
        self.topology.add(id, facts).unwrap();
        self.capacity.insert(id, capacity);
        self.nodes.push(id);
        let result = self.topology.choose_server(id);
        self.answer(id, result);
    }

    pub(super) fn pick(&self, who: usize) -> Option<NodeId> {
        Some(self.nodes[who.checked_rem(self.nodes.len())?])
    }

    fn adopt(&mut self, id: NodeId, server: NodeId) {
        let before = self.topology.placement(id);
        match self.topology.adopt(id, server) {
            Ok(placement) => {
                assert_eq!(placement.server, server);
                self.told.insert(id, placement);
            }
            Err(Error::Full | Error::Circle(..) | Error::Unfit(..)) => {
                assert_eq!(self.topology.placement(id), before, "a refusal changes nothing");
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn answer(&mut self, id: NodeId, result: Result<Placement, Error>) {
        match result {
            Ok(placement) => {
                let server = placement.server;
                let before = self.told.insert(id, placement).map(|told| told.server);
                let sent = before != Some(server);
                assert!(
                    !sent || !self.away.contains(&server),
                    "{id} is sent to {server}, who is away"
                );
            }
            Err(Error::Full | Error::Unplaced(_)) => {
                self.told.remove(&id);
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// What a proxy server does after every call.
    pub(super) fn settle(&mut self) {
        let most = 100 * (self.nodes.len() + 10);
        for _ in 0..most {
            let Some(id) = self.topology.poll_changed() else { return };
            let before = self.told.get(&id).map(|told| told.server);
            let placement = match self.topology.placement(id) {
                Some(placement) => Ok(placement),
                None => self.topology.choose_server(id),
            };
            self.answer(id, placement);
            if before.is_some() && before != self.told.get(&id).map(|told| told.server) {
                self.moves += 1;
            }
        }
        panic!("{most} changes and no end of them");
    }
}
