//! Who is sent where, over joins, losses, and a new beginning.

mod takeover;

use std::collections::HashSet;

use super::*;
use crate::uscp::Quality;

const CHANNEL: &str = "live";

fn signer() -> String {
    Signer::generate().unwrap()
}

/// A proxy server with one streaming server that has room for `capacity`.
fn proxy(key: &str, capacity: u32) -> TopologyConfiguration {
    let url = "rtsp://10.0.0.1:8554/live".to_owned();
    let channels = vec![ChannelSettings { name: CHANNEL.into(), url, capacity }];
    let settings = Settings { channels, nodes_per_user: 5, ..Settings::default() };
    TopologyConfiguration::new(settings, Signer::read(key).unwrap(), at(0)).unwrap()
}

fn at(seconds: u64) -> Now {
    Now { time: Duration::from_secs(seconds), date: 1_000_000 + seconds }
}

fn arrival(session: u64, resume: Option<&str>) -> Arrival {
    Arrival {
        session: SessionId(session),
        user: "alice".into(),
        channel: CHANNEL.into(),
        service: Some((format!("10.0.1.{session}"), 8554)),
        resume: resume.map(str::to_owned),
    }
}

fn capacity(capacity: u32) -> NodeInformation {
    NodeInformation { capacity, ..NodeInformation::default() }
}

fn notices(proxy: &mut TopologyConfiguration) -> Vec<Notice> {
    std::iter::from_fn(|| proxy.poll_notice()).collect()
}

/// The sessions whose nodes were given other server nodes, and which.
fn moves(proxy: &mut TopologyConfiguration) -> Vec<(u64, NodeId)> {
    let moves = notices(proxy).into_iter().filter_map(|notice| match notice {
        Notice::Reassign { session, connection, moved: true } => {
            Some((session.0, connection.server.id))
        }
        _ => None,
    });
    moves.collect()
}

/// A chain: each node takes the stream from the one before. In the order of their sessions, 1 first.
fn chain(proxy: &mut TopologyConfiguration, length: u64) -> Vec<ReStreamingConnection> {
    let nodes = (1..=length).map(|session| {
        let connection = proxy.join(arrival(session, None), at(0)).unwrap();
        proxy.inform(connection.node, SessionId(session), capacity(1), at(0)).unwrap();
        connection
    });
    nodes.collect()
}

#[test]
fn a_chain_with_tickets() {
    let key = signer();
    let mut proxy = proxy(&key, 1);
    let nodes = chain(&mut proxy, 3);
    assert_eq!(nodes[0].server.id, NodeId::ROOT);
    assert_eq!(nodes[0].server.url, "rtsp://10.0.0.1:8554/live");
    for (hops, pair) in nodes.windows(2).enumerate() {
        let [parent, child] = pair else { panic!() };
        assert_eq!(child.server.id, parent.node);
        assert_eq!(child.server.hops, hops as u32 + 1);
        assert_eq!(child.server.url, format!("rtsp://10.0.1.{}:8554/live", hops + 1));
        let checker = Checker::new(child.key.as_deref().unwrap()).unwrap();
        let ticket = checker.check(child.server.ticket.as_deref().unwrap(), at(599).date).unwrap();
        assert_eq!((ticket.node, ticket.server), (child.node, parent.node));
        assert_eq!((ticket.user.as_str(), ticket.channel.as_str()), ("alice", CHANNEL));
        assert!(checker.check(child.server.ticket.as_deref().unwrap(), at(600).date).is_err());
    }
    let unknown = Arrival { channel: "other".into(), ..arrival(9, None) };
    assert_eq!(proxy.join(unknown, at(0)).unwrap_err().code, ErrorCode::UnknownChannel);
}

#[test]
fn full_is_said_and_nobody_has_all_nodes() {
    let mut proxy = proxy(&signer(), 1);
    let first = proxy.join(arrival(1, None), at(0)).unwrap();
    let report = proxy.join(arrival(2, None), at(0)).unwrap_err();
    assert_eq!((report.code, report.retry_after), (ErrorCode::NoServerNode, Some(5)));
    assert_eq!(proxy.nodes(), 1);
    proxy.inform(first.node, SessionId(1), capacity(u32::MAX), at(0)).unwrap();
    for session in 2..=5 {
        proxy.join(arrival(session, None), at(0)).unwrap();
    }
    assert_eq!(proxy.join(arrival(6, None), at(0)).unwrap_err().code, ErrorCode::Forbidden);
    let other = Arrival { user: "bob".into(), ..arrival(6, None) };
    proxy.join(other, at(0)).unwrap();
}

