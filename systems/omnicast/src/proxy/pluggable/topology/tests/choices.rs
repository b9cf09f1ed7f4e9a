//! Examples of what each algorithm chooses.

use std::time::Duration;

use super::super::{Config, Error, Kind, NodeFacts, NodeId};
use super::world::{ROOT, Step, World};

/// A topology with a streaming server for `root` nodes, and nodes with these capacities, numbered from 1.
fn with(kind: Kind, root: u32, capacities: &[u32]) -> World {
    let mut world = World::new(kind, Config::default(), root);
    for &capacity in capacities {
        world.join(capacity);
        world.settle();
    }
    world
}

fn server(world: &World, node: u64) -> u64 {
    world.topology.placement(NodeId(node)).unwrap().server.0
}

fn servers(world: &World, nodes: std::ops::RangeInclusive<u64>) -> Vec<u64> {
    nodes.map(|node| server(world, node)).collect()
}

/// Those that choose as the paper does.
const PAPER: [Kind; 2] = [Kind::HopCount, Kind::Indexed];

#[test]
fn fewest_hops_then_most_room_then_the_first() {
    for kind in PAPER {
        let world = with(kind, 3, &[2, 3, 3, 1, 1, 1]);
        // 2 and 3 have most room; then 2, 3 and 1 have two places each.
        assert_eq!(servers(&world, 1..=6), [0, 0, 0, 2, 3, 1]);
    }
}

