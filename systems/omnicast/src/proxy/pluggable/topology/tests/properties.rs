//! Random steps: every algorithm conforms, and `indexed` chooses as the reference does.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::{Config, Kind};
use super::world::{Step, World};

/// Steps as they come in a channel that is watched: most join or leave.
fn step() -> impl Strategy<Value = Step> {
    let who = any::<u16>().prop_map(usize::from);
    let capacity = prop_oneof![2 => Just(0), 3 => 1..4u32, 1 => 4..12u32];
    prop_oneof![
        10 => capacity.clone().prop_map(|capacity| Step::Join { capacity }),
        6 => who.clone().prop_map(|who| Step::Leave { who }),
        2 => (who.clone(), capacity.clone()).prop_map(|(who, capacity)| Step::Capacity { who, capacity }),
        2 => who.clone().prop_map(|who| Step::Report { who }),
        2 => who.clone().prop_map(|who| Step::Adopt { who }),
        2 => (who.clone(), any::<bool>()).prop_map(|(who, connected)| Step::Connection { who, connected }),
        1 => (who.clone(), who).prop_map(|(who, server)| Step::AdoptAny { who, server }),
        1 => (1..90u64).prop_map(|seconds| Step::Time { seconds }),
        1 => (1..10u32).prop_map(|capacity| Step::Restart { capacity }),
    ]
}

fn config() -> impl Strategy<Value = Config> {
    (2..20u16, 0..4usize).prop_map(|(max_hops, standbys)| Config { max_hops, standbys })
}

/// As many steps as make some ten thousand together, each followed by a look at everything.
const CASES: u32 = 64;
const STEPS: usize = 200;

fn conforms(kind: Kind) {
    proptest!(ProptestConfig::with_cases(CASES), |(config in config(), steps in vec(step(), 1..STEPS))| {
        let mut world = World::new(kind, config, 3);
        for step in steps {
            world.step(step);
            world.check();
        }
    });
}

#[test]
fn hop_count_conforms() {
    conforms(Kind::HopCount);
}

#[test]
fn indexed_conforms() {
    conforms(Kind::Indexed);
}

#[test]
fn stable_conforms() {
    conforms(Kind::Stable);
}

#[test]
fn two_trees_conform() {
    conforms(Kind::TwoTrees);
}

#[test]
fn mesh_conforms() {
    conforms(Kind::Mesh);
}

#[test]
fn indexed_chooses_as_the_reference() {
    proptest!(ProptestConfig::with_cases(CASES), |(config in config(), steps in vec(step(), 1..STEPS))| {
        let mut reference = World::new(Kind::HopCount, config, 3);
        let mut indexed = World::new(Kind::Indexed, config, 3);
        for step in steps {
            reference.step(step);
            indexed.step(step);
            prop_assert_eq!(&reference.told, &indexed.told);
        }
    });
}