#[test]
fn children_of_who_leaves_are_told() {
    let mut proxy = proxy(&signer(), 1);
    let nodes = chain(&mut proxy, 3);
    assert_eq!(moves(&mut proxy), []);
    // Somebody else, or a connection of before, cannot say so.
    proxy.leave(nodes[0].node, SessionId(9), at(1));
    assert_eq!((proxy.nodes(), moves(&mut proxy)), (3, vec![]));
    proxy.leave(nodes[0].node, SessionId(1), at(1));
    assert_eq!(moves(&mut proxy), [(2, NodeId::ROOT)]);
    // What hangs below the one that was moved stays where it is.
    let third = proxy.keep(nodes[2].node, SessionId(3), at(301)).unwrap().unwrap();
    assert_eq!((third.server.id, third.server.hops), (nodes[1].node, 1));
}

#[test]
fn tickets_are_renewed_in_time() {
    let mut proxy = proxy(&signer(), 1);
    let node = chain(&mut proxy, 1)[0].node;
    assert_eq!(proxy.keep(node, SessionId(1), at(299)), Ok(None));
    let fresh = proxy.keep(node, SessionId(1), at(300)).unwrap().unwrap();
    assert_eq!((fresh.node, fresh.server.id), (node, NodeId::ROOT));
    assert_eq!(proxy.keep(node, SessionId(1), at(301)), Ok(None));
    for (node, session) in [(NodeId(1), 1), (node, 2)] {
        let refused = proxy.keep(node, SessionId(session), at(301)).unwrap_err();
        assert_eq!(refused.code, ErrorCode::NotLoggedIn);
    }
}

#[test]
fn a_lost_connection_is_no_death() {
    let mut proxy = proxy(&signer(), 1);
    let nodes = chain(&mut proxy, 2);
    proxy.lost(nodes[0].node, SessionId(1), at(10));
    assert!(proxy.expire(at(20)).is_empty());
    let ticket = nodes[0].server.ticket.as_deref();
    let back = proxy.join(arrival(3, ticket), at(20)).unwrap();
    assert_eq!((back.node, back.server.id), (nodes[0].node, NodeId::ROOT));
    // The old connection's end is found out only now.
    proxy.lost(nodes[0].node, SessionId(1), at(21));
    assert!(proxy.expire(at(100)).is_empty());
    assert_eq!(moves(&mut proxy), []);
    proxy.lost(nodes[0].node, SessionId(3), at(101));
    assert_eq!(proxy.expire(at(116)), [nodes[0].node]);
    assert_eq!(proxy.nodes(), 1);
    assert_eq!(moves(&mut proxy), [(2, NodeId::ROOT)]);
}

#[test]
fn newcomers_are_not_sent_to_who_is_not_connected() {
    let mut proxy = proxy(&signer(), 1);
    let nodes = chain(&mut proxy, 2);
    proxy.inform(nodes[0].node, SessionId(1), capacity(4), at(1)).unwrap();
    proxy.lost(nodes[0].node, SessionId(1), at(10));
    let third = proxy.join(arrival(3, None), at(11)).unwrap();
    assert_eq!(third.server.id, nodes[1].node, "though the first has more room, and is nearer");
    // Its child stays, and it goes on where it was.
    let second = proxy.keep(nodes[1].node, SessionId(2), at(400)).unwrap().unwrap();
    assert_eq!(second.server.id, nodes[0].node);
    let ticket = nodes[0].server.ticket.as_deref();
    let back = proxy.join(arrival(4, ticket), at(12)).unwrap();
    assert_eq!((back.node, back.server.id), (nodes[0].node, NodeId::ROOT));
    assert_eq!(moves(&mut proxy), []);
    let fifth = proxy.join(arrival(5, None), at(13)).unwrap();
    assert_eq!(fifth.server.id, nodes[0].node);
}

