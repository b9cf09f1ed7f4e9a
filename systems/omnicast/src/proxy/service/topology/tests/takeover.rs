//! What is written down is enough to go on from.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::proxy::pluggable::topology::Kind;

/// What another proxy server would find.
#[derive(Debug, Default)]
struct Book(BTreeMap<NodeId, Entry>);

impl Book {
    /// Takes what has to be written, as of this term.
    fn write(&mut self, proxy: &mut TopologyConfiguration, term: Term) {
        while let Some(record) = proxy.poll_record() {
            assert_eq!((record.channel.as_str(), record.term), (CHANNEL, term));
            match record.entry {
                Some(entry) => self.0.insert(record.node, entry),
                None => self.0.remove(&record.node),
            };
        }
    }

    /// A proxy server that begins with it.
    fn open(&self, kind: Kind, term: Term, now: Now) -> TopologyConfiguration {
        let url = "rtsp://10.0.0.1:8554/live".to_owned();
        let channels = vec![ChannelSettings { name: CHANNEL.into(), url, capacity: 2 }];
        let settings =
            Settings { channels, topology: kind, nodes_per_user: 1000, ..Settings::default() };
        let signer = Signer::read(&signer()).unwrap();
        let mut proxy = TopologyConfiguration::new(settings, signer, now).unwrap().shared();
        let entries = self.0.iter().map(|(node, entry)| (*node, entry.clone()));
        proxy.open(CHANNEL, term, entries.collect(), now);
        proxy
    }

    /// Nobody has more children than he can serve.
    fn check(&self) {
        let children = |server| self.0.values().filter(move |entry| entry.server == Some(server));
        assert!(children(NodeId::ROOT).count() <= 2);
        for (node, entry) in &self.0 {
            assert!(children(*node).count() <= entry.capacity as usize, "{node}: {:?}", self.0);
        }
    }
}

/// What a node does, chosen among those that there are.
#[derive(Clone, Copy, Debug)]
enum Step {
    Join {
        capacity: u32,
    },
    Capacity {
        who: usize,
        capacity: u32,
    },
    Report {
        who: usize,
    },
    Leave {
        who: usize,
    },
    Lose {
        who: usize,
    },
    Wait {
        seconds: u64,
    },
    /// Another proxy server takes over.
    Takeover,
}

