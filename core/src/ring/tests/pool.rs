//! Buffers: the spans over them, and when they are filled again.

use crate::ring::{Pool, Span};

#[test]
fn spans_are_split_off_the_front() {
    let mut pool = Pool::new(16, 1);
    let mut filling = pool.take().unwrap();
    assert_eq!((filling.remaining(), filling.unfilled().len()), (16, 16));
    filling.unfilled()[..10].copy_from_slice(b"headabcdef");
    filling.advance(10);
    filling.skip(4);
    assert_eq!(filling.filled(), b"abcdef");
    filling.filled_mut()[0] = b'A';
    assert!(filling.split(7).is_none());
    let span = filling.split(4).unwrap();
    assert_eq!((&*span, filling.filled()), (&b"Abcd"[..], &b"ef"[..]));
    filling.unfilled().fill(b'x');
    filling.advance(usize::MAX);
    assert_eq!(filling.remaining(), 0);
    filling.skip(usize::MAX);
    assert!(filling.filled().is_empty() && filling.unfilled().is_empty());
    assert_eq!(&*span, b"Abcd");
}

#[test]
fn a_chunk_is_filled_again_when_its_last_span_is_gone() {
    let mut pool = Pool::new(8, 2);
    let mut first = pool.take().unwrap();
    first.advance(8);
    let span = first.split(8).unwrap();
    let part = span.slice(2..3).unwrap();
    let second = pool.take().unwrap();
    assert_eq!((pool.allocated(), pool.in_use()), (2, 2));
    assert!(pool.take().is_none());
    drop((first, span));
    assert!(pool.take().is_none(), "a part of it is held");
    drop(part);
    assert_eq!(pool.in_use(), 1);
    let again = pool.take().unwrap();
    assert_eq!((again.remaining(), pool.allocated()), (8, 2));
    drop(second);
    assert!(pool.take().is_some());
}

#[test]
fn a_lower_limit_gives_back_what_nobody_holds() {
    let mut pool = Pool::new(8, 6);
    let mut held: Vec<_> = (0..6).map(|_| pool.take().unwrap()).collect();
    pool.limit(4);
    assert_eq!((pool.allocated(), pool.max_chunks()), (6, 4));
    assert!(pool.take().is_none(), "all are held");
    held.truncate(3);
    assert!(pool.take().is_some(), "what is there may be used until it is given back");
    pool.limit(4);
    assert_eq!((pool.allocated(), pool.in_use()), (4, 3));
    held.push(pool.take().unwrap());
    assert!(pool.take().is_none());
    pool.limit(5);
    held.push(pool.take().unwrap());
    held.clear();
    pool.limit(0);
    assert_eq!(pool.allocated(), 0);
    assert!(pool.take().is_none());
}

#[test]
fn chunks_go_round_in_the_order_of_taking() {
    let mut pool = Pool::new(1, 64);
    let mut held = std::collections::VecDeque::new();
    for round in 0..1_000 {
        let filling = pool.take().expect("40 of 64 are held");
        held.push_back(filling);
        if held.len() > 40 {
            held.pop_front();
        }
        assert!(pool.allocated() <= 41, "round {round}");
    }
}

#[test]
fn every_free_chunk_is_found() {
    let mut pool = Pool::new(1, 100);
    let mut held: Vec<_> = std::iter::from_fn(|| pool.take()).collect();
    assert_eq!(held.len(), 100);
    for index in [99, 0, 50] {
        held.swap_remove(index.min(held.len() - 1));
        held.push(pool.take().expect("one is free"));
        assert!(pool.take().is_none());
    }
}

#[test]
fn spans_outlive_pool_and_ring() {
    let span = {
        let mut pool = Pool::new(4, 1);
        let mut filling = pool.take().unwrap();
        filling.unfilled().copy_from_slice(b"kept");
        filling.advance(4);
        let mut producer = crate::ring::ring(2, 1);
        producer.publish(filling.split(4).unwrap()).unwrap();
        let mut reader = producer.subscribe(std::sync::Arc::new(())).unwrap();
        reader.view(0).get(0).unwrap().clone()
    };
    assert_eq!(&*span, b"kept");
}

#[test]
fn slices_stay_inside() {
    let span = Span::copy_from_slice(b"0123456789");
    assert_eq!(&*span.slice(3..).unwrap().slice(1..=2).unwrap(), b"45");
    assert_eq!(span.slice(..).unwrap(), span);
    assert!(span.slice(10..10).unwrap().is_empty());
    assert!(span.slice(4..11).is_none());
    assert!(span.slice(..=usize::MAX).is_none());
    assert!(span.slice(usize::MAX..).is_none());
    #[expect(clippy::reversed_empty_ranges, reason = "that is the case to be refused")]
    let reversed = span.slice(5..4);
    assert!(reversed.is_none());
}

#[test]
fn a_span_is_two_words() {
    assert_eq!(size_of::<Span>(), 16);
    assert_eq!(size_of::<Option<Span>>(), 16);
}

#[test]
fn a_pool_without_chunks_is_spent() {
    assert!(Pool::new(16, 0).take().is_none());
    assert_eq!(Pool::new(0, 1).take().unwrap().remaining(), 0);
}
