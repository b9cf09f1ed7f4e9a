//! Who meets whom: each scenario is a loom model and a stress test.

use super::harness::{Census, Doorbell, Probe, Witness, run, scale, thread};
use crate::ring::{Pool, Producer, Reader, Span, Wait, ring};
use crate::sync::Arc;

const CAPACITY: usize = scale(2, 64) as usize;

fn polling<T: Send + Sync>(producer: &Producer<T>) -> Reader<T> {
    producer.subscribe(std::sync::Arc::new(())).unwrap()
}

/// Publishes `items` probes whose value is their position; returns how many found no room.
fn publish(producer: &mut Producer<Probe>, census: &Census, items: u64) -> u64 {
    let mut full = 0;
    for _ in 0..items {
        let position = producer.head();
        match producer.publish(census.probe(position)) {
            Ok(at) => assert_eq!(at, position),
            Err(_) => full += 1,
        }
    }
    full
}

/// Reads what one view shows, checks it, and returns where to go on.
fn look(reader: &mut Reader<Probe>, from: u64) -> u64 {
    let view = reader.view(from);
    assert_eq!(view.start(), from + view.lost());
    for (position, probe) in view.iter() {
        assert_eq!(probe.read(), position);
    }
    // A second time: the lease must last as long as the view does.
    for (position, probe) in view.iter() {
        assert_eq!(probe.read(), position);
    }
    let end = view.end();
    drop(view);
    assert!(end <= reader.head());
    end
}

/// A reader polls while the producer goes round the ring, more than once.
#[test]
fn lap() {
    run(3, || {
        let census = Census::default();
        let mut producer = ring(CAPACITY, 1);
        let mut reader = polling(&producer);
        let counted = census.clone();
        let writer = thread::spawn(move || {
            publish(&mut producer, &counted, scale(4, 20_000));
        });
        let mut next = 0;
        for _ in 0..scale(2, 5_000) {
            next = look(&mut reader, next);
        }
        writer.join().unwrap();
        drop(reader);
        assert_eq!(census.alive(), 0);
    });
}

/// Two readers at different places, one of them starting late.
#[test]
fn two_readers() {
    run(2, || {
        let census = Census::default();
        let mut producer = ring(CAPACITY, 2);
        let readers = [polling(&producer), polling(&producer)];
        publish(&mut producer, &census, 1);
        let threads = readers.map(|mut reader| {
            thread::spawn(move || {
                let mut next = 0;
                for _ in 0..scale(1, 5_000) {
                    next = look(&mut reader, next);
                }
            })
        });
        publish(&mut producer, &census, scale(2, 20_000));
        drop(producer);
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(census.alive(), 0);
    });
}

/// What a view covers stays, whatever laps the producer makes meanwhile; and a payload cloned out
/// of it stays after the view, too.
#[test]
fn hold_across_lap() {
    run(3, || {
        let census = Census::default();
        let mut producer = ring(CAPACITY, 1);
        let mut reader = polling(&producer);
        producer.publish(Arc::new(census.probe(0))).unwrap();
        let counted = census.clone();
        let writer = thread::spawn(move || {
            let mut full = 0;
            for _ in 0..scale(3, 200) {
                let item = Arc::new(counted.probe(producer.head()));
                full += u64::from(producer.publish(item).is_err());
            }
            // Never blocked, and what found no room was told.
            assert_eq!(producer.head() + full, scale(4, 201));
        });
        let view = reader.view(0);
        let kept: Vec<_> = view.iter().map(|(at, item)| (at, item.clone())).collect();
        thread::yield_now();
        for (position, item) in view.iter() {
            assert_eq!(item.read(), position);
        }
        drop(view);
        writer.join().unwrap();
        drop(reader);
        for (position, item) in &kept {
            assert_eq!(item.read(), *position);
        }
        assert_eq!(census.alive(), kept.len() as isize);
    });
}

/// One view after another, so that the producer may find the second lease without having seen the
/// end of the first.
#[test]
fn lease_after_lease() {
    run(3, || {
        let census = Census::default();
        let mut producer = ring(CAPACITY, 1);
        let mut reader = polling(&producer);
        publish(&mut producer, &census, 2);
        let counted = census.clone();
        let writer = thread::spawn(move || publish(&mut producer, &counted, scale(2, 200)));
        look(&mut reader, 0);
        look(&mut reader, 1);
        writer.join().unwrap();
    });
}

