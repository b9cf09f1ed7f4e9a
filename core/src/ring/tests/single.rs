//! What one thread can see.

use std::sync::Arc;

use std::time::{Duration, Instant};

use crate::ring::{Full, TooManyReaders, Wait, Wake, ring};
use crate::sync::{AtomicU32, Ordering};

#[test]
fn items_come_in_order() {
    let mut producer = ring(8, 1);
    let mut reader = producer.subscribe(Arc::new(())).unwrap();
    for item in 10..13 {
        producer.publish(item).unwrap();
    }
    let view = reader.view(0);
    assert_eq!(view.iter().collect::<Vec<_>>(), [(0, &10), (1, &11), (2, &12)]);
    assert_eq!(view.iter_from(1).next(), Some((1, &11)));
    assert_eq!((view.get(2), view.get(3)), (Some(&12), None));
    assert_eq!((view.start(), view.end(), view.lost(), view.len()), (0, 3, 0, 3));
    drop(view);
    assert!(reader.view(3).is_empty());
    assert!(reader.view(99).is_empty());
}

#[test]
fn a_slow_reader_is_told_what_it_lost() {
    let mut producer = ring(16, 1);
    let mut reader = producer.subscribe(Arc::new(())).unwrap();
    for item in 0..40 {
        producer.publish(item).unwrap();
    }
    let view = reader.view(3);
    // The last slots were given up an eighth (two) at a time.
    assert_eq!((view.start(), view.end(), view.lost()), (24, 40, 21));
    assert!(view.iter().all(|(position, item)| position == *item));
}

#[test]
fn a_view_open_for_a_lap_makes_the_ring_full_and_its_end_frees_it() {
    let mut producer = ring(4, 2);
    let mut stuck = producer.subscribe(Arc::new(())).unwrap();
    let mut other = producer.subscribe(Arc::new(())).unwrap();
    for item in 0..4 {
        producer.publish(item).unwrap();
    }
    let view = stuck.view(1);
    producer.publish(4).unwrap();
    for _ in 0..3 {
        let Err(Full(item)) = producer.publish(5) else { panic!("position 1 is leased") };
        assert_eq!(item, 5);
    }
    assert_eq!(view.iter().map(|(_, item)| *item).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(other.view(0).end(), 5);
    drop(view);
    assert_eq!(producer.publish(5).unwrap(), 5);
}

#[test]
fn a_forgotten_view_costs_items_and_no_more() {
    let mut producer = ring(4, 1);
    let mut reader = producer.subscribe(Arc::new(())).unwrap();
    producer.publish(0).unwrap();
    std::mem::forget(reader.view(0));
    let refused = (1..9).filter(|item| producer.publish(*item).is_err()).count();
    assert_eq!(refused, 5);
    assert_eq!(reader.view(2).lost(), 0);
    producer.publish(9).unwrap();
    drop(reader);
    producer.publish(10).unwrap();
}

#[test]
fn the_newest_key_is_told_while_it_is_there() {
    let mut producer = ring(8, 1);
    let reader = producer.subscribe(Arc::new(())).unwrap();
    assert_eq!(reader.newest_key(), None);
    producer.mark_key(0);
    assert_eq!(reader.newest_key(), None, "not published yet");
    for item in 0..6 {
        producer.publish(item).unwrap();
    }
    producer.mark_key(3);
    producer.mark_key(1);
    assert_eq!((reader.newest_key(), producer.newest_key()), (Some(3), Some(3)));
    producer.evict(4);
    assert_eq!((reader.newest_key(), producer.newest_key()), (None, None));
    producer.mark_key(3);
    assert_eq!(reader.newest_key(), None);
    producer.mark_key(5);
    assert_eq!(reader.newest_key(), Some(5));
}

#[test]
fn eviction_drops_payloads_now_or_when_the_view_ends() {
    let items: Vec<_> = (0..6).map(Arc::new).collect();
    let held = || items.iter().filter(|item| Arc::strong_count(item) > 1).count();
    let mut producer = ring(8, 1);
    let mut reader = producer.subscribe(Arc::new(())).unwrap();
    for item in &items {
        producer.publish(item.clone()).unwrap();
    }
    producer.evict(2);
    assert_eq!((held(), producer.tail()), (4, 2));
    let view = reader.view(0);
    assert_eq!((view.start(), view.lost()), (2, 2));
    producer.evict(99);
    assert_eq!((held(), producer.tail()), (4, 6));
    drop(view);
    producer.publish(Arc::new(6)).unwrap();
    assert_eq!(held(), 0);
    assert_eq!(reader.view(0).iter().map(|(at, _)| at).collect::<Vec<_>>(), [6]);
}

#[test]
fn the_end_leaves_what_is_left_to_be_read() {
    let mut producer = ring(8, 2);
    let subscriber = producer.subscriber();
    let mut reader = producer.subscribe(Arc::new(())).unwrap();
    producer.publish("last").unwrap();
    assert_eq!(reader.wait(1, Some(Duration::ZERO)), Wait::TimedOut);
    drop(producer);
    assert!(reader.is_ended() && !reader.park(1));
    assert_eq!(reader.wait(0, None), Wait::Ready);
    assert_eq!(reader.view(0).get(0), Some(&"last"));
    assert_eq!(reader.wait(1, None), Wait::Ended);
    let mut late = subscriber.subscribe(Arc::new(())).unwrap();
    assert_eq!(late.view(0).get(0), Some(&"last"));
}

#[test]
fn a_wait_ends_in_time() {
    let producer = ring::<u8>(8, 1);
    let mut reader = producer.subscribe(Arc::new(())).unwrap();
    let start = Instant::now();
    assert_eq!(reader.wait(0, Some(Duration::from_millis(20))), Wait::TimedOut);
    assert!(start.elapsed() >= Duration::from_millis(20));
}

struct Count(AtomicU32);

impl Wake for Count {
    fn wake(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn only_a_parked_reader_is_woken_and_once() {
    let mut producer = ring(8, 1);
    let count = Arc::new(Count(AtomicU32::new(0)));
    let reader = producer.subscribe(count.clone()).unwrap();
    let woken = || count.0.load(Ordering::Relaxed);
    producer.publish(0).unwrap();
    producer.notify();
    assert_eq!(woken(), 0);
    assert!(!reader.park(0), "there is something to read");
    assert!(reader.park(1) && reader.park(1));
    producer.publish(1).unwrap();
    producer.notify();
    producer.publish(2).unwrap();
    producer.notify();
    assert_eq!(woken(), 1);
    assert!(reader.park(3));
    drop(producer);
    assert_eq!(woken(), 2);
}

#[test]
fn seats_are_limited_and_come_free() {
    let producer = ring::<u8>(8, 2);
    let subscriber = producer.subscriber();
    let wake = || Arc::new(());
    let first = producer.subscribe(wake()).unwrap();
    let _second = subscriber.subscribe(wake()).unwrap();
    assert_eq!(subscriber.subscribe(wake()).unwrap_err(), TooManyReaders { limit: 2 });
    assert!(first.park(0));
    drop(first);
    assert!(subscriber.clone().subscribe(wake()).is_ok());
}

#[test]
fn one_slot_is_enough() {
    let mut producer = ring(1, 1);
    let mut reader = producer.subscribe(Arc::new(())).unwrap();
    for item in 0..5u64 {
        producer.publish(item).unwrap();
        assert_eq!(reader.view(0).get(item), Some(&item));
    }
}
