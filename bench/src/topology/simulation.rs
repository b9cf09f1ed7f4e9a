//! Coming and going in simulated time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use fastrand::Rng;
use rillcast_omnicast::proxy::pluggable::topology::{
    Config, Error, Kind, NodeId, TopologyAlgorithm,
};

use super::report::{Figures, Size, Times};
use super::{Plan, model};

/// So many seconds would all nodes take to come, if none left meanwhile: less than they stay.
const FILL_SECONDS: f64 = 300.0;
/// At these shares of all nodes the time for a join is looked at.
const SIZES: [usize; 4] = [1000, 100, 10, 1];
const ROOT: NodeId = NodeId(0);

struct Simulation {
    topology: Box<dyn TopologyAlgorithm>,
    random: Rng,
    /// Simulated seconds.
    now: f64,
    /// When who leaves, soonest first: in milliseconds.
    departures: BinaryHeap<Reverse<(u64, NodeId)>>,
    last: u64,
    /// Who each node that ever was receives from, by its number.
    servers: Vec<NodeId>,
    /// Nanoseconds that each join took since the last look.
    joins: Vec<u32>,
    count: Count,
}

/// What has happened since all nodes are there.
#[derive(Default)]
struct Count {
    moves: u64,
    standby_news: u64,
    orphans: u64,
    taken_over: u64,
    unplaced: u64,
}

pub(super) fn run(plan: &Plan, kind: Kind) -> Figures {
    let memory = resident();
    let begin = Instant::now();
    let config = Config { standbys: plan.standbys, ..Config::default() };
    let mut simulation = Simulation::new(plan, kind, config);
    let sizes = simulation.fill(plan.nodes);
    let memory = resident().saturating_sub(memory).saturating_sub(simulation.own_memory());
    simulation.count = Count::default();
    let leaves = simulation.churn(plan.leaves);
    let joins = Times::of(&mut simulation.joins);
    let Simulation { topology, count, .. } = simulation;
    let totals = topology.totals();
    let per_leave = |count: u64| count as f64 / plan.leaves.max(1) as f64;
    Figures {
        topology: kind.name(),
        nodes: plan.nodes,
        leaves: plan.leaves,
        join_us: joins,
        leave_us: leaves,
        depth: totals.depth,
        mean_hops: totals.hops as f64 / (totals.nodes - totals.unfed).max(1) as f64,
        unfed: totals.unfed,
        moves_per_leave: per_leave(count.moves),
        standby_news_per_leave: per_leave(count.standby_news),
        taken_over: count.taken_over as f64 / count.orphans.max(1) as f64,
        bytes_per_node: memory as f64 / plan.nodes.max(1) as f64,
        seconds: begin.elapsed().as_secs_f64(),
        hops: topology.hops().to_vec(),
        sizes,
    }
}

impl Simulation {
    fn new(plan: &Plan, kind: Kind, config: Config) -> Simulation {
        let mut topology = kind.build(config);
        // An empty topology takes any streaming server.
        let _ = topology.add_root(ROOT, plan.root_capacity);
        Simulation {
            topology,
            random: Rng::with_seed(plan.seed),
            now: 0.0,
            departures: BinaryHeap::new(),
            last: ROOT.0,
            servers: vec![ROOT],
            joins: Vec::new(),
            count: Count::default(),
        }
    }

    /// Lets nodes come, more than leave, until there are `nodes`; what joins took on the way.
    fn fill(&mut self, nodes: usize) -> Vec<Size> {
        let pause = FILL_SECONDS / nodes.max(1) as f64;
        let mut sizes = Vec::new();
        let mut next =
            SIZES.into_iter().map(|share| nodes / share).filter(|&size| size > 0).peekable();
        while self.departures.len() < nodes {
            self.now += pause;
            self.depart_until_now();
            self.join();
            if let Some(size) = next.next_if(|&size| self.departures.len() >= size) {
                sizes.push(Size { nodes: size, join_us: Times::of(&mut self.joins) });
                self.joins.clear();
            }
        }
        self.joins.clear();
        sizes
    }

