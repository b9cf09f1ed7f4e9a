//! Millions of steps; by its own command:
//!
//! ```sh
//! STEPS=10000000 cargo test --release -p rillcast-omnicast topology::tests::campaign -- --ignored --nocapture
//! ```

use std::time::Instant;

use super::super::{Config, Kind};
use super::world::{Step, World};

/// SplitMix64 (Steele, Lea, Flood 2014): the same steps every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn step(&mut self, nodes: usize, aim: usize) -> Step {
        let who = self.next() as usize;
        let capacity = [0, 0, 1, 2, 3, 4, 8, 20][self.below(8) as usize];
        // Around the number aimed at, as many come as go.
        let joins = if nodes < aim { 55 } else { 45 };
        match self.below(150) {
            n if n < joins => Step::Join { capacity },
            n if n < 100 => Step::Leave { who },
            n if n < 115 => Step::Capacity { who, capacity },
            n if n < 125 => Step::Report { who },
            n if n < 137 => Step::Adopt { who },
            n if n < 141 => Step::AdoptAny { who, server: self.next() as usize },
            n if n < 145 => Step::Connection { who, connected: self.below(2) == 0 },
            n if n < 149 => Step::Time { seconds: self.below(20) },
            _ if self.below(100) == 0 => Step::Restart { capacity: 1 + self.below(20) as u32 },
            _ => Step::Join { capacity },
        }
    }
}

fn run(kind: Kind, steps: u64, aim: usize) {
    let mut random = Random(steps ^ aim as u64);
    let mut world = World::new(kind, Config::default(), 5);
    let begin = Instant::now();
    let mut checks = 0;
    for n in 0..steps {
        world.step(random.step(world.len(), aim));
        if n % aim as u64 == 0 {
            world.check();
            checks += 1;
        }
    }
    world.check();
    println!(
        "{kind:<10} {steps} steps around {aim} nodes, {checks} looks at everything, {} moves, {:.1} s",
        world.moves,
        begin.elapsed().as_secs_f64()
    );
}

#[test]
#[ignore = "takes minutes"]
fn millions_of_steps() {
    let steps =
        std::env::var("STEPS").ok().and_then(|steps| steps.parse().ok()).unwrap_or(1_000_000);
    for kind in Kind::ALL {
        run(kind, steps / 2, 30);
        // The reference looks at every node for every choice.
        let steps = if kind == Kind::HopCount { steps / 100 } else { steps / 2 };
        run(kind, steps, 5_000);
    }
}