#[test]
fn a_node_that_comes_twice_is_the_later_one() {
    let mut proxy = proxy(&signer(), 1);
    let nodes = chain(&mut proxy, 1);
    let ticket = nodes[0].server.ticket.as_deref();
    proxy.join(arrival(2, ticket), at(1)).unwrap();
    assert_eq!(notices(&mut proxy), [Notice::Replaced(SessionId(1))]);
    // Somebody else's ticket is worth nothing.
    let thief = Arrival { user: "mallory".into(), ..arrival(3, ticket) };
    assert_ne!(proxy.join(thief, at(1)).unwrap().node, nodes[0].node);
    assert!(notices(&mut proxy).iter().all(|notice| !matches!(notice, Notice::Replaced(_))));
}

#[test]
fn reported_and_not_connected_is_dead_at_once() {
    let mut proxy = proxy(&signer(), 1);
    let nodes = chain(&mut proxy, 3);
    proxy.lost(nodes[0].node, SessionId(1), at(1));
    let gone = ReConfiguration { gone: nodes[0].node, at: None };
    let moved = proxy.reconfigure(nodes[1].node, SessionId(2), gone, at(1)).unwrap();
    assert_eq!(moved.server.id, NodeId::ROOT);
    assert_eq!(proxy.nodes(), 2);
    assert_eq!(moves(&mut proxy), [], "who asked has been answered");
}

#[test]
fn reported_but_connected_is_only_avoided() {
    let mut proxy = proxy(&signer(), 2);
    let nodes = chain(&mut proxy, 3);
    assert_eq!(nodes[2].server.id, nodes[0].node);
    let gone = ReConfiguration { gone: nodes[0].node, at: None };
    let moved = proxy.reconfigure(nodes[2].node, SessionId(3), gone, at(1)).unwrap();
    assert_eq!(moved.server.id, nodes[1].node);
    assert_eq!(proxy.nodes(), 3);
    let report =
        (0..10).find_map(|_| proxy.reconfigure(nodes[2].node, SessionId(3), gone, at(1)).err());
    assert_eq!(report.unwrap().code, ErrorCode::TooManyRequests);
}

#[test]
fn who_went_to_a_standby_is_left_there() {
    let mut proxy = proxy(&signer(), 2);
    let nodes = chain(&mut proxy, 3);
    assert_eq!(nodes[2].standbys.first().map(|standby| standby.id), Some(nodes[1].node));
    let gone = ReConfiguration { gone: nodes[0].node, at: Some(nodes[1].node) };
    let moved = proxy.reconfigure(nodes[2].node, SessionId(3), gone, at(1)).unwrap();
    assert_eq!(moved.server.id, nodes[1].node);
}

#[test]
fn who_starves_his_children_loses_them() {
    let mut proxy = proxy(&signer(), 2);
    let nodes = chain(&mut proxy, 3);
    let told = |lost| lossy(nodes[0].node, lost);
    for lost in [10, 100, 10, 100] {
        proxy.inform(nodes[2].node, SessionId(3), told(lost), at(1)).unwrap();
        assert_eq!(moves(&mut proxy), [], "once is no reason");
    }
    proxy.inform(nodes[2].node, SessionId(3), told(100), at(2)).unwrap();
    assert_eq!(moves(&mut proxy), [(3, nodes[1].node)]);
    // What it says of the server node of before counts no more.
    for second in 3..6 {
        proxy.inform(nodes[2].node, SessionId(3), told(100), at(second)).unwrap();
        assert_eq!(moves(&mut proxy), []);
    }
}

/// How many nodes were told a place.
fn placed(proxy: &mut TopologyConfiguration) -> usize {
    let sessions = notices(proxy).into_iter().filter_map(|notice| match notice {
        Notice::Reassign { session, .. } => Some(session),
        _ => None,
    });
    sessions.collect::<HashSet<_>>().len()
}