#[test]
fn the_chain_of_the_paper() {
    for kind in PAPER {
        let world = with(kind, 1, &[1; 9]);
        assert_eq!(servers(&world, 1..=9), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(world.topology.totals().depth, 9);
        // All are full; when a node's server goes, there is a place where that one was.
        assert_eq!(world.topology.placement(NodeId(3)).unwrap().standbys, [NodeId(1)]);
    }
}

#[test]
fn the_end_of_a_node_moves_its_children_only() {
    for kind in PAPER {
        let mut world = with(kind, 1, &[1; 9]);
        world.topology.remove(NodeId(2)).unwrap();
        assert_eq!(world.topology.poll_changed(), Some(NodeId(3)));
        assert_eq!(world.topology.placement(NodeId(3)), None);
        assert_eq!(world.topology.totals().unfed, 7);
        let placement = world.topology.choose_server(NodeId(3)).unwrap();
        assert_eq!((placement.server, placement.hops), (NodeId(1), 2));
        assert_eq!(world.topology.placement(NodeId(9)).unwrap().hops, 8);
        assert_eq!(server(&world, 9), 8, "below the node that moved all is as it was");
        assert_eq!(world.topology.totals().unfed, 0);
    }
}

#[test]
fn a_node_takes_over_at_its_standby() {
    for kind in PAPER {
        let mut world = with(kind, 2, &[3, 3, 0, 0]);
        assert_eq!(server(&world, 3), 1);
        let standby = world.topology.placement(NodeId(3)).unwrap().standbys[0];
        assert_eq!(standby, NodeId(2));
        world.topology.remove(NodeId(1)).unwrap();
        // After it, the server's server, with whom the server's own place is free now.
        assert_eq!(world.topology.standbys(NodeId(3)), [standby, ROOT]);
        let placement = world.topology.adopt(NodeId(3), standby).unwrap();
        assert_eq!(placement.server, standby);
        // 2 and 4 have lost a standby only; 3 is not told what it has told.
        assert_eq!(world.topology.poll_changed(), Some(NodeId(4)));
        assert_eq!(world.topology.poll_changed(), Some(NodeId(2)));
        assert_eq!(world.topology.poll_changed(), None);
        assert_eq!((server(&world, 2), server(&world, 4)), (0, 2));
    }
}

#[test]
fn nobody_hangs_below_itself() {
    for kind in PAPER {
        let mut world = with(kind, 1, &[2, 2, 2]);
        let refused = world.topology.adopt(NodeId(1), NodeId(3));
        assert_eq!(refused, Err(Error::Circle(NodeId(1), NodeId(3))));
        assert_eq!(
            world.topology.adopt(NodeId(1), NodeId(1)),
            Err(Error::Circle(NodeId(1), NodeId(1)))
        );
        assert_eq!(world.topology.adopt(ROOT, NodeId(1)), Err(Error::IsRoot(ROOT)));
    }
}

#[test]
fn a_lowered_capacity_moves_those_without_children() {
    for kind in PAPER {
        // 1 serves 2, 3 and 4; 5 and 6 are below 2 and 3.
        let mut world = with(kind, 1, &[3, 1, 1, 0]);
        world.join(0);
        assert_eq!(servers(&world, 2..=5), [1, 1, 1, 2]);
        world.topology.set_capacity(NodeId(1), 1).unwrap();
        let mut moved = Vec::new();
        while let Some(node) = world.topology.poll_changed() {
            if world.topology.placement(node).is_none() {
                moved.push(node.0);
            }
        }
        moved.sort_unstable();
        assert_eq!(moved, [3, 4]);
        assert_eq!(server(&world, 2), 1);
    }
}

#[test]
fn who_waits_comes_when_there_is_room() {
    for kind in PAPER {
        let mut world = with(kind, 1, &[0]);
        world.topology.add(NodeId(9), NodeFacts::default()).unwrap();
        assert_eq!(world.topology.choose_server(NodeId(9)), Err(Error::Full));
        assert_eq!(world.topology.poll_changed(), None, "nothing has changed");
        world.topology.remove(NodeId(1)).unwrap();
        assert_eq!(world.topology.poll_changed(), Some(NodeId(9)));
        assert_eq!(world.topology.choose_server(NodeId(9)).unwrap().server, ROOT);
    }
}

#[test]
fn two_complaints_demote_and_one_does_not() {
    for kind in PAPER {
        let mut world = with(kind, 2, &[9, 4, 0, 0, 0]);
        assert_eq!(servers(&world, 3..=5), [1, 1, 1]);
        assert_eq!(world.topology.report_server(NodeId(3)).unwrap().server, NodeId(2));
        world.join(0);
        assert_eq!(server(&world, 6), 1, "the word of one is not enough");
        assert_eq!(world.topology.report_server(NodeId(4)).unwrap().server, NodeId(2));
        world.join(0);
        assert_eq!(server(&world, 7), 2);
        world.topology.set_capacity(NodeId(1), 8).unwrap();
        world.topology.pass_time(Duration::from_secs(59));
        world.join(0);
        assert_eq!(server(&world, 8), 2, "another figure mends nothing");
        world.topology.pass_time(Duration::from_secs(60));
        world.join(0);
        assert_eq!(server(&world, 9), 1, "what is old is forgotten");
    }
}

#[test]
fn nobody_demotes_a_node_alone() {
    for kind in PAPER {
        let mut world = with(kind, 3, &[9, 5, 4]);
        let mut join = |id, owner| {
            let facts = NodeFacts { owner: Some(owner), ..NodeFacts::default() };
            world.topology.add(NodeId(id), facts).unwrap();
            world.topology.choose_server(NodeId(id)).unwrap().server.0
        };
        assert_eq!([join(11, 7), join(12, 7), join(13, 8)], [1, 1, 1]);
        // One that goes to and fro, and another of the same user.
        let mut report = |id| world.topology.report_server(NodeId(id)).unwrap().server.0;
        assert_eq!([report(11), report(11), report(11), report(11)], [2, 1, 2, 1]);
        assert_eq!([report(12), report(12), report(12)], [2, 1, 2]);
        world.join(0);
        assert_eq!(server(&world, 4), 1);
        assert_eq!(world.topology.report_server(NodeId(13)).unwrap().server, NodeId(2));
        world.join(0);
        assert_ne!(server(&world, 5), 1, "somebody else says so too");
    }
}

#[test]
fn a_node_with_one_possible_server_keeps_it() {
    for kind in PAPER {
        let mut world = with(kind, 1, &[1]);
        assert_eq!(world.topology.report_server(NodeId(1)).unwrap().server, ROOT);
        for _ in 0..5 {
            assert_eq!(world.topology.report_server(NodeId(1)).unwrap().server, ROOT);
        }
    }
}

#[test]
fn what_hangs_too_far_away_is_cut_off() {
    for kind in PAPER {
        let config = Config { max_hops: 3, standbys: 1 };
        let mut topology = kind.build(config);
        topology.add_root(ROOT, 1).unwrap();
        for id in 1..=3 {
            topology.add(NodeId(id), NodeFacts { capacity: 1, ..NodeFacts::default() }).unwrap();
            topology.choose_server(NodeId(id)).unwrap();
        }
        // A newcomer takes the place of the streaming server's child: 2 and 3 get one hop further away.
        topology.add(NodeId(4), NodeFacts { capacity: 1, ..NodeFacts::default() }).unwrap();
        assert_eq!(
            topology.choose_server(NodeId(4)),
            Err(Error::Full),
            "3 is as far away as allowed"
        );
        topology.remove(NodeId(1)).unwrap();
        topology.adopt(NodeId(4), ROOT).unwrap();
        let orphan = topology.adopt(NodeId(2), NodeId(4)).unwrap();
        assert_eq!(orphan.hops, 2);
        assert_eq!(topology.placement(NodeId(3)).unwrap().hops, 3);
        assert_eq!(topology.set_capacity(NodeId(9), 1), Err(Error::Unknown(NodeId(9))));
    }
}

#[test]
fn a_strong_newcomer_takes_the_place_of_a_weak_leaf() {
    let mut world = with(Kind::Stable, 2, &[0, 1]);
    world.join(4);
    world.settle();
    // 1 can serve nobody, so it makes way for 3 and receives from it.
    assert_eq!(servers(&world, 1..=3), [3, 0, 0]);
    assert_eq!(world.moves, 1);
    world.join(0);
    assert_eq!(server(&world, 4), 2, "the older one serves");
}

#[test]
fn a_newcomer_that_tells_its_strength_later_takes_that_place_too() {
    let at_once = with(Kind::Stable, 2, &[1, 1, 8]);
    let mut world = with(Kind::Stable, 2, &[1, 1, 0]);
    assert_eq!(world.topology.placement(NodeId(3)).unwrap().hops, 2);
    world.step(Step::Capacity { who: 2, capacity: 8 });
    world.check();
    assert_eq!(servers(&world, 1..=3), servers(&at_once, 1..=3));
    assert_eq!(world.topology.placement(NodeId(3)).unwrap().hops, 1);
    // Nothing is to be won by saying it again.
    for capacity in [0, 8, 0, 8] {
        let moves = world.moves;
        world.step(Step::Capacity { who: 2, capacity });
        world.check();
        assert!(world.moves <= moves + 1, "its child at most");
    }
}

#[test]
fn a_strong_node_is_let_in_even_if_all_are_full() {
    let world = with(Kind::Stable, 1, &[0, 2]);
    assert_eq!(servers(&world, 1..=2), [2, 0]);
}

#[test]
fn nobody_is_sent_to_who_is_not_connected() {
    for kind in Kind::ALL {
        let mut world = with(kind, 2, &[5, 5]);
        let all = with(kind, 2, &[5, 5, 1]);
        let best = NodeId(server(&all, 3));
        world.topology.set_connected(best, false).unwrap();
        world.join(1);
        world.settle();
        assert_ne!(server(&world, 3), best.0, "{kind}");
        // When it is back, it has the most room.
        world.topology.set_connected(best, true).unwrap();
        world.join(1);
        world.settle();
        assert_eq!(server(&world, 4), best.0, "{kind}");
    }
    let error = with(Kind::default(), 1, &[]).topology.set_connected(ROOT, false).unwrap_err();
    assert_eq!(error, Error::IsRoot(ROOT));
}

#[test]
fn who_waits_comes_when_a_node_with_room_is_back() {
    for kind in PAPER {
        let mut world = with(kind, 1, &[1]);
        world.topology.set_connected(NodeId(1), false).unwrap();
        world.join(0);
        assert_eq!(world.topology.placement(NodeId(2)), None);
        world.topology.set_connected(NodeId(1), true).unwrap();
        world.settle();
        assert_eq!(server(&world, 2), 1);
    }
}

#[test]
fn a_weak_leaf_that_is_not_connected_makes_no_way() {
    let mut world = with(Kind::Stable, 1, &[1]);
    world.topology.set_connected(NodeId(1), false).unwrap();
    world.join(8);
    world.settle();
    assert_eq!(server(&world, 1), 0);
    assert_eq!(world.topology.placement(NodeId(2)), None);
}

#[test]
fn no_end_of_a_node_takes_both_trees_from_another() {
    let world = with(Kind::TwoTrees, 6, &[4; 300]);
    let path = |from: NodeId| {
        std::iter::successors(Some(from), |&at| world.told.get(&at).map(|told| told.server))
    };
    for (&node, told) in &world.told {
        let [standby] = told.standbys[..] else {
            assert_eq!(told.server, ROOT, "{node} is in one tree only");
            continue;
        };
        for above in path(told.server).filter(|&above| above != ROOT) {
            assert!(path(standby).all(|other| other != above), "{above} is above {node} twice");
        }
    }
}

#[test]
fn a_reserved_place_is_given_to_who_has_none() {
    // A place for each node, and none for a second one.
    let world = with(Kind::TwoTrees, 2, &[1; 40]);
    assert_eq!(world.topology.totals().unfed, 0);
}

#[test]
fn the_children_of_a_dead_node_go_to_their_standbys() {
    let mut world = with(Kind::Mesh, 4, &[4; 60]);
    let children: Vec<NodeId> =
        world.told.iter().filter(|(_, told)| told.server == NodeId(1)).map(|(&id, _)| id).collect();
    assert_eq!(children.len(), 3, "one place is kept");
    let expected: Vec<NodeId> =
        children.iter().map(|child| world.told[child].standbys[0]).collect();
    world.topology.remove(NodeId(1)).unwrap();
    for (child, standby) in children.iter().zip(expected) {
        assert_eq!(world.topology.adopt(*child, standby).unwrap().server, standby);
    }
}

#[test]
fn the_same_node_is_not_added_twice() {
    let mut topology = Kind::Indexed.build(Config::default());
    topology.add_root(ROOT, 1).unwrap();
    assert_eq!(topology.add(ROOT, NodeFacts::default()), Err(Error::Present(ROOT)));
    assert_eq!(topology.add_root(ROOT, 1), Err(Error::Present(ROOT)));
    assert!(topology.placement(ROOT).is_none());
}

#[test]
fn names_are_parsed_back() {
    for kind in Kind::ALL {
        assert_eq!(kind.name().parse(), Ok(kind));
        assert_eq!(kind.build(Config::default()).name(), kind.name());
    }
    let error = "star".parse::<Kind>().unwrap_err().to_string();
    assert!(error.contains("\"star\"") && error.contains("hop-count"), "{error}");
}
