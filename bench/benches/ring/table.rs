//! The table: all channels in turn, and their ratios.

use crate::READERS;
use crate::channels::{Batched, Broadcast, Channel, Disruptor, Handle, Ring};
use crate::measure::{self, Setting};

const ROUNDS: usize = 41;
const PACKETS: u64 = 200_000;
const CHANNELS: [&str; 4] = [Ring::NAME, Broadcast::NAME, Disruptor::NAME, Batched::NAME];

pub(crate) fn print(packets: &[Handle]) {
    println!("\nns per packet, published and read by all readers (times rillcast's), medians");
    print!("{:<12}{:>8}", "", "readers");
    CHANNELS.iter().for_each(|name| print!("{name:>24}"));
    println!();
    for setting in [Setting::OneThread, Setting::Threads] {
        for readers in READERS {
            let rounds: Vec<_> = (0..ROUNDS).map(|_| round(packets, setting, readers)).collect();
            print!("{:<12}{readers:>8}", setting.name());
            for channel in 0..CHANNELS.len() {
                let nanos = median(rounds.iter().map(|round| round[channel]));
                let ratio = median(rounds.iter().map(|round| round[channel] / round[0]));
                print!("{:>24}", format!("{nanos:.1} ({ratio:.2})"));
            }
            println!();
        }
    }
}

/// One measurement of each channel, in the order of [`CHANNELS`].
fn round(packets: &[Handle], setting: Setting, readers: usize) -> [f64; 4] {
    [
        nanos::<Ring>(packets, setting, readers),
        nanos::<Broadcast>(packets, setting, readers),
        nanos::<Disruptor>(packets, setting, readers),
        nanos::<Batched>(packets, setting, readers),
    ]
}

fn nanos<C: Channel>(packets: &[Handle], setting: Setting, readers: usize) -> f64 {
    let took = measure::run::<C>(packets, setting, readers, PACKETS);
    took.as_secs_f64() * 1e9 / PACKETS as f64
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