#[test]
fn who_says_now_this_and_now_that_moves_its_children_once() {
    const CHILDREN: u64 = 300;
    let url = "rtsp://10.0.0.1/live".to_owned();
    let channels = vec![ChannelSettings { name: CHANNEL.into(), url, capacity: 1 }];
    let settings = Settings { channels, nodes_per_user: 1000, ..Settings::default() };
    let signer = Signer::read(&signer()).unwrap();
    let mut proxy = TopologyConfiguration::new(settings, signer, at(0)).unwrap();
    let parent = proxy.join(arrival(1, None), at(0)).unwrap().node;
    let told = |proxy: &mut TopologyConfiguration, second, places| {
        proxy.inform(parent, SessionId(1), capacity(places), at(second)).unwrap();
        placed(proxy)
    };
    told(&mut proxy, 0, 1000);
    for session in 2..2 + CHILDREN {
        proxy.join(arrival(session, None), at(0)).unwrap();
    }
    notices(&mut proxy);
    // There is room for them nowhere else; so they would come back each time.
    for second in 1..30 {
        assert_eq!(told(&mut proxy, second, if second % 2 == 0 { 1000 } else { 0 }), 0);
    }
    assert_eq!(proxy.expire(at(30)), []);
    assert_eq!(placed(&mut proxy), 0);
    assert_eq!(told(&mut proxy, 30, 1000), 0);
    proxy.expire(at(31));
    assert_eq!(placed(&mut proxy), CHILDREN as usize, "what it has wished for last");
    // Not more of the same for the next half minute: those that are left stay.
    assert_eq!(told(&mut proxy, 32, 200), 0);
    assert_eq!(told(&mut proxy, 33, 1000), 0);
    proxy.expire(at(62));
    assert_eq!(placed(&mut proxy), 100);
}

/// A node loses so many packets of 1,000.
fn lossy(server: NodeId, lost: u64) -> NodeInformation {
    let quality = Some(Quality { server, received: 1000 - lost, lost });
    NodeInformation { quality, ..capacity(1) }
}

#[test]
fn loss_that_comes_from_above_is_not_the_fault_of_who_hands_it_on() {
    let mut proxy = proxy(&signer(), 2);
    let nodes = chain(&mut proxy, 3);
    assert_eq!(nodes[2].server.id, nodes[0].node);
    for second in 1..5 {
        // Who is next to the fault says so too.
        let above = lossy(NodeId::ROOT, 300);
        proxy.inform(nodes[0].node, SessionId(1), above, at(second)).unwrap();
        let below = lossy(nodes[0].node, 310);
        proxy.inform(nodes[2].node, SessionId(3), below, at(second)).unwrap();
        assert!(moves(&mut proxy).iter().all(|(session, _)| *session == 1), "only the first");
    }
    // It loses more than that.
    for second in 5..7 {
        let below = lossy(nodes[0].node, 400);
        proxy.inform(nodes[2].node, SessionId(3), below, at(second)).unwrap();
    }
    assert_eq!(moves(&mut proxy).first().map(|(session, _)| *session), Some(3));
}

#[test]
fn who_says_of_each_server_node_that_it_starves_him_has_no_excuse() {
    let mut proxy = proxy(&signer(), 3);
    let nodes = chain(&mut proxy, 4);
    let (liar, child) = (&nodes[0], &nodes[3]);
    assert_eq!(child.server.id, liar.node);
    // It is believed once, and given another; of that one it says the same.
    let mut servers = vec![NodeId::ROOT];
    let freed = (1..20).find(|second| {
        let (now, above, below) =
            (at(*second), lossy(*servers.last().unwrap(), 300), lossy(liar.node, 300));
        proxy.inform(liar.node, SessionId(1), above, now).unwrap();
        proxy.inform(child.node, SessionId(4), below, now).unwrap();
        let moved = moves(&mut proxy);
        if let Some((_, to)) = moved.iter().find(|(session, _)| *session == 1) {
            servers.push(*to);
        }
        moved.iter().any(|(session, _)| *session == 4)
    });
    assert!(servers.len() > 1, "{servers:?}");
    assert!(freed.is_some_and(|second| second < 6), "{freed:?}");
}

#[test]
fn who_starves_children_of_two_users_gets_no_more_of_them() {
    let mut proxy = proxy(&signer(), 2);
    let parent = proxy.join(arrival(1, None), at(0)).unwrap().node;
    proxy.inform(parent, SessionId(1), capacity(9), at(0)).unwrap();
    let other = proxy.join(arrival(2, None), at(0)).unwrap().node;
    proxy.inform(other, SessionId(2), capacity(4), at(0)).unwrap();
    for (session, user) in [(3, "bob"), (4, "carol")] {
        let arrival = Arrival { user: user.into(), ..arrival(session, None) };
        let child = proxy.join(arrival, at(0)).unwrap();
        assert_eq!(child.server.id, parent);
        for second in 1..3 {
            proxy.inform(child.node, SessionId(session), lossy(parent, 200), at(second)).unwrap();
        }
        assert_eq!(moves(&mut proxy), [(session, other)]);
    }
    let newcomer = proxy.join(arrival(5, None), at(3)).unwrap();
    assert_eq!(newcomer.server.id, other, "though the first has more room");
    proxy.expire(at(70));
    let later = proxy.join(arrival(6, None), at(70)).unwrap();
    assert_eq!(later.server.id, parent);
}

