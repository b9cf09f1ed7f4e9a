//! Any sequence of operations against the plain way to say what a ring is: a `VecDeque`.

use std::collections::VecDeque;
use std::sync::Arc;

use proptest::prelude::*;

use crate::ring::{Full, Producer, ring};

const CAPACITY: u64 = 16;
const BATCH: u64 = CAPACITY / 8;
const READERS: usize = 3;

#[derive(Debug, Clone)]
enum Op {
    Publish(u8),
    /// A batch that is shown when it is complete.
    Stage(u8),
    Evict(u8),
    MarkKey(u8),
    /// One reader looks, from this far behind (or ahead of) the head.
    Look(usize, i8),
    /// One reader keeps a view open over so many publications.
    Hold(usize, i8, u8),
    /// One reader keeps payloads (not a view).
    Keep(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let behind = -20i8..4;
    prop_oneof![
        4 => (1..12u8).prop_map(Op::Publish),
        2 => (1..40u8).prop_map(Op::Stage),
        1 => (0..20u8).prop_map(Op::Evict),
        2 => (0..20u8).prop_map(Op::MarkKey),
        4 => (0..READERS, behind.clone()).prop_map(|(reader, from)| Op::Look(reader, from)),
        2 => (0..READERS, behind, 0..40u8).prop_map(|(r, from, n)| Op::Hold(r, from, n)),
        1 => (0..READERS).prop_map(Op::Keep),
    ]
}

/// What is readable, oldest first: position and payload.
#[derive(Default)]
struct Oracle {
    log: VecDeque<(u64, Arc<u64>)>,
    head: u64,
    key: Option<u64>,
}

impl Oracle {
    fn tail(&self) -> u64 {
        self.log.front().map_or(self.head, |(position, _)| *position)
    }

    fn evict(&mut self, before: u64) {
        while self.log.front().is_some_and(|(position, _)| *position < before) {
            self.log.pop_front();
        }
    }

    fn key(&self) -> Option<u64> {
        self.key.filter(|key| *key >= self.tail())
    }

    fn after(&self, from: u64) -> Vec<(u64, u64)> {
        self.log.iter().filter(|(at, _)| *at >= from).map(|(at, item)| (*at, **item)).collect()
    }
}

fn relative(head: u64, offset: i8) -> u64 {
    head.saturating_add_signed(offset.into())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..Default::default() })]

    #[test]
    fn behaves_like_a_deque(ops in prop::collection::vec(op(), 1..80)) {
        let mut producer = ring::<Arc<u64>>(CAPACITY as usize, READERS + 1);
        let watcher = producer.subscribe(Arc::new(())).unwrap();
        let mut readers: Vec<_> =
            (0..READERS).map(|_| producer.subscribe(Arc::new(())).unwrap()).collect();
        let mut oracle = Oracle::default();
        let mut kept = Vec::new();
        let mut made = 0;

        for op in ops {
            // A view that is open while the producer goes on, and what it is to show.
            let mut open = None;
            let mut publish = 0;
            let mut staged = false;
            match op {
                Op::Publish(n) => publish = n,
                Op::Stage(n) => (publish, staged) = (n, true),
                Op::Evict(n) => {
                    let before = relative(producer.tail(), n as i8);
                    producer.evict(before);
                    oracle.evict(before);
                }
                Op::MarkKey(n) => {
                    let position = relative(producer.tail(), n as i8);
                    producer.mark_key(position);
                    let there = (oracle.tail()..oracle.head).contains(&position);
                    if there && oracle.key.is_none_or(|key| key < position) {
                        oracle.key = Some(position);
                    }
                }
                Op::Look(reader, offset) => {
                    let from = relative(oracle.head, offset);
                    let view = readers[reader].view(from);
                    let seen: Vec<_> = view.iter().map(|(at, item)| (at, **item)).collect();
                    prop_assert_eq!(&seen, &oracle.after(from));
                    prop_assert_eq!(view.lost(), if from < oracle.head {
                        oracle.tail().saturating_sub(from)
                    } else {
                        0
                    });
                }
                Op::Hold(reader, offset, n) => {
                    let from = relative(oracle.head, offset);
                    open = Some((readers[reader].view(from), oracle.after(from)));
                    publish = n;
                }
                Op::Keep(reader) => {
                    let view = readers[reader].view(0);
                    kept.extend(view.iter().map(|(at, item)| (at, **item, item.clone())));
                }
            }

            for _ in 0..publish {
                let item = Arc::new(made);
                made += 1;
                let leased = open.as_ref().and_then(|(_, items)| items.first()).map(|(at, _)| *at);
                let put = if staged { Producer::stage } else { Producer::publish };
                match put(&mut producer, item.clone()) {
                    Ok(position) => {
                        prop_assert_eq!(position, oracle.head);
                        oracle.log.push_back((position, item));
                        oracle.head += 1;
                        if let Some(first) = leased {
                            prop_assert!(oracle.head - first <= CAPACITY, "a lease was run over");
                        }
                    }
                    Err(Full(back)) => {
                        prop_assert_eq!(*back, made - 1);
                        let first = leased.expect("full without a lease");
                        prop_assert_eq!(oracle.head - first, CAPACITY);
                    }
                }
                // How early the oldest are given up is the ring's to choose, in these bounds.
                prop_assert!(producer.tail() >= oracle.tail());
                prop_assert!(producer.tail() + CAPACITY <= oracle.head + BATCH
                    || producer.tail() == oracle.tail());
                oracle.evict(producer.tail());
                prop_assert!(watcher.tail() <= watcher.head() && watcher.head() <= oracle.head);
            }
            producer.notify();
            prop_assert_eq!(watcher.head(), oracle.head);
            if let Some((view, items)) = open {
                let seen: Vec<_> = view.iter().map(|(at, item)| (at, **item)).collect();
                prop_assert_eq!(seen, items);
            }
            prop_assert_eq!(producer.head(), oracle.head);
            prop_assert_eq!(producer.newest_key(), oracle.key());
            prop_assert_eq!(watcher.newest_key(), oracle.key());
        }

        for (_, value, item) in &kept {
            prop_assert_eq!(**item, *value);
        }
        drop(kept);
        // What the ring has given up it has dropped, but for what waits for its slot to be reused.
        producer.evict(producer.head());
        drop(producer);
        drop((readers, watcher));
        for (_, item) in &oracle.log {
            prop_assert_eq!(Arc::strong_count(item), 1);
        }
    }
}