/// An open view makes arriving items be refused after a lap; when it closes they are taken again.
#[test]
fn exhaustion() {
    run(3, || {
        let census = Census::default();
        let mut producer = ring(CAPACITY, 1);
        let mut reader = polling(&producer);
        publish(&mut producer, &census, 1);
        let view = reader.view(0);
        let room = CAPACITY as u64 - 1;
        assert_eq!(publish(&mut producer, &census, room), 0);
        let counted = census.clone();
        let writer = thread::spawn(move || {
            let full = publish(&mut producer, &counted, scale(2, 200));
            (producer, full)
        });
        assert_eq!(view.get(0).unwrap().read(), 0);
        drop(view);
        let (mut producer, full) = writer.join().unwrap();
        assert_eq!(producer.head() + full, CAPACITY as u64 + scale(2, 200));
        assert_eq!(publish(&mut producer, &census, 1), 0);
    });
}

/// The producer forgets under the reader's eyes; what a view covered goes with a later call.
#[test]
fn evict() {
    run(3, || {
        let census = Census::default();
        let mut producer = ring(CAPACITY, 1);
        let mut reader = polling(&producer);
        publish(&mut producer, &census, 2);
        let counted = census.clone();
        let writer = thread::spawn(move || {
            for _ in 0..scale(1, 200) {
                producer.evict(producer.head());
                publish(&mut producer, &counted, scale(1, 10));
            }
            producer
        });
        let mut next = 0;
        for _ in 0..scale(1, 100) {
            next = look(&mut reader, next);
        }
        let mut producer = writer.join().unwrap();
        producer.evict(producer.head());
        assert_eq!(census.alive(), 0);
    });
}

/// A key that is told can be found in the ring, or was overtaken and is told as lost.
#[test]
fn key() {
    run(3, || {
        let census = Census::default();
        let mut producer = ring(CAPACITY, 1);
        let mut reader = polling(&producer);
        let counted = census.clone();
        let writer = thread::spawn(move || {
            for _ in 0..scale(3, 5_000) {
                publish(&mut producer, &counted, 1);
                producer.mark_key(producer.head() - 1);
            }
        });
        for _ in 0..scale(1, 1_000) {
            let tail = reader.tail();
            assert!(tail <= reader.head());
            if let Some(key) = reader.newest_key() {
                let view = reader.view(key);
                assert!(!view.is_empty(), "a key was told before its item");
                if view.lost() == 0 {
                    assert_eq!(view.get(key).unwrap().read(), key);
                }
            }
        }
        writer.join().unwrap();
    });
}

/// Sleeps for every item until the end, and misses none but those it is told of.
fn read_to_the_end(reader: &mut Reader<Probe>) -> u64 {
    let mut next = 0;
    let mut read = 0;
    let mut lost = 0;
    while reader.wait(next, None) == Wait::Ready {
        let view = reader.view(next);
        for (position, probe) in view.iter() {
            assert_eq!(probe.read(), position);
        }
        read += view.len() as u64;
        lost += view.lost();
        next = view.end();
    }
    assert_eq!(read + lost, reader.head());
    read + lost
}

/// No wake-up is lost, and nothing that was published before the end.
#[test]
fn wait_to_the_end() {
    run(3, || {
        let census = Census::default();
        let items = scale(1, 2_000);
        let mut producer = ring(CAPACITY, 1);
        let mut reader = polling(&producer);
        let sleeper = thread::spawn(move || read_to_the_end(&mut reader));
        let mut full = 0;
        for _ in 0..items {
            full += publish(&mut producer, &census, 1);
            producer.notify();
        }
        drop(producer);
        assert_eq!(sleeper.join().unwrap() + full, items);
        assert_eq!(census.alive(), 0);
    });
}

/// What is staged is seen after the notification, or earlier when the ring makes room for it.
#[test]
fn stage() {
    run(3, || {
        let census = Census::default();
        let mut producer = ring(CAPACITY, 1);
        let mut reader = polling(&producer);
        publish(&mut producer, &census, 1);
        let counted = census.clone();
        let writer = thread::spawn(move || {
            for _ in 0..scale(1, 500) {
                for _ in 0..CAPACITY + 2 {
                    let position = producer.head();
                    // Full when the reader is in the way: its own business.
                    let _ = producer.stage(counted.probe(position));
                }
                producer.notify();
            }
        });
        let mut next = 0;
        for _ in 0..scale(1, 1_000) {
            next = look(&mut reader, next);
        }
        writer.join().unwrap();
        assert_eq!(look(&mut reader, next), reader.head());
        drop(reader);
        assert_eq!(census.alive(), 0);
    });
}

