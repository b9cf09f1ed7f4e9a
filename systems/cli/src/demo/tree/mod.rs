//! The first part of the demonstration: OmniCast264 on this machine. A publisher, a streaming server, a proxy
//! server and nodes, each a process of its own; one node is killed, and the others go on.
//!
//! | file | what is there |
//! |---|---|
//! | `mod.rs` | what happens, in a chain and in a tree |
//! | `rows.rs` | what is known of each node |
//! | `display.rs` | the live table |
//! | `outcome.rs` | the figures at the end, beside the paper's |

mod display;
mod outcome;
mod rows;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rillcast_bench::omnicast::{Digests, Error, Faults, FirstFrame, Network, Setting, Tree};

use crate::failure::Failure;
use crate::output::Output;
use crate::signal::Stop;

use display::Display;
use outcome::Outcome;
use rows::Rows;

/// How long the nodes are watched before one of them is killed, and after.
const WATCH: Duration = Duration::from_millis(2_500);
/// The node that is killed: the second.
const VICTIM: usize = 1;

/// How the nodes hang together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Each serves one other.
    Chain,
    /// Each serves two.
    Tree,
}

impl Shape {
    fn name(self) -> &'static str {
        match self {
            Shape::Chain => "chain",
            Shape::Tree => "tree",
        }
    }

    /// How many others each serves, the streaming server too.
    fn capacity(self) -> u32 {
        match self {
            Shape::Chain => 1,
            Shape::Tree => 2,
        }
    }
}

/// Shows `nodes` of them in a chain and then in a tree.
pub(super) fn run(nodes: usize, output: Output, stop: &Stop) -> Result<(), Failure> {
    crate::files::raise_limit();
    for shape in [Shape::Chain, Shape::Tree] {
        let outcome = Play::begin(shape, output, stop)?.run(nodes)?;
        output.line(&outcome);
        if let Some(fault) = outcome.fault {
            return Err(Failure::runtime(fault));
        }
    }
    Ok(())
}

/// One shape under way.
struct Play<'a> {
    shape: Shape,
    tree: Tree,
    rows: Rows,
    display: Display,
    stop: &'a Stop,
}

impl<'a> Play<'a> {
    fn begin(shape: Shape, output: Output, stop: &'a Stop) -> Result<Play<'a>, Failure> {
        let program = std::env::current_exe()
            .map_err(|error| Failure::runtime(format!("this program cannot be found: {error}")))?;
        let setting = Setting {
            root_capacity: shape.capacity(),
            halt: Arc::new(stop.clone()),
            ..Setting::paper(program)
        };
        let tree = Tree::plant(setting, Network::loopback()).map_err(failed)?;
        let display = Display::new(output);
        Ok(Play { shape, tree, rows: Rows::default(), display, stop })
    }

    fn run(mut self, nodes: usize) -> Result<Outcome, Failure> {
        let capacity = self.shape.capacity();
        self.display.say(&format!(
            "OmniCast264: a test picture, a streaming server, a proxy server, and {nodes} nodes that come one after \
             the other and serve {capacity} each"
        ));
        let mut joined: Vec<FirstFrame> = Vec::with_capacity(nodes);
        for _ in 0..nodes {
            let at = self.tree.add(capacity).map_err(failed)?;
            if let Some(node) = self.tree.nodes.get_mut(at) {
                joined.push(node.first_frame().map_err(failed)?);
            }
            self.watch(Duration::ZERO)?;
        }
        self.watch(WATCH)?;
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let victim = self.tree.nodes.get_mut(VICTIM).ok_or_else(|| too_few(nodes))?;
        victim.role.kill();
        let name = victim.name.clone();
        self.rows.killed(&name);
        self.display.say(&format!("{name} is killed (SIGKILL)"));
        self.watch(WATCH)?;
        // What it served is told by the traces: all others have to be whole.
        self.tree.forget(VICTIM).map_err(failed)?;
        let mut known = Digests::new();
        let (mut faults, mut recovery) = (Faults::default(), Vec::new());
        for node in &self.tree.nodes {
            let trace = node.trace().map_err(failed)?;
            faults = faults.and(trace.faults(&mut known));
            let around = trace.around(at, WATCH, WATCH);
            if self.rows.has_moved(&node.name) {
                recovery.extend(around.map(|around| around.recovery_ms));
            }
        }
        Ok(Outcome::new(self.shape.name(), nodes, &joined, &recovery, faults))
    }

    /// Shows what happens for so long.
    fn watch(&mut self, time: Duration) -> Result<(), Failure> {
        let deadline = Instant::now() + time;
        loop {
            self.rows.take(&mut self.tree);
            let left = deadline.saturating_duration_since(Instant::now());
            let last = !time.is_zero() && left.is_zero();
            self.display.show(self.shape.name(), &self.rows, last);
            if self.stop.wait(left.min(Duration::from_millis(100))) {
                return Err(Failure::runtime("ended before the nodes had shown what they can"));
            }
            if left.is_zero() {
                return Ok(());
            }
        }
    }
}

fn failed(error: Error) -> Failure {
    Failure::runtime(error.to_string())
}

fn too_few(nodes: usize) -> Failure {
    Failure::runtime(format!("of {nodes} nodes there is no second"))
}
