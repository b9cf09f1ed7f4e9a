//! A channel from one producer to many readers.

use std::hint::black_box;
use std::sync::Arc;

/// What is carried.
pub type Handle = Arc<[u8]>;

/// Slots of each channel.
pub const SLOTS: usize = 1024;

/// A channel to be measured.
pub trait Channel {
    /// What it is called in the report.
    const NAME: &'static str;
    /// Does the producer overrun readers that are a lap behind?
    const OVERRUNS: bool;
    /// What reads it.
    type Reader: Reader + Send + 'static;

    /// A channel with so many readers.
    fn new(readers: usize) -> (Self, Vec<Self::Reader>)
    where
        Self: Sized;

    /// Publishes a burst.
    fn publish(&mut self, packets: &[Handle]);
}

/// One who reads.
pub trait Reader {
    /// Reads what there is and returns how many packets that was.
    fn drain(&mut self) -> u64;
}

/// What a reader does with a packet: so little that only the channel counts.
#[inline]
pub fn look(packet: &Handle) {
    black_box(packet.len());
}

/// Ours.
pub struct Ring(rillcast::ring::Producer<Handle>);

/// Reads [`Ring`].
pub struct RingReader {
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