/// Who sees the end sees all that was published before it, notified of or not.
#[test]
fn end() {
    run(3, || {
        let census = Census::default();
        let mut producer = ring(CAPACITY, 1);
        let mut reader = polling(&producer);
        let counted = census.clone();
        let items = CAPACITY as u64 / 2;
        let writer = thread::spawn(move || publish(&mut producer, &counted, items));
        if reader.is_ended() {
            assert_eq!(reader.head(), items);
            assert_eq!(look(&mut reader, 0), items);
        }
        writer.join().unwrap();
        assert!(reader.is_ended());
    });
}

/// Two sleepers ring one bell: taking it down for one must not cost the other his wake-up.
#[test]
fn two_sleepers() {
    run(2, || {
        let mut producer = ring::<u64>(CAPACITY, 2);
        let readers = [polling(&producer), polling(&producer)];
        let sleepers = readers.map(|mut reader| {
            thread::spawn(move || {
                for seen in 0..scale(1, 500) {
                    assert_eq!(reader.wait(seen, None), Wait::Ready);
                }
            })
        });
        for item in 0..scale(1, 500) {
            producer.publish(item).unwrap();
            producer.notify();
        }
        for sleeper in sleepers {
            sleeper.join().unwrap();
        }
    });
}

/// A reader in an event loop parks and waits for its own bell.
#[test]
fn park() {
    run(3, || {
        let mut producer = ring::<u64>(CAPACITY, 1);
        let bell = Doorbell::new();
        let reader = producer.subscribe(bell.clone()).unwrap();
        let sleeper = thread::spawn(move || {
            for seen in 0..scale(2, 2_000) {
                while reader.park(seen) {
                    bell.wait();
                }
                assert!(reader.head() > seen);
            }
        });
        for item in 0..scale(2, 2_000) {
            producer.publish(item).unwrap();
            producer.notify();
        }
        sleeper.join().unwrap();
    });
}

/// A parked reader leaves while the producer rings for it, and another takes the seat.
#[test]
fn leave_while_woken() {
    run(3, || {
        let mut producer = ring::<u64>(CAPACITY, 1);
        let reader = producer.subscribe(Witness::new()).unwrap();
        let subscriber = producer.subscriber();
        assert!(reader.park(0));
        let leaver = thread::spawn(move || {
            drop(reader);
            // The seat is free again at once, or when the producer has done with it.
            if let Ok(next) = subscriber.subscribe(Witness::new()) {
                next.park(1);
            }
        });
        for item in 0..scale(2, 100) {
            producer.publish(item).unwrap();
            producer.notify();
        }
        leaver.join().unwrap();
        producer.notify();
        assert!(producer.subscribe(Witness::new()).is_ok());
    });
}

/// Producer, reader and subscriber go in any order, with items left; each is dropped once.
#[test]
fn drop_in_any_order() {
    run(3, || {
        let census = Census::default();
        let mut producer = ring(CAPACITY, 1);
        let mut reader = polling(&producer);
        let subscriber = producer.subscriber();
        publish(&mut producer, &census, 2);
        let threads = [
            thread::spawn(move || drop(producer)),
            thread::spawn(move || {
                look(&mut reader, 1);
            }),
        ];
        drop(subscriber);
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(census.alive(), 0);
    });
}

/// A chunk is filled again only when the last span over it is gone, on whatever thread.
#[test]
fn pool_behind_the_ring() {
    run(3, || {
        let mut pool = Pool::new(1, scale(1, 8) as usize);
        let mut producer = ring::<Span>(CAPACITY, 1);
        let mut reader = polling(&producer);
        let writer = thread::spawn(move || {
            let mut spent = 0;
            for n in 0..scale(2, 2_000) {
                let Some(mut filling) = pool.take() else {
                    spent += 1;
                    // The ring itself holds chunks, too.
                    producer.evict(producer.head());
                    continue;
                };
                filling.unfilled()[0] = n as u8;
                filling.advance(1);
                drop(producer.publish(filling.split(1).unwrap()));
                drop(filling);
                producer.evict(producer.head().saturating_sub(scale(0, 4)));
            }
            assert!(pool.allocated() <= scale(1, 8) as usize);
            spent
        });
        let mut next = 0;
        for _ in 0..scale(1, 1_000) {
            let view = reader.view(next);
            let kept = view.iter().next_back().map(|(_, span)| span.clone());
            next = view.end();
            drop(view);
            if let Some(span) = kept {
                let byte = span[0];
                thread::yield_now();
                assert_eq!(span[0], byte);
            }
        }
        writer.join().unwrap();
    });
}
