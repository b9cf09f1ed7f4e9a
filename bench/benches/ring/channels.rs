//! What ours is compared with.

use disruptor::{
    BusySpin, EventPoller, MultiConsumerBarrier, Producer, SingleConsumerBarrier, SingleProducer,
    SingleProducerBarrier,
};
use rillcast_bench::ring::{Channel, Handle, Reader, SLOTS, look};
use tokio::sync::broadcast;

/// tokio's.
pub(crate) struct Broadcast(broadcast::Sender<Handle>);

impl Channel for Broadcast {
    const NAME: &'static str = "tokio broadcast";
    const OVERRUNS: bool = true;
    type Reader = Receiver;

    fn new(readers: usize) -> (Self, Vec<Receiver>) {
        let (sender, _) = broadcast::channel(SLOTS);
        let readers = (0..readers).map(|_| Receiver(sender.subscribe())).collect();
        (Self(sender), readers)
    }

    #[inline]
    fn publish(&mut self, packets: &[Handle]) {
        for packet in packets {
            self.0.send(packet.clone()).expect("there are readers");
        }
    }
}

/// Reads [`Broadcast`].
pub(crate) struct Receiver(broadcast::Receiver<Handle>);

impl Reader for Receiver {
    #[inline]
    fn drain(&mut self) -> u64 {
        let mut count = 0;
        loop {
            match self.0.try_recv() {
                Ok(packet) => look(&packet),
                Err(broadcast::error::TryRecvError::Lagged(n)) => panic!("lost {n}"),
                Err(_) => return count,
            }
            count += 1;
        }
    }
}

/// A slot of the disruptor is there from the start, so it may be empty.
type Slot = Option<Handle>;
/// Reads [`Disruptor`] and [`Batched`].
pub(crate) struct Poller(EventPoller<Slot, SingleProducerBarrier>);
type Publish = Box<dyn FnMut(&[Handle])>;

/// The disruptor crate's, an item at a time. (Its type differs with one reader and with several, and
/// cannot be named generically; a box a burst is no cost.)
pub(crate) struct Disruptor(Publish);

/// The disruptor crate's, a burst at a time.
pub(crate) struct Batched(Publish);

impl Channel for Disruptor {
    const NAME: &'static str = "disruptor";
    const OVERRUNS: bool = false;
    type Reader = Poller;

    fn new(readers: usize) -> (Self, Vec<Poller>) {
        fn publisher(mut producer: impl Producer<Slot> + 'static) -> Publish {
            Box::new(move |packets| {
                for packet in packets {
                    while producer.try_publish(|slot| *slot = Some(packet.clone())).is_err() {
                        std::thread::yield_now();
                    }
                }
            })
        }
        let (publish, pollers) = if readers == 1 {
            let (producer, pollers) = for_one();
            (publisher(producer), pollers)
        } else {
            let (producer, pollers) = for_many(readers);
            (publisher(producer), pollers)
        };
        (Self(publish), pollers)
    }

    #[inline]
    fn publish(&mut self, packets: &[Handle]) {
        (self.0)(packets);
    }
}

impl Channel for Batched {
    const NAME: &'static str = "disruptor batch";
    const OVERRUNS: bool = false;
    type Reader = Poller;

    fn new(readers: usize) -> (Self, Vec<Poller>) {
        fn publisher(mut producer: impl Producer<Slot> + 'static) -> Publish {
            Box::new(move |packets| {
                loop {
                    let done = producer.try_batch_publish(packets.len(), |slots| {
                        for (slot, packet) in slots.zip(packets) {
                            *slot = Some(packet.clone());
                        }
                    });
                    if done.is_ok() {
                        break;
                    }
                    std::thread::yield_now();
                }
            })
        }
        let (publish, pollers) = if readers == 1 {
            let (producer, pollers) = for_one();
            (publisher(producer), pollers)
        } else {
            let (producer, pollers) = for_many(readers);
            (publisher(producer), pollers)
        };
        (Self(publish), pollers)
    }

    #[inline]
    fn publish(&mut self, packets: &[Handle]) {
        (self.0)(packets);
    }
}

fn for_one() -> (SingleProducer<Slot, SingleConsumerBarrier>, Vec<Poller>) {
    let builder = disruptor::build_single_producer(SLOTS, || None, BusySpin);
    let (poller, builder) = builder.new_event_poller();
    (builder.build(), vec![Poller(poller)])
}

fn for_many(readers: usize) -> (SingleProducer<Slot, MultiConsumerBarrier>, Vec<Poller>) {
    let mut builder =
        disruptor::build_single_producer(SLOTS, || None, BusySpin).with_multi_consumer();
    let mut pollers = Vec::new();
    for _ in 0..readers {
        let (poller, next) = builder.new_event_poller();
        pollers.push(Poller(poller));
        builder = next;
    }
    (builder.build(), pollers)
}

impl Reader for Poller {
    #[inline]
    fn drain(&mut self) -> u64 {
        let Ok(mut slots) = self.0.poll() else { return 0 };
        let mut count = 0;
        for slot in &mut slots {
            slot.iter().for_each(look);
            count += 1;
        }
        count
    }
}
