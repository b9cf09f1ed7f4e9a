//! A tree of nodes that come and go, perhaps over links that lose packets: those that stay see nothing of it.
//!
//! `tests/churn` runs it. Not among the ordinary tests, for its length.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rillcast_bench::omnicast::{Digests, Faults, Network, Punctual, Setting, Tree};
use rillcast_tests::memory::Memory;
use rillcast_tests::role::program;

/// How often memory is looked at.
const SAMPLE: Duration = Duration::from_millis(500);
/// How long the tree stands before anything happens.
const CALM: Duration = Duration::from_secs(3);
/// Each node serves so many.
const CAPACITY: u32 = 3;
/// The share of the frames that has to be on time at every node that stays.
const SHARE: f64 = 0.9999;

/// A number of the environment, or what is usual.
fn setting(name: &str, usual: u32) -> u32 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => usual,
    }
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970")
}

/// The tree, and which of its nodes have been there from the beginning.
struct Forest {
    tree: Tree,
    /// Of a hundred packets so many are lost on every third link.
    loss: u32,
    started: usize,
}

impl Forest {
    /// One more node that receives.
    fn grow(&mut self) {
        let at = self.tree.add(CAPACITY).expect("a node");
        let lossy = self.loss > 0 && self.started.is_multiple_of(3);
        self.started += 1;
        self.tree.nodes[at].first_frame().expect("its first picture");
        if lossy {
            self.tree.nodes[at].place.lose(self.loss).expect("a packet filter");
        }
    }
}

#[test]
#[ignore = "takes ten minutes; tests/churn runs it"]
fn nodes_that_stay_see_nothing_of_those_that_go() {
    let seconds = Duration::from_secs(setting("CHURN_SECONDS", 600).into());
    let every = Duration::from_secs(setting("CHURN_EVERY", 12).into());
    let nodes = setting("CHURN_NODES", 50) as usize;
    // A frame is on time that a player shows which holds so much back.
    let late = Duration::from_millis(setting("CHURN_LATE", 500).into());
    let (network, loss) = match Network::obstacle() {
        None => (Network::namespaces().expect("namespaces"), setting("CHURN_LOSS", 0)),
        Some(reason) => {
            println!("no packets are lost on the way in this run: {reason}");
            (Network::loopback(), 0)
        }
    };
    let setting = Setting {
        root_capacity: CAPACITY,
        ..Setting::paper(PathBuf::from(program().get_program()))
    };
    let tree = Tree::plant(setting, network).expect("a tree");
    let mut forest = Forest { tree, loss, started: 0 };
    (0..nodes).for_each(|_| forest.grow());
    let stay: Vec<String> = forest.tree.nodes.iter().map(|node| node.name.clone()).collect();
    thread::sleep(CALM);

    let at_first = by_node(&forest.tree);
    let (from, begun) = (since_1970(), Instant::now());
    let mut memory = Memory::default();
    let (mut replaced, mut next) = (0u32, every);
    while begun.elapsed() < seconds {
        thread::sleep(SAMPLE);
        memory.sample(begun.elapsed(), all_memory(&mut forest.tree));
        if begun.elapsed() >= next {
            next += every;
            // Far apart from each other, and from the streaming server: near it, in the middle, a leaf.
            let victim = (replaced as usize * 7 + 1) % forest.tree.nodes.len();
            forest.tree.nodes[victim].role.kill();
            forest.tree.forget(victim).expect("what it has received");
            forest.grow();
            replaced += 1;
        }
    }
    // What is on its way has come by then; and nodes write their traces down once a second.
    let to = since_1970().saturating_sub(late + Duration::from_secs(2));
    for node in &mut forest.tree.nodes {
        assert!(node.role.is_running(), "{} has ended by itself", node.name);
    }

    let at_last = by_node(&forest.tree);
    let mut known = Digests::new();
    let (mut all, mut faults, mut worst) = (Punctual::default(), Faults::default(), (1.0, ""));
    let mut stayed = 0;
    for node in forest.tree.nodes.iter().filter(|node| stay.contains(&node.name)) {
        let trace = node.trace().expect("what it has received");
        let punctual = trace.punctual(from, to, late).expect("frames in that time");
        stayed += 1;
        all = Punctual { due: all.due + punctual.due, on_time: all.on_time + punctual.on_time };
        faults = faults.and(trace.faults(&mut known));
        if punctual.share() < worst.0 {
            worst = (punctual.share(), &node.name);
        }
    }
    println!(
        "{nodes} nodes, {replaced} replaced in {} s, {loss} % of the packets lost on every third link; of the \
         {stayed} that stayed {} of {} frames on time ({:.4} %), at the worst {:.4} % ({}); {faults:?}; {memory}",
        seconds.as_secs(),
        all.on_time,
        all.due,
        all.share() * 100.0,
        worst.0 * 100.0,
        worst.1
    );
    println!("{}", Growth::of(&at_first, &at_last));
    assert!(stayed > 0 && replaced > 0, "nobody stayed, or nobody went");
    assert!(
        worst.0 >= SHARE,
        "{} had only {:.4} % of its frames on time",
        worst.1,
        worst.0 * 100.0
    );
    assert_eq!((faults.twice, faults.changed), (0, 0), "frames came twice, or changed");
    memory.is_level();
    forest.tree.fell().expect("all end well");
}

/// Bytes of each node.
fn by_node(tree: &Tree) -> HashMap<String, u64> {
    tree.nodes.iter().map(|node| (node.name.clone(), node.role.memory())).collect()
}

/// What the nodes that stayed have in memory at first and at last, in MiB.
struct Growth {
    /// The mean, and the most.
    first: (f64, f64),
    last: (f64, f64),
    /// Whose memory has grown most, and by how much.
    most: (String, f64),
}

impl Growth {
    fn of(first: &HashMap<String, u64>, last: &HashMap<String, u64>) -> Growth {
        let stayed: Vec<_> =
            last.iter().filter_map(|(name, last)| Some((name, *first.get(name)?, *last))).collect();
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let spread = |all: Vec<f64>| {
            let sum: f64 = all.iter().sum();
            (sum / all.len().max(1) as f64, all.into_iter().fold(0.0, f64::max))
        };
        let grown = stayed.iter().map(|(name, first, last)| (name, mib(*last) - mib(*first)));
        let most = grown.max_by(|one, other| one.1.total_cmp(&other.1));
        Growth {
            first: spread(stayed.iter().map(|node| mib(node.1)).collect()),
            last: spread(stayed.iter().map(|node| mib(node.2)).collect()),
            most: most.map(|(name, by)| ((*name).clone(), by)).unwrap_or_default(),
        }
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Growth { first, last, most } = self;
        write!(
            f,
            "memory of each node that stayed: {:.1} MiB at first (at most {:.1}), {:.1} at the end (at most \
             {:.1}); most has grown that of {}, by {:.1}",
            first.0, first.1, last.0, last.1, most.0, most.1
        )
    }
}

/// Bytes of all programs together: there are always as many.
fn all_memory(tree: &mut Tree) -> u64 {
    let servers = tree.server().memory() + tree.proxy().memory();
    servers + tree.nodes.iter().map(|node| node.role.memory()).sum::<u64>()
}