    /// Lets so many nodes leave, each followed by one that comes; what the leaves took.
    fn churn(&mut self, leaves: usize) -> Times {
        let mut times = Vec::with_capacity(leaves);
        for _ in 0..leaves {
            let Some(Reverse((at, node))) = self.departures.pop() else { break };
            self.now = at as f64 / 1e3;
            let begin = Instant::now();
            self.leave(node);
            times.push(nanoseconds(begin));
            self.join();
        }
        Times::of(&mut times)
    }

    fn depart_until_now(&mut self) {
        let now = (self.now * 1e3) as u64;
        while let Some(&Reverse((at, node))) = self.departures.peek()
            && at <= now
        {
            self.departures.pop();
            self.leave(node);
        }
    }

    fn join(&mut self) {
        self.last += 1;
        let node = NodeId(self.last);
        let mut facts = model::facts(&mut self.random);
        facts.joined_at = Duration::from_secs_f64(self.now);
        let leaves_at = self.now + model::stay(&mut self.random);
        self.departures.push(Reverse(((leaves_at * 1e3) as u64, node)));
        let begin = Instant::now();
        let placement =
            self.topology.add(node, facts).and_then(|()| self.topology.choose_server(node));
        self.joins.push(nanoseconds(begin));
        self.count.unplaced += u64::from(placement.is_err());
        self.servers.push(placement.map_or(ROOT, |placement| placement.server));
        self.settle(false);
    }

    /// One node leaves. Its end is sudden as often as not.
    fn leave(&mut self, node: NodeId) {
        let sudden = self.random.bool();
        if self.topology.remove(node).is_ok() {
            self.settle(sudden);
        }
    }

    /// Tells everybody what has changed, as the proxy server does. After a sudden end the children have
    /// turned to their standbys before the proxy server knows of it.
    fn settle(&mut self, sudden: bool) {
        while let Some(node) = self.topology.poll_changed() {
            match self.topology.placement(node) {
                Some(placement) => self.tell(node, placement.server),
                None => self.replace(node, sudden),
            }
        }
    }

    fn tell(&mut self, node: NodeId, server: NodeId) {
        let Some(known) = self.servers.get_mut(node.0 as usize) else { return };
        if std::mem::replace(known, server) == server {
            self.count.standby_news += 1;
        } else {
            self.count.moves += 1;
        }
    }

    /// A node that lost its server gets another.
    fn replace(&mut self, node: NodeId, sudden: bool) {
        if sudden {
            self.count.orphans += 1;
            if let Some(server) = self.take_over(node) {
                self.count.taken_over += 1;
                if self.topology.placement(node).is_some() {
                    return self.tell(node, server);
                }
            }
        }
        match self.topology.choose_server(node) {
            Ok(placement) => self.tell(node, placement.server),
            Err(_) => self.count.unplaced += 1,
        }
    }

    /// The standby at which a node goes on; the proxy server may not let it stay there.
    fn take_over(&mut self, node: NodeId) -> Option<NodeId> {
        let mut standbys = self.topology.standbys(node).into_iter();
        standbys.find(|&standby| match self.topology.adopt(node, standby) {
            Ok(_) | Err(Error::Unfit(..)) => true,
            Err(_) => false,
        })
    }

    /// Bytes of the simulation itself.
    fn own_memory(&self) -> u64 {
        let departures = self.departures.capacity() * size_of::<Reverse<(u64, NodeId)>>();
        let servers = self.servers.capacity() * size_of::<NodeId>();
        (departures + servers + self.joins.capacity() * size_of::<u32>()) as u64
    }
}

fn nanoseconds(begin: Instant) -> u32 {
    u32::try_from(begin.elapsed().as_nanos()).unwrap_or(u32::MAX)
}

/// Bytes of this process in memory.
fn resident() -> u64 {
    const PAGE: u64 = 4096;
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * PAGE
}
