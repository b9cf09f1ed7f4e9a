//! The frame ring: one producer, many readers, and nobody waits for anybody.
//!
//! A stream's packets pass through one ring. The producer (a socket, an encoder) publishes them one
//! by one; each reader (a fan-out worker, a player, a recorder) sees all of them, in order, where
//! they lie. Nothing is copied and nothing is allocated per item. The ring knows nothing of RTP:
//! an item is any `T: Send + Sync`.
//!
//! ```
//! use rillcast::ring::{Wait, ring};
//!
//! let mut producer = ring::<&str>(1024, 8);
//! let mut reader = producer.subscribe(std::sync::Arc::new(()))?;
//! producer.publish("sequence parameter set").unwrap();
//! let key = producer.publish("key frame").unwrap();
//! producer.mark_key(key);
//! producer.notify();
//!
//! let mut next = reader.newest_key().unwrap_or(reader.head());
//! assert_eq!(reader.wait(next, None), Wait::Ready);
//! let view = reader.view(next); // a lease on all there is from `next` on
//! assert_eq!(view.iter().next(), Some((1, &"key frame")));
//! next = view.end();
//! drop(view); // given back
//! drop(producer); // the end
//! assert_eq!(reader.wait(next, None), Wait::Ended);
//! # Ok::<(), rillcast::ring::TooManyReaders>(())
//! ```
//!
//! # Layout
//!
//! Items are numbered from 0; the number is the item's *position* and never comes again. Position
//! `p` lies in slot `p mod N`.
//!
//! ```text
//!            alive        limit      tail                          head
//!  positions ──┼────────────┼──────────┼─────────────────────────────┼──────▶
//!    dropped   │ may be     │ held by  │  readable                   │ not yet
//!              │ dropped    │ a view   │                             │ written
//!
//!  slots   ┌────┬────┬────┬────┬────┬────┬────┬────┐   N, a power of two; head − alive ≤ N
//!          │ 16 │ 17 │ 10 │ 11 │ 12 │ 13 │ 14 │ 15 │   here N = 8, head = 18, alive = 10
//!          └────┴────┴────┴────┴────┴────┴────┴────┘
//!
//!  line 0  head  tail  key  ended      written by the producer, followed by all readers
//!  line 1  bell                        set by a reader that parks, taken down by the producer
//!  line 2  hold  state  wake           seat 0: written by one reader, scanned by the producer
//!  line 3  hold  state  wake           seat 1 …
//! ```
//!
//! * **Publishing** writes the slot and moves `head`: no look at any reader. A batch may be
//!   [staged](Producer::stage), and `head` moved once for all of it.
//! * **Reading** takes a lease: the reader writes the position it starts at into the `hold` word of
//!   its seat, and then looks at `tail`. One store and one fence for *all* the items there are, not
//!   one read-modify-write per item.
//! * **Reusing** slots goes by batches (an eighth of the ring, at most 64): the producer first moves
//!   `tail` (so that no new lease begins below it), then looks at all the `hold` words, and counts
//!   what lies below both as free. Each old payload is then dropped when its slot is written again,
//!   one per publication, so that no single one pays for many.
//!
//! Producer and reader each write one word and then read the other's, with a sequentially
//! consistent fence in between; so either the producer sees the lease or the reader sees the new
//! tail. In neither case is there anything to retry: publishing and viewing are wait-free.
//!
//! # Lagging
//!
//! The producer does not wait for readers. One that is (nearly) a lap behind
//! has lost items: its next view starts later than it asked, and [`View::lost`] is the number. It
//! can go on from there, or, where the items depend on each other, at [`Reader::newest_key`]: the
//! newest position that the producer [marked](Producer::mark_key) as one to start at (a key frame).
//! The same is where a new reader starts.
//!
//! # End
//!
//! Dropping the [`Producer`] is the end of the stream. Readers read what is left and are then told
//! [`Wait::Ended`]. Payloads live until the last reader (or [`Subscriber`]) is gone. A reader that
//! goes gives its seat back, at once or, if the producer is just waking it, a moment later.
//!
//! # Leases: views are short, spans are long
//!
//! While a [`View`] is open, the slots that it covers are not touched. That lasts as long as the
//! reader likes, so it has a price, and the price is not the producer's time: when the producer has
//! come round a whole lap to a slot that is still covered, [`Producer::publish`] gives the item
//! back as [`Full`], for the caller to count and drop, and it goes on like this until the view
//! closes. **A reader that is stuck inside a view makes arriving items be dropped; it never blocks
//! anybody.** A view should last as long as it takes to send what it shows to the children.
//!
//! What is to be kept longer (a frame on its way through a decoder, a packet half written to a slow
//! TCP child) is cloned out of the view: items carry their bytes as [`Span`]s, which are counted
//! references into the buffers of a [`Pool`]. A span stays valid whatever becomes of the ring, the
//! producer and the pool. What bounds the memory then is the pool: its chunks are limited in
//! number, one that has a span over it is not filled again, and when all are held
//! [`Pool::take`] says so and arriving packets are dropped and counted.
//!
//! # Waking
//!
//! [`Producer::notify`] is called once per batch: it shows what was [staged](Producer::stage), then
//! wakes who is parked. That is one store, a fence and one load when nobody is,
//! and a system call only for a reader that sleeps: a futex for a thread in [`Reader::wait`]
//! (which spins a little first), or whatever the reader's [`Wake`] does (an `eventfd` write) for
//! one that [parked](Reader::park) in an event loop.
//!
//! # Trade-offs
//!
//! * **An item is one packet, not one frame.** A frame that is still arriving is simply a run of
//!   items of which the last is not yet in: fan-out follows it packet by packet (cut-through), and
//!   a player collects the run. Frames that are published open and grow would save players the
//!   collecting, but a slot would then change after it was published: each would need a released
//!   count, a seal, and pins of its own, and a reader one read-modify-write per frame. With parts
//!   that never change, a cursor is a number and a lease is a range. Larger parts (up to a GSO
//!   batch) would save little: a view shows all that is there in one lease anyway.
//! * **No sequence lock.** Letting readers copy a slot and check afterwards whether it was
//!   overwritten meanwhile is a data race, which is undefined behaviour in Rust for any payload that
//!   is not made of atomics, and it cannot lend a reference.
//! * **No gating on the slowest reader**, as a disruptor has it: one stuck player would stop the
//!   stream for all.
//! * **One lease covers a range**, so a reader that holds on to one old item by a view holds all the
//!   newer ones, too. That is what spans are for.
//! * One batch of slots, those being reused next, is out of the readers' reach.
//! * The number of readers is fixed when the ring is made (a cache line each), and the producer
//!   looks at every seat once per batch.
//!
//! # Orderings
//!
//! Each was weakened in turn (to `Relaxed`, fences to `AcqRel` and to nothing) and the models in
//! `ring/tests/scenarios.rs` were run by `tests/loom`. What no model caught was relaxed, but for
//! the last two.
//!
//! | what | where | pairs with | for | caught by |
//! |---|---|---|---|---|
//! | `head` Release | `show` | `head` Acquire in `view` | a payload is written before it is looked at | `evict` and others, on both sides |
//! | `hold` Release | end of a `View` | `hold` Acquire in `scan` | the last look comes before the drop | `lap` and seven others, on both sides |
//! | `hold` Release | begin of a `View` | `hold` Acquire in `scan` | the same, where the producer sees the next lease and not the end of the last | `lease_after_lease` |
//! | `hold` Release | a `Reader` leaves | `hold` Acquire in `scan` | the same, where it sees only that | `two_readers` |
//! | fence | `announce` | fence in `view` | lease seen, or new tail seen | `lap` and six others, on both sides |
//! | `tail` Release | `announce` | `tail` Acquire in `view`, `Reader::tail` | a tail is never above the head | `key`, on both sides |
//! | `key` Release | `mark_key` | `key` Acquire in `newest_key` | a key is below the head | `key`, on both sides |
//! | `ended` Release | `end` | `ended` Acquire in `is_ended` | the head is final | `end`; Acquire also `wait_to_the_end` |
//! | fence | `notify` | fence in `Reader::arm` | new head seen, or bell found rung | `park`, on both sides |
//! | `bell` Release | `Reader::arm` | `bell` Acquire in `wake_parked` | whose bell is taken down is found armed | `park`, on both sides |
//! | `state` Release | `Seat::arm` | `state` Acquire in `Seat::ring` | the seat's `wake` is there when it is called | `leave_while_woken`, on both sides |
//! | `state` Release | end of `Seat::ring` | `state` Acquire in `Seat::leave` | `wake` is called before it is dropped | `leave_while_woken` |
//! | `state` Release | `Seat::clear` | `state` Acquire in `Seat::claim` | the old `wake` is out before the new one is in | `leave_while_woken` |
//! | `state` Release | `Seat::leave` | `state` Acquire at the end of `Seat::ring` | the leaver's last store to `hold` comes before the next reader's first | none: loom orders the stores to one word as they are executed |
//! | `state` Acquire | a woken reader | any change of it in `Seat::ring` | the reader finds the new head at once | none: it would only go round once more |

mod error;
mod futex;
mod pool;
mod producer;
mod reader;
mod seat;
mod shared;
mod span;
mod view;
mod wake;

pub use error::{Full, TooManyReaders};
pub use pool::{Filling, Pool};
pub use producer::Producer;
pub use reader::{Reader, Subscriber};
pub use span::Span;
pub use view::View;
pub use wake::{Wait, Wake};

use crate::sync::Arc;

/// Makes a ring of `capacity` slots (rounded up to a power of two) for up to `max_readers` readers.
///
/// Readers can look back on all of it but an eighth, or 64 items if that is less: the oldest are
/// given up by so many at a time.
pub fn ring<T: Send + Sync>(capacity: usize, max_readers: usize) -> Producer<T> {
    Producer::new(Arc::new(shared::Shared::new(capacity, max_readers)))
}

#[cfg(test)]
mod tests;