#[test]
fn after_a_new_start_all_come_back_in_any_order() {
    let key = signer();
    let nodes = chain(&mut proxy(&key, 1), 3);
    let mut again = proxy(&key, 1);
    let ticket = |n: usize| nodes[n].server.ticket.as_deref();
    let early = again.join(arrival(3, ticket(2)), at(1)).unwrap_err();
    assert_eq!((early.code, early.retry_after), (ErrorCode::Unavailable, Some(1)));
    for session in [1, 2, 3] {
        let node = &nodes[session as usize - 1];
        let back = again.join(arrival(session, node.server.ticket.as_deref()), at(2)).unwrap();
        assert_eq!((back.node, back.server.id), (node.node, node.server.id));
        again.inform(back.node, SessionId(session), capacity(1), at(2)).unwrap();
    }
    assert_eq!(moves(&mut again), []);
    // Those who were not there before wait until these have had time to come back.
    let mut careful = proxy(&key, 1).anew();
    let newcomer = careful.join(arrival(9, None), at(1)).unwrap_err();
    assert_eq!((newcomer.code, newcomer.retry_after), (ErrorCode::Unavailable, Some(5)));
    let back = careful.join(arrival(1, ticket(0)), at(4)).unwrap();
    assert_eq!((back.node, back.server.id), (nodes[0].node, NodeId::ROOT));
    let newcomer = careful.join(arrival(9, None), at(5)).unwrap_err();
    assert_eq!(newcomer.code, ErrorCode::NoServerNode, "the place is its again");
    // When the time to settle is over, whoever comes is placed.
    let mut late = proxy(&key, 1);
    let placed = late.join(arrival(3, ticket(2)), at(31)).unwrap();
    assert_eq!((placed.node, placed.server.id), (nodes[2].node, NodeId::ROOT));
}

#[test]
fn who_comes_back_without_a_service_serves_nobody() {
    let mut proxy = proxy(&signer(), 1);
    let node = chain(&mut proxy, 1).remove(0);
    let quiet = Arrival { service: None, ..arrival(2, node.server.ticket.as_deref()) };
    assert_eq!(proxy.join(quiet, at(1)).unwrap().node, node.node);
    for session in 3..9 {
        let refused = proxy.join(arrival(session, None), at(1)).unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (ErrorCode::NoServerNode, Some(5)));
        assert_eq!(proxy.nodes(), 1, "who was not let in is not there");
    }
    // Its children of before go elsewhere.
    let mut proxy = self::proxy(&signer(), 2);
    let nodes = chain(&mut proxy, 3);
    assert_eq!(nodes[2].server.id, nodes[0].node);
    notices(&mut proxy);
    let quiet = Arrival { service: None, ..arrival(4, nodes[0].server.ticket.as_deref()) };
    proxy.join(quiet, at(1)).unwrap();
    assert_eq!(moves(&mut proxy), [(3, nodes[1].node)]);
}

#[test]
fn who_is_back_and_finds_no_place_is_not_there_for_ever() {
    let mut proxy = proxy(&signer(), 1);
    let nodes = chain(&mut proxy, 2);
    // The second one waits: the first serves nobody any more, and the streaming server is full.
    proxy.inform(nodes[0].node, SessionId(1), capacity(0), at(1)).unwrap();
    proxy.lost(nodes[1].node, SessionId(2), at(1));
    let ticket = nodes[1].server.ticket.as_deref();
    let refused = proxy.join(arrival(3, ticket), at(2)).unwrap_err();
    assert_eq!(refused.code, ErrorCode::NoServerNode);
    // He goes away without a word: nobody has logged in over that connection.
    assert_eq!(proxy.expire(at(2 + 15)), [nodes[1].node]);
    assert_eq!(proxy.nodes(), 1);
}

