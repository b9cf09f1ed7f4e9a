//! Three rings behind one interface.

use std::hint::black_box;
use std::sync::Arc;

use disruptor::{
    BusySpin, EventPoller, MultiConsumerBarrier, Producer, SingleConsumerBarrier, SingleProducer,
    SingleProducerBarrier,
};
use tokio::sync::broadcast;

pub(crate) type Handle = Arc<[u8]>;

pub(crate) const SLOTS: usize = 1024;

pub(crate) trait Channel {
    const NAME: &'static str;
    /// Does the producer overrun readers that are a lap behind?
    const OVERRUNS: bool;
    type Reader: Reader + Send + 'static;

    fn new(readers: usize) -> (Self, Vec<Self::Reader>)
    where
        Self: Sized;

    fn publish(&mut self, packets: &[Handle]);
}

pub(crate) trait Reader {
    /// Reads what there is and returns how many packets that was.
    fn drain(&mut self) -> u64;
}

#[inline]
fn look(packet: &Handle) {
    black_box(packet.len());
}

/// Ours.
pub(crate) struct Ring(rillcast::ring::Producer<Handle>);

pub(crate) struct RingReader {
    reader: rillcast::ring::Reader<Handle>,
    next: u64,
}

impl Channel for Ring {
    const NAME: &'static str = "rillcast";
    const OVERRUNS: bool = true;
    type Reader = RingReader;

    fn new(readers: usize) -> (Self, Vec<RingReader>) {
        let producer = rillcast::ring::ring(SLOTS, 16);
        let readers = (0..readers)
            .map(|_| {
                let reader = producer.subscribe(Arc::new(())).expect("there are 16 seats");
                RingReader { reader, next: 0 }
            })
            .collect();
        (Self(producer), readers)
    }

    #[inline]
    fn publish(&mut self, packets: &[Handle]) {
        for packet in packets {
            self.0.stage(packet.clone()).expect("readers are less than a lap behind");
        }
        self.0.notify();
    }
}

impl Reader for RingReader {
    #[inline]
    fn drain(&mut self) -> u64 {
        let view = self.reader.view(self.next);
        assert_eq!(view.lost(), 0);
        view.iter().for_each(|(_, packet)| look(packet));
        self.next = view.end();
        view.len() as u64
    }
}

/// tokio's.
pub(crate) struct Broadcast(broadcast::Sender<Handle>);

impl Channel for Broadcast {
    const NAME: &'static str = "tokio broadcast";
    const OVERRUNS: bool = true;
    type Reader = broadcast::Receiver<Handle>;

    fn new(readers: usize) -> (Self, Vec<Self::Reader>) {
        let (sender, _) = broadcast::channel(SLOTS);
        let readers = (0..readers).map(|_| sender.subscribe()).collect();
        (Self(sender), readers)
    }

    #[inline]
    fn publish(&mut self, packets: &[Handle]) {
        for packet in packets {
            self.0.send(packet.clone()).expect("there are readers");
        }
    }
}

impl Reader for broadcast::Receiver<Handle> {
    #[inline]
    fn drain(&mut self) -> u64 {
        let mut count = 0;
        loop {
            match self.try_recv() {
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
type Poller = EventPoller<Slot, SingleProducerBarrier>;
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
    (builder.build(), vec![poller])
}

fn for_many(readers: usize) -> (SingleProducer<Slot, MultiConsumerBarrier>, Vec<Poller>) {
    let mut builder =
        disruptor::build_single_producer(SLOTS, || None, BusySpin).with_multi_consumer();
    let mut pollers = Vec::new();
    for _ in 0..readers {
        let (poller, next) = builder.new_event_poller();
        pollers.push(poller);
        builder = next;
    }
    (builder.build(), pollers)
}

impl Reader for Poller {
    #[inline]
    fn drain(&mut self) -> u64 {
        let Ok(mut slots) = self.poll() else { return 0 };
        let mut count = 0;
        for slot in &mut slots {
            slot.iter().for_each(look);
            count += 1;
        }
        count
    }
}