fn step() -> impl Strategy<Value = Step> {
    let (who, capacity) = (any::<prop::sample::Index>(), 0u32..5);
    let who = who.prop_map(|index| index.index(1 << 16));
    prop_oneof![
        6 => capacity.clone().prop_map(|capacity| Step::Join { capacity }),
        2 => (who.clone(), capacity).prop_map(|(who, capacity)| Step::Capacity { who, capacity }),
        2 => who.clone().prop_map(|who| Step::Report { who }),
        2 => who.clone().prop_map(|who| Step::Leave { who }),
        1 => who.prop_map(|who| Step::Lose { who }),
        1 => (1u64..20).prop_map(|seconds| Step::Wait { seconds }),
        1 => Just(Step::Takeover),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whoever_takes_over_knows_what_was_told(
        kind in prop::sample::select(Kind::ALL.to_vec()),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let (mut book, mut term, mut second) = (Book::default(), Term(1), 0);
        let mut proxy = book.open(kind, term, at(0));
        // The session and the node of each that is connected.
        let mut nodes: Vec<(SessionId, NodeId)> = Vec::new();
        for (session, step) in (1..).zip(steps) {
            let now = at(second);
            let some = |who: usize| nodes.get(who % nodes.len().max(1)).copied();
            match step {
                Step::Join { capacity: places } => {
                    let joining = proxy.join(arrival(session, None), now);
                    if let Ok(ReStreamingConnection { node, .. }) = joining {
                        proxy.inform(node, SessionId(session), capacity(places), now).unwrap();
                        nodes.push((SessionId(session), node));
                    }
                }
                Step::Capacity { who, capacity: places } => {
                    if let Some((session, node)) = some(who) {
                        let _ = proxy.inform(node, session, capacity(places), now);
                    }
                }
                Step::Report { who } => {
                    if let Some((session, node)) = some(who)
                        && let Some(gone) = book.0.get(&node).and_then(|entry| entry.server)
                    {
                        let gone = ReConfiguration { gone, at: None };
                        let _ = proxy.reconfigure(node, session, gone, now);
                    }
                }
                Step::Leave { who } => {
                    if let Some((session, node)) = some(who) {
                        proxy.leave(node, session, now);
                        nodes.retain(|(_, other)| *other != node);
                    }
                }
                Step::Lose { who } => {
                    if let Some((session, node)) = some(who) {
                        proxy.lost(node, session, now);
                        nodes.retain(|(_, other)| *other != node);
                    }
                }
                Step::Wait { seconds } => {
                    second += seconds;
                    proxy.expire(at(second));
                }
                Step::Takeover => {
                    let before = book.0.clone();
                    term = Term(term.0 + 1);
                    proxy = book.open(kind, term, now);
                    prop_assert_eq!(proxy.nodes(), before.len());
                    book.write(&mut proxy, term);
                    // Who had a place has it; who waited, or was below one that did, may have got one.
                    let served = |node: &NodeId| {
                        let mut at = *node;
                        while at != NodeId::ROOT {
                            let server = before.get(&at).and_then(|entry| entry.server);
                            let Some(server) = server else { return false };
                            at = server;
                        }
                        true
                    };
                    for (node, entry) in before.iter().filter(|(node, _)| served(node)) {
                        prop_assert_eq!(book.0.get(node), Some(entry));
                    }
                    // All have lost their connections with it.
                    nodes.clear();
                }
            }
            notices(&mut proxy);
            book.write(&mut proxy, term);
            book.check();
        }
    }
}

#[test]
fn places_are_kept_until_their_nodes_had_time_to_come() {
    let (mut book, kind) = (Book::default(), Kind::Indexed);
    let mut proxy = book.open(kind, Term(1), at(0));
    let nodes = chain(&mut proxy, 2);
    book.write(&mut proxy, Term(1));
    let mut heir = book.open(kind, Term(2), at(100));
    // Two had room at the streaming server, and one of them for one more.
    let full = |heir: &mut TopologyConfiguration, second| {
        heir.join(arrival(9, None), at(second)).unwrap_err().code
    };
    assert_eq!(full(&mut heir, 100), ErrorCode::NoServerNode);
    assert_eq!(heir.expire(at(129)), []);
    assert_eq!(full(&mut heir, 129), ErrorCode::NoServerNode);
    assert_eq!(heir.expire(at(130)).len(), nodes.len());
    assert_eq!(heir.join(arrival(9, None), at(131)).unwrap().server.id, NodeId::ROOT);
}

#[test]
fn who_places_nobody_says_who_does() {
    let book = Book::default();
    let mut proxy = book.open(Kind::Indexed, Term(1), at(0));
    let node = proxy.join(arrival(1, None), at(0)).unwrap().node;
    proxy.close(CHANNEL, None);
    assert_eq!(notices(&mut proxy), [Notice::Closed(SessionId(1))]);
    assert_eq!((proxy.nodes(), proxy.terms()), (0, Vec::new()));
    let refused = proxy.join(arrival(2, None), at(1)).unwrap_err();
    assert_eq!((refused.code, refused.proxy), (ErrorCode::Elsewhere, None));
    proxy.close(CHANNEL, Some("10.0.0.2:8500".to_owned()));
    let refused = proxy.join(arrival(2, None), at(1)).unwrap_err();
    assert_eq!(refused.proxy.as_deref(), Some("10.0.0.2:8500"));
    // It is nothing to this one any more what becomes of the node.
    assert!(!proxy.lost(node, SessionId(1), at(1)));
    let other = Arrival { channel: "tv".into(), ..arrival(3, None) };
    assert_eq!(proxy.join(other, at(1)).unwrap_err().code, ErrorCode::UnknownChannel);
}