#[test]
fn a_dead_node_is_forgotten_even_if_who_says_so_finds_no_place() {
    let mut proxy = proxy(&signer(), 1);
    let nodes = chain(&mut proxy, 3);
    // With the first, the only place is gone to the second one that reports.
    proxy.lost(nodes[1].node, SessionId(2), at(1));
    proxy.inform(nodes[0].node, SessionId(1), capacity(0), at(1)).unwrap();
    let gone = ReConfiguration { gone: nodes[1].node, at: None };
    let refused = proxy.reconfigure(nodes[2].node, SessionId(3), gone, at(1)).unwrap_err();
    assert_eq!(refused.code, ErrorCode::NoServerNode);
    assert_eq!(proxy.nodes(), 2);
    // When there is room again, the one that waits is told, and the one that was removed may come.
    notices(&mut proxy);
    proxy.inform(nodes[0].node, SessionId(1), capacity(2), at(40)).unwrap();
    assert_eq!(moves(&mut proxy), [(3, nodes[0].node)]);
    let ticket = nodes[1].server.ticket.as_deref();
    let back = proxy.join(arrival(4, ticket), at(41)).unwrap();
    assert_eq!((back.node, proxy.nodes()), (nodes[1].node, 3));
}

#[test]
fn nobody_picks_his_place() {
    let mut proxy = proxy(&signer(), 4);
    let nodes = chain(&mut proxy, 5);
    let child = &nodes[4];
    assert_eq!(child.server.id, nodes[0].node);
    let is_told =
        |node: &ReStreamingConnection| child.standbys.iter().any(|standby| standby.id == node.node);
    let other = nodes[1..4].iter().find(|node| !is_told(node)).unwrap();
    // Of those that are left, this one has the most room.
    let best = (1..4).find(|&n| is_told(&nodes[n])).unwrap();
    proxy.inform(nodes[best].node, SessionId(best as u64 + 1), capacity(9), at(1)).unwrap();
    let wish = ReConfiguration { gone: nodes[0].node, at: Some(other.node) };
    let placed = proxy.reconfigure(child.node, SessionId(5), wish, at(1)).unwrap();
    assert_eq!(placed.server.id, nodes[best].node, "as any that reports its server node");
}

/// The session that is asked whether it is there.
fn probed(proxy: &mut TopologyConfiguration) -> Option<u64> {
    notices(proxy).into_iter().find_map(|notice| match notice {
        Notice::Probe { session, .. } => Some(session.0),
        _ => None,
    })
}

#[test]
fn who_is_said_to_be_gone_is_asked_and_stays_when_it_answers() {
    let mut proxy = proxy(&signer(), 1);
    let nodes = chain(&mut proxy, 3);
    let gone = ReConfiguration { gone: nodes[1].node, at: None };
    let _ = proxy.reconfigure(nodes[2].node, SessionId(3), gone, at(1));
    assert_eq!(probed(&mut proxy), Some(2));
    // Another connection cannot say so for it.
    proxy.confirmed(nodes[1].node, SessionId(9));
    proxy.confirmed(nodes[1].node, SessionId(2));
    assert!(!proxy.lost(nodes[1].node, SessionId(2), at(3)));
    assert_eq!(proxy.nodes(), 3);
}

#[test]
fn who_is_cut_off_makes_room_for_its_children() {
    let mut proxy = proxy(&signer(), 1);
    let nodes = chain(&mut proxy, 4);
    notices(&mut proxy);
    // The third has gone on at the first, which still has the second.
    let gone = ReConfiguration { gone: nodes[1].node, at: Some(nodes[0].node) };
    let _ = proxy.reconfigure(nodes[2].node, SessionId(3), gone, at(1));
    assert_eq!(probed(&mut proxy), Some(2));
    assert!(proxy.lost(nodes[1].node, SessionId(2), at(3)));
    assert_eq!(proxy.nodes(), 3);
    let third = notices(&mut proxy).into_iter().find_map(|notice| match notice {
        Notice::Reassign { session: SessionId(3), connection, .. } => Some(connection),
        _ => None,
    });
    let third = third.expect("it is told where it is now");
    assert_eq!(third.server.id, nodes[0].node);
    assert!(third.standbys.iter().all(|standby| standby.id != nodes[1].node));
}
